import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Machine, type MachineOptions, Segment } from '../../src/machine/index.ts';
import { arpRequest, ethernet, icmpEcho, ip, ipv4, mac, tagged, word } from '../../test/support/frames.ts';
import { TestStation } from '../../test/support/station.ts';
import { twins } from '../../test/support/twins.ts';
import { echo } from '../echo/echo.ts';
import { wireport } from '../wireport/wireport.ts';
import { mux } from './mux.ts';

const LOWER_MAC = mac('02:00:00:00:01:00');
const HOST_MAC = mac('02:00:00:00:01:01');
const OWN = ip('192.0.2.2');
const HOST = ip('192.0.2.1');

const isVirtual = (adapter: string) => adapter.startsWith('mux');
describe.each(twins(mux, 'mux'))('mux (%s)', (_kind, driver) => {
  /** wireport below, mux on it, echo on the virtual miniports only. */
  async function stack(parameters = {}, options: MachineOptions = {}) {
    const segment = new Segment({});
    const machine = new Machine({
      memorySize: 32 * 1024 * 1024,
      mayBind: (protocol, adapter) => isVirtual(adapter) === (protocol === 'echo'),
      ...options,
    });
    expect(await machine.load('wireport', wireport)).toBe(0);
    expect(await machine.load('mux', driver, parameters)).toBe(0);
    expect(await machine.load('echo', echo)).toBe(0);
    const wire = segment.addPort(LOWER_MAC);
    expect(await machine.addAdapter('wireport', { name: 'Ethernet', wire })).toBe(true);
    await machine.settle();
    const station = new TestStation(segment, machine, HOST_MAC);
    return {
      machine,
      station,
      wire,
      virtual: () => machine.snapshot().adapters.filter((adapter) => adapter.virtual),
      exchange: async (...frames: Uint8Array[]) => {
        station.send(...frames);
        await machine.settle();
        return station.received();
      },
      stop: async () => {
        await machine.stop();
        expect(machine.kernel.findings).toEqual([]);
        expect(machine.snapshot().adapters).toEqual([]);
      },
    };
  }

  const ping = (data: Iterable<number> = [1, 2, 3], to = LOWER_MAC) =>
    ethernet(
      to,
      HOST_MAC,
      0x0800,
      ipv4({ protocol: 1, source: HOST, destination: OWN }, icmpEcho(7, 1, data)),
    );

  describe('one virtual miniport', () => {
    test('has the attributes of the adapter below, and passes frames both ways', async () => {
      const { virtual, exchange, stop } = await stack();
      expect(virtual()).toMatchObject([
        {
          name: 'mux1',
          driver: 'mux',
          state: 'Running',
          macAddress: '02:00:00:00:01:00',
          mtuBytes: 1500,
          linkUp: true,
          bindings: [{ protocol: 'echo', state: 'Running' }],
        },
      ]);
      const answers = await exchange(arpRequest(HOST_MAC, HOST, OWN), ping());
      expect(answers.map((frame) => [...frame.subarray(12, 14)])).toEqual([
        [8, 6],
        [8, 0],
      ]);
      await stop();
    });

    test('asks below for what the protocols above ask for', async () => {
      const { machine, stop } = await stack();
      const lower = machine.snapshot().adapters.find(({ name }) => name === 'Ethernet');
      expect(lower?.bindings).toMatchObject([{ protocol: 'mux', packetFilter: 9 }]);
      await stop();
    });

    test('the link of the adapter below is its link', async () => {
      const { machine, wire, virtual, stop } = await stack();
      wire.setLink(false);
      await machine.settle();
      expect(virtual()[0].linkUp).toBe(false);
      wire.setLink(true);
      await machine.settle();
      expect(virtual()[0].linkUp).toBe(true);
      await stop();
    });
  });

  describe('VLANs (IEEE 802.1Q)', () => {
    test('a frame goes to the virtual miniport of its VLAN without the tag, and the answer has it', async () => {
      const { virtual, exchange, stop } = await stack({ VlanIds: '10,20' });
      expect(virtual().map(({ name, mtuBytes }) => [name, mtuBytes])).toEqual([
        ['mux1.10', 1496],
        ['mux1.20', 1496],
      ]);
      const frames = [tagged(ping([1]), 20, 5), tagged(ping([2]), 30), ping([3]), tagged(ping([4, 4]), 10)];
      // The order is kept within a VLAN; one after the other gets its frames.
      const answers = await exchange(...frames);
      expect(answers.map((frame) => [...frame.subarray(12, 18)])).toEqual([
        [0x81, 0, ...word(10), 8, 0],
        [0x81, 0, ...word((5 << 13) | 20), 8, 0],
      ]);
      expect([...answers[0].subarray(46)]).toEqual([4, 4]);
      expect([...answers[1].subarray(0, 12)]).toEqual([...HOST_MAC, ...LOWER_MAC]);
      await stop();
    });

    test('VLAN 0 takes the frames without a tag, and those with a priority only', async () => {
      const { exchange, stop } = await stack({ VlanIds: '0,10' });
      const answers = await exchange(ping([1]), tagged(ping([2]), 0, 3));
      expect(answers.map((frame) => [...frame.subarray(12, 16)])).toEqual([
        [8, 0, 0x45, 0],
        [0x81, 0, 0x60, 0],
      ]);
      await stop();
    });

    test.each(['10,10', '4095', 'x', '-1'])('VlanIds %s is refused', async (VlanIds) => {
      const machine = new Machine({ memorySize: 8 * 1024 * 1024 });
      expect(await machine.load('mux', driver, { VlanIds })).toBe(0xc000000d);
      await machine.stop();
      expect(machine.kernel.findings).toEqual([]);
    });
  });

  describe('several virtual miniports in one network', () => {
    test('each has an address of its own and gets its frames, and those to all', async () => {
      const { machine, virtual, exchange, stop } = await stack({ VirtualMiniports: 3 });
      const addresses = virtual().map(({ macAddress }) => macAddress);
      expect(addresses).toEqual(['02:00:00:00:01:00', '02:01:00:00:01:00', '02:02:00:00:01:00']);
      const lower = machine.snapshot().adapters.find(({ name }) => name === 'Ethernet');
      expect(lower?.bindings).toMatchObject([{ protocol: 'mux', packetFilter: 0x29 }]);
      const [answer, ...more] = await exchange(ping([7], mac(addresses[1])));
      expect(more).toEqual([]);
      expect([...answer.subarray(6, 12)]).toEqual([...mac(addresses[1])]);
      // Three echo drivers answer for one address: a mistake of the set-up that shows that all heard the request.
      const arps = await exchange(arpRequest(HOST_MAC, HOST, OWN));
      expect(arps.map((frame) => frame[7]).toSorted((a, b) => a - b)).toEqual([0, 1, 2]);
      await stop();
    });

    test('they hear each other', async () => {
      const { machine, station, stop } = await stack({ VirtualMiniports: 2 });
      // A ping that claims to come from the first virtual miniport is answered to it: through the adapter and back.
      const frame = ping([1], mac('02:01:00:00:01:00'));
      frame.set(LOWER_MAC, 6);
      station.send(frame);
      await machine.settle();
      expect(station.received()).toHaveLength(1);
      await stop();
    });
  });

  describe('the life of mux', () => {
    for (const processors of [1, 2]) {
      for (let seed = 1; seed <= 6; seed++) {
        for (const parameters of [{}, { VlanIds: '10,0' }, { VirtualMiniports: 2 }]) {
          const name = `seed ${seed}, processors ${processors}, ${JSON.stringify(parameters)}`;
          test(`comes up, passes frames, loses echo, and goes: ${name}`, async () => {
            const { machine, station, virtual, stop } = await stack(parameters, { seed, processors });
            expect(virtual().every(({ state }) => state === 'Running')).toBe(true);
            const untagged = Array.from({ length: 32 }, (_, i) => ping([i]));
            const frames = untagged.flatMap((frame) =>
              'VlanIds' in parameters ? [frame, tagged(frame, 10)] : [frame, frame],
            );
            station.send(...frames);
            await machine.settle();
            expect(station.received()).toHaveLength(64);
            station.send(...frames);
            expect(await machine.unload('echo')).toBe(0);
            station.send(...frames);
            expect(await machine.unload('mux')).toBe(0);
            expect(virtual()).toEqual([]);
            await stop();
          });
        }
      }
    }
  });

  test('whatever arrives, mux goes on', async () => {
    const { exchange, stop } = await stack({ VlanIds: '10,0,20' });
    const hostile = fc
      .record({
        vid: fc.constantFrom(0, 10, 20, 30, 4095),
        priority: fc.nat({ max: 7 }),
        cut: fc.nat({ max: 80 }),
        tags: fc.nat({ max: 3 }),
      })
      .map(({ vid, priority, cut, tags }) => {
        let frame = ping([1, 2, 3, 4]);
        for (let i = 0; i < tags; i++) frame = tagged(frame, vid, priority);
        return frame.subarray(0, Math.max(14, Math.min(frame.length, cut)));
      });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(hostile, fc.uint8Array({ minLength: 14, maxLength: 1518 })), { maxLength: 12 }),
        async (frames) => {
          for (const answer of await exchange(...frames))
            expect([...answer.subarray(6, 12)]).toEqual([...LOWER_MAC]);
          expect(await exchange(tagged(ping([1]), 20))).toHaveLength(1);
        },
      ),
      { numRuns: 200, seed: 5 },
    );
    await stop();
  });
});
