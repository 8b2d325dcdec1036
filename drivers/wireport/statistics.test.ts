import { describe, expect, test } from 'vitest';
import { Machine, NDIS_STATISTICS_INFO, NDIS_STATUS_SUCCESS, Segment } from '../../src/machine/index.ts';
import { hostRequestOid, inventoryOf, OID_GEN_STATISTICS, queryStatistics } from '../../src/ndis/index.ts';
import { ethernet, mac } from '../../test/support/frames.ts';
import { TestStation } from '../../test/support/station.ts';
import { twins } from '../../test/support/twins.ts';
import { traffic } from '../traffic/traffic.ts';
import { wireport } from './wireport.ts';

const OWN = mac('02:00:00:00:01:00');
const HOST = mac('02:00:00:00:01:01');
const GROUP = mac('01:00:5e:00:00:01');
const ALL = mac('ff:ff:ff:ff:ff:ff');

describe.each(twins(wireport, 'ringport'))('ringport (%s)', (_kind, driver) => {
  async function stack(parameters: Record<string, string | number>) {
    const segment = new Segment({});
    const machine = new Machine({ memorySize: 32 * 1024 * 1024 });
    await machine.load('wireport', driver);
    await machine.load('traffic', traffic, parameters);
    const station = new TestStation(segment, machine, HOST);
    await machine.addAdapter('wireport', { name: 'Ethernet', wire: segment.addPort(OWN) });
    await machine.run(20);
    const [adapter] = inventoryOf(machine.ndis).adapters;
    const view = async () => {
      const asked = queryStatistics(machine.ndis, adapter);
      await machine.settle();
      const { status, bytes } = await asked;
      expect(status).toBe(NDIS_STATUS_SUCCESS);
      const data = new DataView(bytes.buffer, bytes.byteOffset);
      const { offset } = NDIS_STATISTICS_INFO;
      expect([bytes.length, data.getUint16(2, true)]).toEqual([152, 152]);
      return (name: keyof typeof offset) => Number(data.getBigUint64(offset[name], true));
    };
    return { machine, station, adapter, view };
  }

  test.each([
    ['02:00:00:00:01:01', 'Ucast'],
    ['01:00:5e:00:00:01', 'Multicast'],
    ['ff:ff:ff:ff:ff:ff', 'Broadcast'],
  ] as const)(
    'OID_GEN_STATISTICS counts what was sent to %s as %s (oid-gen-statistics)',
    async (to, kind) => {
      const s = await stack({ Destination: to, Count: 7, FrameBytes: 100 });
      const of = await s.view();
      expect([of('ifHCOutOctets'), of('ifOutErrors'), of('ifHCInOctets')]).toEqual([700, 0, 0]);
      for (const name of ['Ucast', 'Multicast', 'Broadcast'] as const) {
        const frames = name === kind ? 7 : 0;
        expect([of(`ifHCOut${name}Pkts`), of(`ifHCOut${name}Octets`)]).toEqual([frames, frames * 100]);
      }
      await s.machine.stop();
      expect(s.machine.kernel.findings).toEqual([]);
    },
  );

  test('OID_GEN_STATISTICS counts what was received by its destination (oid-gen-statistics)', async () => {
    const s = await stack({});
    const frame = (to: Uint8Array, length: number) =>
      Uint8Array.from(ethernet(to, HOST, 0x88b5, new Uint8Array(length - 14)));
    s.station.send(frame(OWN, 60), frame(GROUP, 70), frame(GROUP, 80), frame(ALL, 90));
    await s.machine.settle();
    const of = await s.view();
    expect(of('ifHCInOctets')).toBe(300);
    expect([of('ifHCInUcastPkts'), of('ifHCInMulticastPkts'), of('ifHCInBroadcastPkts')]).toEqual([1, 2, 1]);
    expect([of('ifHCInUcastOctets'), of('ifHCInMulticastOctets'), of('ifHCInBroadcastOctets')]).toEqual([
      60, 150, 90,
    ]);
    const short = hostRequestOid(s.machine.ndis, s.adapter, {
      oid: OID_GEN_STATISTICS,
      buffer: new Uint8Array(8),
    });
    await s.machine.settle();
    expect(await short).toMatchObject({ needed: 152 });
    await s.machine.stop();
  });
});
