// Whether `npm install` left the lock as it was committed. A registry that withholds the prebuilt binary of some other
// platform makes npm leave its entry out, and put it back another day: that is weather, and the only difference allowed.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const lock = 'package-lock.json';
const committed = JSON.parse(execFileSync('git', ['show', `HEAD:${lock}`], { maxBuffer: 64 << 20 }));
const installed = JSON.parse(readFileSync(lock, 'utf8'));

const isForOnePlatform = (entry) => entry?.optional === true && entry.os !== undefined;
const paths = new Set([...Object.keys(committed.packages), ...Object.keys(installed.packages)]);
const changed = [...paths].filter((path) => {
  const [before, after] = [committed.packages[path], installed.packages[path]];
  const cameOrWent = before === undefined || after === undefined;
  if (cameOrWent && isForOnePlatform(before ?? after)) return false;
  return JSON.stringify(before) !== JSON.stringify(after);
});

if (changed.length > 0) {
  process.stderr.write(`npm install changed ${lock}, commit it: ${changed.join(', ')}\n`);
  process.exit(1);
}
