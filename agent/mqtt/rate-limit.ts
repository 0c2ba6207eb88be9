// A token bucket: how many messages a second may go out (AWS IoT ends connections above 100). Takes a rate; says now or how long to wait.

export interface RateLimit {
  /** Takes one and gives 0, or gives the milliseconds until there is one. */
  take(): number;
}

/** `burst` is what may go out at once after a quiet second. */
export function createRateLimit(perSecond: number, nowMs: () => number = () => performance.now()): RateLimit {
  const burst = Math.max(1, perSecond / 4);
  let tokens = burst;
  let lastMs = nowMs();
  return {
    take() {
      const now = nowMs();
      tokens = Math.min(burst, tokens + ((now - lastMs) * perSecond) / 1000);
      lastMs = now;
      if (tokens < 1) return Math.max(1, Math.ceil(((1 - tokens) * 1000) / perSecond));
      tokens -= 1;
      return 0;
    },
  };
}
