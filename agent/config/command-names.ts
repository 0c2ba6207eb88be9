// What can be asked of a device, by name; the operations themselves stand in agent/operations. A configuration says which of them it takes
// over MQTT: whoever may publish at the broker may ask them.
export const commandNames = [
  'status',
  'questions',
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

/** Taken over MQTT unless told: what can be undone. A deployed model and forgotten samples cannot be inspected beforehand. */
export const usualCommands: readonly CommandName[] = commandNames.filter((name) => name !== 'deploy' && name !== 'forget');
