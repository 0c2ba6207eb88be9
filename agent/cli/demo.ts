// `whet demo`: what was shown → text.
import type { AdaptReport } from '../adapt/report.ts';
import { formatAdapt } from './adapt.ts';

export function formatDemo(report: AdaptReport, directory: string): string {
  return [
    `The shipped model knows ten kinds of animals and vehicles. It was shown drawings of ${report.classes.length} things it never saw,`,
    'and its last layer was trained again, here, on this machine:',
    '',
    formatAdapt(report),
    '',
    `Everything is in ${directory}: the photographs, mine.onnx (int8, as the original) and its card mine.json.`,
    'Next, with your own photographs (one folder a class):  whet adapt MODEL --data DIR --classes replace --out mine.onnx',
  ].join('\n');
}
