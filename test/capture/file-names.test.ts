// Names of files that are no UTF-8: the way there and back, and what people read.
import { expect, it } from 'vitest';
import { decodeName, pathBytes, shownPath } from '../../agent/capture/file-names.ts';
import { randomOf } from '../../agent/random.ts';

const encoded = (path: string) => Buffer.from(pathBytes(path));

it('names in UTF-8 are themselves', () => {
  for (const name of ['cat', 'grün', '猫', '😀', '\uFFFD', '\uFEFFa']) {
    expect(decodeName(Buffer.from(name))).toBe(name);
    expect(pathBytes(name)).toBe(name);
    expect(shownPath(name)).toBe(name);
  }
});

it('bytes of an older encoding lead back to themselves and are read as Western letters', () => {
  const name = Buffer.from('gr\xfcn 5\x80', 'latin1');
  const path = decodeName(name);
  expect(encoded(path).equals(name)).toBe(true);
  expect(shownPath(path)).toBe('grün 5€');
});

it('any bytes lead back to themselves, also characters that stand for bytes, and no two names are one', () => {
  const random = randomOf(3);
  const seen = new Map<string, string>();
  const some = ['\uF7FC', '\uF780', 'é', 'a', '\uFFFD'].map((text) => Buffer.from(text));
  for (let draw = 0; draw < 3000; draw += 1) {
    const bytes = Buffer.concat(
      Array.from({ length: 1 + Math.floor(random() * 5) }, () =>
        random() < 0.5 ? Buffer.of(1 + Math.floor(random() * 255)) : some[Math.floor(random() * some.length)]!,
      ),
    );
    const path = decodeName(bytes);
    expect(encoded(path).equals(bytes)).toBe(true);
    const hex = bytes.toString('hex');
    expect(seen.get(path) ?? hex).toBe(hex);
    seen.set(path, hex);
  }
});
