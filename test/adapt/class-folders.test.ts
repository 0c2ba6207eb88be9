// Which files are which class: folders as people, cameras, archives and other systems leave them.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { filledNames, labelFiles, listClassFolders, mergedFolders } from '../../agent/adapt/class-folders.ts';
import { planClasses } from '../../agent/candidate/class-plan.ts';
import { pathBytes } from '../../agent/capture/file-names.ts';
import { listCaptures } from '../../agent/quantize/captures.ts';

let root = '';
let notes: string[] = [];
const note = (sentence: string) => notes.push(sentence);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'whet-folders-'));
  notes = [];
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Latin-1 characters of a path beginning with '%' are written as single bytes. */
function write(...paths: readonly string[]): void {
  for (const path of paths) {
    const bytes = path.startsWith('%') ? Buffer.from(join(root, path.slice(1)), 'latin1') : Buffer.from(join(root, path));
    mkdirSync(Buffer.from(dirname(bytes.toString('latin1')), 'latin1'), { recursive: true });
    writeFileSync(bytes, path);
  }
}

const filesOf = async (known: readonly string[] = []) =>
  Object.fromEntries(
    (await listClassFolders(root, { known, note })).map(({ name, files }) => [name, files.map((file) => file.slice(root.length + 1))]),
  );

describe('folders of classes', () => {
  it('everything below a class is of the class', async () => {
    write('cat/b.jpg', 'cat/monday/a.jpg', 'cat/monday/noon/c.jpg', 'dog/a.jpg');
    expect(await filesOf()).toEqual({ cat: ['cat/b.jpg', 'cat/monday/a.jpg', 'cat/monday/noon/c.jpg'], dog: ['dog/a.jpg'] });
    expect(notes).toEqual([]);
  });

  it('a folder around them is stepped into and said, unless it is a class itself', async () => {
    write('photos/train/cat/a.jpg', 'photos/train/dog/a.jpg', 'photos/README.txt');
    expect(Object.keys(await filesOf())).toEqual(['photos']);
    rmSync(join(root, 'photos', 'README.txt'));
    expect(await filesOf()).toEqual({ cat: ['photos/train/cat/a.jpg'], dog: ['photos/train/dog/a.jpg'] });
    expect(notes.join()).toMatch(/'photos'.*'photos\/train'/);
    expect(Object.keys(await filesOf(['Photos']))).toEqual(['photos']);
  });

  it('what systems leave behind is no class and no capture', async () => {
    write('cat/a.jpg', 'cat/Thumbs.db', 'cat/desktop.ini', 'cat/._a.jpg', 'cat/__MACOSX/._a.jpg', 'dog/a.jpg', 'dog/@eaDir/a.jpg');
    write('$RECYCLE.BIN/desktop.ini', 'System Volume Information/WPSettings.dat', '__MACOSX/cat/._a.jpg', '.ipynb_checkpoints/a.jpg');
    write('#recycle/a.jpg', 'lost+found/a');
    expect(await filesOf()).toEqual({ cat: ['cat/a.jpg'], dog: ['dog/a.jpg'] });
    expect(notes).toEqual([]);
  });

  it('a folder that may be a person’s is not left out without a word, nor files beside the folders', async () => {
    write('cat/a.jpg', '#1/a.jpg', 'loose.jpg', 'notes.txt');
    expect(await filesOf()).toEqual({ cat: ['cat/a.jpg'] });
    expect(notes.join()).toMatch(/'#1' was left out.*1 file lies beside/);
  });

  it('names of another encoding are read, and shown as people know them', async () => {
    write('%gr\xfcn/a.jpg', '%rot/\xe4.jpg');
    const folders = await listClassFolders(root, { note });
    expect(folders.map(({ name, files }) => [name, files.length])).toEqual([
      ['grün', 1],
      ['rot', 1],
    ]);
    expect(Buffer.from(pathBytes(folders[1]!.files[0]!)).toString('latin1')).toBe(`${root}/rot/\xe4.jpg`);
    expect(planClasses('keep', filledNames(folders), ['rot', 'grün'], 2).labels).toEqual(['rot', 'grün']);
  });

  it('links are followed, and not in circles', async () => {
    write('store/a.jpg', 'data/dog/a.jpg');
    symlinkSync(join(root, 'store'), join(root, 'data', 'cat'));
    symlinkSync(join(root, 'data'), join(root, 'data', 'dog', 'again'));
    symlinkSync('nowhere', join(root, 'data', 'dog', 'broken.jpg'));
    root = join(root, 'data');
    const files = await filesOf();
    expect(files.cat).toEqual(['cat/a.jpg']);
    expect(files.dog).toEqual(expect.arrayContaining(['dog/a.jpg', 'dog/broken.jpg']));
    root = dirname(root);
  });

  it.skipIf(process.getuid?.() === 0)('a folder that may not be read is said (not as root)', async () => {
    write('cat/a.jpg', 'dog/a.jpg');
    chmodSync(join(root, 'dog'), 0);
    expect(await filesOf()).toEqual({ cat: ['cat/a.jpg'], dog: [] });
    expect(notes.join()).toContain("'dog'");
    chmodSync(join(root, 'dog'), 0o755);
  });
});

describe('the classes that they make', () => {
  const folders = (...names: readonly string[]) => names.map((name) => ({ name, path: '', files: [`${name}/a`] }));

  it('are as many as there are meanings', () => {
    const grades = folders('A', 'A+', 'A-', '-1', '0', '1');
    expect(labelFiles(grades, ['A', 'A+', 'A-', '-1', '0', '1']).map(({ label }) => label)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('say which folders they join', () => {
    const cats = folders('My Cat', 'dog', 'my-cat');
    const { labels } = planClasses('replace', filledNames(cats), [], 0);
    expect(labels).toEqual(['My Cat', 'dog']);
    expect(mergedFolders(cats, labels)).toEqual(["Folders 'My Cat' and 'my-cat' are one class, 'My Cat'."]);
  });
});

it('captures without classes are all files of a folder and below it', async () => {
  write('a.jpg', 'notes.txt', 'monday/b.jpg', 'monday/noon/c.jpg', '.hidden/d.jpg');
  expect((await listCaptures(root, [])).map(({ path }) => path.slice(root.length + 1)).sort()).toEqual([
    'a.jpg',
    'monday/b.jpg',
    'monday/noon/c.jpg',
  ]);
});
