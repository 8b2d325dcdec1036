/** The decorators: tracer, recorder, fault injector, alone and stacked. */

import { describe, expect, test } from 'vitest';
import { PcapngWriter } from './capture/pcapngWriter.ts';
import { MemorySink, readAll } from './capture/testCaptures.ts';
import { type FaultOptions, FaultyWire } from './faultyWire.ts';
import { OUTCOME_LINK_DOWN, OUTCOME_QUEUE_FULL } from './frameBatch.ts';
import { RecordedWire } from './recordedWire.ts';
import { Segment, type SegmentPort } from './segment.ts';
import { batchOf, runWire, tagged } from './testSupport.ts';
import { TracedWire } from './tracedWire.ts';
import { VirtualClock, VirtualWireHost } from './virtualWireHost.ts';
import type { Wire } from './wire.ts';

interface Pair {
  clock: VirtualClock;
  segment: Segment;
  wire: Wire;
  host: VirtualWireHost;
  peer: SegmentPort;
  peerHost: VirtualWireHost;
}

function pair(decorate: (inner: Wire) => Wire, delay = 100): Pair {
  const clock = new VirtualClock();
  const segment = new Segment({ minimumDelay: delay, queueCapacity: 4096 });
  const wire = decorate(segment.addPort());
  const peer = segment.addPort();
  const host = new VirtualWireHost(clock);
  const peerHost = new VirtualWireHost(clock);
  wire.open(host);
  peer.open(peerHost);
  return { clock, segment, wire, host, peer, peerHost };
}

const many = Array.from({ length: 200 }, (_unused, tag) => tagged(tag));

test('the tracer shows frames received and accepted, with times', () => {
  const seen: unknown[] = [];
  const { wire, host, peer, segment } = pair(
    (inner) =>
      new TracedWire(inner, (direction, batch, slot, at) => seen.push([direction, batch.frame(slot)[0], at])),
  );
  wire.send(batchOf(tagged(1), new Uint8Array(3)));
  peer.send(batchOf(tagged(2)));
  runWire(wire, host);
  segment.setLink(false);
  wire.send(batchOf(tagged(3)));
  expect(seen).toEqual([
    ['sent', 1, 0],
    ['received', 2, 100],
  ]);
  expect(host.linkChanges).toEqual([false]);
});

describe('recorder', () => {
  test('both directions go into one pcapng; several wires may share a writer', () => {
    const memory = new MemorySink();
    const writer = new PcapngWriter(memory.sink);
    const { wire, host, peer, peerHost } = pair(
      (inner) => new RecordedWire(inner, { to: writer, interfaceName: 'top' }),
    );
    wire.send(batchOf(tagged(1)));
    peer.send(batchOf(tagged(2)));
    runWire(wire, host);
    wire.close();
    expect(runWire(peer, peerHost)).toHaveLength(1);
    const { records, packets } = readAll(memory.bytes());
    expect(records[1]).toMatchObject({ name: 'top', speed: 10_000_000_000n });
    expect(packets.map(({ data, stamp, flags }) => [data[0], stamp, flags])).toEqual([
      [1, 0n, 2],
      [2, 100n, 1],
    ]);
  });

  test('a recording that fails is reported, the wire goes on', () => {
    const failures: string[] = [];
    const to = (): void => {
      throw new Error('disk full');
    };
    const { wire, peer, peerHost } = pair(
      (inner) => new RecordedWire(inner, { to, onFailure: ({ code }) => failures.push(code) }),
    );
    for (let round = 0; round < 1000; round++) wire.send(batchOf(tagged(1)));
    expect(failures).toEqual(['FILE_FAILED']);
    expect(runWire(peer, peerHost)).toHaveLength(1000);
  });
});

