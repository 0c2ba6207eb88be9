// Small changes that a camera makes by itself: mirror, a tighter view, brightness. Takes strengths and a seed, gives the numbers to apply;
// the same seed gives the same numbers on every machine.
import { randomOf } from '../random.ts';

export interface Augmentation {
  readonly seed: number;
  /** Mirror left and right with a probability of one half. */
  readonly mirror: boolean;
  /** Largest part of each edge that is cut off, 0 to 0.5. */
  readonly crop: number;
  /** Largest relative change of brightness, 0 to 0.9. */
  readonly brightness: number;
}

/** What one augmented copy gets. */
export interface View {
  readonly mirrored: boolean;
  /** Part of each edge that is kept, (0, 1]. */
  readonly kept: number;
  /** Where the kept part lies, 0 (left, top) to 1; 0.5 is the middle. */
  readonly left: number;
  readonly top: number;
  /** Factor on every pixel value. */
  readonly gain: number;
}

export const plainView: View = { mirrored: false, kept: 1, left: 0.5, top: 0.5, gain: 1 };

/** The strengths that training uses unless told otherwise. */
export const gentle = { mirror: true, crop: 0.15, brightness: 0.2 } as const satisfies Omit<Augmentation, 'seed'>;

export function drawView(augmentation: Augmentation): View {
  const next = randomOf(augmentation.seed);
  return {
    mirrored: next() < 0.5 && augmentation.mirror,
    kept: 1 - next() * augmentation.crop,
    left: next(),
    top: next(),
    gain: 1 + (2 * next() - 1) * augmentation.brightness,
  };
}
