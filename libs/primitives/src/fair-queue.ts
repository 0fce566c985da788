/**
 * Who is served next when not everybody can be: tenants take turns, and within a tenant each level of priority is worth a
 * fixed time of waiting, so that the low ones run too. Method: a ring of heaps; the rank of an item is fixed when it is put
 * in (virtual deadlines), so nothing is ever sorted again as it ages. Time is an argument.
 */
import assert from 'node:assert/strict';

/** `at`: ms of any clock that all items share. */
export interface Place {
  readonly tenant: string;
  /** The higher, the sooner. */
  readonly priority: number;
  readonly at: number;
}

interface Ranked<Item> {
  readonly item: Item;
  readonly rank: number;
  /** Tells those of one rank apart, in the order in which they came. */
  readonly order: number;
}

/** `put` and `take` cost the logarithm of what waits for one tenant. An item waits behind a later one of its tenant only
 *  while that one came within `ageingMs` for each level of priority between them (S89), and a tenant is served once in
 *  every round of those that wait (S90). */
export class FairQueue<Item> {
  private readonly heaps = new Map<string, Ranked<Item>[]>();
  private count = 0;
  private arrived = 0;

  /** `ageingMs`: the time of waiting that one level of priority is worth; from 0, which makes priority count nothing. */
  constructor(private readonly ageingMs: number) {
    assert(ageingMs >= 0, `a time of ageing from 0 was wanted, found ${ageingMs}`);
  }

  put(item: Item, { tenant, priority, at }: Place): void {
    const ranked = { item, rank: at - priority * this.ageingMs, order: this.arrived++ };
    const heap = this.heaps.get(tenant);
    if (heap === undefined) this.heaps.set(tenant, [ranked]);
    else push(heap, ranked);
    this.count++;
  }

  /** The next one, taken out; its tenant goes to the end of the round. Undefined when nobody waits. */
  take(): Item | undefined {
    const [turn] = this.heaps;
    if (turn === undefined) return undefined;
    const [tenant, heap] = turn;
    const { item } = pop(heap);
    this.count--;
    this.heaps.delete(tenant);
    if (heap.length > 0) this.heaps.set(tenant, heap);
    return item;
  }

  get size(): number {
    return this.count;
  }
}

function comesFirst<Item>(one: Ranked<Item>, other: Ranked<Item>): boolean {
  return one.rank < other.rank || (one.rank === other.rank && one.order < other.order);
}

function push<Item>(heap: Ranked<Item>[], added: Ranked<Item>): void {
  let index = heap.push(added) - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = at(heap, parent);
    if (!comesFirst(added, above)) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = added;
}

function pop<Item>(heap: Ranked<Item>[]): Ranked<Item> {
  const first = at(heap, 0);
  const last = at(heap, heap.length - 1);
  heap.pop();
  if (heap.length > 0) sink(heap, last);
  return first;
}

function sink<Item>(heap: Ranked<Item>[], sinking: Ranked<Item>): void {
  let index = 0;
  for (;;) {
    const left = 2 * index + 1;
    if (left >= heap.length) break;
    const right = left + 1;
    const child = right < heap.length && comesFirst(at(heap, right), at(heap, left)) ? right : left;
    if (!comesFirst(at(heap, child), sinking)) break;
    heap[index] = at(heap, child);
    index = child;
  }
  heap[index] = sinking;
}

function at<Item>(heap: readonly Ranked<Item>[], index: number): Ranked<Item> {
  const found = heap[index];
  assert(found !== undefined, 'the heap has a place for every index below its length');
  return found;
}