describe('fault injector', () => {
  const faulty = (options: FaultOptions): Pair & { wire: FaultyWire } => {
    let wire: FaultyWire | undefined;
    const made = pair((inner) => (wire = new FaultyWire(inner, options)), 0);
    if (wire === undefined) throw new Error('not made');
    return { ...made, wire };
  };

  test('without faults everything passes unchanged and in order, in both directions', () => {
    const { wire, host, peer, peerHost } = faulty({});
    expect(wire.send(batchOf(...many))).toBe(200);
    expect(runWire(peer, peerHost).map(({ frame }) => frame)).toEqual(many);
    peer.send(batchOf(...many));
    expect(runWire(wire, host).map(({ frame }) => frame)).toEqual(many);
    expect(wire.counters).toMatchObject({ sent: 200, received: 200, sendDropped: 0, receiveDropped: 0 });
  });

  test('loss, duplication, damage and cutting happen as often as counted, and alike for one seed', () => {
    const faults = { loss: 0.2, duplication: 0.2, corruption: 0.2, truncation: 0.2 };
    const run = (seed: number): { frames: Uint8Array[]; wire: FaultyWire } => {
      const { wire, host, peer } = faulty({ seed, receive: faults });
      peer.send(batchOf(...many));
      return { frames: runWire(wire, host).map(({ frame }) => frame), wire };
    };
    const { frames, wire } = run(1);
    expect(run(1).frames).toEqual(frames);
    expect(run(2).frames).not.toEqual(frames);
    const { lost, duplicated, corrupted, truncated } = wire.faults;
    expect(frames).toHaveLength(200 - lost + duplicated);
    for (const count of [lost, duplicated, corrupted, truncated]) expect(count).toBeGreaterThan(15);
    expect(frames.filter((frame) => frame.length < 60).length).toBeGreaterThanOrEqual(truncated);
    expect(frames.filter((frame) => frame.some((byte) => byte !== frame[0])).length).toBeGreaterThan(10);
  });

  test('sending damages the copy on the wire, never the memory of the sender', () => {
    const { wire, peer, peerHost } = faulty({ send: { corruption: 1, truncation: 1 } });
    const batch = batchOf(tagged(5));
    wire.send(batch);
    expect(batch.frame(0)).toEqual(tagged(5));
    const [{ frame }] = runWire(peer, peerHost);
    expect(frame.length < 60 || frame.some((byte) => byte !== 5)).toBe(true);
  });

  test('held-back frames arrive later, out of order, by the clock alone', () => {
    const { wire, host, peer, peerHost } = faulty({ send: { delaying: 0.5, delay: 700 } });
    wire.send(batchOf(...many));
    const soon = runWire(peer, peerHost).length;
    expect(soon).toBe(200 - wire.faults.delayed);
    expect(host.nextReadable).toBe(700);
    runWire(wire, host);
    expect(runWire(peer, peerHost)).toHaveLength(200 - soon);
  });

  test('a partial send leaves the rest to the caller and says when to go on', () => {
    const { wire, host, peer, peerHost } = faulty({ partialSend: 0.9, seed: 4 });
    const batch = batchOf(...many);
    let first = 0;
    for (let round = 0; round < 200 && first < 200; round++) {
      first += wire.send(batch, first);
      runWire(wire, host);
    }
    expect(first).toBe(200);
    expect(wire.faults.partialSends).toBeGreaterThan(0);
    expect(host.writableCount).toBe(wire.faults.partialSends);
    expect(runWire(peer, peerHost).map(({ frame }) => frame)).toEqual(many);
  });

  test('at the bound frames to be sent are dropped with an outcome', () => {
    const { wire } = faulty({ send: { delaying: 1 }, queueCapacity: 50 });
    const batch = batchOf(...many);
    expect(wire.send(batch)).toBe(200);
    expect([...batch.outcome].filter((outcome) => outcome === OUTCOME_QUEUE_FULL)).toHaveLength(151);
    expect(wire.counters.sendDropped).toBe(151);
  });

  test('a link that is down gives outcomes', () => {
    const { wire, segment } = faulty({});
    segment.setLink(false);
    const batch = batchOf(tagged(1));
    wire.send(batch);
    expect(batch.outcome[0]).toBe(OUTCOME_LINK_DOWN);
  });
});
