// How far each frame of a sound rises over the noise that was there before, band by band. Frames of one length in, dB out; what it knows of the
// noise follows the sound: down at once, up slowly, and not at all while someone speaks, unless they never stop.

/** Centre frequencies, Hz: even on the mel scale over the range of speech. Those above 0.45 of the sample rate are left out. */
const bands = [150, 250, 370, 510, 680, 880, 1120, 1400, 1740, 2150, 2630, 3200, 3880, 4690, 5650, 6800];
/** Power below this, a hundredth of the least step of 16 bits, is silence. */
const least = 1e-12;
/** Frames before anything can be said: the noise must be known first. */
const settling = 8;
/** How fast the floor rises, in dB a frame of 10 ms at most, and falls, as a share of the way. Speech lasts a second or so, a fan stays. */
const pace = { silent: { rise: 0.3, fall: 0.05 }, speaking: { rise: 0.03, fall: 0.005 } };

export interface Heard {
  /** Mean over the bands of the rise over the noise; bands at or below it count 0. */
  readonly riseDb: number;
  /** Level of the frame itself. */
  readonly levelDb: number;
}

export interface NoiseFloor {
  listen(frame: Float32Array, isSpeaking: boolean): Heard;
  /** What is heard now is noise. */
  forget(): void;
}

export function createNoiseFloor(sampleRate: number, frame: number): NoiseFloor {
  const used = bands.filter((hertz) => hertz <= 0.45 * sampleRate);
  const window = Float64Array.from({ length: frame }, (_, at) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (at + 0.5)) / frame));
  const floor = new Float64Array(used.length);
  let known = 0;

  return {
    listen(samples, isSpeaking) {
      const levels = used.map((hertz) => decibels(powerAt(samples, window, hertz / sampleRate)));
      const levelDb = decibels(samples.reduce((sum, value) => sum + value * value, 0) / frame);
      known += 1;
      const { rise, fall } = pace[isSpeaking ? 'speaking' : 'silent'];
      let risen = 0;
      for (const [band, level] of levels.entries()) {
        const above = level - floor[band]!;
        if (known === 1) floor[band] = level;
        else if (known <= settling) floor[band]! += above / known;
        else {
          // Balanced so that the floor is near the mean level of noise, not its softest moment: frames of one noise vary by about 5 dB.
          floor[band]! += above > 0 ? Math.min(above, rise) : above * fall;
          risen += Math.max(0, above) / used.length;
        }
      }
      return { riseDb: risen, levelDb };
    },
    forget() {
      known = 0;
    },
  };
}

/** Power of a frequency (in cycles a sample) under the window: Goertzel's recurrence. */
function powerAt(samples: Float32Array, window: Float64Array, frequency: number): number {
  const coefficient = 2 * Math.cos(2 * Math.PI * frequency);
  let previous = 0;
  let beforeThat = 0;
  for (let at = 0; at < samples.length; at += 1) {
    const current = samples[at]! * window[at]! + coefficient * previous - beforeThat;
    beforeThat = previous;
    previous = current;
  }
  return (previous ** 2 + beforeThat ** 2 - coefficient * previous * beforeThat) / (samples.length / 4) ** 2;
}

function decibels(power: number): number {
  return 10 * Math.log10(Math.max(power, least));
}
