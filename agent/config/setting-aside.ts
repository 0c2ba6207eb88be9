// How much judges, in a folder as on a device: from this many moments of a class on, one in so many is set aside; with fewer, every one is learned
// from, and predictions made without it judge.

export const plentifulMoments = 20;
export const setAsideOneIn = 5;
