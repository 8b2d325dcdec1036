/**
 * What a packet costs a protocol driver for NDIS 5.1 over a miniport driver for NDIS 6, which is one translation on the
 * way down and one on the way up, beside the same protocol for NDIS 6 over the same miniport, in turns.
 * Run: npm run bench legacy
 */

import { wireport } from '../drivers/index.ts';
import { Machine } from '../src/machine/index.ts';
import { type BouncerControl, bouncer } from './support/bouncer.ts';
import { bouncer51 } from './support/bouncer51.ts';
import { LoopWire } from './support/loopWire.ts';
import {
  measureInTurns,
  printConditions,
  printMeasurements,
  ratio,
  type Subject,
} from './support/measure.ts';

const PROMISCUOUS = 0x20;
/** The address of the wire. */
const OWN = [2, 0, 0, 0, 0, 2];
/** Most batches in one go: the watchdog for DPCs allows a million. */
const ROUNDS = 100_000;
/** What a translation of one packet may cost, as issue 4 says. */
const TARGET_NANOSECONDS = 150;

interface Stack {
  readonly machine: Machine;
  readonly control: BouncerControl;
}

async function createStack(make: typeof bouncer): Promise<Stack> {
  const machine = new Machine({ memorySize: 32 * 1024 * 1024, checks: false });
  const { image, control } = make({ frameLength: 64, destination: OWN, filter: PROMISCUOUS });
  for (const [name, driver] of [
    ['wireport', wireport],
    ['bouncer', image],
  ] as const) {
    const status = await machine.load(name, driver);
    if (status !== 0) throw new Error(`${name} was refused: ${JSON.stringify(machine.kernel.findings)}`);
  }
  const up = await machine.addAdapter('wireport', { name: 'Ethernet', wire: new LoopWire() });
  await machine.settle();
  if (!up) throw new Error(`the adapter is not up: ${JSON.stringify(machine.kernel.findings)}`);
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
const plain = await createStack(bouncer);
const legacy = await createStack(bouncer51);
for (const batch of [1, 32]) {
  const [six, five] = await measureInTurns([
    subject('protocol for NDIS 6', plain, batch),
    subject('protocol for NDIS 5.1', legacy, batch),
  ]);
  printMeasurements([six, five], six);
  const each = (five.median - six.median) / 2;
  console.log(
    `          ${each.toFixed(0)} ns for each of two translations, target ${TARGET_NANOSECONDS}; ratio ${ratio(five, six).toFixed(2)}`,
  );
}
for (const { machine } of [plain, legacy]) {
  await machine.stop();
  const { findings } = machine.kernel;
  if (findings.length > 0) throw new Error(`findings: ${JSON.stringify(findings.slice(0, 3))}`);
}
printConditions();
