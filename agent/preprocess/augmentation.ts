// Small changes that a camera makes by itself: mirror, a tighter view, brightness. Takes strengths and a seed, gives the numbers to apply;
// the same seed gives the same numbers on every machine.

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
  const next = uniform(augmentation.seed);
  return {
    mirrored: next() < 0.5 && augmentation.mirror,
    kept: 1 - next() * augmentation.crop,
    left: next(),
    top: next(),
    gain: 1 + (2 * next() - 1) * augmentation.brightness,
  };
}

/** mulberry32 (Tommy Ettinger, public domain algorithm): uniform in [0, 1) from a 32-bit state. */
function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
