// Which task `whet adapt` is to learn: what it was told, else what the model card says.
import { findCard, loadCard, type ModelCard } from '../config/card.ts';

export type TaskName = ModelCard['task'];

/** Classification where there is no card yet: the job itself asks for one. */
export async function taskOf(options: { readonly model: string; readonly card?: string; readonly task?: TaskName }): Promise<TaskName> {
  if (options.task !== undefined) return options.task;
  const path = options.card ?? (await findCard(options.model));
  return path === null ? 'classification' : (await loadCard(path)).task;
}
