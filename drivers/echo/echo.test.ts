import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Machine, type MachineOptions, Segment } from '../../src/machine/index.ts';
import {
  arpRequest,
  checksum,
  ethernet,
  icmpEcho,
  ip,
  ipv4,
  mac,
  udp,
  word,
} from '../../test/support/frames.ts';
import { TestStation } from '../../test/support/station.ts';
import { twins } from '../../test/support/twins.ts';
import { wireport } from '../wireport/wireport.ts';
import { echo } from './echo.ts';

const OWN_MAC = mac('02:00:00:00:01:00');
const HOST_MAC = mac('02:00:00:00:01:01');
const OWN = ip('192.0.2.2');
const HOST = ip('192.0.2.1');
const TO_OWN = { source: HOST, destination: OWN };

describe.each(twins(echo, 'echo'))('echo (%s)', (_kind, driver) => {
  async function stack(options: MachineOptions = {}, parameters = {}) {
    const segment = new Segment({});
    const machine = new Machine({ memorySize: 16 * 1024 * 1024, ...options });
    expect(await machine.load('wireport', wireport)).toBe(0);
    expect(await machine.load('echo', driver, parameters)).toBe(0);
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

  const ping = (data: Iterable<number>, options: Partial<Parameters<typeof ipv4>[0]> = {}) =>
    ethernet(OWN_MAC, HOST_MAC, 0x0800, ipv4({ protocol: 1, ...TO_OWN, ...options }, icmpEcho(7, 1, data)));
  const datagram = (port: number, data: Iterable<number>) =>
    ethernet(OWN_MAC, HOST_MAC, 0x0800, ipv4({ protocol: 17, ...TO_OWN }, udp(TO_OWN, port, 7, data)));

  /** Fails unless the frame is a correct answer of echo to the host. */
  function expectValidAnswer(frame: Uint8Array): void {
    expect([...frame.subarray(6, 12)]).toEqual([...OWN_MAC]);
    const type = (frame[12] << 8) | frame[13];
    if (type === 0x0806) {
      expect(frame.length).toBe(42);
      expect([...frame.subarray(14, 22)]).toEqual([0, 1, 8, 0, 6, 4, 0, 2]);
      expect([...frame.subarray(22, 32)]).toEqual([...OWN_MAC, ...OWN]);
      return;
    }
    expect(type).toBe(0x0800);
    expect(frame[14]).toBe(0x45);
    expect(checksum(frame.subarray(14, 34))).toBe(0);
    expect((frame[16] << 8) | frame[17]).toBe(frame.length - 14);
    expect([...frame.subarray(26, 30)]).toEqual([...OWN]);
    const payload = frame.subarray(34);
    if (frame[23] === 1) {
      expect(payload[0]).toBe(0);
      expect(checksum(payload)).toBe(0);
      return;
    }
    expect(frame[23]).toBe(17);
    expect((payload[4] << 8) | payload[5]).toBe(payload.length);
    if (payload[6] + payload[7] !== 0)
      expect(checksum(frame.subarray(26, 34), [0, 17], word(payload.length), payload)).toBe(0);
  }

  describe('what echo answers', () => {
    test('an ARP request for its address is answered with the address of its adapter (RFC 826)', async () => {
      const { exchange, stop } = await stack();
      const [answer, ...more] = await exchange(arpRequest(HOST_MAC, HOST, OWN));
      expect(more).toEqual([]);
      expectValidAnswer(answer);
      expect([...answer.subarray(0, 6)]).toEqual([...HOST_MAC]);
      expect([...answer.subarray(32, 42)]).toEqual([...HOST_MAC, ...HOST]);
      await stop();
    });

    test('pings and datagrams of any length come back with the same data (RFC 792, RFC 862)', async () => {
      const { exchange, stop } = await stack();
      for (const length of [0, 1, 2, 3, 18, 56, 57, 500, 1471, 1472]) {
        const data = Uint8Array.from({ length }, (_, i) => (i * 37) & 255);
        const answers = await exchange(ping(data), datagram(4000 + length, data));
        expect(answers).toHaveLength(2);
        for (const answer of answers) {
          expectValidAnswer(answer);
          expect([...answer.subarray(0, 6)]).toEqual([...HOST_MAC]);
          expect([...answer.subarray(42)]).toEqual([...data]);
        }
        expect([...answers[1].subarray(34, 38)]).toEqual([...word(7), ...word(4000 + length)]);
      }
      await stop();
    });

    test('padding behind a datagram is left out, options of the IP header too', async () => {
      const { exchange, stop } = await stack();
      const padded = Uint8Array.of(...ping([1, 2, 3]), ...new Uint8Array(15).fill(0xaa));
      const answers = await exchange(padded, ping([1, 2, 3, 4], { options: [1, 1, 1, 1, 7, 4, 4, 0] }));
      expect(answers.map((frame) => frame.length)).toEqual([45, 46]);
      answers.forEach(expectValidAnswer);
      await stop();
    });

    test('a datagram without a checksum comes back without one', async () => {
      const { exchange, stop } = await stack();
      const frame = datagram(4000, [1, 2, 3]);
      frame.fill(0, 40, 42);
      const [answer] = await exchange(frame);
      expect([...answer.subarray(40, 42)]).toEqual([0, 0]);
      expectValidAnswer(answer);
      await stop();
    });

    test('the parameter Address says which address answers', async () => {
      const { exchange, stop } = await stack({}, { Address: '10.0.0.1' });
      expect(await exchange(arpRequest(HOST_MAC, HOST, OWN))).toEqual([]);
      expect(await exchange(arpRequest(HOST_MAC, HOST, ip('10.0.0.1')))).toHaveLength(1);
      await stop();
    });

    test('an Address that is none makes DriverEntry fail, with nothing left behind', async () => {
      const machine = new Machine({ memorySize: 8 * 1024 * 1024 });
      expect(await machine.load('echo', echo, { Address: 'localhost' })).toBe(0xc000000d);
      await machine.stop();
      expect(machine.kernel.findings).toEqual([]);
    });
  });

  describe('what echo leaves alone (RFC 1122)', () => {
    const damaged = (frame: Uint8Array, at: number) => {
      frame[at] ^= 0x10;
      return frame;
    };
    const frames: Record<string, Uint8Array> = {
      'a wrong IP checksum': damaged(ping([1, 2, 3]), 24),
      'a wrong ICMP checksum': damaged(ping([1, 2, 3]), 43),
      'a wrong UDP checksum': damaged(datagram(4000, [1, 2, 3]), 43),
      'another address': ping([1], { destination: ip('192.0.2.3') }),
      'a source that is no host': ping([1], { source: ip('224.0.0.1') }),
      'its own address as source': ping([1], { source: OWN }),
      'a fragment': ping([1], { flags: 0x2000 }),
      'another echo service': datagram(7, [1]),
      'an ARP request for somebody else': arpRequest(HOST_MAC, HOST, ip('192.0.2.9')),
      'an ARP request that claims its address': arpRequest(HOST_MAC, OWN, OWN),
      'a ping in a broadcast frame': (() => {
        const frame = ping([1]);
        frame.fill(0xff, 0, 6);
        return frame;
      })(),
    };
    test.each(Object.keys(frames))('%s', async (name) => {
      const { exchange, stop } = await stack();
      expect(await exchange(frames[name])).toEqual([]);
      expect(await exchange(ping([9]))).toHaveLength(1);
      await stop();
    });
  });

  describe('the life of echo', () => {
    for (const processors of [1, 2]) {
      for (let seed = 1; seed <= 6; seed++) {
        test(`binds, answers more than it has lists for, and goes: seed ${seed}, processors ${processors}`, async () => {
          const { machine, station, stop } = await stack({ seed, processors });
          expect(machine.snapshot().adapters[0].bindings).toMatchObject([
            { protocol: 'echo', state: 'Running', packetFilter: 9 },
          ]);
          const frames = Array.from({ length: 64 }, (_, i) => ping([i]));
          for (let round = 0; round < 6; round++) station.send(...frames);
          await machine.settle();
          const answers = station.received();
          expect(answers.length).toBe(384);
          answers.forEach(expectValidAnswer);
          // Frames that are on their way while the stack goes down come back or are lost, without a finding.
          station.send(...frames);
          expect(await machine.unload('echo')).toBe(0);
          expect(machine.snapshot().adapters[0].bindings).toEqual([]);
          await stop();
        });
      }
    }
  });

  test('whatever arrives, the answers are valid and echo goes on', async () => {
    const { exchange, stop } = await stack();
    const models = [arpRequest(HOST_MAC, HOST, OWN), ping([1, 2, 3, 4, 5]), datagram(4000, [1, 2, 3, 4])];
    const hostile = fc
      .record({
        model: fc.nat({ max: 2 }),
        cut: fc.nat({ max: 60 }),
        changes: fc.array(fc.tuple(fc.nat({ max: 50 }), fc.nat({ max: 255 })), { maxLength: 4 }),
        tail: fc.uint8Array({ maxLength: 40 }),
      })
      .map(({ model, cut, changes, tail }) => {
        const frame = models[model].slice();
        for (const [at, value] of changes) if (at < frame.length) frame[at] = value;
        return Uint8Array.of(
          ...frame.subarray(0, Math.max(14, frame.length - (cut > 40 ? 0 : cut))),
          ...tail,
        );
      });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(hostile, fc.uint8Array({ minLength: 14, maxLength: 90 })), { maxLength: 8 }),
        async (frames) => {
          const answers = await exchange(...frames);
          answers.forEach(expectValidAnswer);
          expect(await exchange(ping([1, 2, 3]))).toHaveLength(1);
        },
      ),
      { numRuns: 300, seed: 7 },
    );
    await stop();
  });
});
