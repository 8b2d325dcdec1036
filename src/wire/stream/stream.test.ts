/** The stream framing in arbitrary pieces, and two wires over a real UNIX socket. */

import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameBatch, OUTCOME_LINK_DOWN, OUTCOME_SENT } from '../frameBatch.ts';
import { batchOf, LiveTestHost, tagged } from '../testSupport.ts';
import { FrameStreamReader, FrameStreamWriter } from './frameStream.ts';
import { UnixStreamWire, type UnixStreamWireOptions } from './unixStreamWire.ts';

const frames = fc.array(fc.uint8Array({ minLength: 14, maxLength: 200 }), { maxLength: 30 });
const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 6 });

function encode(list: Uint8Array[]): Uint8Array {
  const writer = new FrameStreamWriter(65536);
  const batch = FrameBatch.allocate(1, 2048);
  for (const frame of list) {
    batch.count = 0;
    batch.append(frame);
    expect(writer.add(batch, 0)).toBe(true);
  }
  return writer.drain();
}

describe('framing', () => {
  test('a frame stands behind its length, 32 bits, big-endian', () => {
    const bytes = encode([tagged(7)]);
    expect([...bytes.subarray(0, 5), bytes.length]).toEqual([0, 0, 0, 60, 7, 64]);
  });

  test('whatever the pieces, the same frames come out', () => {
    fc.assert(
      fc.property(frames, sizes, (list, pieces) => {
        const bytes = encode(list);
        const reader = new FrameStreamReader(200, 500);
        const batch = FrameBatch.allocate(1, 200);
        const out: Uint8Array[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const piece = bytes.subarray(at, at + pieces[turn % pieces.length]);
          at += reader.push(piece);
          for (let length = reader.nextLength(); length > 0; length = reader.nextLength()) {
            expect(reader.take(length, batch, 0)).toBe(true);
            out.push(batch.frame(0).slice());
          }
        }
        expect(out).toEqual(list);
        expect(reader.offset).toBe(bytes.length);
      }),
    );
  });

  test('a length that cannot be a frame is an error with its place in the stream', () => {
    const reader = new FrameStreamReader(200, 500);
    reader.push(encode([tagged(1)]));
    reader.push(Uint8Array.of(0, 0, 0, 201));
    reader.take(reader.nextLength(), FrameBatch.allocate(1, 200), 0);
    expect(() => reader.nextLength()).toThrow(
      expect.objectContaining({ code: 'STREAM_CORRUPT', offset: 64 }),
    );
  });

  test('the writer takes no more than its bound', () => {
    const writer = new FrameStreamWriter(130);
    const batch = batchOf(tagged(1));
    expect([writer.add(batch, 0), writer.add(batch, 0), writer.add(batch, 0)]).toEqual([true, true, false]);
  });
});

describe('UNIX stream wire', () => {
  let next = 0;
  const path = (): string => join(tmpdir(), `ndisbox-stream-${process.pid}-${next++}.sock`);
  const open = (options: UnixStreamWireOptions): { wire: UnixStreamWire; host: LiveTestHost } => {
    const wire = new UnixStreamWire(options);
    const host = new LiveTestHost();
    host.wire = wire;
    wire.open(host);
    return { wire, host };
  };

  test('frames pass both ways, more than the buffers hold, without loss', async () => {
    const at = path();
    const left = open({ path: at, role: 'listen', bufferSize: 8192 });
    const right = open({ path: at, bufferSize: 8192 });
    const early = batchOf(tagged(1));
    right.wire.send(early);
    expect(early.outcome[0]).toBe(OUTCOME_LINK_DOWN);
    await right.host.until(() => right.wire.linkUp);
    await left.host.until(() => left.wire.linkUp);
    const batch = FrameBatch.allocate(500, 1514);
    for (let tag = 0; tag < 500; tag++) batch.append(new Uint8Array(14 + tag).fill(tag));
    let sent = 0;
    while (sent < 500) {
      const count = right.wire.send(batch, sent);
      sent += count;
      const before = right.host.writableCount;
      if (sent < 500) await right.host.until(() => right.host.writableCount > before);
    }
    await left.host.until(() => left.host.frames.length === 500);
    expect(left.host.frames.map(({ frame }) => frame)).toEqual(
      Array.from({ length: 500 }, (_unused, tag) => new Uint8Array(14 + tag).fill(tag)),
    );
    left.wire.send(batchOf(tagged(9)));
    await right.host.until(() => right.host.frames.length === 1);
    expect(batch.outcome.every((outcome) => outcome === OUTCOME_SENT)).toBe(true);
    right.wire.close();
    await left.host.until(() => !left.wire.linkUp);
    // The listener takes the next peer.
    const again = open({ path: at });
    await left.host.until(() => left.wire.linkUp);
    left.wire.close();
    await again.host.until(() => again.host.failures.length > 0);
    expect(again.host.failures[0]).toMatchObject({ code: 'STREAM_CLOSED' });
    again.wire.close();
  });

  test('a receiver that does not come holds the sender back, and loses nothing when it does', async () => {
    const at = path();
    const left = open({ path: at, role: 'listen', bufferSize: 8192 });
    const right = open({ path: at, bufferSize: 8192 });
    await right.host.until(() => right.wire.linkUp && left.wire.linkUp);
    left.host.wire = undefined;
    const batch = batchOf(new Uint8Array(1514).fill(5));
    let sent = 0;
    // The sender is refused for good once reader, kernel and writer are full.
    for (let idle = 0; idle < 50; idle++) {
      while (right.wire.send(batch) === 1) {
        sent++;
        idle = 0;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent).toBeGreaterThan(10);
    left.host.wire = left.wire;
    left.host.readable();
    await left.host.until(() => left.host.frames.length === sent);
    await right.host.until(() => right.host.writableCount > 0);
    expect(right.wire.send(batch)).toBe(1);
    left.wire.close();
    right.wire.close();
  });

  test('nobody there, and a peer that speaks something else, are told', async () => {
    const alone = open({ path: path() });
    await alone.host.until(() => alone.host.failures.length > 0);
    expect(alone.host.failures[0]).toMatchObject({ code: 'STREAM_UNREACHABLE' });
    alone.wire.close();
    const at = path();
    const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await new Promise<void>((resolve) => server.listen(at, resolve));
    const { wire, host } = open({ path: at });
    await host.until(() => host.failures.length > 0);
    expect(host.failures[0]).toMatchObject({ code: 'STREAM_CORRUPT', offset: 0 });
    wire.close();
    server.close();
  });

  test('a second peer is turned away while the first is there', async () => {
    const at = path();
    const left = open({ path: at, role: 'listen' });
    const right = open({ path: at });
    await right.host.until(() => right.wire.linkUp && left.wire.linkUp);
    const second = connect({ path: at });
    await new Promise((resolve) => second.once('close', resolve));
    left.wire.send(batchOf(tagged(3)));
    await right.host.until(() => right.host.frames.length === 1);
    left.wire.close();
    right.wire.close();
  });
});
