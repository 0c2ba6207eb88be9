// `whet demo`: a device that misunderstands an accent is told a few words, adapts by itself, understands, and keeps what it knew. A broker in
// this process, the real daemon in another, a microphone that plays recordings. Takes recordings and a folder, gives the story of what happened.
import { statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { modelManifestSchema, reportSchema, trainingSchema } from '../contract/payloads.ts';
import { WhetError } from '../errors.ts';
import { shippedFile } from '../installation.ts';
import { type Broker, type BrokerMessage, startBroker } from './broker.ts';
import { createConversation } from './conversation.ts';
import { startDevice } from './demo-device.ts';
import { createRecordedMicrophone } from './recorded-microphone.ts';
import type { Recordings, Word } from './recordings.ts';
import { type DemoResult, type Heard, judgeStory, type Part, type Scene } from './story.ts';

export interface AccentDemoOptions {
  readonly recordings: Recordings;
  /** Words of a speaker that the base model understands. */
  readonly known: readonly Word[];
  readonly directory: string;
  readonly model?: string;
  /** Between two words, so that a person can follow. */
  readonly pauseMs: number;
  readonly signal: AbortSignal;
  /** Called whenever something happened. */
  readonly show: (scene: Scene) => void;
}

export interface AccentDemo extends AsyncDisposable {
  readonly result: DemoResult;
}

export const accentModel = shippedFile('models/spoken-digits/model.onnx');
const device = 'demo';
const startMs = 30_000;
const adaptMs = 120_000;

/** The device and its broker go on until the demo is disposed of, so that a person may look at them. */
export async function accentDemo(options: AccentDemoOptions): Promise<AccentDemo> {
  const { recordings, known, directory, model = accentModel, signal } = options;
  const startedMs = performance.now();
  const parts = new AsyncDisposableStack();
  try {
    await mkdir(directory, { recursive: true });
    const broker = await startBroker();
    parts.defer(() => broker.close());
    const stage = createStage(options, broker, model);
    const conversation = createConversation(broker, device, signal);
    const microphone = await createRecordedMicrophone(join(directory, 'microphone'));
    parts.defer(() => microphone.close());
    const running = await startDevice(directory, settings(directory, model, broker, microphone, recordings));
    parts.defer(() => running.stop());
    const { until } = conversation;
    const alive = <T>(work: Promise<T>) => Promise.race([work, running.failed]);
    await alive(until('status', (text) => text === 'online', startMs));
    await microphone.silence(1);

    /** Says words one after the other; gives what was understood, with the sample behind it. */
    const say = async (words: readonly Word[], part: Part, when: Heard['when'], then?: (sample: string, word: Word) => Promise<void>) => {
      for (const word of words) {
        signal.throwIfAborted();
        const answer = await alive(conversation.hear(() => microphone.say(word.bytes)));
        stage.heard({ part, when, word, ...(answer ?? nothing) });
        if (answer?.sample != null) await then?.(answer.sample, word);
        await new Promise((resolve) => setTimeout(resolve, options.pauseMs));
      }
    };

    stage.act('listen');
    await say(known, 'known', 'before');
    await say(recordings.judged, 'judged', 'before');
    stage.act('tell');
    await say(recordings.told, 'told', 'before', async (sample, { digit }) => {
      await alive(conversation.command('label', { sample, label: digit }));
      stage.labelled();
    });
    stage.act('adapt');
    // Words that nobody heard leave the device below what it waits for.
    if (stage.scene.labels < recordings.told.length)
      await alive(conversation.command('train', { reason: 'the demo has no more words' }, adaptMs));
    if (stage.scene.report === null) await alive(until('report', () => true, adaptMs));
    stage.act('again');
    await say(known, 'known', 'after');
    await say(recordings.judged, 'judged', 'after');
    stage.act('done');
    const result = {
      ...judgeStory(stage.scene),
      scene: stage.scene,
      manifest: stage.manifest(),
      seconds: (performance.now() - startedMs) / 1000,
    };
    const kept = parts.move();
    return { result, [Symbol.asyncDispose]: () => kept.disposeAsync() };
  } catch (error) {
    await parts.disposeAsync();
    throw error;
  }
}

const nothing = { understood: null, confidence: 0, release: null, latencyMs: null };

function settings(
  directory: string,
  model: string,
  broker: Broker,
  microphone: { readonly command: readonly string[]; readonly sampleRate: number },
  { told }: Recordings,
): object {
  const perDigit = Math.min(...[...Map.groupBy(told, ({ digit }) => digit).values()].map((words) => words.length));
  return {
    device,
    model,
    state: join(directory, 'state'),
    runtimeDir: join(directory, 'run'),
    sources: [{ name: 'microphone', kind: 'microphone', command: microphone.command, sampleRate: microphone.sampleRate }],
    // The same recordings are played before and after.
    duplicates: { windowSeconds: 0 },
    queries: { perHour: 3600 },
    training: { minNewLabels: told.length, minPerClass: Math.min(3, perDigit) },
    mqtt: { url: broker.url },
  };
}

/** Keeps the scene up to date with what the broker hears. */
function createStage({ recordings, known, show }: AccentDemoOptions, broker: Broker, model: string) {
  const counts = new Map<string, { messages: number; bytes: number }>();
  let manifest: DemoResult['manifest'] = null;
  let scene: Scene = {
    act: 'start',
    speaker: recordings.speaker,
    model: { name: 'spoken-digits', bytes: sizeOf(model) },
    broker: broker.url,
    words: { judged: recordings.judged.length, told: recordings.told.length, known: known.length },
    ...{ heard: [], labels: 0, questions: 0, training: null, report: null, topics: [] },
  };
  const change = (changes: Partial<Scene>) => {
    const topics = [...counts].map(([topic, count]) => ({ topic, ...count })).sort((a, b) => a.topic.localeCompare(b.topic));
    scene = { ...scene, ...changes, topics };
    show(scene);
  };
  broker.onMessage(({ topic, payload }: BrokerMessage) => {
    const rest = topic.split('/').slice(2);
    // One line a kind of command, not one a command.
    const kind = rest[0] === 'result' ? `result/${rest[1]}/…` : rest[0] === 'model' && rest.length > 1 ? 'model/…' : rest.join('/');
    const count = counts.get(kind) ?? { messages: 0, bytes: 0 };
    counts.set(kind, { messages: count.messages + 1, bytes: count.bytes + payload.length });
    const value = () => JSON.parse(payload.toString('utf8'));
    if (kind === 'training') change({ training: trainingSchema.parse(value()) });
    else if (kind === 'report') change({ report: reportSchema.parse(value()) });
    else if (kind === 'query') change({ questions: scene.questions + 1 });
    else if (kind === 'model') manifest = modelManifestSchema.parse(value());
  });
  return {
    get scene() {
      return scene;
    },
    manifest: () => manifest,
    act: (act: Scene['act']) => change({ act }),
    heard: (heard: Heard) => change({ heard: [...scene.heard, heard] }),
    labelled: () => change({ labels: scene.labels + 1 }),
  };
}

function sizeOf(model: string): number {
  try {
    return statSync(model).size;
  } catch (error) {
    throw new WhetError('model-unreadable', `the model of the demo is not there: ${model}`, { cause: error });
  }
}
