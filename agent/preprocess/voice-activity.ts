// A stream of samples in chunks of any size → utterances: where several bands of the spectrum rise over their own noise. Pure and bounded in
// memory; the same stream gives the same utterances however it is cut into chunks. Refuses (`internal`) impossible options.
import { WhetError } from '../errors.ts';
import { createNoiseFloor } from './noise-floor.ts';

export interface VoiceActivityOptions {
  /** Hz, from 4000. */
  readonly sampleRate: number;
  /** Mean rise over the noise, in dB over all bands, from which something is said, and below which it is not. */
  readonly onDb?: number;
  readonly offDb?: number;
  /** Nothing softer than this is said, in dB of a full-scale square wave. */
  readonly quietestDb?: number;
  /** What lasts less is a click. */
  readonly shortestMs?: number;
  /** Silence that ends an utterance; shorter pauses lie inside it. */
  readonly hangoverMs?: number;
  /** Kept from before the beginning: soft consonants rise too little to be noticed. */
  readonly preRollMs?: number;
  /** Longer speech is cut here, so that memory has an end. */
  readonly longestMs?: number;
}

export interface Utterance {
  readonly samples: Float32Array;
  /** Position of its first sample in the stream. */
  readonly start: number;
  /** 'cut': longer than `longestMs`; what follows is an utterance of its own. */
  readonly end: 'silence' | 'cut' | 'flush';
}

export interface VoiceActivity {
  /** Gives the utterances that ended within this chunk, in order. Samples are in [-1, 1]; those that are no number count as 0. */
  push(samples: Float32Array): readonly Utterance[];
  /** The stream ended: gives the utterance that was still going on, and begins anew. */
  flush(): readonly Utterance[];
}

const hopMs = 10;
const frameMs = 20;

/** Nothing, or since how many frames, or an utterance with the frames since it was last heard. */
type State =
  | { readonly kind: 'silent'; readonly heard: number }
  | { readonly kind: 'speaking'; readonly first: number; readonly still: number };

const silent: State = { kind: 'silent', heard: 0 };

export function createVoiceActivity(options: VoiceActivityOptions): VoiceActivity {
  const { sampleRate, onDb = 5, offDb = 3, quietestDb = -55 } = options;
  const { shortestMs = 50, hangoverMs = 300, preRollMs = 120, longestMs = 5000 } = options;
  requireSane({ sampleRate, shortestMs, hangoverMs, preRollMs, longestMs, onDb, offDb });
  const samplesOf = (ms: number) => Math.round((ms / 1000) * sampleRate);
  const [hop, frame, preRoll, longest] = [hopMs, frameMs, preRollMs, longestMs].map(samplesOf) as [number, number, number, number];
  const [shortest, hangover] = [Math.ceil(shortestMs / hopMs), Math.ceil(hangoverMs / hopMs)];
  // The longest utterance, what came before it, and a frame that is not yet whole.
  const kept = new Float32Array(longest + preRoll + 2 * frame + shortest * hop);
  let noise = createNoiseFloor(sampleRate, frame);
  let state: State = silent;
  /** `kept` holds the stream from `from` to `until`; frames before `next` have been listened to. */
  let [from, until, next] = [0, 0, 0];

  const cut = (first: number, last: number, end: Utterance['end']): Utterance => {
    const start = Math.max(from, first);
    return { samples: kept.slice(start - from, Math.min(last, until) - from), start, end };
  };

  const listen = (): Utterance | null => {
    const { riseDb, levelDb } = noise.listen(kept.subarray(next - from, next - from + frame), state.kind === 'speaking');
    const position = next;
    next += hop;
    if (state.kind === 'silent') {
      const heard: number = riseDb >= onDb && levelDb >= quietestDb ? state.heard + 1 : 0;
      if (heard < shortest) state = { kind: 'silent', heard };
      else state = { kind: 'speaking', first: Math.max(from, position - (shortest - 1) * hop - preRoll), still: 0 };
      return null;
    }
    const still: number = riseDb >= offDb && levelDb >= quietestDb ? 0 : state.still + 1;
    const { first } = state;
    if (still >= hangover) {
      state = silent;
      // Half of the silence that proved the end is not part of it.
      return cut(first, position + frame - Math.floor(hangover / 2) * hop, 'silence');
    }
    if (position + frame - first >= longest) {
      state = silent;
      noise.forget();
      return cut(first, position + frame, 'cut');
    }
    state = { kind: 'speaking', first, still };
    return null;
  };

  /** Makes room: nothing before the pre-roll is needed again, or before the utterance that is going on. */
  const drop = () => {
    const needed = state.kind === 'speaking' ? state.first : next - preRoll - shortest * hop;
    const gone = Math.max(0, Math.min(needed, until) - from);
    if (gone === 0) return;
    kept.copyWithin(0, gone, until - from);
    from += gone;
  };

  return {
    push(samples) {
      const ended: Utterance[] = [];
      for (let at = 0; at < samples.length; ) {
        if (until - from === kept.length) drop();
        const taken = samples.subarray(at, at + Math.min(kept.length - (until - from), next + frame - until));
        kept.set(taken, until - from);
        for (let fresh = until - from; fresh < until - from + taken.length; fresh += 1) if (!Number.isFinite(kept[fresh])) kept[fresh] = 0;
        until += taken.length;
        at += taken.length;
        const utterance = until === next + frame ? listen() : null;
        if (utterance !== null) ended.push(utterance);
      }
      return ended;
    },
    flush() {
      const going = state.kind === 'speaking' ? [cut(state.first, until, 'flush')] : [];
      [from, until, next] = [0, 0, 0];
      state = silent;
      noise = createNoiseFloor(sampleRate, frame);
      return going;
    },
  };
}

function requireSane(
  options: Required<Pick<VoiceActivityOptions, 'sampleRate' | 'onDb' | 'offDb'>> & Readonly<Record<string, number>>,
): void {
  const wrong = Object.entries(options).find(([, value]) => !(value > 0));
  if (wrong !== undefined) throw new WhetError('internal', `voice activity: ${wrong[0]} is ${wrong[1]}, not a positive number`);
  const { sampleRate, onDb, offDb, longestMs, shortestMs, hangoverMs } = options as Readonly<Record<string, number>>;
  if (sampleRate! < 4000 || sampleRate! > 768_000)
    throw new WhetError('internal', `voice activity: ${sampleRate} Hz is not 4000 to 768000`);
  if (offDb! > onDb!) throw new WhetError('internal', `voice activity: offDb ${offDb} is above onDb ${onDb}`);
  if (longestMs! > 60_000 || longestMs! <= shortestMs! + hangoverMs!)
    throw new WhetError('internal', `voice activity: longestMs ${longestMs} is not between shortestMs + hangoverMs and 60000`);
}
