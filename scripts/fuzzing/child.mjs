// A door and a range of its inputs, one after the other. Marks the one under way in a file, so that whoever survives knows it; ends with a
// message: all went well, or which input did not. Errors of the registry are answers; the code of a bug, and every other error, is not.
import { openSync, writeSync } from 'node:fs';
import { errorRegistry } from '../../agent/errors.ts';
import { alone, open } from './doors.mjs';
import { diceOf, mostMegabytes, peakOf } from './run.mjs';

const [name, seed, from, to, folder, mark] = process.argv.slice(2);
const file = openSync(mark, 'r+');
const eight = Buffer.alloc(8);
let [index, refused, idle] = [-1, 0, 0];

function end(problem) {
  process.send({ refused, megabytes: peakOf(process.pid) - idle, problem }, () => process.exit(0));
  // Nothing after the message counts.
  return new Promise(() => {});
}

function isAnswer(error) {
  return error instanceof Error && typeof error.code === 'string' && Object.hasOwn(errorRegistry, error.code) && error.code !== 'internal';
}

const why = (error) => (error instanceof Error ? `${error.stack}`.slice(0, 600) : String(error));
for (const event of ['uncaughtException', 'unhandledRejection'])
  process.on(event, (error) => void end({ kind: 'uncaught', index, why: `${event}: ${why(error)}` }));

const door = await open(name, folder);
if (alone.has(name)) idle = peakOf(process.pid);
for (index = Number(from); index < Number(to); index += 1) {
  eight.writeBigInt64LE(BigInt(index));
  writeSync(file, eight, 0, 8, 0);
  try {
    await door.run(door.make(diceOf(name, Number(seed), index), index));
  } catch (error) {
    if (!isAnswer(error)) await end({ kind: 'uncaught', index, why: why(error) });
    refused += 1;
  }
  const megabytes = peakOf(process.pid) - idle;
  if (megabytes > mostMegabytes) await end({ kind: 'large', index, why: `${megabytes} MB` });
}
await door.close?.();
await end(null);
