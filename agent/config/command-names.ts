// What can be asked of a device, by name; the operations themselves stand in agent/operations. A configuration says which of them it takes
// over MQTT: whoever may publish at the broker may ask them.
export const commandNames = [
  'status',
  'questions',
  'samples',
  'show',
  'add',
  'label',
  'train',
  'pause',
  'resume',
  'releases',
  'rollback',
  'snapshot',
  'deploy',
  'forget',
] as const;

export type CommandName = (typeof commandNames)[number];

/** A deployed model and forgotten samples cannot be inspected beforehand; what the store holds, and what is put
 * into it, is for who has the device. */
const onlyWhereNamed: readonly CommandName[] = ['deploy', 'forget', 'samples', 'show', 'add'];

/** Taken over MQTT unless told: what can be undone, and tells no more than the device tells by itself. */
export const usualCommands: readonly CommandName[] = commandNames.filter((name) => !onlyWhereNamed.includes(name));
