// What sources say is one observation: names that are given to what comes, by time that passes or by place in a stream.
import { describe, expect, it } from 'vitest';
import { createBursts, createMomentNames, createUtterances } from '../../agent/capture/moments.ts';
import { createVoiceActivity } from '../../agent/preprocess/voice-activity.ts';

/** Names as numbers in the order in which they come. */
function numbered(names: readonly string[]): readonly number[] {
  const order = [...new Set(names)];
  return names.map((name) => order.indexOf(name));
}

describe('names of moments', () => {
  it('are never given twice, also after a restart', () => {
    const names = [createMomentNames(), createMomentNames()].flatMap((next) => Array.from({ length: 500 }, next));
    expect(new Set(names).size).toBe(1000);
  });
});

describe('a burst', () => {
  const bursts = (times: readonly number[]) => numbered(times.map(createBursts(2000)));

  it('goes on while frames come, and ends with a pause', () => {
    expect(bursts([0, 200, 400, 2400, 4401, 4500])).toEqual([0, 0, 0, 0, 1, 1]);
  });

  it('ends where the camera never pauses, so that a day is not one observation', () => {
    const day = bursts(Array.from({ length: 600 }, (_, at) => at * 1000));
    expect(new Set(day).size).toBe(60);
    expect(day.slice(0, 12)).toEqual([...Array(10).fill(0), 1, 1]);
  });
});

describe('an utterance', () => {
  it('goes on where it was cut, and not after a pause, nor where silence ended it', () => {
    const pieces = [
      { fromS: 0, toS: 5, isCut: true },
      { fromS: 5.1, toS: 10.1, isCut: true },
      { fromS: 10.2, toS: 12, isCut: false },
      { fromS: 12.4, toS: 17.4, isCut: true },
      { fromS: 18, toS: 19, isCut: false },
    ];
    expect(numbered(pieces.map(createUtterances()))).toEqual([0, 0, 0, 1, 2]);
    const radio = Array.from({ length: 30 }, (_, at) => ({ fromS: at * 5, toS: at * 5 + 5, isCut: true }));
    expect(new Set(radio.map(createUtterances())).size).toBe(3);
  });

  it('that is longer than a capture is one, heard by the ear that cuts it', () => {
    const sampleRate = 8000;
    const ear = createVoiceActivity({ sampleRate });
    const utteranceOf = createUtterances();
    // Twelve seconds of syllables, three a second, without a pause that ends an utterance; silence of two seconds; a word.
    const voice = (at: number) =>
      Math.max(0, Math.sin((at / sampleRate) * 6 * Math.PI)) * (Math.sin(at * 0.3 + 3 * Math.sin(at / 900)) + Math.sin(at * 1.1)) * 0.4;
    const said = (fromS: number, toS: number) => (at: number) => at >= fromS * sampleRate && at < toS * sampleRate;
    const parts = [said(1, 13), said(15, 15.5)];
    let noise = 1;
    const stream = Float32Array.from({ length: 17 * sampleRate }, (_, at) => {
      noise = (noise * 48_271) % 2_147_483_647;
      return (noise / 2_147_483_647 - 0.5) / 1000 + (parts.some((isSaid) => isSaid(at)) ? voice(at) : 0);
    });
    const heard = [...ear.push(stream), ...ear.flush()];
    const names = heard.map(({ start, samples, end }) =>
      utteranceOf({ fromS: start / sampleRate, toS: (start + samples.length) / sampleRate, isCut: end === 'cut' }),
    );
    expect(heard.map(({ end }) => end)).toEqual(['cut', 'cut', 'silence', 'silence']);
    expect(numbered(names)).toEqual([0, 0, 0, 1]);
  });
});
