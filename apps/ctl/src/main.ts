/**
 * The command line's process: hands the arguments and the terminal to the program and ends with its code.
 */
import { run } from './program.js';

// Whoever reads through a pipe may have seen enough, as `head` does; the code still tells how it ended.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

process.exitCode = await run(process.argv.slice(2), {
  out: process.stdout,
  err: process.stderr,
  // Of a pipe it is undefined, whatever its type says, and undefined would leave the choice to the environment.
  isColoured: process.stdout.isTTY ? process.stdout.hasColors() : false,
});
