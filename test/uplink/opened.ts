// What a test opens, and what is closed when it has ended: the last first.
import { onTestFinished } from 'vitest';
import { startBroker } from '../broker.ts';

export function closeLater(...ends: readonly (() => unknown)[]): void {
  for (const end of ends) {
    onTestFinished(async () => {
      await end();
    });
  }
}

/** A real broker for one test. */
export async function openBroker(...settings: Parameters<typeof startBroker>) {
  const started = await startBroker(...settings);
  closeLater(started.close);
  return started;
}
