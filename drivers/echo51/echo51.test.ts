/** echo51 over a miniport driver for NDIS 6: what echo answers, in packets of NDIS 5. */

import { describe, expect, test } from 'vitest';
import { type DriverImage, Machine, type MachineOptions, Segment } from '../../src/machine/index.ts';
import { arpRequest, ethernet, icmpEcho, ip, ipv4, mac, udp } from '../../test/support/frames.ts';
import { buildWithMingw, hasMingw, PROTOCOL51 } from '../../test/support/mingw.ts';
import { TestStation } from '../../test/support/station.ts';
import { mux } from '../mux/mux.ts';
import { wireport } from '../wireport/wireport.ts';
import { wireport51 } from '../wireport51/wireport51.ts';
import { echo51 } from './echo51.ts';

const OWN_MAC = mac('02:00:00:00:01:00');
const HOST_MAC = mac('02:00:00:00:01:01');
const OWN = ip('192.0.2.2');
const HOST = ip('192.0.2.1');
const TO_OWN = { source: HOST, destination: OWN };

const ping = (data: Iterable<number>): Uint8Array =>
  ethernet(OWN_MAC, HOST_MAC, 0x0800, ipv4({ protocol: 1, ...TO_OWN }, icmpEcho(7, 1, data)));
const datagram = (port: number, data: Iterable<number>): Uint8Array =>
  ethernet(OWN_MAC, HOST_MAC, 0x0800, ipv4({ protocol: 17, ...TO_OWN }, udp(TO_OWN, port, 7, data)));

const twins: [string, () => DriverImage | Uint8Array][] = [['TypeScript', () => echo51]];
if (hasMingw) twins.push(['C', () => buildWithMingw('echo51', PROTOCOL51)]);

describe.each(twins)('echo51 in %s', (_language, image) => {
  async function stack(options: MachineOptions = {}, parameters = {}, port: DriverImage = wireport) {
    const segment = new Segment({});
    const machine = new Machine({ memorySize: 16 * 1024 * 1024, ...options });
    expect(await machine.load('wireport', port)).toBe(0);
    expect(await machine.load('echo51', image(), parameters)).toBe(0);
    expect(await machine.addAdapter('wireport', { name: 'Ethernet', wire: segment.addPort(OWN_MAC) })).toBe(
      true,
    );
    await machine.settle();
    const station = new TestStation(segment, machine, HOST_MAC);
    return {
      machine,
      station,
      exchange: async (...frames: Uint8Array[]) => {
        station.send(...frames);
        await machine.settle();
        return station.received();
      },
      stop: async () => {
        await machine.stop();
        expect(machine.kernel.findings).toEqual([]);
      },
    };
  }

  test('an ARP request for its address is answered with the address of its adapter (RFC 826)', async () => {
    const { exchange, stop } = await stack();
    const [answer, ...more] = await exchange(arpRequest(HOST_MAC, HOST, OWN));
    expect(more).toEqual([]);
    expect([...answer.subarray(0, 12)]).toEqual([...HOST_MAC, ...OWN_MAC]);
    expect([...answer.subarray(22, 32)]).toEqual([...OWN_MAC, ...OWN]);
    await stop();
  });

  test('pings and datagrams of any length come back with the same data (RFC 792, RFC 862)', async () => {
    const { exchange, stop } = await stack();
    for (const length of [0, 1, 2, 3, 18, 56, 57, 500, 1471, 1472]) {
      const data = Uint8Array.from({ length }, (_, i) => (i * 37) & 255);
      const answers = await exchange(ping(data), datagram(4000 + length, data));
      expect(answers.map((answer) => [...answer.subarray(42)])).toEqual([[...data], [...data]]);
    }
    await stop();
  });

  test('the parameter Address says which address answers; one that is none makes DriverEntry fail', async () => {
    const { exchange, stop } = await stack({}, { Address: '10.0.0.1' });
    expect(await exchange(arpRequest(HOST_MAC, HOST, OWN))).toEqual([]);
    expect(await exchange(arpRequest(HOST_MAC, HOST, ip('10.0.0.1')))).toHaveLength(1);
    await stop();
    const machine = new Machine({ memorySize: 8 * 1024 * 1024 });
    expect(await machine.load('echo51', image(), { Address: 'localhost' })).toBe(0xc000000d);
    await machine.stop();
    expect(machine.kernel.findings).toEqual([]);
  });

  describe('the life of echo51', () => {
    for (const processors of [1, 2]) {
      for (let seed = 1; seed <= 6; seed++) {
        test(`binds, answers more than it has packets for, and goes: seed ${seed}, processors ${processors}`, async () => {
          const { machine, station, stop } = await stack({ seed, processors });
          expect(machine.snapshot().adapters[0].bindings).toMatchObject([
            { protocol: 'echo51', state: 'Running', packetFilter: 9 },
          ]);
          const frames = Array.from({ length: 64 }, (_, i) => ping([i]));
          for (let round = 0; round < 6; round++) station.send(...frames);
          await machine.settle();
          expect(station.received().length).toBe(384);
          station.send(...frames);
          expect(await machine.unload('echo51')).toBe(0);
          expect(machine.snapshot().adapters[0].bindings).toEqual([]);
          await stop();
        });
      }
    }
  });

  test('answers over a miniport driver for NDIS 5.1', async () => {
    const { exchange, stop } = await stack({}, {}, wireport51);
    for (const length of [0, 56, 500, 1472]) {
      const data = Uint8Array.from({ length }, (_, i) => (i * 37) & 255);
      const answers = await exchange(ping(data), datagram(4000 + length, data));
      expect(answers.map((answer) => [...answer.subarray(42)])).toEqual([[...data], [...data]]);
    }
    await stop();
  });

  test('answers over an intermediate driver for NDIS 6', async () => {
    const segment = new Segment({});
    const machine = new Machine({
      memorySize: 32 * 1024 * 1024,
      mayBind: (protocol, adapter) => adapter.startsWith('mux') === (protocol === 'echo51'),
    });
    expect(await machine.load('wireport', wireport)).toBe(0);
    expect(await machine.load('mux', mux)).toBe(0);
    expect(await machine.load('echo51', image())).toBe(0);
    expect(await machine.addAdapter('wireport', { name: 'Ethernet', wire: segment.addPort(OWN_MAC) })).toBe(
      true,
    );
    await machine.settle();
    const station = new TestStation(segment, machine, HOST_MAC);
    station.send(ping([1, 2, 3]), ping([4]));
    await machine.settle();
    expect(station.received().map((frame) => frame.length)).toEqual([45, 43]);
    await machine.stop();
    expect(machine.kernel.findings).toEqual([]);
  });
});
