// What the device is doing, what it knows, what it waits for: read from store, releases and jobs at the moment of asking.
import { z } from 'zod';
import type { LinkState } from '../engine/parts.ts';
import { isPaused } from '../engine/training-schedule.ts';
import { always, operation } from './operation.ts';
import { count, nothing, text, toldName } from './schemas.ts';

const sentence = z.string().max(2000);

/** What goes over the network; the rest is for who asks here. */
const told = z.object({
  running: z.boolean().meta({ description: 'false: no daemon runs, and the store was read directly' }),
  upSeconds: z.number().nullable(),
  release: text,
  samples: z.object({
    total: count,
    labelled: count,
    byClass: z.record(toldName, count),
    bytes: count,
    /** Captures over which a process died, so that they are not decoded again, or only in a process of their own. */
    setAside: count,
  }),
  questions: count,
  training: z.object({
    paused: z.boolean(),
    running: z.boolean(),
    decision: sentence.nullable().meta({ description: 'Why it trains or waits, as a sentence' }),
    newLabels: count.meta({ description: 'Labels given since the last run that learned' }),
    last: z.object({ run: text, atMs: z.number(), verdict: text, reason: sentence }).nullable(),
  }),
  sources: z.array(
    z.object({
      name: text,
      kind: text,
      state: z.enum(['running', 'degraded', 'stopped']),
      captures: count,
      dropped: count,
      passedOver: count,
      lastCaptureMs: z.number().nullable(),
      lastError: sentence.nullable(),
    }),
  ),
});

export interface DeviceStatus extends z.infer<typeof told> {
  readonly device: string;
  readonly model: { readonly name: string; readonly file: string; readonly classes: readonly string[] };
  readonly mqtt: LinkState | null;
  /** The configuration names a broker; `mqtt` is null all the same while no daemon runs. */
  readonly mqttConfigured: boolean;
}

export const status = operation({
  summary: 'What the device is doing, what it knows, what it waits for',
  arguments: nothing,
  result: told,
  lane: 'quick',
  rerunnable: always,
  async run({ config, card, store, releases, jobs, clock, live }): Promise<DeviceStatus> {
    const counts = store.labels.counts();
    const last = store.runs.lastFinished();
    const { current, releases: all } = await releases.list();
    return {
      device: config.device,
      running: live !== null,
      upSeconds: live === null ? null : (clock.monotonicMs() - live.sinceMs) / 1000,
      model: { name: card.name, file: config.model, classes: all.find(({ version }) => version === current)?.classes ?? card.labels },
      release: current,
      samples: {
        total: counts.total,
        labelled: counts.labelled,
        byClass: counts.byClass,
        bytes: store.sizes().sampleBytes,
        setAside: store.underWay.count,
      },
      questions: store.queries.countOpen(),
      training: {
        paused: isPaused(store.settings),
        running: jobs.running,
        decision: live?.decision() ?? null,
        newLabels: store.labels.newSince({ run: store.runs.lastLearned() }),
        last:
          last?.report === null || last === null
            ? null
            : { run: last.id, atMs: last.endedMs ?? last.beganMs, verdict: last.report.verdict.kind, reason: last.report.verdict.reason },
      },
      sources: [...(live?.sources() ?? [])],
      mqtt: live?.mqtt() ?? null,
      mqttConfigured: config.mqtt !== null,
    };
  },
});
