/**
 * `npm run test:mutants`: do the tests notice? Each mutant is planted alone in a throwaway copy of the repository, and the few
 * specs that must notice it are run there; arguments name some of the mutants. A spec file that cannot even be loaded has
 * noticed nothing. Ends with 0 when every mutant was noticed and the same specs pass without any, else with 1.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { terminal } from '@sagamore/local';
import { mutants, planted, type Mutant } from './mutants.js';

const { colours, line, step } = terminal;
/** The slowest of these specs starts a Postgres of its own. */
const runMsMax = 180_000;

interface Run {
  readonly passed: number;
  readonly failed: number;
  readonly output: string;
}

async function main(): Promise<number> {
  const names = process.argv.slice(2);
  const chosen = mutants.filter(({ name }) => names.length === 0 || names.includes(name));
  if (chosen.length === 0) throw new Error(`there are: ${mutants.map(({ name }) => name).join(', ')}`);
  const copy = copyOf(resolve('.'));
  try {
    await step('without a mutant its specs pass', async () => {
      const bySpecs = new Map(chosen.map((mutant) => [mutant.specs.join(), mutant]));
      for (const mutant of bySpecs.values()) mustPass(copy, mutant);
    });
    let survivors = 0;
    for (const mutant of chosen) if (!isNoticed(copy, mutant)) survivors++;
    line();
    line(`${chosen.length} mutants, ${survivors} survived`);
    return survivors === 0 ? 0 : 1;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** All files that Git knows or would know; what is installed is linked, but our own packages are those of the copy. */
function copyOf(repository: string): string {
  const copy = mkdtempSync(join(tmpdir(), 'sagamore-mutants-'));
  const listed = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (listed.status !== 0) throw new Error(`the files of the repository cannot be listed: ${listed.stderr}`);
  for (const file of listed.stdout.split('\0').filter(Boolean)) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    // Recursive for the sake of links to directories, which are copied as links.
    cpSync(join(repository, file), join(copy, file), { recursive: true, verbatimSymlinks: true });
  }
  const installed = join(repository, 'node_modules');
  const ours = '@sagamore';
  mkdirSync(join(copy, 'node_modules'));
  for (const name of readdirSync(installed).filter((each) => each !== ours))
    symlinkSync(join(installed, name), join(copy, 'node_modules', name));
  // Relative links, so that they lead into the copy.
  cpSync(join(installed, ours), join(copy, 'node_modules', ours), {
    recursive: true,
    verbatimSymlinks: true,
  });
  return copy;
}

function mustPass(copy: string, mutant: Mutant): void {
  const { passed, failed, output } = runSpecs(copy, mutant);
  if (failed > 0 || passed === 0)
    throw new Error(`the specs of '${mutant.name}' do not pass as they are:
${output}`);
}

function isNoticed(copy: string, mutant: Mutant): boolean {
  const file = join(copy, mutant.file);
  const source = readFileSync(file, 'utf8');
  writeFileSync(file, planted(source, mutant));
  const { passed, failed, output } = runSpecs(copy, mutant);
  writeFileSync(file, source);
  const couldLoad = !output.includes('Test suite failed to run') && passed > 0;
  if (failed > 0 && couldLoad) {
    line(`${colours.green('✔')} ${mutant.name}: noticed by ${failed} tests`);
    return true;
  }
  line(`${colours.red('✘')} ${mutant.name}: ${couldLoad ? 'nobody noticed' : 'its specs could not be run'}`);
  if (!couldLoad) line(colours.dim(output.slice(-2_000)));
  return false;
}

function runSpecs(copy: string, { project, specs, named }: Mutant): Run {
  const flags = ['deploy/local/jest.mjs', '--selectProjects', project, '--runTestsByPath', ...specs];
  if (named !== undefined) flags.push('--testNamePattern', named);
  const { stdout, stderr } = spawnSync(process.execPath, flags, {
    cwd: copy,
    encoding: 'utf8',
    timeout: runMsMax,
    env: { ...process.env, FORCE_COLOR: '0' },
  });
  const output = `${stdout}\n${stderr}`;
  const [, passed = '0', failed = '0'] = /^(\d+) passed, (\d+) failed/m.exec(stdout) ?? [];
  return { passed: Number(passed), failed: Number(failed), output };
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`${colours.red('✘')} ${error instanceof Error ? error.message : String(error)}\n`);
  return 1;
});
