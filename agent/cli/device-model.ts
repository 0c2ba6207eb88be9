// By what a device predicts: its current release, or its base model. Reads only: a daemon that runs meanwhile is not disturbed.
import { machineClock } from '../clock.ts';
import { findConfig, loadConfig } from '../config/load.ts';
import { placesOf } from '../engine/places.ts';
import { loadModel } from '../model/load.ts';
import type { PredictModel } from '../predict.ts';
import { createReleases } from '../release/releases.ts';

export async function deviceModel(named: string, note: (sentence: string) => void): Promise<PredictModel> {
  const { config } = await loadConfig(await findConfig(named));
  const base = { model: config.model, card: config.card ?? undefined };
  const releases = createReleases(placesOf(config).releases, machineClock);
  const version = await releases.current();
  if (version === 'base') return { ...base, release: version };
  const { base: from, classes, artifact } = await releases.verify(version);
  if (from.sha256 === loadModel(config.model).sha256)
    return { ...base, release: version, classes, artifact: `${releases.directory(version)}/${artifact.file}` };
  // The daemon predicts by the base model then, and says so.
  note(`Release ${version} was made from another base model ('${from.name}'); the base model itself answers.`);
  return { ...base, release: 'base' };
}
