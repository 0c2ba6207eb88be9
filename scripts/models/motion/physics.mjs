// A six-axis sensor on a moving body: movements as rates of rotation and accelerations over time → readings in g and degrees a second, with the
// faults that such chips have. The accelerometer feels acceleration minus gravity in its own frame: 1 g upwards at rest, nothing in free fall.
import { randomOf } from '../../../agent/random.ts';

/** Steps a second in which movements are integrated. */
const fineRate = 250;
const g = 9.80665;

export function random(seed) {
  const next = randomOf(seed);
  const between = (low, high) => low + (high - low) * next();
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  /** A direction in space, all equally likely. */
  const direction = () => {
    const vector = [normal(), normal(), normal()];
    const length = Math.hypot(...vector);
    return vector.map((part) => part / length);
  };
  return { next, between, normal, direction, pick: (list) => list[Math.floor(next() * list.length)] };
}

/**
 * What a chip adds: offsets, scale errors, noise, limits, and a clock of its own. Drawn once a device.
 * Figures are those of common parts (MPU-6050, LSM6DS3, BMI160) with room to spare.
 */
export function drawChip({ between, normal }) {
  const three = (of) => [of(), of(), of()];
  return {
    accelerometer: {
      offset: three(() => 0.03 * normal()),
      scale: three(() => 1 + 0.01 * normal()),
      noise: between(0.003, 0.015),
      limit: 8,
    },
    gyroscope: { offset: three(() => 1.2 * normal()), scale: three(() => 1 + 0.01 * normal()), noise: between(0.05, 0.4), limit: 1000 },
    /** Readings a second, as sold and as it is. */
    rate: 50 * between(0.97, 1.03),
    /** Standard deviation of the time between readings, seconds. */
    jitterS: between(0.0005, 0.004),
  };
}

/**
 * `motion(t)` gives { rotation: rad/s in the body's frame, acceleration: m/s² in the world's frame, z up } for t in [0, durationS].
 * Gives readings [{ t, values: [ax, ay, az, gx, gy, gz] }].
 */
export function measure(motion, durationS, chip, source) {
  let orientation = randomOrientation(source);
  const mounting = randomOrientation(source);
  const readings = [];
  let due = source.next() / chip.rate;
  for (let step = 0; step <= durationS * fineRate; step += 1) {
    const t = step / fineRate;
    const { rotation, acceleration } = motion(t);
    if (t >= due) {
      const force = toBody(orientation, [acceleration[0], acceleration[1], acceleration[2] + g]).map((part) => part / g);
      const turn = rotation.map((part) => (part * 180) / Math.PI);
      readings.push({
        t,
        values: [...faulty(toBody(mounting, force), chip.accelerometer, source), ...faulty(toBody(mounting, turn), chip.gyroscope, source)],
      });
      due += 1 / chip.rate + chip.jitterS * source.normal();
    }
    orientation = turned(orientation, rotation, 1 / fineRate);
  }
  return readings;
}

function faulty(vector, { offset, scale, noise, limit }, { normal }) {
  return vector.map((part, axis) => Math.max(-limit, Math.min(limit, part * scale[axis] + offset[axis] + noise * normal())));
}

/** Unit quaternions [w, x, y, z] turn the body's frame into the world's. */
export function randomOrientation({ normal }) {
  return unit([normal(), normal(), normal(), normal()]);
}

function unit(q) {
  const length = Math.hypot(...q);
  return q.map((part) => part / length);
}

/** q ← q · exp(½ ω dt). */
function turned(q, rotation, seconds) {
  const angle = Math.hypot(...rotation) * seconds;
  if (angle === 0) return q;
  const factor = (Math.sin(angle / 2) * seconds) / angle;
  const [x, y, z] = rotation.map((part) => part * factor);
  const w = Math.cos(angle / 2);
  const [a, b, c, d] = q;
  return unit([a * w - b * x - c * y - d * z, a * x + b * w + c * z - d * y, a * y - b * z + c * w + d * x, a * z + b * y - c * x + d * w]);
}

/** A vector of the world as the body sees it: q⁻¹ v q. */
export function toBody([w, x, y, z], [a, b, c]) {
  const [ux, uy, uz] = [-x, -y, -z];
  const t = [2 * (uy * c - uz * b), 2 * (uz * a - ux * c), 2 * (ux * b - uy * a)];
  return [a + w * t[0] + uy * t[2] - uz * t[1], b + w * t[1] + uz * t[0] - ux * t[2], c + w * t[2] + ux * t[1] - uy * t[0]];
}
