// Outbox and command log in memory, with the store's semantics, for tests of uplink that are not about durability.
import type { CommandLog, Outbox, OutboxMessage } from '../../agent/types.ts';

export interface MemoryStore {
  readonly outbox: Outbox;
  readonly commandLog: CommandLog;
  readonly messages: Map<number, OutboxMessage>;
}

export function createMemoryStore(): MemoryStore {
  const messages = new Map<number, OutboxMessage>();
  const log = new Map<
    string,
    { readonly type: string; readonly id: string; readonly payload: Uint8Array; readonly timeMs: number; done: boolean }
  >();
  let nextId = 1;
  const outbox: Outbox = {
    enqueue(message) {
      if (message.replaceKey !== null) {
        for (const [id, old] of messages) if (old.replaceKey === message.replaceKey) messages.delete(id);
      }
      messages.set(nextId, { ...message, payload: message.payload.slice() });
      nextId += 1;
    },
    enqueueAll(messages) {
      for (const message of messages) outbox.enqueue(message);
    },
    pending: (limit, afterId = 0) =>
      [...messages]
        .filter(([id]) => id > afterId)
        .slice(0, limit)
        .map(([id, message]) => ({ ...message, id })),
    acknowledge: (id) => void messages.delete(id),
    get counters() {
      const waitingBytes = [...messages.values()].reduce((sum, message) => sum + message.payload.byteLength, 0);
      return { waiting: messages.size, waitingBytes, droppedByBytes: 0, droppedByAge: 0 };
    },
  };
  const commandLog: CommandLog = {
    accept(command) {
      const key = `${command.type}/${command.id}`;
      if (log.has(key)) return 'duplicate';
      log.set(key, { ...command, payload: command.payload.slice(), done: false });
      return 'new';
    },
    unfinished: () => [...log.values()].filter((command) => !command.done),
    payload: (type, id) => log.get(`${type}/${id}`)?.payload ?? null,
    finish(type, id, result) {
      const command = log.get(`${type}/${id}`);
      if (command === undefined || command.done) throw new Error(`${type}/${id} is not unfinished`);
      command.done = true;
      outbox.enqueue(result);
    },
  };
  return { outbox, commandLog, messages };
}
