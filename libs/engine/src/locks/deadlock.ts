/**
 * The wait-for graph and who must give way in it. Everything is derived from the rows, by one rule, so that two owners
 * who look at the same rows choose the same victim without a word between them (S102).
 * The rule: of those on a circle who can still be undone, the youngest, which has the least to lose; ties by id.
 */
import type { TransactionId } from '../standing.js';
import { blockersOf, type LockRow, type WaitsFor } from './lock.js';

/** One transaction that gives way, the claim with which it waits, and the circle that it breaks. */
export interface Victim {
  readonly row: LockRow;
  readonly cycle: readonly WaitsFor[];
}

export interface Deadlocks {
  readonly victims: readonly Victim[];
  /** Circles on which nobody can be undone any more: for a person. */
  readonly hopeless: readonly (readonly WaitsFor[])[];
}

interface Edge extends WaitsFor {
  readonly row: LockRow;
}

type Graph = ReadonlyMap<TransactionId, readonly Edge[]>;

/** Who must give way so that nobody waits in a circle. `rows`: every row of every key for which somebody waits. */
export function deadlocksIn(rows: readonly LockRow[]): Deadlocks {
  const victims: Victim[] = [];
  const hopeless: (readonly WaitsFor[])[] = [];
  const given = new Set<TransactionId>();
  const graph = graphOf(rows.toSorted((a, b) => a.place - b.place));
  for (const start of [...graph.keys()].toSorted()) {
    for (;;) {
      const circle = circleThrough(graph, start, given);
      if (circle === undefined) break;
      const victim = youngest(circle);
      const cycle = circle.map(({ transactionId, key, holder }) => ({ transactionId, key, holder }));
      if (victim === undefined) hopeless.push(cycle);
      else victims.push({ row: victim, cycle });
      // On a hopeless circle it is stuck for good, so another circle through it changes nothing.
      given.add(victim?.transactionId ?? start);
    }
  }
  return { victims, hopeless };
}

/** A transaction waits for whoever stands before it, whether that one holds or waits itself. */
function graphOf(rows: readonly LockRow[]): Graph {
  const graph = new Map<TransactionId, Edge[]>();
  for (const [, queue] of Map.groupBy(rows, ({ key }) => key)) {
    for (const row of queue) {
      const { transactionId, key } = row;
      for (const { transactionId: holder } of blockersOf(row, queue)) {
        const edges = graph.get(transactionId) ?? [];
        edges.push({ transactionId, key, holder, row });
        graph.set(transactionId, edges);
      }
    }
  }
  return graph;
}

/** A shortest circle through `start`, past nobody who has given way. */
function circleThrough(
  graph: Graph,
  start: TransactionId,
  given: ReadonlySet<TransactionId>,
): readonly Edge[] | undefined {
  if (given.has(start)) return undefined;
  const cameBy = new Map<TransactionId, Edge>();
  const front: TransactionId[] = [start];
  for (const at of front) {
    for (const edge of graph.get(at) ?? []) {
      if (given.has(edge.holder) || cameBy.has(edge.holder)) continue;
      cameBy.set(edge.holder, edge);
      if (edge.holder === start) return pathTo(start, cameBy);
      front.push(edge.holder);
    }
  }
  return undefined;
}

function pathTo(start: TransactionId, cameBy: ReadonlyMap<TransactionId, Edge>): readonly Edge[] {
  const path: Edge[] = [];
  for (let edge = cameBy.get(start); edge !== undefined;) {
    path.unshift(edge);
    edge = edge.transactionId === start ? undefined : cameBy.get(edge.transactionId);
  }
  return path;
}

function youngest(circle: readonly Edge[]): LockRow | undefined {
  const [first] = circle
    .map(({ row }) => row)
    .filter(({ canYield }) => canYield)
    .toSorted((a, b) => b.startedAt - a.startedAt || (a.transactionId < b.transactionId ? 1 : -1));
  return first;
}
