/**
 * What a packet costs in compiled drivers: UDP datagrams of 64 bytes that echo answers, in batches of 32, through
 * stacks of TypeScript and compiled drivers. One packet here is a request up the stack and its answer down.
 * Run: npm run bench compiledStack
 */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { echo, mux, wireport } from '../drivers/index.ts';
import { type DriverImage, Machine } from '../src/machine/index.ts';
import { RequestWire } from './support/requestWire.ts';

const PACKETS = 50_000;
const ROUNDS = 5;

const compiled = (name: string): Uint8Array =>
  new Uint8Array(
    readFileSync(fileURLToPath(new URL(`../../native/fixtures/optimised/${name}.sys`, import.meta.url))),
  );

type Image = DriverImage | Uint8Array;

/** Nanoseconds of CPU a packet in each round, after a round to warm up. */
async function measure(miniport: Image, middle: Image | null, top: Image): Promise<number[]> {
  const machine = new Machine({
    checks: false,
    memorySize: 64 * 1024 * 1024,
    mayBind: (protocol, adapter) =>
      middle === null ||
      (protocol.toLowerCase().includes('mux') ? adapter === 'Ethernet' : adapter !== 'Ethernet'),
  });
  await machine.load('wireport', miniport);
  if (middle !== null) await machine.load('mux', middle, { VlanIds: '0' });
  await machine.load('echo', top, { Address: '192.0.2.2' });
  const wire = new RequestWire();
  if (!(await machine.addAdapter('wireport', { name: 'Ethernet', wire }))) throw new Error('no adapter');
  await machine.settle();
  const times: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const before = process.cpuUsage();
    wire.start(PACKETS);
    await machine.runToEnd();
    const { user, system } = process.cpuUsage(before);
    times.push(((user + system) * 1000) / PACKETS);
    if (wire.answers !== PACKETS) throw new Error(`${wire.answers} answers of ${PACKETS}`);
  }
  if (machine.kernel.findings.length > 0) throw new Error(machine.kernel.findings[0].text);
  await machine.stop();
  return times.slice(1);
}

const ring = compiled('ringport');
const muxC = compiled('mux');
const echoC = compiled('echo');
const only = process.argv[2];
const stacks: readonly (readonly [string, Image, Image | null, Image])[] = [
  ['wireport TS, echo TS', wireport, null, echo],
  ['wireport TS, echo C', wireport, null, echoC],
  ['wireport TS, mux TS, echo TS', wireport, mux, echo],
  ['wireport TS, mux C, echo C', wireport, muxC, echoC],
  ['ringport C, mux C, echo C', ring, muxC, echoC],
];
for (const [name, miniport, middle, top] of stacks) {
  if (only !== undefined && !name.includes(only)) continue;
  const times = (await measure(miniport, middle, top)).sort((a, b) => a - b);
  console.log(
    `${name.padEnd(32)} ${times[ROUNDS >> 1].toFixed(0).padStart(6)} ns a packet (best ${times[0].toFixed(0)})`,
  );
}
