import { describe, expect, test } from 'vitest';
import { type DriverImage, Machine, Segment } from '../../src/machine/index.ts';
import { arpRequest, ethernet, icmpEcho, ip, ipv4, mac, tagged } from '../../test/support/frames.ts';
import { TestStation } from '../../test/support/station.ts';
import { twins } from '../../test/support/twins.ts';
import { echo } from '../echo/echo.ts';
import { mux } from '../mux/mux.ts';
import { wireport } from '../wireport/wireport.ts';
import { vlan } from './vlan.ts';

const OWN_MAC = mac('02:00:00:00:01:00');
const HOST_MAC = mac('02:00:00:00:01:01');
const OWN = ip('192.0.2.2');
const HOST = ip('192.0.2.1');

const ping = (sequence: number) =>
  ethernet(
    OWN_MAC,
    HOST_MAC,
    0x0800,
    ipv4({ protocol: 1, source: HOST, destination: OWN }, icmpEcho(7, sequence, [1, 2, 3, sequence])),
  );

/** What identifies an answer: the four bytes after the addresses, and the sequence number. */
const marksOf = (frames: readonly Uint8Array[]) =>
  frames.map((frame) => [...frame.subarray(12, 16), frame[frame.length - 1]]);

async function stack(
  driver: DriverImage | Uint8Array,
  parameters: Readonly<Record<string, number>>,
  { seed = 1, processors = 1, offloads = false } = {},
) {
  const segment = new Segment({ offloads });
  const machine = new Machine({
    memorySize: 32 * 1024 * 1024,
    seed,
    processors,
    mayBind: (protocol, adapter) =>
      adapter.startsWith('mux') === (protocol !== 'mux') || protocol === 'direct',
  });
  expect(await machine.load('wireport', wireport)).toBe(0);
  expect(await machine.load('vlan', driver, parameters)).toBe(0);
  const up = async (above: readonly [name: string, image: DriverImage, values?: object][]) => {
    for (const [name, image, values] of above) expect(await machine.load(name, image, { ...values })).toBe(0);
    const wire = segment.addPort(OWN_MAC);
    expect(await machine.addAdapter('wireport', { name: 'Ethernet', wire })).toBe(true);
    await machine.settle();
    return new TestStation(segment, machine, HOST_MAC);
  };
  const stop = async () => {
    await machine.stop();
    expect(machine.kernel.findings).toEqual([]);
  };
  return { machine, up, stop };
}

describe.each(twins(vlan, 'vlan'))('vlan (%s)', (_kind, driver) => {
  for (const processors of [1, 2]) {
    for (let seed = 1; seed <= 3; seed++) {
      test(`frames of the VLAN come up without their tag and go down with it: seed ${seed}, processors ${processors}`, async () => {
        const { machine, up, stop } = await stack(driver, { VlanId: 10, Priority: 3 }, { seed, processors });
        const station = await up([['direct', echo, { Address: '192.0.2.2' }]]);
        station.send(tagged(arpRequest(HOST_MAC, HOST, OWN), 10));
        await machine.settle();
        expect(station.received()).toHaveLength(1);
        station.send(tagged(ping(1), 10, 5), ping(2), tagged(ping(3), 11), tagged(ping(4), 10));
        await machine.settle();
        expect(marksOf(station.received())).toEqual([
          // The priority that the frame came with; the parameter's where it came with none.
          [0x81, 0, 0xa0, 10, 1],
          [0x81, 0, 0x60, 10, 4],
        ]);
        await stop();
      });
    }
  }

  test('a tag that the adapter has taken out is known from the information of the list', async () => {
    const { machine, up, stop } = await stack(driver, { VlanId: 10 }, { offloads: true });
    const station = await up([['direct', echo, { Address: '192.0.2.2' }]]);
    const { batch } = station;
    batch.count = 0;
    for (const sequence of [1, 2]) batch.append(ping(sequence));
    batch.vlan[0] = 0x8100_a00a;
    batch.vlan[1] = 0x8100_a00b;
    station.port.send(batch);
    await machine.settle();
    expect(marksOf(station.received())).toEqual([[0x81, 0, 0xa0, 10, 1]]);
    await stop();
  });

  test('lists that are tagged already are refused, and come back as they were', async () => {
    const { machine, up, stop } = await stack(driver, { VlanId: 10 });
    // mux tags what echo sends in VLAN 20, so nothing of it gets through.
    const station = await up([
      ['mux', mux, { VlanIds: '20' }],
      ['echo', echo, { Address: '192.0.2.2' }],
    ]);
    station.send(tagged(tagged(ping(1), 20), 10), tagged(ping(2), 20));
    await machine.settle();
    expect(station.received()).toEqual([]);
    await stop();
  });

  test('what is held above comes back tagged as the miniport had it when the filter is unloaded under traffic', async () => {
    const { machine, up, stop } = await stack(driver, { VlanId: 10 }, { processors: 2 });
    const station = await up([['direct', echo, { Address: '192.0.2.2' }]]);
    station.send(...Array.from({ length: 20 }, (_, i) => tagged(ping(i), 10)));
    expect(await machine.unload('vlan')).toBe(0);
    await machine.settle();
    station.received();
    station.send(ping(30));
    await machine.settle();
    expect(marksOf(station.received())).toEqual([[8, 0, 0x45, 0, 30]]);
    await stop();
  });
});
