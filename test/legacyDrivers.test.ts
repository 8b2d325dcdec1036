/** Drivers for NDIS 5.1, in TypeScript and in C (mingw-w64), alone and on stacks with drivers for NDIS 6. */

import { describe, expect, test } from 'vitest';
import { echo } from '../drivers/echo/echo.ts';
import { monitor } from '../drivers/monitor/monitor.ts';
import { mux } from '../drivers/mux/mux.ts';
import { pass51 } from '../drivers/pass51/pass51.ts';
import { passthrough } from '../drivers/passthrough/passthrough.ts';
import { wireport } from '../drivers/wireport/wireport.ts';
import { wireport51 } from '../drivers/wireport51/wireport51.ts';
import { type DriverImage, Machine, type MachineOptions, Segment } from '../src/machine/index.ts';
import { arpRequest, ethernet, icmpEcho, ip, ipv4, mac } from './support/frames.ts';
import { buildWithMingw, hasMingw, INTERMEDIATE51, MINIPORT51 } from './support/mingw.ts';
import { TestStation } from './support/station.ts';

const OWN_MAC = mac('02:00:00:00:01:00');
const HOST_MAC = mac('02:00:00:00:01:01');
const OWN = ip('192.0.2.2');
const HOST = ip('192.0.2.1');

type Image = DriverImage | Uint8Array;

const ping = (sequence: number) =>
  ethernet(
    OWN_MAC,
    HOST_MAC,
    0x0800,
    ipv4({ protocol: 1, source: HOST, destination: OWN }, icmpEcho(7, sequence, [1, 2, 3, sequence])),
  );

/** A machine with a segment and a station on it. */
function createMachine(options: MachineOptions = {}) {
  const segment = new Segment({});
  const machine = new Machine({ memorySize: 32 * 1024 * 1024, ...options });
  return { segment, machine, station: new TestStation(segment, machine, HOST_MAC) };
}

/** Pings answer, in order. */
async function exchange(machine: Machine, station: TestStation, count = 20): Promise<void> {
  station.send(arpRequest(HOST_MAC, HOST, OWN), ...Array.from({ length: count }, (_, i) => ping(i)));
  await machine.settle();
  const answers = station.received();
  expect([...answers[0].subarray(12, 14)]).toEqual([8, 6]);
  expect(answers.slice(1).map((frame) => frame[frame.length - 1])).toEqual(
    Array.from({ length: count }, (_, i) => i),
  );
}

async function takeDown(machine: Machine): Promise<void> {
  await machine.stop();
  expect(machine.kernel.findings).toEqual([]);
  expect(machine.snapshot().adapters).toEqual([]);
}

const miniports: [string, () => Image][] = [['TypeScript', () => wireport51]];
if (hasMingw) miniports.push(['C', () => buildWithMingw('ringport51', MINIPORT51)]);

