/**
 * What a process counts. Numbers are added to plain cells and nothing else happens until somebody asks: an instrument of
 * the SDK costs microseconds a reading, because it sorts and hashes the labels each time, and a hot road tells many. The
 * SDK sees the cells when they are collected, and writes them for Prometheus and OTLP. Nobody ever waits (R25).
 */
import {
  metricCatalogue,
  type LabelsOf,
  type MetricId,
  type MetricOf,
  type MetricSpecification,
} from './metric-catalogue.js';

/** One value of a metric that is looked up when somebody asks. */
export interface Reading<Id extends MetricId> {
  readonly labels: LabelsOf<Id>;
  readonly value: number;
}

/** Looks up what cannot be counted. What throws, or takes longer than two seconds, is left out of that collection. */
export type Look<Id extends MetricId> = () => readonly Reading<Id>[] | Promise<readonly Reading<Id>[]>;

/** Where numbers are told. Nothing here waits or throws. */
export interface Metrics {
  /** False where nobody will ever ask, so that nobody need look anything up. */
  readonly isOn: boolean;
  add<Id extends MetricOf<'counter'>>(metric: Id, labels: LabelsOf<Id>, by?: number): void;
  observe<Id extends MetricOf<'histogram'>>(metric: Id, labels: LabelsOf<Id>, value: number): void;
  set<Id extends MetricOf<'gauge'>>(metric: Id, labels: LabelsOf<Id>, value: number): void;
  /** Asks `look` at each collection, for as long as the process lives; several may look after one metric. */
  watch<Id extends MetricOf<'gauge' | 'counter'>>(metric: Id, look: Look<Id>): void;
}

/** One line of what was collected. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Of a histogram: how many fell under each bound, and above the last; `value` is then their sum. */
  readonly counts?: readonly number[];
}

export interface CollectedMetric {
  readonly specification: MetricSpecification;
  readonly samples: readonly Sample[];
}

const nothing = (): void => {};
export const noMetrics: Metrics = {
  isOn: false,
  add: nothing,
  observe: nothing,
  set: nothing,
  watch: nothing,
};

/** Series of one metric; all that come later are one more, whose labels say `other` (B110). */
export const seriesMax = 2_000;
export const otherLabel = 'other';
const lookMsMax = 2_000;

const secondsBounds = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600, 86_400,
];
const countBounds = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000];

/** The upper bounds of a histogram's buckets, rising. */
export function boundsOf({ unit }: MetricSpecification): readonly number[] {
  return unit === 'seconds' ? secondsBounds : countBounds;
}

interface Cell {
  readonly labels: Readonly<Record<string, string>>;
  value: number;
  readonly counts?: number[];
}

/** The numbers of one process. */
export class MetricRegistry implements Metrics {
  readonly isOn = true;
  private readonly cells = new Map<MetricId, Map<string, Cell>>();
  private readonly looks: { readonly metric: MetricId; readonly look: Look<never> }[] = [];
  private collecting: Promise<readonly CollectedMetric[]> | undefined;

  add<Id extends MetricOf<'counter'>>(metric: Id, labels: LabelsOf<Id>, by = 1): void {
    this.cell(metric, labels).value += by;
  }

  set<Id extends MetricOf<'gauge'>>(metric: Id, labels: LabelsOf<Id>, value: number): void {
    this.cell(metric, labels).value = value;
  }

  observe<Id extends MetricOf<'histogram'>>(metric: Id, labels: LabelsOf<Id>, value: number): void {
    const cell = this.cell(metric, labels);
    const bounds = boundsOf(metricCatalogue[metric]);
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
    cell.value += value;
    cell.counts![bucket]! += 1;
  }

  watch<Id extends MetricOf<'gauge' | 'counter'>>(metric: Id, look: Look<Id>): void {
    this.looks.push({ metric, look });
  }

  /** Everything as it is now, in the catalogue's order; of what was never told there is nothing. Those who ask at the same
   *  time share one answer, so that asking often costs no more. */
  collect(): Promise<readonly CollectedMetric[]> {
    this.collecting ??= this.collectNow().finally(() => (this.collecting = undefined));
    return this.collecting;
  }

  private async collectNow(): Promise<readonly CollectedMetric[]> {
    const looked = await Promise.all(
      this.looks.map(async ({ metric, look }) => ({ metric, readings: await readingsOf(look) })),
    );
    return entriesOf(metricCatalogue).flatMap(([metric, specification]) => {
      const found = looked.filter((each) => each.metric === metric).flatMap(({ readings }) => readings);
      const samples = [...this.counted(metric), ...found.slice(0, seriesMax)];
      return samples.length === 0 ? [] : [{ specification, samples }];
    });
  }

  /** Copies: the cells go on counting while the answer is written. */
  private counted(metric: MetricId): readonly Sample[] {
    return [...(this.cells.get(metric)?.values() ?? [])].map(({ labels, value, counts }) => ({
      labels,
      value,
      ...(counts !== undefined && { counts: [...counts] }),
    }));
  }

  private cell(metric: MetricId, labels: Readonly<Record<string, string>>): Cell {
    let series = this.cells.get(metric);
    if (series === undefined) this.cells.set(metric, (series = new Map<string, Cell>()));
    const specification: MetricSpecification = metricCatalogue[metric];
    let key = '';
    for (const label of specification.labels) key += `${labels[label]}\u0000`;
    return series.get(key) ?? newCell(series, key, specification, labels);
  }
}

function newCell(
  series: Map<string, Cell>,
  key: string,
  specification: MetricSpecification,
  labels: Readonly<Record<string, string>>,
): Cell {
  const isFull = series.size >= seriesMax;
  const found = isFull ? series.get(otherLabel) : undefined;
  if (found !== undefined) return found;
  const named = specification.labels.map((label) => [label, isFull ? otherLabel : (labels[label] ?? '')]);
  const counts = { counts: Array.from({ length: boundsOf(specification).length + 1 }, () => 0) };
  const cell = {
    labels: Object.fromEntries(named) as Record<string, string>,
    value: 0,
    ...(specification.kind === 'histogram' && counts),
  };
  series.set(isFull ? otherLabel : key, cell);
  return cell;
}

/** A database that hangs must not hold the answer about everything else. */
async function readingsOf(look: Look<never>): Promise<readonly Reading<never>[]> {
  const { promise: late, resolve } = Promise.withResolvers<readonly Reading<never>[]>();
  const giveUp = setTimeout(() => resolve([]), lookMsMax);
  try {
    return await Promise.race([look(), late]);
  } catch {
    return [];
  } finally {
    clearTimeout(giveUp);
  }
}

function entriesOf(catalogue: typeof metricCatalogue): readonly (readonly [MetricId, MetricSpecification])[] {
  return Object.entries(catalogue) as [MetricId, MetricSpecification][];
}
