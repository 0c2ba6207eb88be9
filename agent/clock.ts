// The clocks of the machine this runs on. Everything else takes a Clock as an argument, so that tests can hold it.
import type { Clock } from './types.ts';

export const machineClock: Clock = { now: () => Date.now(), monotonicMs: () => performance.now() };
