// `whet adapt`: the report → text.
import type { AdaptReport } from '../adapt/report.ts';
import { listeningLines } from './listening.ts';
import { bytes, confusionTable } from './text.ts';

export function formatAdapt(report: AdaptReport): string {
  const { samples, before, after, seconds, artifact, verdict } = report;
  const percent = (value: number | null | undefined) => (value === null || value === undefined ? '–' : `${(100 * value).toFixed(1)} %`);
  const judged =
    samples.test > 0
      ? `${samples.test} test captures`
      : samples.holdout > 0
        ? `${samples.holdout} held-out captures`
        : 'predictions made without each capture';
  const lines = [
    `${verdict.kind}: ${verdict.reason}`,
    `classes   ${report.classes.length}: ${shortList(report.classes)}`,
    `captures  ${samples.train} to learn from, judged on ${judged}${samples.unreadable > 0 ? `, ${samples.unreadable} could not be read` : ''}`,
    `before    ${before == null ? '– (it had other classes)' : percent(before.accuracy)}`,
    `after     ${percent(after.accuracy ?? after.float)}  (float tail ${percent(after.float)}, ${report.learner})`,
  ];
  if (report.base !== null)
    lines.push(`base      ${percent(report.base.before)} before, ${percent(report.base.after)} after, on the model's own golden set`);
  if (report.listening !== null) lines.push(...listeningLines(report.listening));
  lines.push(...evidenceLines(report));
  if (report.depth !== null) lines.push(...depthLines(report.depth));
  lines.push(
    `time      ${seconds.total.toFixed(1)} s: features ${seconds.features.toFixed(1)}, training ${seconds.train.toFixed(2)}, export ${seconds.export.toFixed(1)}; ${report.peakRssMb} MB`,
  );
  lines.push(
    artifact === null
      ? 'nothing was written (--force writes it all the same)'
      : `wrote     ${artifact.file}  ${bytes(artifact.bytes)}  sha256 ${artifact.sha256.slice(0, 16)}…`,
  );
  return lines.join('\n');
}

const mostListed = 10;

function evidenceLines({ evidence, overlap, wrong, confusion, classes }: AdaptReport): readonly string[] {
  const { rows, moments, agreement, unmeasured } = evidence;
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
  const apart = moments === rows ? '' : `, which are ${moments} different ones`;
  const agreed = agreement === null ? '' : `; file and float tail agree on ${percent(agreement)} of what was learned from`;
  const lines = [`evidence  ${rows} captures${apart}${agreed}`];
  if (overlap > 0) lines.push(`overlap   ${overlap} test captures are also in the data and do not judge`);
  if (unmeasured.length > 0) lines.push(`no rows   ${shortList(unmeasured)}`);
  // Past a dozen classes a table no longer fits a terminal; `--json` has the whole matrix.
  if (confusion !== null && classes.length <= 12) lines.push('', confusionTable(classes, confusion), '');
  for (const { file, is, said } of wrong.slice(0, mostListed)) lines.push(`wrong     ${file}: ${is}, said to be ${said ?? 'unreadable'}`);
  if (wrong.length > mostListed) lines.push(`          and ${wrong.length - mostListed} more (--json lists up to 50)`);
  return lines;
}

function depthLines({ layers, ships, leftOut, judged }: NonNullable<AdaptReport['depth']>): readonly string[] {
  const points = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(100 * value).toFixed(1)}`;
  const share = ({ value, low, high }: { readonly value: number; readonly low: number; readonly high: number }) =>
    `${(100 * value).toFixed(1)} % (${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)})`;
  const line = (where: string, { lastLayer, allLayers, gain }: NonNullable<typeof leftOut>) =>
    `          ${where}: last layer alone ${share(lastLayer)}, all ${layers} ${share(allLayers)}; ${points(gain.value)} points (${points(gain.low)} to ${points(gain.high)})`;
  return [
    `depth     ${ships === 'all layers' ? `all ${layers} layers are` : 'the last layer alone is'} kept`,
    ...(leftOut === null ? [] : [line(`${leftOut.lastLayer.samples} left out`, leftOut)]),
    ...(judged === null ? [] : [line(`${judged.lastLayer.samples} that judge`, judged)]),
  ];
}

function shortList(names: readonly string[]): string {
  return names.length <= 8 ? names.join(', ') : `${names.slice(0, 8).join(', ')} …`;
}
