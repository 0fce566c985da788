/**
 * The command line's process: hands the arguments and the terminal to the program and ends with its code.
 */
import { run } from './program.js';

process.exitCode = await run(process.argv.slice(2), {
  out: process.stdout,
  err: process.stderr,
  isColoured: process.stdout.isTTY && process.stdout.hasColors(),
});
