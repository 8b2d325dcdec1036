/** Compiled drivers in place of their TypeScript twins, in every mix, on 1, 2 and 4 processors. */

import { describe, expect, test } from 'vitest';
import { echo } from '../drivers/echo/echo.ts';
import { mux } from '../drivers/mux/mux.ts';
import { sniff } from '../drivers/sniff/sniff.ts';
import { wireport } from '../drivers/wireport/wireport.ts';
import { type DriverImage, Machine, type MachineOptions, Segment } from '../src/machine/index.ts';
import { arpRequest, ethernet, icmpEcho, ip, ipv4, mac, tagged } from './support/frames.ts';
import { TestStation } from './support/station.ts';
import { compiled, VARIANTS, type Variant } from './support/twins.ts';

const OWN_MAC = mac('02:00:00:00:01:00');
const HOST_MAC = mac('02:00:00:00:01:01');
const OWN = ip('192.0.2.2');
const HOST = ip('192.0.2.1');
const RECORD_HEADER = 32;

/** Which drivers of a stack are compiled. */
interface Mix {
  readonly miniport: boolean;
  readonly mux: boolean;
  readonly echo: boolean;
  readonly sniff: boolean;
}

const MIXES: Mix[] = Array.from({ length: 16 }, (_, bits) => ({
  miniport: (bits & 1) !== 0,
  mux: (bits & 2) !== 0,
  echo: (bits & 4) !== 0,
  sniff: (bits & 8) !== 0,
}));

const nameOf = (mix: Mix): string =>
  Object.entries(mix)
    .map(([driver, isCompiled]) => `${driver} ${isCompiled ? 'C' : 'TS'}`)
    .join(', ');

const ping = (sequence: number) =>
  ethernet(
    OWN_MAC,
    HOST_MAC,
    0x0800,
    ipv4({ protocol: 1, source: HOST, destination: OWN }, icmpEcho(7, sequence, [1, 2, 3, sequence])),
  );

/** A miniport, mux above it, echo above mux, and sniff beside mux; all of it comes up. */
async function stack(mix: Mix, variant: Variant, options: MachineOptions, parameters = {}) {
  const segment = new Segment({});
  const machine = new Machine({
    memorySize: 32 * 1024 * 1024,
    mayBind: (protocol, adapter) => adapter.startsWith('mux') === (protocol === 'echo'),
    ...options,
  });
  const load = async (name: string, image: DriverImage, twin: string, isCompiled: boolean, values = {}) =>
    expect(await machine.load(name, isCompiled ? compiled(twin, variant) : image, values)).toBe(0);
  await load('port', wireport, 'ringport', mix.miniport);
  await load('mux', mux, 'mux', mix.mux, parameters);
  await load('sniff', sniff, 'sniff', mix.sniff);
  await load('echo', echo, 'echo', mix.echo);
  expect(await machine.addAdapter('port', { name: 'Ethernet', wire: segment.addPort(OWN_MAC) })).toBe(true);
  await machine.settle();
  return { machine, station: new TestStation(segment, machine, HOST_MAC) };
}

type Stack = Awaited<ReturnType<typeof stack>>;

/** Pings answer, and sniff sees them come and the answers go. */
async function exchange({ machine, station }: Stack): Promise<void> {
  const device = await machine.openDevice('\\\\.\\Sniff');
  station.send(arpRequest(HOST_MAC, HOST, OWN), ...Array.from({ length: 20 }, (_, i) => ping(i)));
  await machine.settle();
  const answers = station.received();
  expect(answers.map((frame) => frame[frame.length - 1]).slice(1)).toEqual(
    Array.from({ length: 20 }, (_, i) => i),
  );
  expect([...answers[0].subarray(12, 14)]).toEqual([8, 6]);
  const { data } = await device.read(2048);
  expect(data.slice(RECORD_HEADER)).toEqual(arpRequest(HOST_MAC, HOST, OWN));
  const pending = await device.read(2048);
  expect(pending.data.slice(RECORD_HEADER)).toEqual(ping(0));
  await device.close();
}

/** Unloads everything in order, some frames under way; nothing is left behind and nothing was found. */
async function takeDown({ machine, station }: Stack): Promise<void> {
  station.send(...Array.from({ length: 20 }, (_, i) => ping(i)));
  for (const driver of ['echo', 'mux', 'sniff']) expect(await machine.unload(driver)).toBe(0);
  await machine.stop();
  expect(machine.kernel.findings).toEqual([]);
  expect(machine.snapshot().adapters).toEqual([]);
}

describe.each([1, 2, 4])('on %i processors', (processors) => {
  MIXES.forEach((mix, index) => {
    // Every mix in one variant on each number of processors; over all numbers each mix is tried in three.
    const variant = VARIANTS[(index + processors) % VARIANTS.length];
    test(`${nameOf(mix)} (${variant})`, async () => {
      const running = await stack(mix, variant, { processors, seed: index + 1 });
      await exchange(running);
      await takeDown(running);
    });
  });
});

const ALL: Mix = { miniport: true, mux: true, echo: true, sniff: true };

describe.each(VARIANTS)('all drivers compiled, %s', (variant) => {
  for (const processors of [1, 2, 4]) {
    for (let seed = 1; seed <= 4; seed++) {
      test(`seed ${seed}, ${processors} processors`, async () => {
        const running = await stack(ALL, variant, { processors, seed });
        await exchange(running);
        await takeDown(running);
      });
    }
  }

  test('VLANs: frames lose their tag on the way up and get it on the way down', async () => {
    const running = await stack(ALL, variant, {}, { VlanIds: '10,0' });
    running.station.send(tagged(ping(1), 10, 5), ping(2), tagged(ping(3), 11));
    await running.machine.settle();
    const answers = running.station.received();
    expect(answers.map((frame) => [...frame.subarray(12, 16)])).toEqual([
      [0x81, 0, 0xa0, 10],
      [8, 0, 0x45, 0],
    ]);
    await takeDown(running);
  });

  test('the same seed gives the same run, instruction for instruction', async () => {
    const run = async () => {
      const events: string[] = [];
      const trace = { emit: (event: object) => events.push(JSON.stringify(event)) };
      const running = await stack(ALL, variant, { processors: 2, seed: 9, trace });
      await exchange(running);
      await takeDown(running);
      return { events, time: running.machine.kernel.clock.now };
    };
    const first = await run();
    const second = await run();
    expect(second.time).toBe(first.time);
    expect(second.events).toEqual(first.events);
  });
});
