import { beforeEach, describe, expect, test } from 'vitest';
import { ethernet, mac } from '../../../test/support/frames.ts';
import { createTestKernel } from '../../../test/support/kernel.ts';

import { initializeDpc, libraryDpcRoutine, poolOf } from '../../kernel/index.ts';
import { KERNEL_WINDOW_HIGH, poolType } from '../../memory/index.ts';
import { FrameBatch, Segment, type SegmentPort } from '../../wire/index.ts';
import { WireDevice } from '../wireDevice.ts';
import { RingDevice } from './ringDevice.ts';
import * as layout from './ringLayout.ts';

const OWN = mac('02:00:00:00:01:00');
const HOST = mac('02:00:00:00:01:01');
const BOTH = layout.NDISBOX_RING_SEND | layout.NDISBOX_RING_RECEIVE;
const { NDISBOX_RING, NDISBOX_RING_DESCRIPTOR } = layout;
const frame = (tag: number, length = 60) =>
  ethernet(HOST, OWN, 0x1234, new Uint8Array(length - 14).fill(tag));

/** A ring of four descriptors a queue over a port of a segment, and a host on another port. */
function setUp() {
  const { kernel, driver } = createTestKernel({});
  const { memory } = kernel;
  const segment = new Segment({});
  const wire = new WireDevice(kernel, segment.addPort(OWN), 0n, () => {});
  const ring = RingDevice.create(kernel, driver, wire, 4, 4);
  if (ring === null) throw new Error('no memory');
  const pool = poolOf(kernel);
  const dpc = pool.allocateZeroed(poolType.nonPagedNx, 64, 1, 0);
  const buffers = pool.allocateZeroed(poolType.nonPagedNx, 16 * 2048, 1, 0);
  let interrupts = 0;
  initializeDpc(
    kernel,
    dpc,
    libraryDpcRoutine(kernel, () => void interrupts++),
    0,
  );
  ring.connect(dpc);
  const view = NDISBOX_RING.at(memory, ring.address);
  const host: SegmentPort = segment.addPort(HOST);
  const quiet = () => {};
  host.open({
    epochNanoseconds: 0n,
    now: () => kernel.clock.now * 100,
    readableAt: quiet,
    readable: quiet,
    writable: quiet,
    linkChanged: quiet,
    failed: quiet,
  });
  const batch = FrameBatch.allocate(64, 2048);
  const descriptor = (queue: layout.NDISBOX_RING_QUEUE, index: number) =>
    NDISBOX_RING_DESCRIPTOR.at(memory, queue.Descriptors + (index & 3) * NDISBOX_RING_DESCRIPTOR.size);
  return {
    kernel,
    memory,
    ring,
    view,
    pool,
    driver,
    descriptor,
    buffer: (index: number) => buffers + index * 2048,
    interrupts: () => interrupts,
    give: (count: number) => {
      for (let i = 0; i < count; i++) {
        const at = view.Receive.Produced++;
        const given = descriptor(view.Receive, at);
        given.Buffer = buffers + (8 + (at & 3)) * 2048;
        given.Size = 2048;
      }
    },
    send: (bytes: Uint8Array) => {
      const at = view.Send.Produced++;
      const used = descriptor(view.Send, at);
      memory.u8.set(bytes, buffers + (at & 3) * 2048);
      used.Buffer = buffers + (at & 3) * 2048;
      used.Length = bytes.length;
      return used;
    },
    arrive: (...frames: Uint8Array[]) => {
      batch.count = 0;
      for (const bytes of frames) batch.append(bytes);
      expect(host.send(batch)).toBe(frames.length);
    },
    heard: () => {
      const count = host.receive(batch);
      return Array.from({ length: count }, (_, slot) => batch.frame(slot).slice());
    },
  };
}

let t: ReturnType<typeof setUp>;
beforeEach(() => {
  t = setUp();
});

