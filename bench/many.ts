/**
 * A machine with many adapters: an idle one with 1,000 adapters, 3 protocols bound to each and 2 filter modules on each has
 * to come up, and one adapter to pause and restart in a time that does not grow with the others.
 * Run: npm run bench many
 */

import { Machine } from '../src/machine/index.ts';
import { inventoryOf, queueOperation } from '../src/ndis/index.ts';
import { idleMiniport } from './support/idleMiniport.ts';
import { idleProtocol } from './support/idleProtocol.ts';
import { median, printConditions } from './support/measure.ts';
import { passFilter } from './support/passFilter.ts';

const PROTOCOLS = 3;
const FILTERS = 2;
const CYCLES = 60;

/** CPU time of `work` in milliseconds. */
async function cpuMilliseconds(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const used = process.cpuUsage(before);
  return (used.user + used.system) / 1000;
}

async function load(machine: Machine, name: string, image: Parameters<Machine['load']>[1]): Promise<void> {
  const status = await machine.load(name, image);
  if (status !== 0) throw new Error(`${name} was refused with 0x${status.toString(16)}`);
}

async function bringUp(adapters: number, driversFirst: boolean): Promise<Machine> {
  const machine = new Machine({ checks: false });
  const drivers = async (): Promise<void> => {
    for (let i = 0; i < PROTOCOLS; i++) await load(machine, `protocol${i}`, idleProtocol(`protocol${i}`));
    for (let i = 0; i < FILTERS; i++) await load(machine, `pass${i}`, passFilter(i, true));
  };
  await load(machine, 'idle', idleMiniport());
  if (driversFirst) await drivers();
  for (let i = 0; i < adapters; i++) {
    if (!(await machine.addAdapter('idle', { name: `Ethernet ${i}` }))) throw new Error('not up');
  }
  if (!driversFirst) await drivers();
  await machine.settle();
  const { adapters: all } = machine.snapshot();
  const bindings = all.reduce((sum, adapter) => sum + adapter.bindings.length, 0);
  const modules = all.reduce((sum, adapter) => sum + adapter.filters.length, 0);
  if (bindings !== adapters * PROTOCOLS || modules !== adapters * FILTERS)
    throw new Error(
      `${bindings} bindings and ${modules} modules; ${JSON.stringify(machine.kernel.findings[0])}`,
    );
  return machine;
}

/** Median milliseconds of CPU to pause and restart one adapter. */
async function pauseOne(machine: Machine): Promise<number> {
  const [adapter] = inventoryOf(machine.ndis).adapters;
  const times: number[] = [];
  for (let i = 0; i < CYCLES; i++) {
    times.push(
      await cpuMilliseconds(async () => {
        queueOperation(machine.ndis, adapter, { kind: 'pause', reason: 1, event: 0 });
        queueOperation(machine.ndis, adapter, { kind: 'restart', event: 0 });
        await machine.settle();
      }),
    );
  }
  if (adapter.state !== 'Running') throw new Error(`the adapter is ${adapter.state}`);
  return median(times.slice(CYCLES / 2));
}

printConditions();
for (const driversFirst of [true, false]) {
  for (const adapters of [10, 100, 1000]) {
    let machine: Machine | undefined;
    const up = await cpuMilliseconds(async () => {
      machine = await bringUp(adapters, driversFirst);
    });
    if (machine === undefined) continue;
    const pause = await pauseOne(machine);
    const before = performance.now();
    await machine.stop();
    const down = performance.now() - before;
    const { findings } = machine.kernel;
    if (findings.length > 0) throw new Error(JSON.stringify(findings.slice(0, 3)));
    console.log(
      `${adapters} adapters, ${adapters * PROTOCOLS} bindings, ${adapters * FILTERS} modules, drivers ${driversFirst ? 'before' : 'after'} adapters: ` +
        `up ${up.toFixed(0)} ms of CPU (${(up / adapters).toFixed(2)} an adapter), pause and restart of one ${pause.toFixed(2)} ms, down ${down.toFixed(0)} ms`,
    );
  }
}
printConditions();
