// What operations work on: the parts of a device, whether its daemon runs or the command line has opened its store. What only a daemon knows
// comes in through `live`.
import type { ModelCard } from '../config/card.ts';
import type { Config } from '../config/resolve.ts';
import type { RemoteWeights } from '../contract/command-contract.ts';
import type { ReceivedWeights } from '../contract/weights.ts';
import type { Activation } from '../release/activation.ts';
import type { Releases } from '../release/releases.ts';
import type { Store } from '../store/store.ts';
import type { Jobs } from '../training/jobs.ts';
import type { Answer, BaseFacts, Clock, Inferred, TailChoice } from '../types.ts';

export interface DeviceParts {
  readonly config: Config;
  readonly card: ModelCard;
  readonly base: BaseFacts;
  readonly store: Store;
  readonly releases: Releases;
  readonly activation: Activation;
  readonly jobs: Jobs;
  readonly clock: Clock;
  /** Labels or the pause changed: the schedule may decide anew. */
  changed(): void;
  /** Publishes the current release again, with its weights; gives the number of chunks. */
  announce(): Promise<number>;
  /** Features and answer of a capture, by what predicts now; throws what is wrong with the bytes. */
  infer(bytes: Uint8Array, what: string): Promise<Inferred>;
  /** What a release says of each of these features; it does not predict by that. */
  answers(choice: TailChoice, features: readonly Float32Array[]): Promise<readonly Answer[]>;
  /** The weights that another device publishes. */
  receive(source: RemoteWeights, signal: AbortSignal): Promise<ReceivedWeights>;
  /** null while no daemon runs. */
  readonly live: LiveFacts | null;
}

/** What an engine knows by itself: all but what only a daemon knows. */
export type EngineParts = Omit<DeviceParts, 'live'>;

export interface LiveFacts {
  /** Of the monotonic clock. */
  readonly sinceMs: number;
  /** Why it trains or waits, as a sentence. */
  decision(): string;
  sources(): readonly SourceState[];
  mqtt(): LinkState | null;
}

export interface SourceState {
  readonly name: string;
  readonly kind: string;
  readonly state: 'running' | 'degraded' | 'stopped';
  readonly captures: number;
  /** What should have been taken and was not. */
  readonly dropped: number;
  /** Frames beyond the wanted rate. */
  readonly passedOver: number;
  /** When the last one was taken. */
  readonly lastCaptureMs: number | null;
  readonly lastError: string | null;
}

export interface LinkState {
  readonly connected: boolean;
  readonly waiting: number;
  readonly dropped: number;
  /** Messages that the broker refused, or at which it ended the connection again and again. */
  readonly refused: number;
  /** Why there is no connection; null while there is one. */
  readonly failure: string | null;
}
