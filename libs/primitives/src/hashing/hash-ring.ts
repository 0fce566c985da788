/**
 * Consistent hashing (Karger et al. 1997): which node holds a key, when nodes come and go. Each node stands at many
 * points of a ring, so that its neighbours share what it leaves. Shards do not use it: their number is fixed (R14).
 */
import assert from 'node:assert';
import { hash32 } from './hash.js';

export interface RingNode {
  readonly name: string;
  /** Its share relative to the others. Default 1. */
  readonly weight?: number;
}

export interface HashRingOptions {
  /** Points of a node with weight 1. More points even out the shares and cost memory. Default 160. */
  readonly pointsPerNode?: number;
}

interface Point {
  readonly at: number;
  readonly node: string;
}

/** A set of nodes on a ring; never changes. The same nodes give the same owners on every host, in whatever order. */
export class HashRing {
  private readonly points: readonly Point[];

  constructor(
    readonly nodes: readonly RingNode[],
    private readonly options: HashRingOptions = {},
  ) {
    assert(
      new Set(nodes.map(({ name }) => name)).size === nodes.length,
      'nodes of different names were wanted',
    );
    this.points = nodes.flatMap((node) => pointsOf(node, options.pointsPerNode ?? 160)).sort(byPlace);
  }

  /** The node that holds `key`, `undefined` on an empty ring. */
  ownerOf(key: string): string | undefined {
    return this.ownersOf(key, 1)[0];
  }

  /** The first `count` different nodes from the key's place on: where its copies lie. Fewer when there are fewer. */
  ownersOf(key: string, count: number): readonly string[] {
    const wanted = Math.min(count, this.nodes.length);
    const owners = new Set<string>();
    const start = this.firstPointFrom(hash32(key));
    for (let step = 0; owners.size < wanted && step < this.points.length; step++) {
      const point = this.points[(start + step) % this.points.length];
      if (point !== undefined) owners.add(point.node);
    }
    return [...owners];
  }

  /** The ring with one node more. The only keys that move, move to it. */
  with(node: RingNode): HashRing {
    return new HashRing([...this.nodes, node], this.options);
  }

  /** The ring with one node less. The only keys that move are those it held. */
  without(name: string): HashRing {
    return new HashRing(
      this.nodes.filter((node) => node.name !== name),
      this.options,
    );
  }

  private firstPointFrom(place: number): number {
    let low = 0;
    let high = this.points.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.points[middle]?.at ?? place) < place) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function pointsOf({ name, weight = 1 }: RingNode, pointsPerNode: number): readonly Point[] {
  assert(weight > 0, `a weight above 0 was wanted for ${name}, found ${weight}`);
  const count = Math.max(1, Math.round(pointsPerNode * weight));
  return Array.from({ length: count }, (_, index) => ({ at: hash32(`${name}#${index}`), node: name }));
}

/** Points at one place stand in the order of their names, or the order of adding would decide who owns a key. */
function byPlace(left: Point, right: Point): number {
  if (left.at !== right.at) return left.at - right.at;
  return left.node < right.node ? -1 : 1;
}
