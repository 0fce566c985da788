/**
 * Goal: what watches the stack names only what there is: metrics with their labels, pages that say what to do, and what is
 * provisioned. Method: dashboards, rules and Prometheus' configuration are read as data; its own tool judges where it is at hand.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { metricCatalogue, type MetricSpecification } from '@sagamore/telemetry';
import { parse } from 'yaml';
import { z } from 'zod';
import { judge, judgements, promtoolAtHand } from './promtool.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const repository = join(here, '../..');
const read = (path: string): string => readFileSync(join(here, path), 'utf8');

const alert = z.strictObject({
  alert: z.string().regex(/^Sagamore[A-Z][A-Za-z]+$/),
  expr: z.string(),
  for: z.string().optional(),
  labels: z.strictObject({ severity: z.enum(['page', 'ticket']) }),
  annotations: z.strictObject({ summary: z.string().min(20), runbook_url: z.string() }),
});
const alerts = z
  .strictObject({ groups: z.array(z.strictObject({ name: z.string(), rules: z.array(alert) })) })
  .parse(parse(read('alerts.yml')))
  .groups.flatMap(({ rules }) => rules);

const dashboard = z.object({
  uid: z.string(),
  title: z.string(),
  panels: z.array(
    z.object({
      id: z.number(),
      type: z.string(),
      title: z.string(),
      description: z.string().optional(),
      targets: z
        .array(
          z.object({ expr: z.string(), legendFormat: z.string(), datasource: z.object({ uid: z.string() }) }),
        )
        .default([]),
    }),
  ),
});
const dashboards = readdirSync(join(here, 'grafana/dashboards')).map((file) =>
  dashboard.parse(JSON.parse(read(`grafana/dashboards/${file}`))),
);
const expressions = [
  ...alerts.map(({ alert: name, expr }) => [name, expr] as const),
  ...dashboards.flatMap(({ panels }) =>
    panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const)),
  ),
];

const metrics: readonly MetricSpecification[] = Object.values(metricCatalogue);
/** What Prometheus and its configuration put on every series. */
const ownLabels = ['job', 'instance', 'le', 'alertname', 'alertstate'];

/** The metric that a name in an expression is of. */
function metricOf(name: string): MetricSpecification | undefined {
  const plain = metrics.find((each) => each.name === name && each.kind !== 'histogram');
  return plain ?? metrics.find((each) => each.kind === 'histogram' && partsOf(each).includes(name));
}

function partsOf({ name }: MetricSpecification): readonly string[] {
  return ['_bucket', '_sum', '_count'].map((part) => `${name}${part}`);
}

function namesIn(expression: string): readonly string[] {
  return expression.match(/\bsagamore_\w+/g) ?? [];
}

/** Labels that it selects or groups by. */
function labelsIn(expression: string): readonly string[] {
  const groups = [...expression.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].map(([, inside = '']) => inside);
  const grouped = groups.flatMap((inside) => inside.split(',').map((label) => label.trim()));
  const selected = [...expression.matchAll(/[{,]\s*(\w+)\s*(?:=|!)/g)].map(([, label = '']) => label);
  return [...grouped, ...selected].filter((label) => label !== '');
}

test.each(expressions)(
  '%s: the metrics of %s exist, and carry the labels that are asked for',
  (_where, expression) => {
    const named = namesIn(expression);
    expect(named.filter((name) => metricOf(name) === undefined)).toEqual([]);
    const carried = new Set([...ownLabels, ...named.flatMap((name) => metricOf(name)?.labels ?? [])]);
    expect(labelsIn(expression).filter((label) => !carried.has(label))).toEqual([]);
  },
);

test('every metric is on a dashboard', () => {
  const shown = new Set(
    dashboards.flatMap(({ panels }) =>
      panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => namesIn(expr).map(metricOf))),
    ),
  );
  expect(metrics.filter((metric) => !shown.has(metric)).map(({ name }) => name)).toEqual([]);
});

describe('the alerts', () => {
  const page = readFileSync(join(repository, 'docs/operating/alerts.md'), 'utf8');
  const sections = [...page.matchAll(/^### (\w+)$/gm)].map(([, title = '']) => title);

  test('each have a section that says what to do, and no section is without its alert', () => {
    expect(sections).toEqual(alerts.map(({ alert: name }) => name));
    for (const { alert: name, annotations } of alerts)
      expect(annotations.runbook_url).toBe(`docs/operating/alerts.md#${name.toLowerCase()}`);
  });

  test.each([
    'transactions_parked',
    'in_doubt_age',
    'outbox_age',
    'consumer_lag',
    'dead_letters',
    'breaker_state',
    'shard_epoch',
    'late_replies',
    'step_duration',
    'transaction_duration',
    'request_duration',
    'event_loop_delay',
  ])('watch sagamore_%s', (metric) => {
    expect(alerts.some(({ expr }) => expr.includes(`sagamore_${metric}`))).toBe(true);
  });

  test('name in a summary only labels that their expression leaves', () => {
    for (const { expr, annotations } of alerts)
      for (const [, label = ''] of annotations.summary.matchAll(/\$labels\.(\w+)/g))
        expect([annotations.summary, labelsIn(expr)]).toEqual([
          annotations.summary,
          expect.arrayContaining([label]),
        ]);
  });

  test('are all made to fire by their tests', () => {
    const tested = read('alerts.test.yml');
    expect(alerts.filter(({ alert: name }) => !tested.includes(name)).map(({ alert: name }) => name)).toEqual(
      [],
    );
  });
});

describe('the dashboards', () => {
  const sources = z
    .object({ datasources: z.array(z.object({ uid: z.string() })) })
    .parse(parse(read('grafana/provisioning/datasources/sagamore.yml')))
    .datasources.map(({ uid }) => uid);

  test.each(dashboards.map((each) => [each.title, each] as const))(
    '%s asks the source that is provisioned, says of each panel what it is, and numbers each once',
    (_title, { panels }) => {
      const ids = panels.map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      for (const { type, description, targets } of panels.filter(({ type: kind }) => kind !== 'row')) {
        expect([type, description ?? '']).toEqual([type, expect.stringMatching(/.{6}/)]);
        expect(targets.length).toBeGreaterThan(0);
        for (const { datasource } of targets) expect(sources).toContain(datasource.uid);
      }
    },
  );

  test('have addresses of their own', () => {
    expect(new Set(dashboards.map(({ uid }) => uid)).size).toBe(dashboards.length);
  });
});

test('Prometheus looks for every service of the stack that counts', () => {
  const { services } = z
    .object({ services: z.record(z.string(), z.object({ image: z.string() })) })
    .parse(parse(readFileSync(join(repository, 'docker-compose.yml'), 'utf8'), { merge: true }));
  const counting = Object.entries(services)
    .filter(([name, { image }]) => image.startsWith('sagamore:') && name !== 'simulators')
    .map(([name]) => name);
  const found = z
    .object({
      scrape_configs: z.array(
        z.object({ dns_sd_configs: z.array(z.object({ names: z.array(z.string()) })) }),
      ),
    })
    .parse(parse(read('prometheus.yml')))
    .scrape_configs.flatMap(({ dns_sd_configs: ways }) => ways.flatMap(({ names }) => names));
  expect(found.toSorted()).toEqual(counting.toSorted());
});

const tool = promtoolAtHand();
const reason = tool === undefined ? ' (npm run check:alerts builds it once)' : '';
(tool === undefined ? test.skip : test).each(
  judgements.map((judgement) => [judgement.join(' '), judgement] as const),
)(`promtool %s${reason}`, async (_what, judgement) => judge(tool ?? '', judgement));
