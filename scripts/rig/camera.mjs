// A camera program for the rig: prints pictures, or stands still, or ends, as the file beside it says at the moment. usage: camera.mjs FOLDER
// One that stands still hears no signal but SIGKILL, as a driver that hangs.
import { readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
const names = readdirSync(folder).filter((name) => name.endsWith('.jpg'));
writeFileSync(join(folder, 'pids', String(process.pid)), '');
process.on('SIGTERM', () => mode() !== 'stuck' && process.exit(0));

function mode() {
  try {
    return readFileSync(join(folder, 'mode'), 'utf8');
  } catch {
    return 'good';
  }
}

let at = 0;
setInterval(() => {
  switch (mode()) {
    case 'stuck':
      return;
    case 'ends':
      return process.exit(3);
    default:
      try {
        writeSync(1, readFileSync(join(folder, names[at++ % names.length])));
      } catch {
        // Nobody reads any more.
        process.exit(0);
      }
  }
}, 400);
