// Directories of the device: created for its owner only. Refuses (`state-unwritable`) what cannot be created.
import { accessSync, constants, mkdirSync } from 'node:fs';
import { stateError } from '../errors.ts';

export function makePrivateDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw stateError(error, 'use the state directory', path);
  }
}
