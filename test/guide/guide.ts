/**
 * The code of a guide as files: every block whose first line names one, written out as it stands on the page, in a folder
 * that sees this repository's packages. So what a reader copies is what is compiled and run.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What a process printed, and how it ended. */
export interface Printed {
  readonly code: number | null;
  readonly text: string;
}

export interface Guide {
  /** The names of its files, in the order of the pages. */
  readonly files: readonly string[];
  /** What the last page says is printed: its first block of plain text. */
  readonly promised: string;
  /** Compiles all of it with the settings of this repository. */
  compile(): Promise<Printed>;
  /** Runs one of its files as the page says; ended after `timeoutMs`. */
  run(file: string, options: { readonly timeoutMs: number }): Promise<Printed>;
  /** Runs the command line on one of its files, or on an export of it. */
  explore(name: string, options: { readonly timeoutMs: number }): Promise<Printed>;
  remove(): void;
}

/** Writes the code of `pages`, paths from the root of the repository, each going on with those before it. The folder is
 *  removed by `remove`. */
export function openGuide(...pages: readonly string[]): Guide {
  const texts = pages.map((page) => readFileSync(join(root, page), 'utf8'));
  const blocks = texts.flatMap((text) => [...text.matchAll(/^```ts\n(\/\/ (\S+)\n[\s\S]*?)^```/gm)]);
  const folder = mkdtempSync(join(tmpdir(), 'sagamore-guide-'));
  for (const [, code = '', file = ''] of blocks) writeFileSync(join(folder, file), code);
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings));
  const env = { LIBRARY_DATA: join(folder, 'data') };
  return {
    files: blocks.map(([, , file = '']) => file),
    promised: /^```text\n([\s\S]*?)^```/m.exec(texts.at(-1) ?? '')?.[1] ?? '',
    compile: () => printed([join(root, 'node_modules/typescript7/bin/tsc'), '-p', folder], env),
    run: (file, { timeoutMs }) =>
      printed([join(root, 'deploy/local/run.mjs'), join(folder, file)], env, timeoutMs),
    explore: (name, { timeoutMs }) =>
      printed([join(root, 'apps/ctl/bin/sagamore.mjs'), 'explore', join(folder, name)], env, timeoutMs),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

const settings = {
  extends: join(root, 'tsconfig.base.json'),
  compilerOptions: {
    composite: false,
    incremental: false,
    declaration: false,
    declarationMap: false,
    noEmit: true,
  },
  include: ['*.ts'],
};

/** SIGTERM reaches the process that does the work: the script passes it on and waits. */
async function printed(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  timeout = 120_000,
): Promise<Printed> {
  const child = spawn(process.execPath, args, { cwd: root, timeout, env: { ...process.env, ...env } });
  let text = '';
  child.stdout.on('data', (chunk) => (text += String(chunk)));
  child.stderr.on('data', (chunk) => (text += String(chunk)));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, text };
}
