// What happens on a device, said once as it happens; who wants to tell the world about it listens. Takes events from the loops, gives them to
// every listener in the order in which they joined.
import { messageOf } from './errors.ts';
import type { MachineHealth } from './host/health.ts';
import type { Log } from './log.ts';
import type { Answer, Capture, Inferred, TrainingReport } from './types.ts';

export type DeviceEvent =
  | { readonly kind: 'predicted'; readonly sample: string | null; readonly capture: Capture; readonly inferred: Inferred }
  /** A question to people; inside the transaction that writes it down. `shown`: what they need to see or hear, where it may leave. */
  | {
      readonly kind: 'asked';
      readonly sample: string;
      readonly capture: Capture;
      readonly answer: Answer;
      readonly shown: Uint8Array | null;
    }
  | { readonly kind: 'progressed'; readonly run: string; readonly done: number; readonly total: number | null; readonly what: string }
  /** Inside the transaction that ends the run: its report is kept and told, or neither. */
  | { readonly kind: 'reported'; readonly report: TrainingReport }
  /** Another release predicts; 'base' is the base model itself. */
  | { readonly kind: 'released'; readonly version: string }
  /** Labels or the pause changed. */
  | { readonly kind: 'labelled' }
  | { readonly kind: 'health'; readonly health: MachineHealth; readonly degraded: readonly string[] };

export type Listener = (event: DeviceEvent) => void;

export interface Events {
  emit(event: DeviceEvent): void;
  /**
   * `durable`: the listener writes into the store, inside the transaction that the event belongs to; its failure is the emitter's. Any other
   * listener that fails is its own trouble.
   */
  on(listener: Listener, options?: { readonly durable: boolean }): void;
}

export function createEvents(log: Log): Events {
  const listeners: { readonly listener: Listener; readonly durable: boolean }[] = [];
  return {
    emit(event) {
      for (const { listener, durable } of listeners) {
        try {
          listener(event);
        } catch (error) {
          if (durable) throw error;
          log.error({ event: event.kind, error: messageOf(error) }, 'a listener failed');
        }
      }
    },
    on(listener, { durable } = { durable: false }) {
      listeners.push({ listener, durable });
    },
  };
}
