import { describe, expect, it } from 'vitest';
import { coloured, createPainter, drawTerminal, uncoloured } from '../../agent/demo/terminal-view.ts';
import { sceneOf } from './scenes.ts';

describe('the demo on a terminal', () => {
  it('shows what was heard and understood, the verdict, and accuracy before and after', () => {
    const text = drawTerminal(sceneOf({}), uncoloured).join('\n');
    for (const wanted of [
      '×● 1 of 2',
      '●● 2 of 2',
      '"one"    understood "one"',
      '1 asked, 2 answered',
      'accepted Better',
      '10 messages, 2 KB',
    ])
      expect(text).toContain(wanted);
    expect(text).toMatch(/before +█{12}░{12} 50\.0 %/);
    expect(text).toMatch(/after +█{24} 100 %/);
  });

  it('has as many lines before anything was heard', () => {
    const whole = sceneOf({});
    const empty = drawTerminal({ ...whole, act: 'start', heard: [], report: null, topics: [], labels: 0 }, uncoloured);
    expect(empty).toHaveLength(drawTerminal(whole, uncoloured).length);
  });

  it('draws over itself, and cuts lines that would wrap without cutting a colour code', () => {
    const written: string[] = [];
    const terminal = { columns: 20, write: (text: string) => written.push(text) > 0 } as unknown as NodeJS.WriteStream;
    const painter = createPainter(terminal);
    painter.paint(drawTerminal(sceneOf({}), coloured));
    painter.paint(['one', 'two']);
    const lines = written[0]!.split('\n').slice(0, -1);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character begins a code
    for (const line of lines) expect([...line.replaceAll(/\u001b\[\d*[a-zA-Z]/g, '')].length).toBeLessThanOrEqual(20);
    expect(written[0]).toContain('\u001b[0m');
    expect(written[1]!.startsWith(`\u001b[${lines.length}A`)).toBe(true);
  });
});
