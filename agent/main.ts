#!/usr/bin/env node
// argv → verb → exit status. The only place that ends the process.
import './runtime/telemetry-off.ts';
import { interruptible } from './cli/interrupt.ts';
import { reportError } from './cli/output.ts';
import { createProgram } from './cli/program.ts';

const signal = interruptible();

createProgram(signal)
  .parseAsync(process.argv)
  .then(() => process.exit(process.exitCode ?? 0))
  .catch((error: unknown) => process.exit(reportError(error, process.argv.includes('--json'), signal)));
