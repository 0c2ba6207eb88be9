// Small pictures of three classes, each drawn from a number: shape is the class, place, size, colours and noise vary. No two are the same.
import sharp from 'sharp';
import { createDice } from './dice.mjs';

export const classes = ['disc', 'stripes', 'ring'];
const edge = 40;

const inside = {
  disc: (u, v) => u * u + v * v < 1,
  stripes: (u) => Math.abs(u) < 1.3 && Math.sin(u * 9) > 0,
  ring: (u, v) => u * u + v * v < 1.1 && u * u + v * v > 0.4,
};

export function picture(label, number) {
  const dice = createDice(number * 31 + classes.indexOf(label));
  const [ground, figure] = [
    [20, 110],
    [140, 245],
  ].map(([low, high]) => [0, 1, 2].map(() => dice.between(low, high)));
  const [x0, y0, radius, tilt] = [dice.between(0.4, 0.6), dice.between(0.4, 0.6), dice.between(0.24, 0.36), dice.between(-0.25, 0.25)];
  const noise = dice.between(2, 8);
  const pixels = Buffer.alloc(edge * edge * 3);
  for (let at = 0; at < edge * edge; at += 1) {
    const [x, y] = [((at % edge) + 0.5) / edge - x0, (Math.floor(at / edge) + 0.5) / edge - y0];
    const [u, v] = [(x * Math.cos(tilt) + y * Math.sin(tilt)) / radius, (y * Math.cos(tilt) - x * Math.sin(tilt)) / radius];
    const colour = inside[label](u, v) ? figure : ground;
    for (let channel = 0; channel < 3; channel += 1)
      pixels[at * 3 + channel] = Math.max(0, Math.min(255, colour[channel] + (dice.unit() + dice.unit() - 1) * noise));
  }
  return sharp(pixels, { raw: { width: edge, height: edge, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer();
}
