/**
 * What a machine costs before its first packet: CPU time to create one, bring a stack of three drivers up and take it
 * down again; memory of an idle one; time to import the package and to start the command.
 * Run: npm run bench startup
 */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { echo, wireport } from '../drivers/index.ts';
import { Machine } from '../src/machine/index.ts';
import { LoopWire } from './support/loopWire.ts';
import { median, printConditions } from './support/measure.ts';
import { passThrough } from './support/passThrough.ts';

const PROMISCUOUS = 0x20;
const DEFAULT_MEMORY = 256 * 1024 * 1024;
/** The collector runs more the more memory the machines before it left behind. */
const SMALL_MEMORY = 16 * 1024 * 1024;
/** Cycles until the compiler has seen everything, and cycles that count. */
const WARM_UP = 60;
const CYCLES = 60;
const IDLE_MACHINES = 12;
const STARTS = 9;

async function bringUp(memorySize: number): Promise<Machine> {
  const machine = new Machine({
    memorySize,
    mayBind: (protocol, adapter) => (protocol === 'passThrough') === (adapter === 'Ethernet'),
  });
  for (const [name, image] of [
    ['wireport', wireport],
    ['passThrough', passThrough(PROMISCUOUS)],
    ['echo', echo],
  ] as const) {
    const status = await machine.load(name, image);
    if (status !== 0) throw new Error(`${name} was refused with 0x${status.toString(16)}`);
  }
  const up = await machine.addAdapter('wireport', { name: 'Ethernet', wire: new LoopWire() });
  await machine.settle();
  if (!up || machine.snapshot().adapters.length !== 2) throw new Error('the stack did not come up');
  return machine;
}

async function cycle(memorySize: number): Promise<void> {
  const machine = await bringUp(memorySize);
  await machine.stop();
  if (machine.kernel.findings.length > 0) throw new Error(JSON.stringify(machine.kernel.findings[0]));
}

/** Milliseconds of CPU of the process for each of `count` cycles. */
async function cycles(count: number, memorySize: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const before = process.cpuUsage();
    await cycle(memorySize);
    const used = process.cpuUsage(before);
    times.push((used.user + used.system) / 1000);
  }
  return times;
}

/** Megabytes that the process has in memory, after a collection where node allows one. */
function residentMegabytes(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss() / 1e6;
}

/** Milliseconds of wall time of a program. */
function timeOf(args: readonly string[]): number {
  const start = performance.now();
  const { status } = spawnSync(process.execPath, args, { stdio: 'ignore' });
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}`);
  return performance.now() - start;
}

printConditions();
const cold = await cycles(1, DEFAULT_MEMORY);
console.log(`${cold[0].toFixed(1).padStart(9)} ms  first machine: created, three drivers up and down (CPU)`);
await cycles(WARM_UP, SMALL_MEMORY);
const small = await cycles(CYCLES, SMALL_MEMORY);
const warm = await cycles(CYCLES, DEFAULT_MEMORY);
for (const [times, memory] of [
  [small, '16 MiB'],
  [warm, '256 MiB'],
] as const) {
  const best = Math.min(...times).toFixed(2);
  console.log(
    `${median(times).toFixed(2).padStart(9)} ms  the same once warm with ${memory}, median of CPU with the collector's; best ${best}`,
  );
}

const before = residentMegabytes();
const idle: Machine[] = [];
for (let i = 0; i < IDLE_MACHINES; i++) idle.push(await bringUp(DEFAULT_MEMORY));
const each = (residentMegabytes() - before) / IDLE_MACHINES;
console.log(
  `${each.toFixed(2).padStart(9)} MB  resident for an idle machine with this stack (memory size 256 MiB, mostly untouched)`,
);
for (const machine of idle) await machine.stop();

const command = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
const packageIndex = new URL('../src/machine/index.js', import.meta.url).href;
const starts = { node: [] as number[], import: [] as number[], command: [] as number[] };
for (let i = 0; i < STARTS; i++) {
  starts.node.push(timeOf(['-e', '0']));
  starts.import.push(timeOf(['--input-type=module', '-e', `await import(${JSON.stringify(packageIndex)})`]));
  starts.command.push(timeOf([command, '--version']));
}
console.log(`${median(starts.node).toFixed(0).padStart(9)} ms  node alone, which does nothing (wall)`);
console.log(`${median(starts.import).toFixed(0).padStart(9)} ms  node that imports the package (wall)`);
console.log(`${median(starts.command).toFixed(0).padStart(9)} ms  ndisbox --version (wall)`);
printConditions();
