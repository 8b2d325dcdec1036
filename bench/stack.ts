/**
 * What a packet costs on its way through a stack: protocol, intermediate driver, wireport, loop, and back up; frames of
 * 64 bytes, copied once. Beside it, in turns, the same way for packets in other representations.
 * Run: npm run bench stack
 */

import { mux, wireport } from '../drivers/index.ts';
import { Machine, type MachineOptions, type TraceEvent } from '../src/machine/index.ts';
import { bareRecords, freshObjects, pooledObjects } from './support/baselines.ts';
import { type BouncerControl, bouncer } from './support/bouncer.ts';
import { LoopWire } from './support/loopWire.ts';
import {
  measureInTurns,
  printConditions,
  printMeasurements,
  ratio,
  type Subject,
} from './support/measure.ts';
import { passThrough } from './support/passThrough.ts';

const PROMISCUOUS = 0x20;
const DIRECTED_AND_BROADCAST = 0x05;
/** The address of the virtual miniport. */
const VIRTUAL = [2, 0, 0, 0, 0, 3];

interface Stack {
  readonly machine: Machine;
  readonly control: BouncerControl;
}

async function createStack(
  options: MachineOptions,
  upperFilter: number,
  middle: 'passThrough' | 'mux' = 'passThrough',
): Promise<Stack> {
  const machine = new Machine({
    memorySize: 32 * 1024 * 1024,
    ...options,
    mayBind: (protocol, adapter) => (protocol === middle) === (adapter === 'Ethernet'),
  });
  const { image, control } = bouncer({ frameLength: 64, destination: VIRTUAL, filter: upperFilter });
  await load(machine, 'wireport', wireport);
  await load(machine, middle, middle === 'mux' ? mux : passThrough(PROMISCUOUS));
  await load(machine, 'bouncer', image);
  const up = await machine.addAdapter('wireport', { name: 'Ethernet', wire: new LoopWire() });
  await machine.settle();
  if (!up) throw new Error(`the adapter is not up: ${JSON.stringify(machine.kernel.findings)}`);
  return { machine, control };
}

async function load(machine: Machine, name: string, image: Parameters<Machine['load']>[1]): Promise<void> {
  const status = await machine.load(name, image);
  if (status !== 0)
    throw new Error(
      `${name} was refused with 0x${status.toString(16)}: ${JSON.stringify(machine.kernel.findings)}`,
    );
}

/** Most batches in one go: the watchdog for DPCs allows a million. */
const ROUNDS = 100_000;

function stackSubject(name: string, { machine, control }: Stack, batch: number): Subject {
  return {
    name: `${name}, batches of ${batch}`,
    run: (count) => {
      const rounds = Math.ceil(count / batch);
      for (let left = rounds; left > 0; left -= ROUNDS) {
        const { clock } = machine.kernel;
        clock.jumpTo(clock.now + 1);
        control.run(Math.min(left, ROUNDS), batch);
      }
      return rounds * batch;
    },
  };
}

/** Keeps the last events, as a recorder does. */
function ringTrace() {
  const events: (TraceEvent | null)[] = Array.from({ length: 4096 }, () => null);
  let at = 0;
  return {
    emit(event: TraceEvent): void {
      events[at++ & 4095] = event;
    },
  };
}

printConditions();
const only = process.argv.includes('--profile');
const quick = process.argv.includes('--quick');
// Of several machines in one process the compiler favours the first: each of these switches makes another one the first.
const plain = await createStack(
  process.argv.includes('--checks') || process.argv.includes('--trace')
    ? { checks: true, ...(process.argv.includes('--trace') ? { trace: ringTrace() } : {}) }
    : { checks: false },
  process.argv.includes('--directed') ? DIRECTED_AND_BROADCAST : PROMISCUOUS,
  process.argv.includes('--mux') ? 'mux' : 'passThrough',
);
if (only) {
  const subject = stackSubject('stack', plain, process.argv.includes('32') ? 32 : 1);
  for (let i = 0; i < 20; i++) subject.run(300_000);
} else {
  for (const batch of [1, 32]) {
    const [stack, pooled, ...others] = await measureInTurns([
      stackSubject('stack', plain, batch),
      pooledObjects(batch),
      bareRecords(batch),
      freshObjects(batch),
    ]);
    printMeasurements([stack, pooled, ...others], pooled);
    console.log(`          to bare records: ${ratio(stack, others[0]).toFixed(2)}`);
  }
  if (quick) process.exit(0);
  const muxed = await createStack({ checks: false }, PROMISCUOUS, 'mux');
  const filtered = await createStack({ checks: false }, DIRECTED_AND_BROADCAST);
  const checked = await createStack({ checks: true }, PROMISCUOUS);
  const traced = await createStack({ checks: true, trace: ringTrace() }, PROMISCUOUS);
  for (const batch of [1, 32]) {
    const measured = await measureInTurns(
      [
        stackSubject('stack', plain, batch),
        stackSubject('stack with mux', muxed, batch),
        stackSubject('stack, directed and broadcast only', filtered, batch),
        stackSubject('stack, every check', checked, batch),
        stackSubject('stack, every check and the full trace', traced, batch),
      ],
      { count: 100_000 },
    );
    printMeasurements(measured, measured[0]);
  }
  for (const one of [muxed, filtered, checked, traced]) {
    const { findings } = one.machine.kernel;
    if (findings.length > 0) throw new Error(`findings: ${JSON.stringify(findings.slice(0, 3))}`);
  }
}
await plain.machine.stop();
if (plain.machine.kernel.findings.length > 0)
  throw new Error(JSON.stringify(plain.machine.kernel.findings.slice(0, 3)));
printConditions();
