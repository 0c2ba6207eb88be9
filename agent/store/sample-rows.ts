// A sample as it is handed in and as it is read back, and the row between them. Takes rows, gives records; large values stay in the store.
import type { Answer } from '../types.ts';
import { idOfRow } from './sample-id.ts';

/** Who gave a label. */
export type Labeller = 'folder' | 'cli' | 'mqtt' | 'socket' | 'dashboard';

export interface NewSample {
  readonly source: string;
  readonly timeMs: number;
  readonly origin?: string | undefined;
  /** What its source says is one observation with it. */
  readonly moment?: string | undefined;
  /** sha256 of the backbone that computed the features. */
  readonly backbone: string;
  readonly features: Float32Array;
  readonly answer: Answer;
  /** Release that predicted. */
  readonly release: string;
  /** 64-bit perceptual hash. */
  readonly hash: bigint;
  readonly raw?: Uint8Array | undefined;
  readonly thumbnail?: Uint8Array | undefined;
  /** A label that the source knew. */
  readonly label?: string | undefined;
}

export interface Sample {
  readonly id: string;
  readonly source: string;
  readonly timeMs: number;
  readonly release: string;
  readonly answer: Answer;
  readonly label: string | null;
  readonly origin: string | null;
  readonly bytes: number;
  readonly hasRaw: boolean;
}

export interface SampleRow {
  readonly id: number;
  readonly source: string;
  readonly time_ms: number;
  readonly release: string;
  readonly scores: string;
  readonly label: string | null;
  readonly origin: string | null;
  readonly bytes: number;
  readonly raw_bytes: number;
}

export const sampleColumns = 'samples.id, source, time_ms, release, scores, label, origin, bytes, raw_bytes';

export function toSample(row: SampleRow): Sample {
  return {
    id: idOfRow(row.id),
    source: row.source,
    timeMs: row.time_ms,
    release: row.release,
    answer: parseAnswer(row.scores),
    label: row.label,
    origin: row.origin,
    bytes: row.bytes,
    hasRaw: row.raw_bytes > 0,
  };
}

/** Classes are a list of pairs, as they were before there were other answers; those are the answer itself. */
export function answerText(answer: Answer): string {
  if (answer.kind !== 'classes') return JSON.stringify(answer);
  return JSON.stringify(answer.scores.slice(0, 10).map(({ label, confidence }) => [label, Number(confidence.toPrecision(6))]));
}

function parseAnswer(text: string): Answer {
  const stored = JSON.parse(text) as readonly (readonly [string, number])[] | Exclude<Answer, { kind: 'classes' }>;
  if ('kind' in stored) return stored;
  return { kind: 'classes', scores: stored.map(([label, confidence]) => ({ label, confidence })) };
}

/** Little-endian, as every board that Whetstone runs on keeps them. */
export function featureBytes(features: Float32Array): Uint8Array {
  return new Uint8Array(features.buffer, features.byteOffset, features.byteLength);
}

export function toFeatures(bytes: Uint8Array): Float32Array {
  const features = new Float32Array(bytes.byteLength / 4);
  new Uint8Array(features.buffer).set(bytes);
  return features;
}

export function hashBytes(hash: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, hash));
  return bytes;
}

export function toHash(bytes: Uint8Array): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0);
}