describe('a ring', () => {
  test('says what its wire is', () => {
    expect(t.view).toMatchObject({ Revision: 1, Size: 88, MaximumFrameSize: 1514, ReceiveBufferSize: 1518 });
    expect(t.view).toMatchObject({ MacAddressLength: 6, VlanSupported: 0, LinkUp: 1 });
    expect([...t.view.MacAddress]).toEqual([...OWN]);
  });

  test('sends what was produced, in order, and consumes it', () => {
    t.send(frame(1));
    t.send(frame(2, 1514));
    // No buffer was given for what may arrive.
    expect(t.ring.doorbell(BOTH)).toBe(layout.NDISBOX_RING_MORE);
    expect(t.heard()).toEqual([frame(1), frame(2, 1514)]);
    expect(t.view.Send).toMatchObject({ Produced: 2, Consumed: 2 });
  });

  test('goes round more often than it has descriptors', () => {
    for (let i = 0; i < 11; i++) {
      t.send(frame(i));
      t.ring.doorbell(BOTH);
      expect(t.heard()).toEqual([frame(i)]);
    }
  });

  test('a frame that the wire refuses is refused, and those behind it are sent', () => {
    const long = t.send(new Uint8Array(1600));
    t.send(frame(3));
    t.ring.doorbell(BOTH);
    expect(long.Result).toBe(layout.NDISBOX_RING_REFUSED);
    expect(t.heard()).toEqual([frame(3)]);
  });

  test('queues the DPC when frames arrive, and fills buffers at the doorbell', async () => {
    t.give(3);
    t.arrive(frame(1), frame(2, 1000));
    await t.kernel.scheduler.run(() => false);
    expect(t.interrupts()).toBeGreaterThan(0);
    expect(t.ring.doorbell(BOTH)).toBe(0);
    expect(t.view.Receive).toMatchObject({ Produced: 3, Consumed: 2 });
    const { Buffer: at, Length, Result } = t.descriptor(t.view.Receive, 1);
    expect({ Length, Result }).toEqual({ Length: 1000, Result: layout.NDISBOX_RING_DONE });
    expect(t.memory.u8.slice(at, at + Length)).toEqual(frame(2, 1000));
  });

  test('says that more may wait when every buffer was used; they come with the next', () => {
    t.give(1);
    t.arrive(frame(1), frame(2));
    expect(t.ring.doorbell(BOTH)).toBe(layout.NDISBOX_RING_MORE);
    t.give(2);
    expect(t.ring.doorbell(BOTH)).toBe(0);
    expect(t.view.Receive.Consumed).toBe(2);
  });

  test.each([
    ['NULL', 0, 0],
    ['the pages around NULL', 0x1000, KERNEL_WINDOW_HIGH],
    ['another window', 0x20_0000, 0x1a0],
    ['the end of memory', 0x80_0000 - 10, KERNEL_WINDOW_HIGH],
  ])('a buffer at %s is told, and nothing is read or written there', (_name, low, high) => {
    const bad = t.send(frame(1));
    t.memory.i32[bad.address >> 2] = low;
    t.memory.i32[(bad.address + 4) >> 2] = high;
    t.send(frame(2));
    t.give(2);
    const given = t.descriptor(t.view.Receive, 0);
    t.memory.i32[given.address >> 2] = low;
    t.memory.i32[(given.address + 4) >> 2] = high;
    t.arrive(frame(3));
    t.ring.doorbell(BOTH);
    expect(bad.Result).toBe(layout.NDISBOX_RING_BAD_BUFFER);
    expect(given.Result).toBe(layout.NDISBOX_RING_BAD_BUFFER);
    expect(t.heard()).toEqual([frame(2)]);
    expect(t.descriptor(t.view.Receive, 1)).toMatchObject({ Length: 60, Result: layout.NDISBOX_RING_DONE });
  });

  test('a length of 4 GiB is told too', () => {
    const bad = t.send(frame(1));
    bad.Length = 0xffff_ffff;
    t.ring.doorbell(BOTH);
    expect(bad.Result).toBe(layout.NDISBOX_RING_BAD_BUFFER);
    expect(t.heard()).toEqual([]);
  });

  test.each(['Send', 'Receive'] as const)(
    'more descriptors than %s has stop the ring, with a finding',
    (queue) => {
      t.view[queue].Produced = 5;
      expect(t.ring.doorbell(BOTH)).toBe(layout.NDISBOX_RING_FAILED);
      expect(t.ring.doorbell(BOTH)).toBe(layout.NDISBOX_RING_FAILED);
      expect(t.kernel.findings.map(({ code }) => code)).toEqual(['RING_OVERRUN']);
    },
  );

  test('frames are sent only when the doorbell is rung for them; a flush gives them back unsent', () => {
    const first = t.send(frame(1));
    t.ring.doorbell(layout.NDISBOX_RING_RECEIVE);
    expect(t.view.Send.Consumed).toBe(0);
    t.ring.doorbell(layout.NDISBOX_RING_FLUSH);
    expect(t.view.Send.Consumed).toBe(1);
    expect(first.Result).toBe(layout.NDISBOX_RING_REFUSED);
    expect(t.heard()).toEqual([]);
  });

  test('its memory is charged to the driver until it is closed', () => {
    expect(t.pool.leaks(t.driver.id)).toHaveLength(2);
    t.ring.close();
    expect(t.pool.leaks(t.driver.id)).toEqual([]);
  });
});
