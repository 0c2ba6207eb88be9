// Loaded first by a process, its threads and its children: the wall clock is shifted by as many milliseconds as stand in the file that
// WHET_SHIFTED_CLOCK names, also while it runs; what passes (performance.now, timers) goes on as before. As NTP, a person, or a dead battery does it.
import { readFileSync } from 'node:fs';

const file = process.env.WHET_SHIFTED_CLOCK;
const lookEveryMs = 20;
const TrueDate = Date;
let lookedAtMs = Number.NEGATIVE_INFINITY;
let shiftMs = 0;

function shift() {
  const nowMs = performance.now();
  if (nowMs - lookedAtMs < lookEveryMs) return shiftMs;
  lookedAtMs = nowMs;
  try {
    shiftMs = Number(readFileSync(file, 'utf8')) || 0;
  } catch {
    // Being written, or nobody shifts: as it was.
  }
  return shiftMs;
}

class ShiftedDate extends TrueDate {
  constructor(...args) {
    if (args.length === 0) super(TrueDate.now() + shift());
    else super(...args);
  }

  static now() {
    return TrueDate.now() + shift();
  }
}

if (file !== undefined) globalThis.Date = ShiftedDate;
