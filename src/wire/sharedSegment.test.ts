/** The shared segment: within one thread, and between two workers. */

import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { FrameBatch } from './frameBatch.ts';
import { createSharedSegment, SharedSegmentWire } from './sharedSegment.ts';
import { batchOf, LiveTestHost, tagged } from './testSupport.ts';

function open(buffer: SharedArrayBuffer, port: number): { wire: SharedSegmentWire; host: LiveTestHost } {
  const wire = new SharedSegmentWire(buffer, port);
  const host = new LiveTestHost();
  wire.open(host);
  host.wire = wire;
  return { wire, host };
}

describe('shared segment', () => {
  test('frames wake the other ports, in order, however the rings wrap', async () => {
    const buffer = createSharedSegment({ ports: 3, queueCapacity: 8 });
    const [left, middle, right] = [0, 1, 2].map((port) => open(buffer, port));
    for (let round = 0; round < 10; round++) {
      left.wire.send(batchOf(tagged(round), tagged(round + 100), new Uint8Array(3)));
      await right.host.until(() => right.host.frames.length === 2 * (round + 1));
      await middle.host.until(() => middle.host.frames.length === 2 * (round + 1));
    }
    const expected = Array.from({ length: 10 }, (_unused, round) => [round, round + 100]).flat();
    expect(right.host.frames.map(({ frame }) => frame[0])).toEqual(expected);
    expect(middle.host.frames.map(({ frame }) => frame.length)).toEqual(expected.map(() => 60));
    expect(left.host.frames).toEqual([]);
    expect(left.wire.counters).toMatchObject({ sent: 20, sendDropped: 10 });
    for (const { wire } of [left, middle, right]) wire.close();
  });

  test('a full ring loses frames and counts them at the receiver', () => {
    const buffer = createSharedSegment({ queueCapacity: 4 });
    const left = open(buffer, 0);
    const right = open(buffer, 1);
    left.wire.send(batchOf(...Array.from({ length: 6 }, (_unused, tag) => tagged(tag))));
    const batch = FrameBatch.allocate(8, 2048);
    expect(right.wire.receive(batch)).toBe(4);
    expect(right.wire.counters).toMatchObject({ received: 4, receiveDropped: 2 });
    right.wire.close();
    left.wire.send(batchOf(tagged(9)));
    right.wire.open(right.host);
    expect(right.wire.receive(batch)).toBe(0);
    left.wire.close();
    right.wire.close();
  });

  test('a port has one machine; other memory and other ports are refused', () => {
    const buffer = createSharedSegment();
    const { wire } = open(buffer, 0);
    expect(() => open(buffer, 0)).toThrow(expect.objectContaining({ code: 'DEVICE_BUSY' }));
    wire.close();
    open(buffer, 0).wire.close();
    const invalid = expect.objectContaining({ code: 'SHARED_SEGMENT_INVALID' });
    expect(() => new SharedSegmentWire(new SharedArrayBuffer(64), 0)).toThrow(invalid);
    expect(() => new SharedSegmentWire(new SharedArrayBuffer(0), 0)).toThrow(invalid);
    expect(() => new SharedSegmentWire(buffer, 2)).toThrow(invalid);
    expect(() => createSharedSegment({ queueCapacity: 3 })).toThrow(
      expect.objectContaining({ code: 'WIRE_OPTIONS_INVALID', option: 'queueCapacity' }),
    );
  });

  test('two workers write into one ring at once and nothing is torn or lost', async () => {
    const buffer = createSharedSegment({ ports: 3, queueCapacity: 65536 });
    const { wire, host } = open(buffer, 0);
    // Plain JavaScript: what a worker in another thread does to the memory, word for word as `write` does.
    const source = `
      const { workerData: { buffer, port } } = require('node:worker_threads');
      const words = new Int32Array(buffer), bytes = new Uint8Array(buffer);
      const base = 4, slots = (4 + 3 * 8) * 4, slotSize = 4 + 1520;
      for (let n = 0; n < 10000; n++) {
        while (Atomics.compareExchange(words, base + 1, 0, 1) !== 0);
        const written = Atomics.load(words, base + 2);
        const at = slots + (written & 65535) * slotSize;
        words[at >> 2] = 60;
        bytes.fill((port - 1) * 128 + n % 100, at + 4, at + 64);
        Atomics.store(words, base + 2, written + 1);
        Atomics.store(words, base + 1, 0);
        Atomics.add(words, base + 4, 1);
        Atomics.notify(words, base + 4);
      }`;
    const workers = [1, 2].map((port) => new Worker(source, { eval: true, workerData: { buffer, port } }));
    const seen: number[][] = [[], []];
    let torn = 0;
    host.onFrame = (batch, slot) => {
      const frame = batch.frame(slot);
      const tag = frame[0];
      if (frame.some((byte) => byte !== tag)) torn++;
      seen[tag >> 7].push(tag & 127);
    };
    await host.until(() => seen[0].length + seen[1].length === 20000);
    await Promise.all(workers.map((worker) => worker.terminate()));
    expect(torn).toBe(0);
    for (const tags of seen) expect(tags).toEqual(Array.from({ length: 10000 }, (_unused, n) => n % 100));
    wire.close();
  });
});
