// Every door by its name: its share of the inputs, and the file that opens it. A door makes an input from dice (bytes, or a value of JSON) and
// runs the program's own code on it.

const files = {
  large: { large: 0.018 },
  captures: { pictures: 6, recordings: 7, 'sensor-files': 14, 'sensor-stream': 7, vectors: 8, 'jpeg-split': 6 },
  models: { 'model-bytes': 5, 'model-structure': 1.5, safetensors: 8, delta: 4 },
  texts: { manifests: 6, card: 4, config: 2, targets: 5, 'folder-names': 2 },
  commands: { commands: 7, topics: 5, 'control-arguments': 2, 'sample-ids': 5 },
};

export const weights = Object.assign({}, ...Object.values(files));

/** Each input of these has a process of its own, and what it takes counts above that of an idle one. */
export const alone = new Set(['large']);

/** `folder` is for files of its own. */
export async function open(name, folder) {
  const [file] = Object.entries(files).find(([, doors]) => Object.hasOwn(doors, name));
  const { doors } = await import(`./${file}.mjs`);
  return doors[name](folder);
}
