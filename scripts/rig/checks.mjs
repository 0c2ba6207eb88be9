// What must hold of a running device at every look: its store against the ledger, its release, its runs, its candidates, what it uses.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { idOfRow } from '../../dist/store/sample-id.js';
import { pause } from './daemon.mjs';

export const mostMegabytes = 400;
export const mostDescriptors = 128;

/** `origin` is the path, the size and the time of a file. */
const fileOf = (origin) => (origin === null ? null : origin.split(':').slice(0, -2).join(':'));

/** Right after a start, before anything is asked, `settled` is true. Gives the status; null where the daemon ended meanwhile. */
export async function check({ device, ledger, tally, found }, daemon, settled) {
  const status = await device.client.status({}).catch((error) => error);
  if (status instanceof Error) {
    if (daemon.end === null) tally.problem('stays', device.name, `no status: ${status.message}`);
    return null;
  }
  tally.count('looks');
  checkStore({ device, ledger, tally, found }, settled);
  await checkRelease({ device, tally, found }, daemon);
  await checkCandidates({ device, tally }, daemon);
  checkUse({ device, tally }, daemon);
  return status;
}

export function checkStore({ device, ledger, tally, found }, settled) {
  const rows = device
    .rows('SELECT id, origin, label FROM samples')
    .map(({ id, origin, label }) => ({ id: idOfRow(id), file: fileOf(origin), label }));
  for (const [promise, detail] of ledger.compare(rows, settled)) tally.problem(promise, device.name, detail);
  for (const { sample } of device.rows('SELECT sample FROM queries WHERE sample IS NOT NULL')) found.asked.add(idOfRow(sample));
  const runs = device.rows('SELECT id, state FROM runs');
  for (const { id, state } of runs) if (state === 'finished') found.finished.add(id);
  for (const { id, state } of runs) found.runs.set(id, state);
  const running = runs.filter(({ state }) => state === 'running').length;
  if (running > 1) tally.problem('reports', device.name, `${running} runs are under way at once`);
}

async function checkRelease({ device, tally, found }, daemon) {
  const before = await device.client.releases({}).catch(() => null);
  if (before === null) return;
  const { current, releases } = before;
  const there = releases.map(({ version }) => version);
  for (const version of found.forgetting > 0 ? [] : found.releases.slice(-20)) {
    if (!there.includes(version)) tally.problem('releases', device.name, `${version} is gone; there are ${there.slice(-8)}`);
  }
  if (current === 'base') return;
  tally.count('verifications');
  try {
    await device.releases.verify(current);
  } catch (error) {
    const after = await device.client.releases({}).catch(() => null);
    if (after?.current === current && daemon.end === null) tally.problem('release', device.name, error.message);
  }
}

async function checkCandidates({ device, tally }, daemon) {
  if (!existsSync(join(device.state, 'candidates'))) return;
  for (let tries = 0; tries < 20; tries += 1) {
    const left = device.candidates();
    const status = await device.client.status({}).catch(() => null);
    if (left.length === 0 || status === null || status.training.running || daemon.end !== null) return;
    await pause(50);
  }
  tally.problem('candidates', device.name, device.candidates().join(' '));
}

export function checkUse({ device, tally }, daemon) {
  const used = daemon.uses();
  if (used === null) return;
  tally.high('megabytes', used.megabytes);
  tally.high('descriptors', used.descriptors);
  if (used.megabytes > mostMegabytes) tally.problem('memory', device.name, `${Math.round(used.megabytes)} MB`);
  if (used.descriptors > mostDescriptors) tally.problem('descriptors', device.name, `${used.descriptors} are open`);
}
