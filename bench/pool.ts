/** Measures the small-block path of the pool. Run: npm run bench pool */

import { KernelMemory, Pages, Pool, poolType } from '../src/memory/index.ts';

const rounds = 3_000_000;

function measure(name: string, run: () => void): void {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const start = performance.now();
    run();
    best = Math.min(best, performance.now() - start);
  }
  console.log(`${name.padEnd(48)} ${((best * 1e6) / rounds).toFixed(1)} ns`);
}

const makePool = (options = {}) => new Pool(new Pages(new KernelMemory(64 * 1024 * 1024)), options);

const pool = makePool();
measure('allocate + free, 64 bytes, one at a time', () => {
  for (let i = 0; i < rounds; i++)
    pool.tryFree(pool.allocate(poolType.nonPagedNx, 64, 0x74736554, 1), 0x74736554);
});
const held = new Int32Array(256);
measure('allocate + free, mixed sizes and tags, 256 held', () => {
  for (let i = 0; i < rounds; i++) {
    const at = i & 255;
    if (held[at] !== 0) pool.tryFree(held[at]);
    held[at] = pool.allocate(poolType.nonPagedNx, (i * 37) & 1023, 0x74736500 + (i & 15), i & 3);
  }
});
const checked = makePool({ redZones: true });
measure('allocate + free, 64 bytes, red zones', () => {
  for (let i = 0; i < rounds; i++) checked.tryFree(checked.allocate(poolType.nonPagedNx, 64, 1, 1), 1);
});
