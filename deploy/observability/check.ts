/**
 * `npm run check:alerts`: has Prometheus' own tool judge the rules, their tests and the configuration. Needs Go once, some
 * minutes; ends with 1 when the tool finds something.
 */
import { judge, judgements, promtool } from './promtool.js';

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

const path = await promtool(say);
for (const judgement of judgements) {
  await judge(path, judgement);
  say(`✔ promtool ${judgement.join(' ')}`);
}
