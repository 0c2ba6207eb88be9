// Which message makes the broker end the connection. MQTT tells only that a connection ended, so what was in flight is counted; who was
// there too often is sent alone, and who ends the connection alone is set aside. Takes keys of messages, queued and retained alike; sends nothing.

export interface Suspects<K> {
  /** Whether it may be sent now: one that is suspected goes alone, and nothing goes beside it. */
  mayGo(key: K): boolean;
  sent(key: K): void;
  /** Taken by the broker, or not to be sent any more. */
  taken(key: K): void;
  /** The connection ended, with all that was in flight. */
  lost(): void;
  /** The connection ends for a reason that is known: `culprit` alone is counted, or nobody. */
  ended(culprit?: K): void;
  /** The one that is to be sent alone now; undefined where there is none. */
  readonly alone: K | undefined;
  /** Whether it ended the connection alone as often as in company: it is not sent again unless somebody tries. */
  isSetAside(key: K): boolean;
  /** One that was set aside is tried once more, alone. */
  retry(key: K): void;
  /** Nothing is held against anybody any more. */
  forgive(): void;
  readonly setAside: number;
}

export interface SuspectPorts<K> {
  setAside(key: K): void;
  /** Others may go than a moment ago. */
  changed(): void;
}

/** Losses in company before a message is sent alone, and losses alone before it is set aside. A broker that restarts loses a few as well. */
const tolerated = 3;

export function createSuspects<K>(ports: SuspectPorts<K>): Suspects<K> {
  const losses = new Map<K, number>();
  const lossesAlone = new Map<K, number>();
  const aside = new Set<K>();
  const inFlight = new Set<K>();

  function alone(): K | undefined {
    for (const [key, count] of losses) if (count >= tolerated) return key;
    return undefined;
  }

  function forget(key: K): void {
    const before = alone();
    losses.delete(key);
    lossesAlone.delete(key);
    // Who goes alone waited for the last one on its way.
    const isItsTurn = alone() !== undefined && inFlight.size === 0;
    if (alone() !== before || isItsTurn) queueMicrotask(ports.changed);
  }

  function count(keys: readonly K[]): void {
    const suspect = alone();
    const [only] = keys;
    if (keys.length !== 1 || only === undefined || only !== suspect) {
      for (const key of keys) losses.set(key, (losses.get(key) ?? 0) + 1);
      return;
    }
    const times = (lossesAlone.get(only) ?? 0) + 1;
    lossesAlone.set(only, times);
    if (times < tolerated) return;
    forget(only);
    aside.add(only);
    ports.setAside(only);
  }

  return {
    mayGo(key) {
      const suspect = alone();
      return suspect === undefined || (suspect === key && inFlight.size === 0);
    },
    sent: (key) => void inFlight.add(key),
    taken(key) {
      inFlight.delete(key);
      forget(key);
    },
    lost() {
      const keys = [...inFlight];
      inFlight.clear();
      count(keys);
    },
    ended(culprit) {
      inFlight.clear();
      if (culprit !== undefined) count([culprit]);
    },
    get alone() {
      return alone();
    },
    isSetAside: (key) => aside.has(key),
    retry(key) {
      aside.delete(key);
      losses.set(key, tolerated);
      lossesAlone.set(key, tolerated - 1);
    },
    forgive() {
      losses.clear();
      lossesAlone.clear();
    },
    get setAside() {
      return aside.size;
    },
  };
}
