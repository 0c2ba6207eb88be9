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
    // What was measured elsewhere comes without the number of its samples, and so without an interval.
    const known = value.samples > 0;
    const whisker = !known
      ? ''
      : `<path class="whisker" d="M${x(value.low)} ${y + 9}H${x(value.high)}M${x(value.low)} ${y + 5}v8M${x(value.high)} ${y + 5}v8"/>`;
    const text = `<text class="value" x="${left + width + 10}" y="${y + 14}">${(100 * value.value).toFixed(1)} %</text>`;
    return `<rect class="${kind}" x="${left}" y="${y}" width="${(value.value * width).toFixed(1)}" height="18" rx="2"><title>${kind}: ${(100 * value.value).toFixed(1)} %${known ? ` of ${value.samples}` : ''}</title></rect>${whisker}${text}`;
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
      const [cx, cy] = [from + index * step, Number(y(confidence))];
      // Told apart without colours: a dot is right, a cross is wrong.
      return isRight
        ? `<circle class="${kind}" cx="${cx}" cy="${cy}" r="2.8"><title>${escapeText(about)}</title></circle>`
        : `<path class="cross" d="M${cx - 2.6} ${cy - 2.6}l5.2 5.2m0 -5.2l-5.2 5.2"><title>${escapeText(about)}</title></path>`;
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
  const [cell, left] = [26, 52];
  const of = (said: string, understood: string) => pairs.filter((pair) => pair.said === said && pair.understood === understood).length;
  const cells = classes.flatMap((said, row) => {
    const total = pairs.filter((pair) => pair.said === said).length;
    return classes.map((understood, column) => {
      const count = of(said, understood);
      const [x, y] = [left + column * cell, left + row * cell];
      const shade = total === 0 ? 0 : count / total;
      const kind = count === 0 ? 'none' : said === understood ? 'right' : 'wrong';
      const box = `<rect class="${kind}" x="${x + 1}" y="${y + 1}" width="${cell - 2}" height="${cell - 2}" rx="3" fill-opacity="${count === 0 ? '1' : (0.35 + 0.65 * shade).toFixed(2)}"><title>said ${escapeText(said)}, understood ${escapeText(understood)}: ${count}</title></rect>`;
      return count === 0
        ? box
        : `${box}<text class="count${shade > 0.5 ? ' dark' : ''}" x="${x + cell / 2}" y="${y + cell / 2 + 4}" text-anchor="middle">${count}</text>`;
    });
  });
  const heads = classes.flatMap((name, index) => [
    `<text class="tick" x="${left + index * cell + cell / 2}" y="${left - 6}" text-anchor="middle">${escapeText(name)}</text>`,
    `<text class="tick" x="${left - 8}" y="${left + index * cell + cell / 2 + 4}" text-anchor="end">${escapeText(name)}</text>`,
  ]);
  const middle = left + (classes.length * cell) / 2;
  const titles = [
    `<text class="tick" x="${middle}" y="14" text-anchor="middle">understood →</text>`,
    `<text class="tick" transform="translate(14 ${middle}) rotate(-90)" text-anchor="middle">← said</text>`,
  ];
  const size = left + classes.length * cell + 4;
  return svg(size, size, 'what was said, and what was understood', [...titles, ...cells, ...heads].join(''));
}

function svg(width: number, height: number, title: string, body: string): string {
  return `<svg viewBox="0 0 ${width} ${height}" width="${width}" role="img" aria-label="${escapeText(title)}">${body}</svg>`;
}

export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
