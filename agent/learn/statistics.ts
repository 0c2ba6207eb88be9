// The sums a closed-form learner needs. They add up over samples, devices and time, and a sample's term can be taken out again.

export interface Statistics {
  /** Feature width without the bias column. */
  readonly width: number;
  readonly classes: number;
  /** Σ wᵢ hᵢhᵢᵀ, [width + 1, width + 1]; the last row and column belong to the bias column of ones. */
  readonly gram: Float32Array;
  /** Σ wᵢ hᵢyᵢᵀ, [width + 1, classes]. */
  readonly moment: Float32Array;
  /** Σ wᵢ. */
  readonly weight: number;
}
