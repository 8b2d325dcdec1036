/**
 * What crossing into and out of machine code costs: a call of a cheap function, and a call into a leaf and back.
 * Run: npm run bench machineCode
 */

import { exportedFunction, MachineCode } from '../src/image/index.ts';
import * as functions from '../src/kernel/functions.ts';
import { attachSynchronization, declareCallback, Kernel, pagesOf, Seam } from '../src/kernel/index.ts';
import { type Address, PAGE_EXECUTE, PAGE_READ } from '../src/memory/index.ts';
import { Engine } from '../src/x64/index.ts';
import { bytesOf } from './support/hexadecimal.ts';

/*
 * clang -O1 of
 * struct table { char before[0x20]; unsigned char (*currentIrql)(void); };
 */
const CODE = {
  // long calls(struct table *t, long n) { long s = 0; while (n-- > 0) s += t->currentIrql(); return s; }
  calls:
    '5657534883ec2085d27e2689d64889cfffc631db6666662e0f1f840000000000ff57200fb6c001c3ffce83fe017ff1eb0231db89d84883c4205b5f5ec3',
  // long spins(struct table *t, long n) { volatile long s = 0; while (n-- > 0) s += 3; return s; }
  spins: '50c74424040000000085d27e0fffc2908344240403ffca83fa017ff48b44240459c3',
  // long leaf(struct table *t, long n) { return 7; }
  leaf: 'b807000000c3',
} as const;

const CALLS = 1_000_000;
const ROUNDS = 7;

const kernel = new Kernel({ memorySize: 0x100_0000 });
attachSynchronization(kernel);
const seam = new Seam(kernel, { checks: false, trace: false, explore: false }, () => undefined);
const driver = seam.createDriver('bench');
const { memory } = kernel;
const pages = pagesOf(kernel);
const code = new MachineCode({
  kernel,
  createEngine: (host) => new Engine(memory, host, { pages }),
  translate: () => -1,
  kpcr: () => 0,
});
kernel.machineCode = code;

const page = pages.allocate(1);
const table = pages.allocate(1);
const addresses: Address[] = [];
let at = page;
for (const hex of Object.values(CODE)) {
  addresses.push(at);
  const bytes = bytesOf(hex);
  memory.u8.set(bytes, at);
  at = (at + bytes.length + 15) & ~15;
}
pages.protect(page, 1, PAGE_READ | PAGE_EXECUTE);
const irql = functions.KeGetCurrentIrql;
memory.writePointer(
  table + 0x20,
  memory.callables.addressOf(
    exportedFunction(irql, seam.machineFunction(irql, kernel, driver), code.convention),
    driver,
  ),
);

const BODY = declareCallback<(table: Address, n: number) => number>({
  prototype: 'LONG BODY(PVOID Table, LONG n)',
  role: 'Body',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'bench',
});

function functionAt(address: Address): (table: Address, n: number) => number {
  const callback = driver.callback(address, BODY);
  if (callback === null) throw new Error('no code');
  return callback.invoke;
}

/** Median of the rounds, in nanoseconds of CPU for each of CALLS. */
function measure(run: () => void): number {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    times.push(((user + system) * 1000) / CALLS);
  }
  times.sort((a, b) => a - b);
  return times[ROUNDS >> 1];
}

const [calls, spins, leaf] = addresses.map(functionAt);
const loop = measure(() => spins(table, CALLS));
const withCall = measure(() => calls(table, CALLS));
const before = kernel.irql;
kernel.irql = 2;
const inside = measure(() => {
  for (let i = 0; i < CALLS; i++) leaf(table, i);
});
kernel.irql = before;
console.log(`loop of 4 instructions in machine code           ${loop.toFixed(1)} ns`);
console.log(`loop of 5 instructions and a call of KeGetCurrentIrql  ${withCall.toFixed(1)} ns`);
console.log(`the call itself, about                           ${(withCall - loop).toFixed(1)} ns`);
console.log(`call into a leaf and back, from TypeScript       ${inside.toFixed(1)} ns`);
