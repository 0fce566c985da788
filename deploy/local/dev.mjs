// `npm run dev -- order`: one service in watch mode, over whatever its environment names (see `npm run start:kafka` for
// servers to point it at). An edit of the service or of any library starts it again; there is no build step.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { nodeFlags, requireNode } from './node-flags.mjs';

requireNode();
const [service, ...rest] = process.argv.slice(2);
const entry = `apps/${service}/src/main.ts`;
if (service === undefined || !existsSync(entry)) {
  process.stderr.write(
    'Usage: npm run dev -- <service>, e.g. order, inventory, payment, shipping, orchestrator, simulators\n',
  );
  process.exit(1);
}
const child = spawn(process.execPath, ['--watch', ...nodeFlags, entry, ...rest], { stdio: 'inherit' });
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code) => process.exit(code ?? 1));
