// `whet adapt --task regression|anomaly`: runs the job, and its report → text.
import type { AdaptOptions } from '../adapt/report.ts';
import type { AnomalyReport, RegressionReport } from '../adapt/task-report.ts';
import type { Estimate } from '../learn/intervals.ts';
import type { Output } from './output.ts';
import { bytes, proportion } from './text.ts';

type Options = Omit<AdaptOptions, 'progress' | 'note'>;

export async function adaptTask(task: 'regression' | 'anomaly', options: Options, output: Output): Promise<void> {
  const job = { ...options, progress: output.progress, note: output.note };
  const report = task === 'regression' ? await regression(job) : await anomaly(job);
  output.result(report, () => (report.task === 'regression' ? formatRegression(report) : formatAnomaly(report)));
  if (report.artifact === null) process.exitCode = 75;
}

async function regression(job: AdaptOptions): Promise<RegressionReport> {
  const { adaptRegression } = await import('../adapt/regression.ts');
  return adaptRegression(job);
}

async function anomaly(job: AdaptOptions): Promise<AnomalyReport> {
  const { adaptAnomaly } = await import('../adapt/anomaly.ts');
  return adaptAnomaly(job);
}

function estimate({ value, low, high, samples }: Estimate, digits = 3): string {
  return `${value.toPrecision(digits)} (${low.toPrecision(digits)} to ${high.toPrecision(digits)}, n=${samples})`;
}

function formatRegression(report: RegressionReport): string {
  const { samples, targets } = report;
  const judged = report.judgedOn === 'test' ? `${samples.test} test captures` : 'predictions made without each capture';
  const line = (what: string, scores: RegressionReport['after']) =>
    scores.map(({ meanAbsoluteError, r2 }, at) => {
      const { name, unit } = targets[at] ?? { name: '', unit: '' };
      return `${what} ${name}: mean error ${estimate(meanAbsoluteError)}${unit === '' ? '' : ` ${unit}`}, R² ${estimate(r2)}`;
    });
  return [
    `${report.verdict.kind}: ${report.verdict.reason}`,
    `captures  ${samples.train} to learn from, judged on ${judged}${samples.unreadable > 0 ? `, ${samples.unreadable} could not be read` : ''}`,
    ...(report.before === null ? [] : line('before   ', report.before)),
    ...line('after    ', report.after),
    ending(report),
  ].join('\n');
}

function formatAnomaly(report: AnomalyReport): string {
  const { samples } = report;
  return [
    `${report.verdict.kind}: ${report.verdict.reason}`,
    `captures  ${samples.normal} normal ones to learn from; test: ${samples.testNormal} normal, ${samples.testAnomalous} anomalous${samples.unreadable > 0 ? `; ${samples.unreadable} could not be read` : ''}`,
    `threshold ${report.threshold.toPrecision(4)}`,
    `alarms    ${proportion(report.falseAlarms)} of normal captures${report.judgedOn === 'left-out' ? ' (left out, and the threshold was set by them)' : ''}, ${proportion(report.detected)} of anomalous ones`,
    ...(report.auroc === null ? [] : [`ranking   AUROC ${estimate(report.auroc)}`]),
    ending(report),
  ].join('\n');
}

function ending({ artifact, seconds, peakRssMb }: RegressionReport | AnomalyReport): string {
  return artifact === null
    ? `nothing was written (--force writes it all the same); ${seconds.toFixed(1)} s, ${peakRssMb} MB`
    : `wrote     ${artifact.file}  ${bytes(artifact.bytes)}  sha256 ${artifact.sha256.slice(0, 16)}…  in ${seconds.toFixed(1)} s, ${peakRssMb} MB`;
}
