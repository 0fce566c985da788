// How a run of tests ends: with one line of counts.
import { appendFileSync } from 'node:fs';

/** Closes a run with one line that any tool can read: `N passed, N failed, N skipped`. With SAGAMORE_COUNTS set, the
 *  counts go to that file instead, for whoever adds up several runs. */
export default class LineReporter {
  onRunComplete(_contexts, results) {
    const passed = results.numPassedTests;
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    const file = process.env['SAGAMORE_COUNTS'];
    if (file) appendFileSync(file, `${JSON.stringify({ passed, failed, skipped })}\n`);
    else process.stdout.write(`\n${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  }
}
