// What a daemon is put together from: joined before anything runs, started in order and stopped in reverse.

export interface Startable {
  start(): void | Promise<void>;
  /** Also after a start that failed, or that never was. */
  stop(): void | Promise<void>;
}
