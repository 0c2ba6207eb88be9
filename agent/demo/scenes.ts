// Practice photographs for a machine without a camera: four household things as SVG, each picture with its own pose, size, colours,
// background, light and grain. Takes a seed, gives SVG text; they are drawings and never called anything else.

import { randomOf } from '../random.ts';

export const things = ['key', 'mug', 'plant', 'scissors'] as const;
export type Thing = (typeof things)[number];

/** Edge of a picture in pixels. */
const edge = 96;

/** One picture of a thing as SVG text. */
export function drawScene(thing: Thing, seed: number): string {
  const random = randomOf(seed);
  const between = (low: number, high: number) => low + (high - low) * random();
  const colour = (saturation: number, light: number) => `hsl(${between(0, 360).toFixed(0)} ${saturation}% ${light.toFixed(0)}%)`;
  const background = colour(between(5, 35), between(55, 90));
  const body = drawings[thing](colour(between(25, 80), between(25, 50)), colour(between(10, 60), between(15, 40)));
  const place = `translate(${between(40, 56).toFixed(1)} ${between(40, 56).toFixed(1)}) rotate(${between(-35, 35).toFixed(0)}) scale(${between(0.75, 1.15).toFixed(2)})`;
  const lightAngle = between(0, 360).toFixed(0);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${edge}" height="${edge}">
<defs>
 <filter id="grain"><feTurbulence type="fractalNoise" baseFrequency="${between(0.02, 0.4).toFixed(3)}" numOctaves="3" seed="${Math.floor(between(0, 9999))}"/><feColorMatrix type="saturate" values="0.2"/></filter>
 <filter id="lens"><feGaussianBlur stdDeviation="${between(0, 0.9).toFixed(2)}"/></filter>
 <linearGradient id="light" gradientTransform="rotate(${lightAngle} 0.5 0.5)"><stop offset="0" stop-color="#fff" stop-opacity="${between(0, 0.35).toFixed(2)}"/><stop offset="1" stop-color="#000" stop-opacity="${between(0.05, 0.5).toFixed(2)}"/></linearGradient>
</defs>
<g filter="url(#lens)"><rect width="${edge}" height="${edge}" fill="${background}"/>
<rect width="${edge}" height="${edge}" filter="url(#grain)" opacity="${between(0.1, 0.45).toFixed(2)}"/>
<g transform="${place}">${body}</g></g>
<rect width="${edge}" height="${edge}" fill="url(#light)"/></svg>`;
}

/** Shapes around the origin, about 60 pixels across. */
const drawings: Readonly<Record<Thing, (main: string, accent: string) => string>> = {
  mug: (main, accent) =>
    `<path d="M16 -12 h8 a10 12 0 0 1 0 24 h-8" fill="none" stroke="${main}" stroke-width="6"/><rect x="-20" y="-22" width="36" height="46" rx="5" fill="${main}"/><ellipse cx="-2" cy="-22" rx="18" ry="5" fill="${accent}"/>`,
  key: (main, accent) =>
    `<circle cx="-20" r="12" fill="none" stroke="${main}" stroke-width="7"/><rect x="-8" y="-3" width="40" height="6" fill="${main}"/><path d="M18 3 v9 h4 v-9 m4 0 v7 h4 v-7" fill="${main}" stroke="${accent}"/>`,
  plant: (main, accent) =>
    `<path d="M-14 4 h28 l-5 24 h-18 z" fill="${main}"/>${[-50, -20, 12, 45].map((turn) => `<ellipse cy="-12" rx="6" ry="20" transform="rotate(${turn} 0 4)" fill="hsl(${95 + turn / 2} 55% 32%)" stroke="${accent}" stroke-width="0.5"/>`).join('')}`,
  scissors: (main, accent) =>
    `<g fill="none" stroke="${main}" stroke-width="5"><circle cx="-12" cy="20" r="8"/><circle cx="12" cy="20" r="8"/></g><path d="M-8 13 L12 -30 L6 0 z M8 13 L-12 -30 L-6 0 z" fill="${accent}" stroke="${accent}" stroke-width="2"/>`,
};
