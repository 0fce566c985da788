// `npm test`: every ring. The end-to-end ring starts whole stacks and measures patience in seconds, so it runs alone,
// after the others; beside them on a small machine it would only test how loaded the machine is.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const jest = fileURLToPath(new URL('./jest.mjs', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'sagamore-test-'));
const counts = join(directory, 'counts.jsonl');
const rings = [
  ['--selectProjects', 'unit', 'simulation', 'integration'],
  ['--selectProjects', 'e2e', '--runInBand'],
];

let isGreen = true;
for (const ring of rings) {
  const { status } = spawnSync(process.execPath, [jest, ...ring, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, SAGAMORE_COUNTS: counts },
  });
  isGreen &&= status === 0;
}

const runs = existsSync(counts)
  ? readFileSync(counts, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  : [];
rmSync(directory, { recursive: true });
const sum = (name) => runs.reduce((total, run) => total + run[name], 0);
process.stdout.write(`\n${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped\n`);
process.exit(isGreen && runs.length === rings.length ? 0 : 1);
