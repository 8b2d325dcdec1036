/** The segment in memory: delivery, faults from a seed, bounds, links. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  FrameBatch,
  OUTCOME_LINK_DOWN,
  OUTCOME_OFFLOAD_UNSUPPORTED,
  OUTCOME_SENT,
  OUTCOME_TOO_LONG,
  OUTCOME_TOO_SHORT,
} from './frameBatch.ts';
import { FrameQueue } from './frameQueue.ts';
import { Random } from './random.ts';
import { Segment, type SegmentOptions, type SegmentPort } from './segment.ts';
import { VirtualClock, VirtualWireHost } from './virtualWireHost.ts';
import { NEVER } from './wire.ts';

interface Station {
  port: SegmentPort;
  host: VirtualWireHost;
}

function build(
  options: SegmentOptions,
  stations = 2,
): { clock: VirtualClock; segment: Segment; all: Station[] } {
  const clock = new VirtualClock();
  const segment = new Segment(options);
  const all = Array.from({ length: stations }, () => {
    const station = { port: segment.addPort(), host: new VirtualWireHost(clock) };
    station.port.open(station.host);
    return station;
  });
  return { clock, segment, all };
}

function batchOf(...tags: number[]): FrameBatch {
  const batch = FrameBatch.allocate(Math.max(1, tags.length), 64);
  for (const tag of tags) batch.append(new Uint8Array(60).fill(tag));
  return batch;
}

/** Lets time pass until nothing more comes; gives tag and stamp of every frame. */
function run(clock: VirtualClock, { port, host }: Station): [number, number][] {
  const batch = FrameBatch.allocate(4, 2048);
  const seen: [number, number][] = [];
  while (host.nextReadable !== NEVER) {
    clock.now = Math.max(clock.now, host.nextReadable);
    port.receive(batch);
    for (let slot = 0; slot < batch.count; slot++) seen.push([batch.frame(slot)[0], batch.stamp[slot]]);
  }
  return seen;
}

