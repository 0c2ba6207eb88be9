// The closing line of scripts/test. Takes vitest's JSON report and the exit statuses of the checks and of vitest; prints
// `N passed, N failed, N skipped` and exits 1 unless all is well: a failed check, a file that could not be loaded and a runner that died
// each count as one failure, and a run without a passed test is one.
import { readFileSync } from 'node:fs';

const [reportFile, checkStatus, runnerStatus] = process.argv.slice(2);

function readReport() {
  try {
    return JSON.parse(readFileSync(reportFile, 'utf8'));
  } catch {
    process.stdout.write('The test runner left no report.\n');
    return null;
  }
}

const report = readReport();
const tests = (report?.testResults ?? []).flatMap((file) => file.assertionResults);
const count = (...states) => tests.filter((test) => states.includes(test.status)).length;
const unloadable = (report?.testResults ?? []).filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
for (const file of unloadable) process.stdout.write(`could not be loaded: ${file.name}\n`);
if (checkStatus !== '0') process.stdout.write('scripts/check found problems; they are above, before the tests.\n');

const passed = count('passed') + (checkStatus === '0' ? 1 : 0);
const known = count('failed') + unloadable.length + (checkStatus === '0' ? 0 : 1);
const died = known === 0 && (runnerStatus !== '0' || count('passed') === 0);
const failed = known + (died ? 1 : 0);
process.stdout.write(`${passed} passed, ${failed} failed, ${count('skipped', 'pending', 'todo', 'disabled')} skipped\n`);
process.exitCode = failed === 0 ? 0 : 1;
