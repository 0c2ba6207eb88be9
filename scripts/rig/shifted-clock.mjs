// Loaded first by a process, its threads and its children: their clocks differ from the machine's by what stands in the file that
// WHET_SHIFTED_CLOCK names, also while they run. Its first number is added to the wall clock alone, in milliseconds, as NTP, a person or a dead
// battery sets it; the second, where there is one, passes: both clocks show it, and timers do not.
import { readFileSync } from 'node:fs';

const file = process.env.WHET_SHIFTED_CLOCK;
const lookEveryMs = 20;
const TrueDate = Date;
const trueNow = performance.now.bind(performance);
let lookedAtMs = Number.NEGATIVE_INFINITY;
let shift = { wallMs: 0, passedMs: 0 };

function look() {
  const nowMs = trueNow();
  if (nowMs - lookedAtMs < lookEveryMs) return shift;
  lookedAtMs = nowMs;
  try {
    const [setMs, passedMs = 0] = readFileSync(file, 'utf8').split(' ').map(Number);
    shift = { wallMs: setMs + passedMs, passedMs };
  } catch {
    // Nobody has set it yet.
  }
  return shift;
}

class ShiftedDate extends TrueDate {
  constructor(...args) {
    if (args.length === 0) super(TrueDate.now() + look().wallMs);
    else super(...args);
  }

  static now() {
    return TrueDate.now() + look().wallMs;
  }
}

if (file !== undefined) {
  globalThis.Date = ShiftedDate;
  performance.now = () => trueNow() + look().passedMs;
}