describe.each(miniports)('a 5.1 miniport in %s', (_language, image) => {
  for (const processors of [1, 2, 4]) {
    test(`carries pings for a protocol of NDIS 6, ${processors} processors`, async () => {
      const { machine, segment, station } = createMachine({ processors, seed: processors });
      expect(await machine.load('port', image())).toBe(0);
      expect(await machine.load('echo', echo)).toBe(0);
      expect(await machine.addAdapter('port', { name: 'Ethernet', wire: segment.addPort(OWN_MAC) })).toBe(
        true,
      );
      await exchange(machine, station);
      await takeDown(machine);
    });
  }

  test('lies below an intermediate driver of NDIS 6', async () => {
    const { machine, segment, station } = createMachine({
      mayBind: (protocol, adapter) => adapter.startsWith('mux') === (protocol === 'echo'),
    });
    expect(await machine.load('port', image())).toBe(0);
    expect(await machine.load('mux', mux)).toBe(0);
    expect(await machine.load('echo', echo)).toBe(0);
    expect(await machine.addAdapter('port', { name: 'Ethernet', wire: segment.addPort(OWN_MAC) })).toBe(true);
    await machine.settle();
    await exchange(machine, station);
    await takeDown(machine);
  });

  test('is initialized inside NdisMRegisterMiniport for a device that was there before', async () => {
    const { machine, segment, station } = createMachine();
    expect(await machine.load('echo', echo)).toBe(0);
    machine.announceAdapter('port', { name: 'Ethernet', wire: segment.addPort(OWN_MAC) });
    expect(await machine.load('port', image())).toBe(0);
    expect(machine.snapshot().adapters[0]).toMatchObject({ name: 'Ethernet', state: 'Running' });
    await exchange(machine, station);
    await takeDown(machine);
  });

  test('is unloaded and loaded again under traffic', async () => {
    const { machine, segment, station } = createMachine();
    expect(await machine.load('echo', echo)).toBe(0);
    for (let round = 0; round < 3; round++) {
      expect(await machine.load('port', image())).toBe(0);
      const wire = segment.addPort(OWN_MAC);
      expect(await machine.addAdapter('port', { name: 'Ethernet', wire })).toBe(true);
      await exchange(machine, station, 5);
      station.send(...Array.from({ length: 20 }, (_, i) => ping(i)));
      expect(await machine.unload('port')).toBe(0);
      station.received();
    }
    await takeDown(machine);
  });

  test('lies below filter modules, put in and taken out under traffic', async () => {
    const { machine, segment, station } = createMachine();
    machine.configureFilter('monitor', { type: 'monitoring' });
    expect(await machine.load('port', image())).toBe(0);
    expect(await machine.load('echo', echo)).toBe(0);
    expect(await machine.addAdapter('port', { name: 'Ethernet', wire: segment.addPort(OWN_MAC) })).toBe(true);
    for (const [name, filter] of [
      ['passthrough', passthrough],
      ['monitor', monitor],
    ] as const) {
      station.send(...Array.from({ length: 20 }, (_, i) => ping(i)));
      expect(await machine.load(name, filter)).toBe(0);
      await machine.settle();
      station.received();
      await exchange(machine, station);
    }
    station.send(...Array.from({ length: 20 }, (_, i) => ping(i)));
    expect(await machine.unload('passthrough')).toBe(0);
    await machine.settle();
    station.received();
    await exchange(machine, station);
    await takeDown(machine);
  });

  test('sleeps in D3, is stopped for a rebalance, and answers afterwards', async () => {
    const { machine, segment, station } = createMachine();
    expect(await machine.load('port', image())).toBe(0);
    expect(await machine.load('echo', echo)).toBe(0);
    expect(await machine.addAdapter('port', { name: 'Ethernet', wire: segment.addPort(OWN_MAC) })).toBe(true);
    for (const change of [
      async () => {
        expect(await machine.setAdapterPower('Ethernet', 'D3')).toBe(true);
        expect(await machine.setAdapterPower('Ethernet', 'D0')).toBe(true);
      },
      async () => {
        await machine.suspend();
        await machine.resume();
      },
      async () => expect(await machine.rebalanceAdapter('Ethernet')).toBe(true),
    ]) {
      station.send(...Array.from({ length: 10 }, (_, i) => ping(i)));
      await change();
      await machine.settle();
      station.received();
      await exchange(machine, station);
    }
    await takeDown(machine);
  });
});

const intermediates: [string, () => Image][] = [['TypeScript', () => pass51]];
if (hasMingw) intermediates.push(['C', () => buildWithMingw('pass51', INTERMEDIATE51)]);
const below: [string, () => Image][] = [
  ['6.30', () => wireport],
  ['5.1 TypeScript', () => wireport51],
];
if (hasMingw) below.push(['5.1 C', () => buildWithMingw('ringport51', MINIPORT51)]);

describe.each(intermediates)('a 5.1 intermediate driver in %s', (_language, image) => {
  describe.each(below)('over a miniport of NDIS %s', (_version, port) => {
    const start = async (options: MachineOptions = {}) => {
      const made = createMachine({
        mayBind: (protocol, adapter) => adapter.startsWith('Pass51') === (protocol === 'echo'),
        ...options,
      });
      const { machine, segment } = made;
      expect(await machine.load('port', port())).toBe(0);
      expect(await machine.load('pass51', image())).toBe(0);
      expect(await machine.load('echo', echo)).toBe(0);
      expect(await machine.addAdapter('port', { name: 'Ethernet', wire: segment.addPort(OWN_MAC) })).toBe(
        true,
      );
      await machine.settle();
      return made;
    };

    for (const processors of [1, 2, 4]) {
      for (const seed of [1, 2]) {
        test(`passes pings through, ${processors} processors, seed ${seed}`, async () => {
          const { machine, station } = await start({ processors, seed });
          expect(machine.snapshot().adapters.map(({ virtual, state }) => [virtual, state])).toEqual([
            [false, 'Running'],
            [true, 'Running'],
          ]);
          await exchange(machine, station);
          await takeDown(machine);
        });
      }
    }

    test('is unloaded under traffic, and the adapter below goes on', async () => {
      const { machine, station } = await start();
      await exchange(machine, station, 5);
      station.send(...Array.from({ length: 20 }, (_, i) => ping(i)));
      expect(await machine.unload('pass51')).toBe(0);
      await machine.settle();
      expect(machine.snapshot().adapters.map(({ name, state }) => [name, state])).toEqual([
        ['Ethernet', 'Running'],
      ]);
      await takeDown(machine);
    });
  });
});
