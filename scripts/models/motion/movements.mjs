// Seven things that a body with a sensor on it does, as functions of time: rotation in rad/s (the body's frame) and acceleration in m/s² (the
// world's frame, z up). A person (or machine) is drawn once, a recording of it again each time.
const g = 9.80665;
const turn = 2 * Math.PI;
const degree = Math.PI / 180;

/** What stays the same from recording to recording of one person. */
export function drawPerson({ between, direction }) {
  return {
    stepsPerSecond: between(1.55, 2.15),
    strength: between(0.75, 1.3),
    forward: between(0, turn),
    hands: between(0.7, 1.5),
    tremorHz: between(7.5, 11.5),
    machineHz: between(9, 21),
    machineAxis: direction(),
  };
}

/** Name of each class → (person, random) → motion(t). */
export const movements = { falling, resting, running, shaking, turning, vibrating, walking };

/** On a table, or held still: the tremor of a hand, a slow drift. */
function resting(person, source) {
  const isHeld = source.next() < 0.6;
  const size = isHeld ? source.between(0.01, 0.06) * person.hands : 0.002;
  const tremor = waves(source, 3, [person.tremorHz, person.tremorHz * 1.1], 1);
  const drift = waves(source, 3, [0.15, 0.6], isHeld ? source.between(1, 8) * degree : 0);
  return (t) => ({ rotation: drift(t), acceleration: tremor(t).map((part) => part * size) });
}

function walking(person, source) {
  return gait(source, {
    stepsHz: person.stepsPerSecond * source.between(0.92, 1.08),
    vertical: source.between(0.15, 0.34) * person.strength,
    strike: source.between(0.1, 0.4) * person.strength,
    swayDegrees: source.between(8, 35) * person.hands,
    forward: person.forward,
  });
}

function running(person, source) {
  return gait(source, {
    stepsHz: person.stepsPerSecond * source.between(1.3, 1.6),
    vertical: source.between(0.8, 1.5) * person.strength,
    strike: source.between(0.5, 1.6) * person.strength,
    swayDegrees: source.between(40, 120) * person.hands,
    forward: person.forward,
  });
}

/**
 * Up and down with every step, forward and back with it, sideways with every second one; each heel rings for a few hundredths of a second.
 * Steps are never quite even.
 */
function gait(source, { stepsHz, vertical, strike, swayDegrees, forward }) {
  const phase0 = source.next() * turn;
  const wobble = waves(source, 1, [0.2, 0.6], source.between(0.05, 0.3));
  const [second, third] = [source.between(0.15, 0.45), source.between(0.05, 0.25)];
  const [alongSize, asideSize] = [source.between(0.4, 0.7), source.between(0.2, 0.5)];
  const heelHz = source.between(14, 24);
  const sway = [0, 1, 2].map((axis) => ({
    size: swayDegrees * degree * source.between(0.3, 1),
    rate: axis === 0 ? 1 : 0.5,
    phase: source.next() * turn,
  }));
  return (t) => {
    const phase = phase0 + turn * stepsHz * t + wobble(t)[0];
    const sinceHeel = ((((phase / turn) % 1) + 1) % 1) / stepsHz;
    const ring = strike * Math.exp(-sinceHeel / 0.035) * Math.cos(turn * heelHz * sinceHeel);
    const up = vertical * (Math.sin(phase) + second * Math.sin(2 * phase + 0.6) + third * Math.sin(3 * phase + 1.1)) + ring;
    const along = alongSize * vertical * Math.sin(phase + 1.2) + 0.4 * ring;
    const aside = asideSize * vertical * Math.sin(phase / 2);
    const [c, s] = [Math.cos(forward), Math.sin(forward)];
    return {
      rotation: sway.map(({ size, rate, phase: shift }) => turn * stepsHz * rate * size * 0.15 * Math.cos(rate * phase + shift)),
      acceleration: [along * c - aside * s, along * s + aside * c, up].map((part) => part * g),
    };
  };
}

/** To and fro along one line, with a wrist that turns: what people do to wake a device. */
function shaking(person, source) {
  const hertz = source.between(3.2, 6.5);
  const line = source.direction();
  const around = source.direction();
  const size = source.between(0.7, 2.6) * person.strength * g;
  const spin = source.between(60, 350) * person.hands * degree;
  const start = source.next() * turn;
  const pace = waves(source, 1, [0.4, 1], 0.5);
  const strength = waves(source, 1, [0.3, 0.8], 0.25);
  return (t) => {
    const phase = start + turn * hertz * t + pace(t)[0];
    const now = 1 + strength(t)[0];
    return {
      rotation: around.map((part) => part * spin * now * Math.cos(phase + 0.7)),
      acceleration: line.map((part) => part * size * now * (Math.sin(phase) + 0.2 * Math.sin(3 * phase))),
    };
  };
}

