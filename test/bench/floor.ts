import type { BenchOptions } from './options.js';
export async function measureFloor(_o: BenchOptions, _s: (t: string) => void): Promise<never> {
  throw new Error('x');
}
