/**
 * `npm run waterfall -- --jaeger <url> --transaction <id> --out <file>`: reads one trace through Jaeger's API and draws it,
 * for a page or a report: the Jaeger of `npm run start:kafka -- --jaeger` has no web page of its own.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { waterfall, type DrawnSpan } from './waterfall.js';

const tag = z.object({ key: z.string(), value: z.unknown() });
const jaegerSpan = z.object({
  spanID: z.string(),
  processID: z.string(),
  operationName: z.string(),
  /** Microseconds since the epoch, and of length. */
  startTime: z.number(),
  duration: z.number(),
  references: z.array(z.object({ refType: z.string(), spanID: z.string() })).default([]),
  tags: z.array(tag).default([]),
});
const answer = z.object({
  data: z
    .array(
      z.object({
        spans: z.array(jaegerSpan),
        processes: z.record(z.string(), z.object({ serviceName: z.string() })),
      }),
    )
    .length(1),
});

const undoing = ['compensation', 'cancel', 'rollback'];

type Processes = z.infer<typeof answer>['data'][number]['processes'];

function drawn(span: z.infer<typeof jaegerSpan>, processes: Processes): DrawnSpan {
  const tags = new Map(span.tags.map(({ key, value }) => [key, value]));
  const said = (key: string): string | undefined => (tags.has(key) ? String(tags.get(key)) : undefined);
  const refers = (type: string): string | undefined =>
    span.references.find(({ refType }) => refType === type)?.spanID;
  const isUndo = undoing.includes(said('sagamore.operation') ?? '');
  const [parentId, undoes] = [refers('CHILD_OF'), refers('FOLLOWS_FROM')];
  const outcome = said('sagamore.code') ?? said('sagamore.outcome') ?? said('http.response.status_code');
  return {
    id: span.spanID,
    name: span.operationName,
    service: processes[span.processID]?.serviceName ?? 'unknown',
    startMs: span.startTime / 1_000,
    durationMs: span.duration / 1_000,
    isFailed: tags.get('error') === true,
    isRefused: said('sagamore.outcome') === 'refused',
    isUndo,
    isRequest: said('span.kind') === 'server',
    attempt: Number(said('sagamore.attempt') ?? 1),
    ...(parentId !== undefined && { parentId }),
    ...(outcome !== undefined && { outcome }),
    ...(isUndo && undoes !== undefined && { undoes }),
  };
}

const { values } = parseArgs({
  options: {
    jaeger: { type: 'string' },
    transaction: { type: 'string' },
    title: { type: 'string', default: 'One transaction' },
    out: { type: 'string' },
  },
});
const { jaeger, transaction, title, out } = values;
if (jaeger === undefined || transaction === undefined || out === undefined)
  throw new TypeError('wanted --jaeger <url> --transaction <id> --out <file>');
const response = await fetch(new URL(`/api/traces/${transaction.replaceAll('-', '')}`, jaeger));
const [trace] = answer.parse(await response.json()).data;
if (trace === undefined) throw new Error('Jaeger does not have the trace');
const spans = trace.spans.map((span) => drawn(span, trace.processes));
writeFileSync(out, waterfall(title, spans));
process.stderr.write(`${spans.length} spans drawn to ${out}\n`);
