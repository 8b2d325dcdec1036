import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Machine, Segment } from '../../src/machine/index.ts';
import { ethernet, mac } from '../../test/support/frames.ts';
import { TestStation } from '../../test/support/station.ts';
import { twins } from '../../test/support/twins.ts';
import { wireport } from '../wireport/wireport.ts';
import { sniff } from './sniff.ts';
import { IOCTL_SNIFF_QUERY_STATISTICS, IOCTL_SNIFF_SET_FILTER } from './sniffDevice.ts';

const STATUS_CANCELLED = 0xc0000120;
const STATUS_BUFFER_TOO_SMALL = 0xc0000023;
const OTHER = mac('02:00:00:00:09:09');
const HOST = mac('02:00:00:00:01:01');

const frame = (tag: number, length = 60) =>
  ethernet(OTHER, HOST, 0x1234, new Uint8Array(length - 14).fill(tag));

describe.each(twins(sniff, 'sniff'))('sniff (%s)', (_kind, driver) => {
  async function stack(seed = 1, processors = 1, parameters = {}) {
    const segment = new Segment({});
    const machine = new Machine({ memorySize: 16 * 1024 * 1024, seed, processors });
    expect(await machine.load('wireport', wireport)).toBe(0);
    expect(await machine.load('sniff', driver, parameters)).toBe(0);
    expect(await machine.addAdapter('wireport', { name: 'Ethernet', wire: segment.addPort() })).toBe(true);
    await machine.settle();
    const station = new TestStation(segment, machine, HOST);
    const stop = async () => {
      await machine.stop();
      expect(machine.kernel.findings).toEqual([]);
    };
    return { machine, station, stop };
  }

  function record(data: Uint8Array) {
    const view = new DataView(data.buffer, data.byteOffset);
    const length = view.getUint32(16, true);
    return {
      ifIndex: view.getUint32(4, true),
      length,
      original: view.getUint32(20, true),
      frame: data.slice(32, 32 + length),
    };
  }

  describe('sniff', () => {
    for (const processors of [1, 2]) {
      for (let seed = 1; seed <= 6; seed++) {
        test(`reads give the frames in order, before and after they came: seed ${seed}, processors ${processors}`, async () => {
          const { machine, station, stop } = await stack(seed, processors);
          station.send(frame(1));
          await machine.settle();
          const device = await machine.openDevice('\\\\.\\Sniff');
          const early = [device.read(2048), device.read(2048)];
          await machine.settle();
          station.send(frame(2), frame(3, 1514), frame(4));
          await machine.settle();
          const results = [...(await Promise.all(early)), await device.read(2048)];
          // The first frame came before anybody listened.
          expect(results.map(({ data }) => record(data).frame)).toEqual([frame(2), frame(3, 1514), frame(4)]);
          expect(record(results[0].data)).toMatchObject({ ifIndex: 1, length: 60, original: 60 });
          const pending = device.read(2048);
          await machine.settle();
          expect(await device.cancel()).toBe(1);
          expect((await pending).status).toBe(STATUS_CANCELLED);
          await device.close();
          await stop();
        });
      }
    }

    test('closing the device ends the reads that wait', async () => {
      const { machine, stop } = await stack();
      const device = await machine.openDevice('\\\\.\\Sniff');
      const pending = device.read(2048);
      await machine.settle();
      await device.close();
      expect((await pending).status).toBe(STATUS_CANCELLED);
      await stop();
    });

    test('a short read gets the start of the record, one without room for its header an error', async () => {
      const { machine, station, stop } = await stack();
      const device = await machine.openDevice('\\\\.\\Sniff');
      station.send(frame(5));
      await machine.settle();
      expect((await device.read(31)).status).toBe(STATUS_BUFFER_TOO_SMALL);
      const { data } = await device.read(40);
      expect(record(data)).toMatchObject({ length: 8, original: 60 });
      await device.close();
      await stop();
    });

    test('what finds no room is dropped and counted, and the filter can be changed', async () => {
      const { machine, station, stop } = await stack(1, 1, { BufferBytes: 4096 });
      const device = await machine.openDevice('\\\\.\\Sniff');
      const statistics = async () => {
        const { data } = await device.ioctl(IOCTL_SNIFF_QUERY_STATISTICS, new Uint8Array(0), 24);
        const view = new DataView(data.buffer, data.byteOffset);
        return [
          view.getUint32(0, true),
          view.getUint32(8, true),
          view.getUint32(16, true),
          view.getUint32(20, true),
        ];
      };
      station.send(...Array.from({ length: 5 }, (_, i) => frame(i, 1000)));
      await machine.settle();
      expect(await statistics()).toEqual([3, 2, 1, 3]);
      // Directed frames only: those for somebody else are not seen any more.
      const directed = new Uint8Array(Uint32Array.of(1, 0).buffer);
      expect((await device.ioctl(IOCTL_SNIFF_SET_FILTER, directed)).status).toBe(0);
      station.send(frame(9));
      await machine.settle();
      expect((await statistics())[1]).toBe(2);
      expect((await device.ioctl(0x120000)).status).toBe(0xc0000010);
      await device.close();
      await stop();
    });

    test('whatever the lengths, what was not dropped is read in order and whole', async () => {
      const { machine, station, stop } = await stack(1, 1, { BufferBytes: 4096 });
      const device = await machine.openDevice('\\\\.\\Sniff');
      const step = fc.oneof(
        fc.record({ send: fc.integer({ min: 14, max: 1514 }) }),
        fc.constant('read' as const),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
          let waiting = 0;
          let last = -1;
          let tag = 0;
          const read = async () => {
            const { frame: bytes, original } = record((await device.read(2048)).data);
            expect(bytes.length).toBe(original);
            waiting--;
            if (bytes.length < 16) return;
            expect(bytes[14]).toBeGreaterThan(last);
            last = bytes[14];
          };
          for (const action of steps) {
            if (action === 'read') {
              if (waiting > 0) await read();
              continue;
            }
            station.send(frame(tag++, action.send));
            await machine.settle();
            const { data } = await device.ioctl(IOCTL_SNIFF_QUERY_STATISTICS, new Uint8Array(0), 24);
            waiting = new DataView(data.buffer, data.byteOffset).getUint32(20, true);
          }
          while (waiting > 0) await read();
        }),
        { numRuns: 60, seed: 3 },
      );
      await device.close();
      await stop();
    });
  });
});
