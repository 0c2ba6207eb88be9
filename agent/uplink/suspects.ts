// Which message makes the broker end the connection. MQTT tells only that a connection ended, so what was in flight is counted; who was
// there too often is sent alone, and who ends the connection alone is set aside. Takes keys of messages, decides nothing about sending.

export interface Suspects<K> {
  /** A connection ended, or a message was not taken, with these in flight. */
  lost(inFlight: readonly K[]): void;
  taken(key: K): void;
  /** The one that is to be sent alone now; undefined where there is none. */
  readonly alone: K | undefined;
  /** Whether it ended the connection alone as often as in company: it is not sent again in this life of the process. */
  isSetAside(key: K): boolean;
  readonly setAside: number;
}

/** Losses in company before a message is sent alone, and losses alone before it is set aside. A broker that restarts loses a few as well. */
const tolerated = 3;

export function createSuspects<K>(setAside: (key: K) => void): Suspects<K> {
  const losses = new Map<K, number>();
  const lossesAlone = new Map<K, number>();
  const aside = new Set<K>();

  function alone(): K | undefined {
    for (const [key, count] of losses) if (count >= tolerated) return key;
    return undefined;
  }

  return {
    lost(inFlight) {
      const suspect = alone();
      const [only] = inFlight;
      if (inFlight.length !== 1 || only === undefined || only !== suspect) {
        for (const key of inFlight) losses.set(key, (losses.get(key) ?? 0) + 1);
        return;
      }
      const count = (lossesAlone.get(only) ?? 0) + 1;
      lossesAlone.set(only, count);
      if (count < tolerated) return;
      losses.delete(only);
      lossesAlone.delete(only);
      aside.add(only);
      setAside(only);
    },
    taken(key) {
      losses.delete(key);
      lossesAlone.delete(key);
    },
    get alone() {
      return alone();
    },
    isSetAside: (key) => aside.has(key),
    get setAside() {
      return aside.size;
    },
  };
}
