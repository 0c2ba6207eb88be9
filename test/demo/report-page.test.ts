import { describe, expect, it } from 'vitest';
import { confusionPlot } from '../../agent/demo/plots.ts';
import { reportPage } from '../../agent/demo/report-page.ts';
import { judgeStory } from '../../agent/demo/story.ts';
import { sceneOf, type Wish } from './scenes.ts';

const page = (wish: Wish) => {
  const scene = sceneOf(wish);
  return reportPage({ ...judgeStory(scene), scene, manifest: null, seconds: 12 });
};

describe('the page of the demo', () => {
  it('has plots, every word to listen to, and what it became', () => {
    const html = page({});
    expect(html.match(/<svg /g)).toHaveLength(4);
    expect(html.match(/<button data-sound/g)).toHaveLength(2);
    expect(html).toContain('data:audio/wav;base64,UklGRg==');
    expect(html).toContain('>passed</p>');
    expect(page({ after: ['1', '1'] })).toContain('>failed</p>');
    // Nothing is fetched from anywhere.
    expect(html).not.toMatch(/(src|href)="?http/);
  });

  it('is well formed, also where nothing was heard and no run ended', () => {
    for (const html of [page({}), page({ before: [null, null], after: [null, null], report: null })]) {
      for (const name of ['section', 'table', 'svg', 'figure', 'button', 'main', 'tr', 'td'])
        expect([name, html.match(new RegExp(`<${name}[ >]`, 'g'))?.length ?? 0]).toEqual([
          name,
          html.match(new RegExp(`</${name}>`, 'g'))?.length ?? 0,
        ]);
      expect(html).not.toMatch(/NaN|undefined|\[object/);
    }
  });

  it('tells right from wrong without colours, the wrong ones first, and says only what was counted', () => {
    const html = page({ before: ['0', '0'] });
    expect(html).toMatch(/<b class="bad">× 0<\/b>/);
    expect(html.match(/<path class="cross"/g)!.length).toBeGreaterThan(0);
    const [first] = /<tbody><tr>[\s\S]*?<\/tr>/.exec(html)!;
    expect(first).toContain('class="bad"');
    expect(html).not.toContain('% of 0<');
    expect(html).toContain('whet demo --data FOLDER');
  });

  it('shows text from outside as text', () => {
    const html = page({ speaker: '<img src=x>', report: { verdict: { kind: 'rejected', reason: '<script>alert(1)</script>' } } });
    expect(html).not.toContain('<img');
    expect(html).not.toContain('<script>alert');
  });
});

describe('a confusion plot', () => {
  it('counts what was said against what was understood', () => {
    const plot = confusionPlot(
      ['0', '1'],
      [
        { said: '0', understood: '1' },
        { said: '0', understood: '1' },
        { said: '1', understood: '1' },
        { said: '1', understood: null },
      ],
    );
    expect(plot).toContain('said 0, understood 1: 2');
    expect(plot).toContain('said 1, understood 1: 1');
    expect(plot).toContain('said 1, understood 0: 0');
    // A cell without a count is neither right nor wrong; both sides have a title.
    expect(plot.match(/<rect class="none"/g)).toHaveLength(2);
    expect(plot).toContain('understood →');
  });
});
