// A process with an uplink, to be killed by a test: `node killed-device.ts URL`.
import { createTestDevice } from './device.ts';

createTestDevice({ url: process.argv[2] ?? '', device: 'killed' }).start();
