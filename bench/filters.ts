/**
 * What filter modules cost on the way of a packet: protocol, modules, wireport, loop, and back up; frames of 64 bytes. The
 * stack without modules is measured in turns with it.
 * Run: npm run bench filters
 */

import { wireport } from '../drivers/index.ts';
import { Machine } from '../src/machine/index.ts';
import { type BouncerControl, bouncer } from './support/bouncer.ts';
import { LoopWire } from './support/loopWire.ts';
import {
  measureInTurns,
  median,
  printConditions,
  printMeasurements,
  type Subject,
} from './support/measure.ts';
import { passFilter } from './support/passFilter.ts';

const PROMISCUOUS = 0x20;
const DESTINATION = [2, 0, 0, 0, 0, 3];
/** Most batches in one go: the watchdog for DPCs allows a million. */
const ROUNDS = 100_000;
const MODULES = 4;

interface Stack {
  readonly machine: Machine;
  readonly control: BouncerControl;
}

async function createStack(modules: number, bypass: boolean): Promise<Stack> {
  const machine = new Machine({ memorySize: 32 * 1024 * 1024, checks: false });
  const { image, control } = bouncer({ frameLength: 64, destination: DESTINATION, filter: PROMISCUOUS });
  const load = async (name: string, driver: Parameters<Machine['load']>[1]): Promise<void> => {
    const status = await machine.load(name, driver);
    if (status !== 0) throw new Error(`${name} was refused with 0x${status.toString(16)}`);
  };
  await load('wireport', wireport);
  for (let i = 0; i < modules; i++) await load(`pass${i}`, passFilter(i, bypass));
  await load('bouncer', image);
  const up = await machine.addAdapter('wireport', { name: 'Ethernet', wire: new LoopWire() });
  await machine.settle();
  const attached = machine.snapshot().adapters[0]?.filters.length;
  if (!up || attached !== modules) throw new Error(`not up: ${JSON.stringify(machine.kernel.findings)}`);
  return { machine, control };
}

function subject(name: string, { machine, control }: Stack, batch: number): Subject {
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

printConditions();
const plain = await createStack(0, false);
const one = await createStack(1, false);
const several = await createStack(MODULES, false);
const bypassing = await createStack(MODULES, true);
for (const batch of [1, 32]) {
  const measured = await measureInTurns([
    subject('no module', plain, batch),
    subject(`${MODULES} bypassing modules`, bypassing, batch),
    subject('1 module', one, batch),
    subject(`${MODULES} modules`, several, batch),
  ]);
  printMeasurements(measured, measured[0]);
  const [none, bypassed, single, all] = measured;
  const added = (to: typeof none, modules: number): string =>
    (median(to.rounds.map((value, round) => value - none.rounds[round])) / modules).toFixed(1);
  console.log(
    `          ns a packet and module there and back: 1 module ${added(single, 1)}, ${MODULES} modules ${added(all, MODULES)}, bypassing ${added(bypassed, MODULES)}`,
  );
}
for (const { machine } of [plain, one, several, bypassing]) {
  await machine.stop();
  if (machine.kernel.findings.length > 0)
    throw new Error(JSON.stringify(machine.kernel.findings.slice(0, 3)));
}
printConditions();