describe('segment', () => {
  test('a frame reaches every other port after the delay, never inside send', () => {
    const { clock, all } = build({ minimumDelay: 500 }, 3);
    expect(all[0].port.send(batchOf(1, 2))).toBe(2);
    const batch = FrameBatch.allocate(4, 2048);
    expect(all[1].port.receive(batch)).toBe(0);
    expect(all[1].host.readableCount).toBe(0);
    expect(all[1].host.nextReadable).toBe(500);
    expect(run(clock, all[1])).toEqual([
      [1, 500],
      [2, 500],
    ]);
    expect(run(clock, all[2])).toEqual([
      [1, 500],
      [2, 500],
    ]);
    expect(run(clock, all[0])).toEqual([]);
  });

  test('the same seed gives the same arrivals, another seed others; jitter keeps the order', () => {
    const options = { minimumDelay: 10, maximumDelay: 10_000, loss: 0.2, duplication: 0.2 };
    const arrivals = (seed: number): [number, number][] => {
      const { clock, all } = build({ ...options, seed });
      for (let tag = 0; tag < 100; tag++) {
        all[0].port.send(batchOf(tag));
        clock.now += 100;
      }
      return run(clock, all[1]);
    };
    const first = arrivals(7);
    expect(arrivals(7)).toEqual(first);
    expect(arrivals(8)).not.toEqual(first);
    expect(first.length).toBeGreaterThan(80);
    expect(first.map(([tag]) => tag)).toEqual(
      first.map(([tag]) => tag).toSorted((left, right) => left - right),
    );
    expect(new Set(first.map(([tag]) => tag)).size).toBeLessThan(95);
  });

  test('reordering holds frames back so that later ones overtake them', () => {
    const { clock, all } = build({ reordering: 0.3, reorderingDelay: 1000, seed: 3 });
    for (let tag = 0; tag < 50; tag++) {
      all[0].port.send(batchOf(tag));
      clock.now += 100;
    }
    const tags = run(clock, all[1]).map(([tag]) => tag);
    expect(tags).toHaveLength(50);
    expect(tags).not.toEqual(tags.toSorted((left, right) => left - right));
  });

  test('frames beyond the bound of the queue are lost and counted at the receiver', () => {
    const { clock, all } = build({ queueCapacity: 3 });
    all[0].port.send(batchOf(1, 2, 3, 4, 5));
    expect(run(clock, all[1]).map(([tag]) => tag)).toEqual([1, 2, 3]);
    expect(all[1].port.counters).toMatchObject({ received: 3, receiveDropped: 2, receivedBytes: 180 });
    expect(all[0].port.counters).toMatchObject({ sent: 5, sentBytes: 300, sendDropped: 0 });
  });

  test('each frame has an outcome', () => {
    const { segment, all } = build({ maximumFrameSize: 100 });
    const batch = FrameBatch.allocate(4, 2048);
    for (const length of [13, 14, 104, 105]) batch.append(new Uint8Array(length));
    expect(all[0].port.send(batch)).toBe(4);
    expect([...batch.outcome]).toEqual([OUTCOME_TOO_SHORT, OUTCOME_SENT, OUTCOME_SENT, OUTCOME_TOO_LONG]);
    batch.vlan[1] = 0x81000005;
    all[0].port.send(batch, 1);
    expect(batch.outcome[1]).toBe(OUTCOME_OFFLOAD_UNSUPPORTED);
    segment.setLink(false);
    all[0].port.send(batch, 2);
    expect(batch.outcome[2]).toBe(OUTCOME_LINK_DOWN);
  });

  test('with offloads, long frames and their offload members pass', () => {
    const { clock, all } = build({ offloads: true });
    const batch = FrameBatch.allocate(1, 65549);
    batch.append(new Uint8Array(65549).fill(9));
    batch.segmentationType[0] = 1;
    batch.segmentSize[0] = 1448;
    batch.headerLength[0] = 66;
    batch.flags[0] = 1;
    batch.checksumStart[0] = 34;
    batch.checksumOffset[0] = 16;
    batch.vlan[0] = 0x8100_0014;
    all[0].port.send(batch);
    expect(batch.outcome[0]).toBe(OUTCOME_SENT);
    const received = FrameBatch.allocate(1, 65549);
    clock.now = all[1].host.nextReadable;
    expect(all[1].port.receive(received)).toBe(1);
    for (const member of [
      'length',
      'segmentationType',
      'segmentSize',
      'headerLength',
      'flags',
      'checksumStart',
      'checksumOffset',
      'vlan',
    ] as const) {
      expect(received[member][0], member).toBe(batch[member][0]);
    }
  });

  test('taking the link down tells both hosts and loses what is on the way', () => {
    const { clock, segment, all } = build({ minimumDelay: 100 });
    all[0].port.send(batchOf(1));
    segment.setLink(false);
    segment.setLink(true);
    expect(all[1].host.linkChanges).toEqual([false, true]);
    expect(all[1].host.nextReadable).toBe(NEVER);
    all[0].port.send(batchOf(2));
    expect(run(clock, all[1]).map(([tag]) => tag)).toEqual([2]);
  });

  test('a frame longer than its slot is dropped and counted, those behind it arrive', () => {
    const { all } = build({});
    const long = FrameBatch.allocate(2, 1514);
    long.append(new Uint8Array(1000));
    long.append(new Uint8Array(60).fill(7));
    all[0].port.send(long);
    const batch = FrameBatch.allocate(2, 100);
    expect(all[1].port.receive(batch)).toBe(1);
    expect(batch.frame(0)[0]).toBe(7);
    expect(all[1].port.counters.receiveDropped).toBe(1);
  });

  test('use before open, after close and a second open are misuse; a closed port gets nothing', () => {
    const { segment, all } = build({});
    const fresh = segment.addPort();
    const misuse = expect.objectContaining({ code: 'WIRE_MISUSE' });
    expect(() => fresh.send(batchOf(1))).toThrow(misuse);
    expect(() => all[0].port.open(all[0].host)).toThrow(misuse);
    all[1].port.close();
    all[1].port.close();
    expect(() => all[1].port.receive(batchOf(1))).toThrow(misuse);
    all[0].port.send(batchOf(1));
    all[1].port.open(all[1].host);
    expect(all[1].host.nextReadable).toBe(NEVER);
  });
});

test('a frame queue gives frames back by due time, then by arrival, whatever the order of operations', () => {
  const operation = fc.oneof(fc.nat({ max: 20 }), fc.constant(-1));
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 100 }), (operations) => {
      const queue = new FrameQueue(8, 64);
      const model: { due: number; tag: number }[] = [];
      const out = FrameBatch.allocate(1, 64);
      operations.forEach((due, tag) => {
        if (due >= 0) {
          expect(queue.push(batchOf(tag), 0, due)).toBe(model.length < 8);
          if (model.length < 8) model.push({ due, tag });
        } else if (model.length > 0) {
          model.sort((left, right) => left.due - right.due || left.tag - right.tag);
          const expected = model.shift();
          expect(queue.nextDue()).toBe(expected?.due);
          expect(queue.pop(out, 0)).toBe(true);
          expect(out.frame(0)[0]).toBe(expected?.tag);
        }
        expect(queue.count).toBe(model.length);
      });
    }),
  );
});

test('random numbers are the same everywhere and stay in range', () => {
  const random = new Random(1);
  expect([random.next(), random.next(), random.next()]).toEqual([393288148, 2174103013, 3814759091]);
  for (let round = 0; round < 1000; round++) {
    expect(random.below(7)).toBeLessThan(7);
    const value = random.between(5, 9);
    expect(value >= 5 && value <= 9 && Number.isInteger(value)).toBe(true);
    expect(random.chance(0)).toBe(false);
    expect(random.chance(1)).toBe(true);
  }
});
