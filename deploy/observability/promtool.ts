/**
 * Prometheus' own judgement of what it will be given: its configuration, the alert rules, and the tests that make them fire.
 * The tool is built once from its published Go module. Nothing here needs a running Prometheus.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { goTool, type GoTool } from '../local/go-tool.js';
import { placeOf, run } from '../local/made-once.js';

const directory = fileURLToPath(new URL('.', import.meta.url));

const tool: GoTool = {
  name: 'promtool',
  file: join(directory, 'promtool.mod.txt'),
  command: 'github.com/prometheus/prometheus/cmd/promtool',
  // Targets are found by name alone; what finds them in clouds would be most of the build.
  tags: 'remove_all_sd,enable_dns_sd',
};

/** What is judged: the arguments of one call each. */
export const judgements: readonly (readonly string[])[] = [
  ['check', 'rules', '--lint=all', '--lint-fatal', 'alerts.yml'],
  ['test', 'rules', 'alerts.test.yml'],
  // The file with the token is there only in its container.
  ['check', 'config', '--syntax-only', 'prometheus.yml'],
];

/** The tool where it was built before; undefined elsewhere: building it takes minutes. */
export function promtoolAtHand(): string | undefined {
  const path = join(placeOf(tool), tool.name);
  return existsSync(path) ? path : undefined;
}

/** Throws with the tool's last lines when it finds something. */
export async function judge(promtool: string, judgement: readonly string[]): Promise<void> {
  await run(promtool, judgement, { cwd: directory });
}

/** The tool, built first if need be. */
export async function promtool(log: (line: string) => void): Promise<string> {
  return goTool(tool, log);
}
