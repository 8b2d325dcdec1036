/** The capture wire: playing by stamps, filtering, recording, damaged input. */

import { describe, expect, test } from 'vitest';
import { PcapngWriter } from './capture/pcapngWriter.ts';
import { MemorySink, readAll } from './capture/testCaptures.ts';
import { bytesSource, CaptureWire, type CaptureWireOptions } from './captureWire.ts';
import { FrameBatch, OUTCOME_DEVICE_ERROR, OUTCOME_SENT } from './frameBatch.ts';
import { batchOf, runWire, tagged } from './testSupport.ts';
import { VirtualClock, VirtualWireHost } from './virtualWireHost.ts';
import { NEVER } from './wire.ts';

const EPOCH = 1_700_000_000_000_000_000n;

function capture(stamps: number[], tags: number[] = stamps.map((_stamp, index) => index)): Uint8Array {
  const memory = new MemorySink();
  const writer = new PcapngWriter(memory.sink, { epochNanoseconds: EPOCH });
  writer.addInterface();
  stamps.forEach((stamp, index) => writer.packet(0, stamp, tagged(tags[index]), 0, 60));
  writer.flush();
  return memory.bytes();
}

function open(options: CaptureWireOptions, now = 0): { wire: CaptureWire; host: VirtualWireHost } {
  const clock = new VirtualClock();
  clock.now = now;
  const host = new VirtualWireHost(clock, EPOCH);
  const wire = new CaptureWire(options);
  wire.open(host);
  return { wire, host };
}

describe('playing', () => {
  test('frames arrive at their recorded distance from the start', () => {
    const bytes = capture([5000, 5001, 9000]);
    const { wire, host } = open({ source: () => bytesSource(bytes), startDelay: 10 }, 100);
    expect(host.nextReadable).toBe(110);
    expect(wire.receive(FrameBatch.allocate(4, 2048))).toBe(0);
    const seen = runWire(wire, host);
    expect(seen.map(({ frame, stamp }) => [frame[0], stamp])).toEqual([
      [0, 110],
      [1, 111],
      [2, 4110],
    ]);
    expect(wire.finished).toBe(true);
    expect(wire.counters).toMatchObject({ received: 3, receivedBytes: 180 });
  });

  test('stamps that run backwards keep the order of the file', () => {
    const bytes = capture([5000, 1000, 6000]);
    const { wire, host } = open({ source: () => bytesSource(bytes) });
    expect(runWire(wire, host).map(({ frame, stamp }) => [frame[0], stamp])).toEqual([
      [0, 0],
      [1, 0],
      [2, 1000],
    ]);
  });

  test('the fastest pace gives everything at once', () => {
    const bytes = capture([5000, 6000, 7_000_000]);
    const { wire, host } = open({ source: () => bytesSource(bytes), pace: 'fastest' }, 42);
    expect(runWire(wire, host).map(({ stamp }) => stamp)).toEqual([42, 42, 42]);
  });

  test('a source address lets only the frames of that station pass', () => {
    const bytes = capture([1, 2, 3, 4], [7, 8, 7, 9]);
    const { wire, host } = open({
      source: () => bytesSource(bytes),
      sourceMacAddress: new Uint8Array(6).fill(7),
    });
    expect(runWire(wire, host).map(({ frame, stamp }) => [frame[0], stamp])).toEqual([
      [7, 0],
      [7, 2],
    ]);
  });

  test('frames cut by the capture, frames of other link types and frames too long for a slot are dropped and counted', () => {
    const memory = new MemorySink();
    const writer = new PcapngWriter(memory.sink);
    writer.addInterface({ snapLength: 40 });
    writer.addInterface({ linkType: 113 });
    writer.addInterface();
    for (let id = 0; id < 3; id++) writer.packet(id, 0, tagged(id), 0, 60);
    writer.packet(2, 0, new Uint8Array(300), 0, 300);
    writer.flush();
    const { wire } = open({ source: () => bytesSource(memory.bytes()) });
    const batch = FrameBatch.allocate(4, 100);
    expect(wire.receive(batch)).toBe(1);
    expect(batch.frame(0)[0]).toBe(2);
    expect(wire.counters.receiveDropped).toBe(3);
  });

  test('a damaged capture delivers what comes before the damage, then tells the host', () => {
    const bytes = capture([1, 2, 3]);
    const { wire, host } = open({ source: () => bytesSource(bytes.subarray(0, bytes.length - 5)) });
    expect(runWire(wire, host)).toHaveLength(2);
    expect(host.failures.map(({ code }) => code)).toEqual(['CAPTURE_TRUNCATED']);
    expect(host.nextReadable).toBe(NEVER);
  });

  test('an endless capture is played in bounded memory', () => {
    const one = capture([0]);
    const head = one.length - 92;
    let at = 0;
    const read = (into: Uint8Array): number => {
      into.forEach((_byte, index) => {
        into[index] = at < head ? one[at] : one[head + ((at - head) % 92)];
        at++;
      });
      return into.length;
    };
    const { wire, host } = open({ source: () => ({ read, close: () => {} }), pace: 'fastest' });
    const batch = FrameBatch.allocate(64, 2048);
    for (let round = 0; round < 200; round++) expect(wire.receive(batch)).toBe(64);
    expect(host.failures).toEqual([]);
  });
});

describe('recording', () => {
  test('what is sent is a pcapng with the times of the host', () => {
    const memory = new MemorySink();
    const { wire, host } = open({ name: 'out', sink: () => ({ write: memory.sink, close: () => {} }) });
    host.clock.now = 5;
    expect(wire.send(batchOf(tagged(1), tagged(2)))).toBe(2);
    host.clock.now = 9;
    wire.send(batchOf(tagged(3)));
    wire.close();
    wire.close();
    const { records, packets } = readAll(memory.bytes());
    expect(records[1]).toMatchObject({ name: 'out' });
    expect(packets.map(({ data, stamp, flags }) => [data[0], stamp, flags])).toEqual([
      [1, EPOCH + 5n, 2],
      [2, EPOCH + 5n, 2],
      [3, EPOCH + 9n, 2],
    ]);
  });

  test('a sink that fails is told once and gives outcomes', () => {
    let left = 1;
    const write = (): void => {
      if (left-- === 0) throw new Error('disk full');
    };
    const { wire, host } = open({ sink: () => ({ write, close: () => {} }) });
    const batch = batchOf(tagged(1));
    const outcomes = new Set<number>();
    for (let round = 0; round < 3000; round++) {
      wire.send(batch);
      outcomes.add(batch.outcome[0]);
    }
    expect(outcomes).toEqual(new Set([OUTCOME_SENT, OUTCOME_DEVICE_ERROR]));
    expect(host.failures).toHaveLength(1);
    expect(host.failures[0]).toMatchObject({ code: 'FILE_FAILED' });
  });
});
