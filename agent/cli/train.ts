// `whet train`: a training report → text.
import type { TrainingReport } from '../types.ts';
import { listeningLines } from './listening.ts';
import { confusionTable, proportion } from './text.ts';

export function formatTraining(report: TrainingReport): string {
  const lines = [
    `${report.verdict.kind}: ${report.verdict.reason}`,
    `samples   ${report.samples.train} to learn from, ${report.samples.holdout} held out`,
    `before    ${proportion(report.before)}`,
    `after     ${proportion(report.after)}`,
  ];
  if (report.learner !== null)
    lines.push(`learner   ${report.learner}, ${report.seconds.train.toFixed(2)} s of ${report.seconds.total.toFixed(2)} s`);
  if (report.depth !== null && report.depth !== undefined) {
    const { ships, lastLayer, allLayers } = report.depth;
    lines.push(`depth     ${ships}; left out: last layer alone ${proportion(lastLayer)}, all layers ${proportion(allLayers)}`);
  }
  if (report.base !== null)
    lines.push(`base      ${(100 * report.base.before).toFixed(1)} % before, ${(100 * report.base.after).toFixed(1)} % after`);
  if (report.listening !== undefined) lines.push(...listeningLines(report.listening));
  if (report.carries?.why) lines.push(`carries   nothing of what it knew to other devices: ${report.carries.why}`);
  if (report.release !== null) lines.push(`release   ${report.release} is current now`);
  // Past a dozen classes a table no longer fits a terminal; `--json` has the whole matrix.
  if (report.confusion !== null && report.classes.length <= 12) lines.push('', confusionTable(report.classes, report.confusion));
  return lines.join('\n');
}
