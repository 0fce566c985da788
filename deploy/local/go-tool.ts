/**
 * A program built from its published Go module, once, and cached: for tools that this machine does not have and that no
 * container may bring. The go.mod beside the caller pins its version and is part of the cache's key.
 */
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { answers, madeOnce, placeOf, run } from './made-once.js';

export interface GoTool {
  /** The name of the binary, and where it is kept below the cache. */
  readonly name: string;
  /** A go.mod with one `tool` line; not called go.mod, or Go would take its directory for a module of its own. */
  readonly file: string;
  /** The package to build. */
  readonly command: string;
  /** Build tags; default none. */
  readonly tags?: string;
}

/** What this machine lacks to have it, as a sentence; undefined when it lacks nothing. */
export function missingForTool(tool: GoTool): string | undefined {
  if (existsSync(placeOf(tool)) || answers('go', 'version')) return undefined;
  return `a local ${tool.name} needs Go (go) to be built once, and no go was found`;
}

/** The path of the binary, built first if need be (some minutes). Safe to call from several processes at once. Throws
 *  when Go is missing or fails, with its last lines. */
export async function goTool(tool: GoTool, log: (line: string) => void): Promise<string> {
  const missing = missingForTool(tool);
  if (missing !== undefined) throw new Error(missing);
  return join(await madeOnce({ ...tool, log, make: (directory) => build(tool, directory, log) }), tool.name);
}

async function build(tool: GoTool, directory: string, log: (line: string) => void): Promise<void> {
  log(`building ${tool.name} from its Go module (some minutes, once)`);
  mkdirSync(directory, { recursive: true });
  copyFileSync(tool.file, join(directory, 'go.mod'));
  // Where modules come from, and whether their sums are looked up, is Go's own setting; the module's versions are pinned.
  const env = { ...process.env, GOFLAGS: '-mod=mod', GOSUMDB: process.env['GOSUMDB'] ?? 'off' };
  await run('go', ['build', '-tags', tool.tags ?? '', '-o', tool.name, tool.command], {
    cwd: directory,
    env,
  });
  log(`${tool.name} is built`);
}