/** Turned over in the hand, once or to and fro, about an axis a few centimetres away; the hand itself hardly moves. */
function turning(person, source) {
  const axis = source.direction();
  const across = source.direction();
  const radius = source.between(0.02, 0.2);
  const swings = Array.from({ length: 4 }, (_, at) => ({
    from: at * source.between(0.7, 1.1) - 0.3 * source.next(),
    lasts: source.between(0.45, 1.1),
    degrees: source.between(50, 200) * (source.next() < 0.5 ? -1 : 1),
  }));
  const tremor = waves(source, 3, [person.tremorHz, person.tremorHz * 1.1], 0.06 * person.hands);
  return (t) => {
    let rate = 0;
    let change = 0;
    for (const { from, lasts, degrees } of swings) {
      const part = (t - from) / lasts;
      if (part <= 0 || part >= 1) continue;
      // A raised cosine: its area is half its width.
      rate += ((2 * degrees * degree) / lasts) * 0.5 * (1 - Math.cos(turn * part));
      change += ((2 * degrees * degree) / lasts) * 0.5 * ((turn / lasts) * Math.sin(turn * part));
    }
    const shake = tremor(t);
    return {
      rotation: axis.map((part) => part * rate),
      acceleration: across.map((part, at) => radius * (change * part - rate * rate * axis[at]) + shake[at]),
    };
  };
}

/** Held or carried, let go, tumbling without weight, a hard landing that rings, and still again. */
function falling(person, source) {
  const letGo = source.between(0.15, 1);
  const fallS = Math.sqrt((2 * source.between(0.5, 1.6)) / g);
  const landed = letGo + fallS;
  const before = (source.next() < 0.5 ? resting : walking)(person, source);
  const tumble = source.direction().map((part) => part * source.between(20, 350) * degree);
  const blow = source.direction();
  const bounces = Array.from({ length: 1 + Math.floor(3 * source.next()) }, (_, at) => ({
    at: landed + at * source.between(0.12, 0.3),
    size: source.between(3, 9) * 0.45 ** at * g,
    lasts: source.between(0.015, 0.05),
  }));
  return (t) => {
    if (t < letGo) return before(t);
    if (t < landed) return { rotation: tumble, acceleration: [0, 0, -g] };
    const acceleration = [0, 0, 0];
    let spin = Math.exp(-(t - landed) / 0.12);
    for (const { at, size, lasts } of bounces) {
      const since = t - at;
      if (since < 0) continue;
      const push = size * Math.exp(-since / lasts) * Math.cos((turn * since) / (2.6 * lasts));
      for (const [axis, part] of [blow[0] * 0.4, blow[1] * 0.4, 1].entries()) acceleration[axis] += part * push;
      spin += 0.3 * Math.exp(-since / 0.08);
    }
    return { rotation: tumble.map((part) => part * spin * 0.8), acceleration };
  };
}

/** Fixed to a machine that runs: one frequency and its double, steady, along one axis; what it stands on sways a little. */
function vibrating(person, source) {
  const hertz = person.machineHz * source.between(0.95, 1.05);
  const size = source.between(0.04, 0.6) * person.strength * g;
  const spin = source.between(1, 20) * degree;
  const [double, load] = [source.between(0.1, 0.6), source.between(0, 0.3)];
  const [start, second] = [source.next() * turn, source.next() * turn];
  const around = source.direction();
  const loadHz = source.between(0.3, 1.2);
  return (t) => {
    const phase = start + turn * hertz * t;
    const now = size * (1 + load * Math.sin(turn * loadHz * t));
    return {
      rotation: around.map((part) => part * spin * Math.cos(phase)),
      acceleration: person.machineAxis.map((part) => part * now * (Math.sin(phase) + double * Math.sin(2 * phase + second))),
    };
  };
}

/** `count` slow sums of three sines each, their sizes drawn, with an average power of size²/2. */
function waves(source, count, [low, high], size) {
  const parts = Array.from({ length: count }, () =>
    Array.from({ length: 3 }, () => ({
      hertz: source.between(low, high),
      phase: source.next() * turn,
      size: (size * source.between(0.5, 1)) / Math.sqrt(3),
    })),
  );
  return (t) => parts.map((sines) => sines.reduce((sum, sine) => sum + sine.size * Math.sin(turn * sine.hertz * t + sine.phase), 0));
}
