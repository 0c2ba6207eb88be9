// One finding of `whet doctor`: what was looked at, how it stands, and what to do about it.

export interface CheckResult {
  readonly name: string;
  /** `skipped`: there is nothing to look at, or nobody can tell. */
  readonly state: 'ok' | 'warning' | 'failed' | 'skipped';
  /** A sentence, or a few words. */
  readonly found: string;
  /** What to do; null where nothing needs doing. */
  readonly remedy: string | null;
}

export function ok(name: string, found: string): CheckResult {
  return { name, state: 'ok', found, remedy: null };
}

export function skipped(name: string, found: string, remedy: string | null = null): CheckResult {
  return { name, state: 'skipped', found, remedy };
}

export function warning(name: string, found: string, remedy: string): CheckResult {
  return { name, state: 'warning', found, remedy };
}

export function failed(name: string, found: string, remedy: string): CheckResult {
  return { name, state: 'failed', found, remedy };
}
