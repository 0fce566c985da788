// The flags every process of ours is started with, and the one check that they can work at all.
import { fileURLToPath } from 'node:url';

export const nodeFlags = [
  '--enable-source-maps',
  '--conditions=@sagamore/source',
  '--disable-warning=ExperimentalWarning',
  '--disable-warning=TimeoutNegativeWarning',
  // What one batch allocates is dead when it is committed: with the default of 16 MB it is copied before it dies.
  '--max-semi-space-size=64',
  '--import',
  fileURLToPath(new URL('./ts-hook.mjs', import.meta.url)),
];

/** Ends the process with one line when this Node is too old to run the workspace. */
export function requireNode() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= 24) return;
  process.stderr.write(
    `Sagamore needs Node 24 or newer and found ${process.versions.node}. On Linux "npm install" brings it; elsewhere install it and run again.\n`,
  );
  process.exit(1);
}
