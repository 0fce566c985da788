/**
 * One hash for everything that must land in the same place on every host and in every release:
 * shards, rollout buckets, the ring. Changing it moves data, so it never changes.
 */

/** FNV-1a over the UTF-16 code units, then murmur3's finaliser for avalanche; 32 bits, unsigned. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The shard of a key: stable across hosts and releases (R14). `count` from 1. */
export function shardOf(key: string, count: number): number {
  return hash32(key) % count;
}
