// Numbers of the demo → plots as SVG text, for light and dark pages: colours come from CSS variables of the page. Pure; text is escaped.
import type { Proportion } from '../types.ts';

export interface Bar {
  readonly label: string;
  readonly before: Proportion | null;
  readonly after: Proportion | null;
}

/** Pairs of horizontal bars from 0 to 100 %, with 95 % intervals. */
export function accuracyPlot(bars: readonly Bar[]): string {
  const [left, width, row] = [190, 430, 64];
  const height = bars.length * row + 34;
  const x = (share: number) => (left + share * width).toFixed(1);
  const grid = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<line class="grid" x1="${x(share)}" x2="${x(share)}" y1="6" y2="${height - 24}"/><text class="tick" x="${x(share)}" y="${height - 6}" text-anchor="middle">${100 * share} %</text>`,
  );
  const one = (kind: 'before' | 'after', value: Proportion | null, y: number) => {
    if (value === null) return '';
    const whisker = `<path class="whisker" d="M${x(value.low)} ${y + 9}H${x(value.high)}M${x(value.low)} ${y + 5}v8M${x(value.high)} ${y + 5}v8"/>`;
    const text = `<text class="value" x="${left + width + 10}" y="${y + 14}">${(100 * value.value).toFixed(1)} %</text>`;
    return `<rect class="${kind}" x="${left}" y="${y}" width="${(value.value * width).toFixed(1)}" height="18" rx="2"><title>${kind}: ${(100 * value.value).toFixed(1)} % of ${value.samples}</title></rect>${whisker}${text}`;
  };
  const rows = bars.map(({ label, before, after }, index) => {
    const y = index * row + 8;
    return `<text class="label" x="${left - 12}" y="${y + 26}" text-anchor="end">${escapeText(label)}</text>${one('before', before, y)}${one('after', after, y + 22)}`;
  });
  return svg(left + width + 90, height, 'accuracy before and after', [...grid, ...rows].join(''));
}

export interface Dot {
  readonly confidence: number;
  readonly isRight: boolean;
  readonly title: string;
}

/** Confidence of one word after the other, in groups with a heading. */
export function confidencePlot(groups: readonly { readonly title: string; readonly dots: readonly Dot[] }[]): string {
  const [left, height, step, gap] = [44, 200, 6, 22];
  const y = (confidence: number) => (height - 30 - confidence * (height - 60)).toFixed(1);
  let x = left + 8;
  const parts = groups.flatMap(({ title, dots }) => {
    const from = x;
    const drawn = dots.map(({ confidence, isRight, title: about }, index) => {
      const kind = isRight ? 'right' : 'wrong';
      return `<circle class="${kind}" cx="${from + index * step}" cy="${y(confidence)}" r="2.8"><title>${escapeText(about)}</title></circle>`;
    });
    x += dots.length * step;
    const heading = `<text class="tick" x="${(from + x - step) / 2}" y="${height - 8}" text-anchor="middle">${escapeText(title)}</text>`;
    x += gap;
    return [...drawn, heading];
  });
  const width = x + 10;
  const grid = [0, 0.5, 1].map(
    (share) =>
      `<line class="grid" x1="${left}" x2="${width - 10}" y1="${y(share)}" y2="${y(share)}"/><text class="tick" x="${left - 6}" y="${Number(y(share)) + 4}" text-anchor="end">${100 * share} %</text>`,
  );
  return svg(width, height, 'confidence of every word', [...grid, ...parts].join(''));
}

/** Rows: what was said; columns: what was understood. */
export function confusionPlot(
  classes: readonly string[],
  pairs: readonly { readonly said: string; readonly understood: string | null }[],
): string {
  const [cell, left] = [26, 34];
  const of = (said: string, understood: string) => pairs.filter((pair) => pair.said === said && pair.understood === understood).length;
  const cells = classes.flatMap((said, row) => {
    const total = pairs.filter((pair) => pair.said === said).length;
    return classes.map((understood, column) => {
      const count = of(said, understood);
      const [x, y] = [left + column * cell, left + row * cell];
      const shade = total === 0 ? 0 : count / total;
      const box = `<rect class="${said === understood ? 'right' : 'wrong'}" x="${x + 1}" y="${y + 1}" width="${cell - 2}" height="${cell - 2}" rx="3" fill-opacity="${(0.06 + 0.94 * shade).toFixed(2)}"><title>said ${escapeText(said)}, understood ${escapeText(understood)}: ${count}</title></rect>`;
      return count === 0
        ? box
        : `${box}<text class="count" x="${x + cell / 2}" y="${y + cell / 2 + 4}" text-anchor="middle">${count}</text>`;
    });
  });
  const heads = classes.flatMap((name, index) => [
    `<text class="tick" x="${left + index * cell + cell / 2}" y="${left - 6}" text-anchor="middle">${escapeText(name)}</text>`,
    `<text class="tick" x="${left - 8}" y="${left + index * cell + cell / 2 + 4}" text-anchor="end">${escapeText(name)}</text>`,
  ]);
  const size = left + classes.length * cell + 4;
  return svg(size, size, 'what was said, and what was understood', [...cells, ...heads].join(''));
}

function svg(width: number, height: number, title: string, body: string): string {
  return `<svg viewBox="0 0 ${width} ${height}" width="${width}" role="img" aria-label="${escapeText(title)}">${body}</svg>`;
}

export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
