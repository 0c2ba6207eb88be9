// The only importer of yaml. Text → plain data and the place of every setting in it; JSON is read by the same door, being a part of YAML.
// Refuses aliases beyond 100 (a small file that unfolds into a huge one) and, by the schema in use, every tag that is not plain data.
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from 'yaml';
import type { Locate, Place } from './validate.ts';

export interface Parsed {
  readonly value: unknown;
  readonly locate: Locate;
  /** What is wrong with the text itself; where this is not empty, `value` is undefined. */
  readonly errors: readonly { readonly place: Place; readonly message: string }[];
}

export function parseYaml(text: string): Parsed {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, version: '1.2', schema: 'core' });
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const errors = [...document.errors, ...document.warnings].map((error) => ({ place: placeAt(error.pos[0]), message: error.message }));
  const locate: Locate = (path, part) => placeAt(offsetOf(document.contents, path, part));
  if (errors.length > 0) return { value: undefined, locate, errors };
  try {
    return { value: document.toJS({ maxAliasCount: 100 }), locate, errors };
  } catch (error) {
    return { value: undefined, locate, errors: [{ place: placeAt(0), message: error instanceof Error ? error.message : String(error) }] };
  }
}

/** Finds paths in a text that is known to be well formed, without keeping its value. */
export function locateIn(text: string): Locate {
  let parsed: Parsed | null = null;
  return (path, part) => {
    parsed ??= parseYaml(text);
    return parsed.locate(path, part);
  };
}

/** Offset of a path; of the nearest enclosing setting where the path itself is not there. */
function offsetOf(root: unknown, path: readonly PropertyKey[], part: 'key' | 'value'): number {
  let node = root;
  let offset = startOf(root);
  for (const [depth, step] of path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find((item) => keyText(item) === String(step));
      if (pair === undefined) return offset;
      const last = depth === path.length - 1;
      const value = isScalar(pair.value) || isAlias(pair.value) || (last && part === 'value') ? pair.value : null;
      offset = part === 'key' && last ? startOf(pair.key) : startOf(value ?? pair.key);
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number' && step < node.items.length) {
      node = node.items[step];
      offset = startOf(node);
    } else {
      return offset;
    }
  }
  return offset;
}

function keyText(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
}

function startOf(node: unknown): number {
  return (node as Node | null)?.range?.[0] ?? 0;
}
