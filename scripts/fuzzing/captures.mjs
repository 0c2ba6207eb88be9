// Pictures, recordings, readings of sensors, frames of a camera: whatever a folder, a program or a network may hold under the name of a capture.
import { createJpegSplitter } from '../../agent/capture/jpeg-split.ts';
import { createReadingWindows } from '../../agent/capture/reading-windows.ts';
import { imageInputSchema } from '../../agent/config/card.ts';
import { sensorInputSchema } from '../../agent/config/sensor-input.ts';
import { vectorInputSchema } from '../../agent/config/vector-input.ts';
import { openCapture } from '../../agent/preprocess/capture-input.ts';
import { indexFirst } from '../../agent/preprocess/index-first.ts';
import { thumbnail } from '../../agent/preprocess/picture.ts';
import { goodFilm, goodPictures, goodRecordings } from './good-captures.mjs';
import { mutateBytes, mutateText } from './mutate.mjs';

const image = imageInputSchema.parse({ kind: 'image', width: 32, height: 32, layout: 'nchw' });
const audio = { kind: 'audio', sampleRate: 8000, samples: 8000, level: 'peak' };
const sensor = sensorInputSchema.parse({ kind: 'sensor', channels: [{ name: 'ax' }, { name: 'ay' }], sampleRate: 50, samples: 20 });
const vector = vectorInputSchema.parse({ kind: 'vector', values: 8 });

async function decode(bytes, input, views) {
  const capture = await openCapture(new Uint8Array(bytes), input);
  for (const data of [capture.plain.data, ...capture.views(views)])
    if (!data.every(Number.isFinite)) throw new Error('a tensor of a capture holds what is no number');
}

const reading = (at) => ({ t: at / 50, ax: Math.sin(at), ay: at % 7 });
const readings = Array.from({ length: 60 }, (_, at) => reading(at));
const csv = (separator, from = 0) =>
  ['t,ax,ay', ...readings.slice(from).map(({ t, ax, ay }) => `${t},${ax},${ay}`)].join('\n').replaceAll(',', separator);
const goodReadings = [csv(','), csv(';'), csv('\t'), readings.map((each) => JSON.stringify(each)).join('\n'), JSON.stringify(readings)];

export const doors = {
  async pictures() {
    const good = await goodPictures();
    return {
      make: (dice) => mutateBytes(dice, dice.pick(good)),
      async run(bytes) {
        await decode(bytes, image, 1);
        await thumbnail(bytes, 32);
      },
    };
  },
  async recordings() {
    // Without ffmpeg: what it does with bytes is its own, and a process for each input would be most of the time.
    process.env.PATH = '';
    const good = [...goodRecordings(), goodFilm()];
    return {
      make: (dice) => mutateBytes(dice, dice.pick(good)),
      async run(bytes) {
        const length = indexFirst(bytes).reduce((sum, part) => sum + part.length, 0);
        if (length !== bytes.length) throw new Error('moving the index of a film changed its length');
        await decode(bytes, audio, 2);
      },
    };
  },
  async 'sensor-files'() {
    return {
      make: (dice) => {
        const good = dice.pick(goodReadings);
        return Buffer.from(dice.chance(0.7) ? mutateText(dice, good) : mutateBytes(dice, Buffer.from(good)));
      },
      run: (bytes) => decode(bytes, sensor, 2),
    };
  },
  async vectors() {
    const good = ['1,2,3,4,5,6,7,8', 'a,b,c,d,e,f,g,h\n1,2,3,4,5,6,7,8', '[1,2,3,4,5,6,7,8]', '1\n2\n3\n4\n5\n6\n7\n8'];
    return { make: (dice) => Buffer.from(mutateText(dice, dice.pick(good))), run: (bytes) => decode(bytes, vector, 0) };
  },
  async 'sensor-stream'() {
    const good = Buffer.from(readings.map((each) => JSON.stringify(each)).join('\n'));
    return {
      make: (dice) => (dice.chance(0.5) ? Buffer.from(mutateText(dice, good.toString())) : mutateBytes(dice, good)),
      async run(bytes) {
        const time = { key: 't', perSecond: 1 };
        for (const stamp of ['own', 'arrival']) {
          const windows = createReadingWindows({ lengthS: 0.4, everyS: 0.4, time, stamp });
          for (let at = 0; at < bytes.length; at += 1 + (at % 977)) {
            for (const window of windows.push(bytes.subarray(at, at + 1 + (at % 977)), at))
              await decode(window.bytes, sensor, 0).catch(answered);
          }
        }
      },
    };
  },
  async 'jpeg-split'() {
    const [jpeg] = await goodPictures();
    const good = Buffer.concat([jpeg, Buffer.from('between'), jpeg, jpeg]);
    const mostFrame = 2 * jpeg.length;
    const split = (bytes, size) => {
      const splitter = createJpegSplitter(mostFrame);
      const frames = [];
      for (let at = 0; at < bytes.length; at += size) frames.push(...splitter.push(bytes.subarray(at, at + size)));
      return frames;
    };
    return {
      make: (dice) => mutateBytes(dice, good),
      async run(bytes) {
        const whole = split(bytes, Math.max(1, bytes.length));
        const pieces = split(bytes, 1 + (bytes.length % 89));
        if (whole.length !== pieces.length || whole.some((frame, at) => Buffer.compare(frame, pieces[at]) !== 0))
          throw new Error('frames depend on how their bytes come');
        if (whole.some((frame) => frame.length > mostFrame)) throw new Error('a frame is over the limit');
      },
    };
  },
};

/** A window may be unreadable; what else is thrown goes on. */
function answered(error) {
  if (error.code !== 'sensor-unreadable') throw error;
}
