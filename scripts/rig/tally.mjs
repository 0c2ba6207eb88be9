// What was done, how often, and what went wrong: numbers by name, and problems by the promise that they break.
export function createTally(tell) {
  const counts = new Map();
  const highest = new Map();
  const times = new Map();
  const problems = [];
  return {
    problems,
    count: (what, by = 1) => counts.set(what, (counts.get(what) ?? 0) + by),
    of: (what) => counts.get(what) ?? 0,
    high: (what, value) => highest.set(what, Math.max(highest.get(what) ?? 0, value)),
    highest: (what) => highest.get(what) ?? 0,
    time: (what, ms) => times.set(what, [...(times.get(what) ?? []), ms]),
    /** Half of them were at most this; `fallback` where there was none yet. */
    median(what, fallback) {
      const sorted = [...(times.get(what) ?? [])].sort((a, b) => a - b);
      return sorted[sorted.length >> 1] ?? fallback;
    },
    slowest: (what) => Math.max(0, ...(times.get(what) ?? [])),
    problem(promise, device, detail) {
      const text = String(detail).slice(0, 1200);
      problems.push({ promise, device, detail: text });
      tell(`BROKEN: ${promise} (${device}): ${text}`);
    },
    counts: () => Object.fromEntries([...counts].sort()),
  };
}

/** The promises that are held against every device, as they stand in the report. */
export const promises = {
  ready: 'the store opens and the daemon becomes ready',
  stops: 'SIGTERM ends it with status 0',
  stays: 'it ends only when it is told to',
  release: 'the current release verifies',
  releases: 'a release that was acknowledged is there',
  labels: 'no acknowledged label is lost',
  samples: 'no sample is lost or there twice',
  forgotten: 'what was forgotten stays away',
  answers: 'every command is answered, always with the same bytes',
  questions: 'every question is published',
  reports: 'every finished run has its report',
  candidates: 'no candidates are left over',
  processes: 'no processes are left behind',
  memory: 'memory stays below 400 MB',
  descriptors: 'descriptors stay below 128',
  retained: 'what is retained is what is true',
};
