// What a person or a program can ask of a device, whoever asks: the socket, MQTT, or the command line while no daemon runs.
import type { Progress, ReleaseManifest, TrainingReport } from '../types.ts';

export interface SourceState {
  readonly name: string;
  readonly kind: string;
  readonly state: 'running' | 'degraded' | 'stopped';
  readonly captures: number;
  readonly dropped: number;
  readonly lastCaptureMs: number | null;
  readonly lastError: string | null;
}

export interface DeviceStatus {
  readonly device: string;
  /** false: no daemon runs, and the store was read directly. */
  readonly running: boolean;
  readonly upSeconds: number | null;
  readonly model: { readonly name: string; readonly file: string; readonly classes: readonly string[] };
  readonly release: string;
  readonly samples: {
    readonly total: number;
    readonly labelled: number;
    readonly byClass: Readonly<Record<string, number>>;
    readonly bytes: number;
  };
  readonly questions: number;
  readonly training: {
    readonly paused: boolean;
    readonly running: boolean;
    /** Why it trains or waits, as a sentence. */
    readonly decision: string | null;
    readonly newLabels: number;
    readonly last: { readonly run: string; readonly atMs: number; readonly verdict: string; readonly reason: string } | null;
  };
  readonly sources: readonly SourceState[];
  readonly mqtt: {
    readonly connected: boolean;
    readonly waiting: number;
    readonly dropped: number;
    /** Why there is no connection; null while there is one. */
    readonly failure: string | null;
  } | null;
}

export interface Question {
  readonly sample: string;
  readonly source: string;
  readonly timeMs: number;
  readonly guesses: readonly { readonly label: string; readonly confidence: number }[];
}

export interface LabelRequest {
  /** null takes the label back. */
  readonly label: string | null;
  readonly samples: readonly string[];
  readonly by: 'cli' | 'socket' | 'mqtt' | 'dashboard';
}

export interface Labelled {
  readonly label: string | null;
  readonly labelled: number;
  /** Sample ids that the store does not hold. */
  readonly unknown: readonly string[];
}

export interface ReleaseList {
  readonly current: string;
  readonly releases: readonly (ReleaseManifest & { readonly health: string })[];
}

export interface Switched {
  readonly previous: string;
  readonly current: string;
}

/** Which samples; conditions that stand together must all hold. Empty is refused. */
export interface ForgetSelector {
  readonly samples?: readonly string[];
  readonly label?: string;
  readonly source?: string;
  readonly beforeMs?: number;
  readonly afterMs?: number;
  readonly all?: boolean;
}

export interface Forgotten {
  readonly samples: number;
  /** Releases that had learned from them and were removed. */
  readonly purged: readonly string[];
  /** The release that is current now; trained without them, or an older one that never saw them. */
  readonly current: string;
  /** The run that trained without them; null where none was needed. */
  readonly retrained: TrainingReport | null;
}

export interface Device extends AsyncDisposable {
  status(): Promise<DeviceStatus>;
  questions(limit: number): Promise<readonly Question[]>;
  label(request: LabelRequest): Promise<Labelled>;
  train(reason: string, progress?: Progress, signal?: AbortSignal): Promise<TrainingReport>;
  releases(): Promise<ReleaseList>;
  rollback(version?: string): Promise<Switched>;
  forget(selector: ForgetSelector, progress?: Progress, signal?: AbortSignal): Promise<Forgotten>;
  pause(paused: boolean): Promise<{ readonly paused: boolean }>;
}
