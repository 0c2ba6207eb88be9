// The one table of operators: what its records must hold, and that operators are named in lists nowhere else.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { mergeFamilies } from '../../agent/autodiff/families.ts';
import { operators } from '../../agent/autodiff/operators.ts';
import { is, type Trait } from '../../agent/onnx/operator-traits.ts';

describe('the table of operators', () => {
  it('has no record from which nothing follows, and none that contradicts itself', () => {
    const wrong = [...operators].filter(([, { shape, gradient, loweredGradient, fold, lower, expand, rewrite }]) => {
      const isWritten = shape !== undefined || expand !== undefined || fold?.kind === 'known';
      const needsShape = [gradient, lower, rewrite].some((part) => part !== undefined) && expand === undefined;
      return (
        !isWritten ||
        (needsShape && shape === undefined) ||
        (expand !== undefined && (shape !== undefined || gradient !== undefined)) ||
        (loweredGradient !== undefined && gradient === undefined)
      );
    });
    expect(wrong.map(([key]) => key)).toEqual([]);
  });

  it('is frozen, and no operator is in two families', () => {
    for (const operator of operators.values()) expect(Object.isFrozen(operator)).toBe(true);
    expect(() => mergeFamilies('operators', [{ Relu: {} }, { Relu: {} }])).toThrow(/two families of operators claim the operator 'Relu'/);
  });

  it('names no operator in a list outside of it, of the traits and of the types', () => {
    const traits: readonly Trait[] = ['view', 'permutes', 'picks', 'converts', 'keeps-scale', 'behind-logits', 'weighted', 'sized-by-data'];
    const written = readFileSync(new URL('../../agent/onnx/operator-traits.ts', import.meta.url), 'utf8');
    const listed = [...written.matchAll(/^ {2}([A-Z]\w+): \[/gm)].map(([, op]) => op as string).filter((op) => is({ op }, ...traits));
    expect(listed.length).toBeGreaterThan(20);
    const names = new Set([...[...operators.keys()].map((key) => key.split(':').at(-1) as string), ...listed]);
    expect(lists(['autodiff', 'onnx', 'model', 'learn/gradient', 'learn/ridge', 'candidate'], names)).toEqual([]);
  });

  it('would see such a list', () => {
    const names = new Set(['Relu', 'Add', 'Exp']);
    expect(listsIn("const some = new Set(['Relu', 'Add',\n  'Exp']);", names)).toEqual(['Relu Add Exp']);
    expect(listsIn("'Relu Add Exp'.split(' ')", names)).toEqual(['Relu Add Exp']);
    expect(listsIn("x.op === 'Relu' || x.op === 'Add' || x.op === 'Exp'", names)).toEqual(['Relu Add Exp']);
    expect(listsIn("{ activations: ['Relu', 'Add'] }", names)).toEqual([]);
  });
});

/** Where operators are told apart by what each is, one by one. */
const homes = ['autodiff/operators/', 'onnx/operator-traits.ts', 'onnx/result-type.ts'];

function lists(rooms: readonly string[], names: ReadonlySet<string>): readonly string[] {
  const root = fileURLToPath(new URL('../../agent/', import.meta.url));
  const files = rooms.flatMap((room) => readdirSync(join(root, room), { recursive: true }).map((file) => join(room, String(file))));
  return files
    .filter((file) => file.endsWith('.ts') && !homes.some((home) => file.startsWith(home)))
    .flatMap((file) => listsIn(readFileSync(join(root, file), 'utf8'), names).map((list) => `${file}: ${list}`));
}

/** Three operators or more, one behind the other: in brackets, in one string, or in a comparison. */
function listsIn(text: string, names: ReadonlySet<string>): readonly string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '');
  const quoted = [...code.matchAll(/(?:'[A-Z]\w+'(?:\s*,\s*|\s*\|\|\s*[\w.]+ === )){2,}'[A-Z]\w+'/g)].map(([list]) =>
    [...list.matchAll(/'(\w+)'/g)].map(([, name]) => name as string),
  );
  const worded = [...code.matchAll(/'([A-Z]\w+(?: [A-Z]\w+){2,})'/g)].map(([, list]) => (list as string).split(' '));
  return [...quoted, ...worded]
    .map((list) => list.filter((name) => names.has(name)))
    .flatMap((list) => (list.length < 3 ? [] : [list.join(' ')]));
}
