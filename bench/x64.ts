/**
 * Machine code in the engine beside the same code on this processor, and in Unicorn where it is installed. Needs gcc.
 * Run: npm run bench x64
 */

import { setTimeout } from 'node:timers/promises';
import { buildWorkloads, Guest } from './support/machineCode.ts';

const ROUNDS = 15;
const workloads = buildWorkloads();

/** Nanoseconds per call, the best of some rounds, once the code is optimised. */
async function measure(guest: Guest, name: string, times: number): Promise<number> {
  for (let round = 0; round < 20; round++) guest.repeat(name, times);
  // The host's compiler works in the background.
  await setTimeout(150);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    guest.repeat(name, times);
    best = Math.min(best, ((performance.now() - start) * 1e6) / times);
  }
  return best;
}

/** Geometric mean of all but the rep workload. */
function mean(values: ReadonlyMap<string, number>): number {
  const counted = [...values].filter(([name]) => name !== 'copyRep').map(([, value]) => Math.log(value));
  return Math.exp(counted.reduce((sum, each) => sum + each, 0) / counted.length);
}

const interpreted = new Guest(workloads, { translate: false, memorySafety: false });
let interpreterBest = Number.POSITIVE_INFINITY;
for (let round = 0; round < 2 * ROUNDS; round++) {
  let instructions = 0;
  const start = performance.now();
  for (const name of ['checksum', 'lookUp', 'crc32', 'parsePackets'])
    instructions += interpreted.repeat(name, 20);
  interpreterBest = Math.min(interpreterBest, ((performance.now() - start) * 1e6) / instructions);
}
console.log(`interpreter: ${interpreterBest.toFixed(1)} ns an instruction`);

const plain = new Guest(workloads, { translate: true, memorySafety: false });
const safe = new Guest(workloads, { translate: true, memorySafety: true });
const ratios = {
  plain: new Map<string, number>(),
  safe: new Map<string, number>(),
  unicorn: new Map<string, number>(),
  hooked: new Map<string, number>(),
};
console.log('workload        native ns   translated   memory safety   Unicorn   Unicorn, memory hooks');
for (const [name, native] of workloads.native) {
  const one = plain.repeat(name, 1);
  const times = Math.max(20, Math.round(2_000_000 / one));
  ratios.plain.set(name, (await measure(plain, name, times)) / native);
  ratios.safe.set(name, (await measure(safe, name, times)) / native);
  const unicorn = workloads.unicorn?.get(name);
  if (unicorn !== undefined) {
    ratios.unicorn.set(name, unicorn[0] / native);
    ratios.hooked.set(name, unicorn[1] / native);
  }
  print(name, native.toFixed(0), (map) => map.get(name));
}
print('mean without rep', '', (map) => (map.size === 0 ? undefined : mean(map)));

function print(
  name: string,
  native: string,
  ratio: (map: ReadonlyMap<string, number>) => number | undefined,
): void {
  const columns = [ratios.plain, ratios.safe, ratios.unicorn, ratios.hooked].map((map) => {
    const value = ratio(map);
    return (value === undefined ? '-' : `${value.toFixed(2)} x`).padStart(12);
  });
  console.log(`${name.padEnd(16)}${native.padStart(9)}${columns.join('  ')}`);
}

// The first translation also warms the translator up; the last of many is what a large image sees.
let best = Number.POSITIVE_INFINITY;
for (let round = 0; round < 20; round++) {
  const guest = new Guest(workloads, { translate: true, memorySafety: false });
  const tier = guest.engine.translated;
  if (tier === null) break;
  let spent = 0;
  const before = tier.counts.instructions;
  const hotCall = tier.hotCall.bind(tier);
  tier.hotCall = (op) => {
    const from = performance.now();
    hotCall(op);
    spent += performance.now() - from;
  };
  for (const name of workloads.native.keys()) guest.repeat(name, 4);
  best = Math.min(best, (spent * 1000) / (tier.counts.instructions - before));
}
console.log(`translation: ${best.toFixed(1)} us an instruction`);

const calls = (await measure(plain, 'callHost', 200)) / 100;
console.log(`call of a host function and back: ${calls.toFixed(1)} ns`);
