// The moments at which the crash test ends a device: which durable steps (test/hold-preload.ts) lead there, which process stands there, and
// what must be true afterwards.
import type { Step } from '../hold.ts';

interface Common {
  readonly name: string;
  /** The last one is where it is held. */
  readonly steps: readonly (string | Step)[];
  /** No broker from the start of this life to its end. */
  readonly brokerAway?: boolean;
}

export type Moment =
  | (Common & { readonly kind: 'start' })
  | (Common & { readonly kind: 'picture' })
  | (Common & { readonly kind: 'label' /** What the sample is called at the next start. */; readonly label: 'cross' | null })
  | (Common & {
      readonly kind: 'run';
      readonly by: 'daemon' | 'trainer';
      readonly run: 'interrupted' | 'finished';
      /** What is current at the next start, whose first health check may not have been over. */
      readonly current: 'base' | 'release';
      /** Files of a candidate lie there when it is held. */
      readonly candidate?: true;
    });

const ended = 'after UPDATE runs SET state';
const version = String.raw`\d{6}-[0-9a-f]{8}`;

export const moments: readonly Moment[] = [
  { kind: 'start', name: 'the first store is not made yet', steps: ['before PRAGMA journal_mode=WAL'] },
  { kind: 'start', name: 'the first store is half made', steps: ['before COMMIT'] },
  { kind: 'picture', name: 'a picture is being stored', steps: ['after INSERT INTO samples', 'before COMMIT'] },
  { kind: 'picture', name: 'a picture is stored', steps: ['after INSERT INTO samples', 'after COMMIT'] },
  { kind: 'label', name: 'a label is being stored', steps: ['after INSERT INTO labels', 'before COMMIT'], label: null },
  { kind: 'label', name: 'a label is stored and not answered', steps: ['after INSERT INTO labels', 'after COMMIT'], label: 'cross' },
  run('a run has begun', 'daemon', ['after INSERT INTO runs'], 'interrupted', 'base'),
  run('the trainer reads', 'trainer', ['after send progress features'], 'interrupted', 'base'),
  { kind: 'start', name: 'a run is found cut off', steps: ['after UPDATE runs SET state', 'before COMMIT'] },
  { kind: 'start', name: 'a start is cut off', steps: ['before readdir .*/releases$'] },
  run('the trainer learns', 'trainer', ['after send progress closed form'], 'interrupted', 'base'),
  { ...run('the trainer judges', 'trainer', ['after send progress gate'], 'interrupted', 'base'), brokerAway: true },
  {
    ...run('a candidate is half written', 'trainer', [String.raw`after writeFile .*/candidates/.*model\.onnx`], 'interrupted', 'base'),
    ...{ brokerAway: true, candidate: true },
  },
  { kind: 'start', name: 'a candidate is being removed', steps: ['before rmSync .*/candidates$'], brokerAway: true },
  {
    ...run('a candidate is written and nobody knows', 'trainer', ['before send outcome'], 'interrupted', 'base'),
    ...{ brokerAway: true, candidate: true },
  },
  {
    ...run('a release is written under its temporary name', 'daemon', [`before rename .*/${version}$`], 'interrupted', 'base'),
    ...{ brokerAway: true, candidate: true },
  },
  {
    ...run('a release is there and not current', 'daemon', [`after rename .*/${version}$`], 'interrupted', 'base'),
    ...{ brokerAway: true, candidate: true },
  },
  { ...run('the link is not switched yet', 'daemon', ['before rename .*/current$'], 'interrupted', 'base'), candidate: true },
  { ...run('the link is switched, nothing checked', 'daemon', ['after rename .*/current$'], 'interrupted', 'release'), candidate: true },
  {
    ...run(
      'a release is healthy',
      'daemon',
      ['after rename .*/current$', String.raw`after rename .*/ledger\.json$`],
      'interrupted',
      'release',
    ),
    candidate: true,
  },
  run('a report is being stored', 'daemon', [ended, 'before COMMIT'], 'interrupted', 'release'),
  { ...run('a report is stored, no broker', 'daemon', [ended, 'after COMMIT'], 'finished', 'release'), brokerAway: true },
  run(
    'a report is sent and not crossed off',
    'daemon',
    [ended, 'after COMMIT', 'before DELETE FROM outbox WHERE id'],
    'finished',
    'release',
  ),
  { ...run('an old release goes', 'daemon', [`after rename .*/${version} .*/\\.part-`], 'interrupted', 'release'), candidate: true },
];

function run(
  name: string,
  by: 'daemon' | 'trainer',
  steps: readonly string[],
  state: 'interrupted' | 'finished',
  current: 'base' | 'release',
): Extract<Moment, { kind: 'run' }> {
  return { kind: 'run', name, by, steps, run: state, current };
}
