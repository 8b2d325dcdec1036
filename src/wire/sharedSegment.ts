/**
 * An Ethernet segment between machines in several workers, over one SharedArrayBuffer: each port has a bounded
 * ring that the others write into under a lock of a few instructions, and sleeps in Atomics.waitAsync until
 * something comes. Real time, so no determinism: use `Segment` within one thread.
 */

import { copyBytes } from './bytes.ts';
import { type FrameBatch, OUTCOME_SENT } from './frameBatch.ts';
import { createWireCounters, NO_OFFLOADS, type Wire, type WireHost, type WireProperties } from './wire.ts';
import { WireError } from './wireError.ts';
import { checkFrame, requireClosed, requireOpen, settle, VLAN_TAG_SIZE } from './wireState.ts';

/** How a shared segment is laid out. */
export interface SharedSegmentOptions {
  /** How many machines can join. Default 2, at most 64. */
  readonly ports?: number;
  /** Frames that may wait for one port; a power of two. More are lost and counted there. Default 1024. */
  readonly queueCapacity?: number;
  /** Default 1514. */
  readonly maximumFrameSize?: number;
}

const MAGIC = 0x4e445833;
/** Words of the header: magic, ports, capacity, frame size. */
const HEADER_WORDS = 4;
/** Words of a port: open, lock, written, read, doorbell, lost, and two spare. */
const PORT_WORDS = 8;
const OPEN = 0;
const LOCK = 1;
const WRITTEN = 2;
const READ = 3;
const DOORBELL = 4;
const LOST = 5;
const MAXIMUM_PORTS = 64;
/** Tries for the lock of a ring before a frame counts as lost there: its holder has died. */
const MAXIMUM_LOCK_TRIES = 1 << 20;

/** What waitAsync gives; the name is not in the library of ES2023. */
interface AtomicsWithWaitAsync extends Atomics {
  waitAsync?(
    array: Int32Array,
    index: number,
    value: number,
  ): { async: false; value: string } | { async: true; value: Promise<string> };
}

/** Makes the memory of a segment; hand it to each worker. */
export function createSharedSegment(options: SharedSegmentOptions = {}): SharedArrayBuffer {
  const { ports = 2, queueCapacity = 1024, maximumFrameSize = 1514 } = options;
  if (!Number.isInteger(ports) || ports < 2 || ports > MAXIMUM_PORTS) {
    throw new WireError(
      'WIRE_OPTIONS_INVALID',
      `A shared segment of ${ports} ports: give 2 to ${MAXIMUM_PORTS}.`,
      {
        option: 'ports',
      },
    );
  }
  if (!Number.isInteger(Math.log2(queueCapacity)) || queueCapacity > 1 << 16) {
    throw new WireError(
      'WIRE_OPTIONS_INVALID',
      `A shared segment with a queue of ${queueCapacity} frames: give a power of two up to 65536.`,
      { option: 'queueCapacity' },
    );
  }
  const words = HEADER_WORDS + ports * PORT_WORDS;
  const buffer = new SharedArrayBuffer(words * 4 + ports * queueCapacity * slotSizeOf(maximumFrameSize));
  new Int32Array(buffer).set([MAGIC, ports, queueCapacity, maximumFrameSize]);
  return buffer;
}

/** A slot: length, then the frame, padded to words. */
function slotSizeOf(maximumFrameSize: number): number {
  return 4 + ((maximumFrameSize + VLAN_TAG_SIZE + 3) & ~3);
}

/** One port of a shared segment. */
export class SharedSegmentWire implements Wire {
  readonly name: string;
  readonly properties: WireProperties;
  readonly counters = createWireCounters();
  linkUp = true;
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly port: number;
  private readonly ports: number;
  private readonly capacity: number;
  private readonly slotSize: number;
  private host: WireHost | undefined;
  private waiting = false;

  /**
   * @param buffer from `createSharedSegment`.
   * @param port 0 and up, a different one for each machine.
   * @throws WireError SHARED_SEGMENT_INVALID
   */
  constructor(buffer: SharedArrayBuffer, port: number, macAddress?: Uint8Array) {
    const words =
      buffer.byteLength >= HEADER_WORDS * 4 ? new Int32Array(buffer) : new Int32Array(HEADER_WORDS);
    const [magic, ports, capacity, maximumFrameSize] = words;
    if (magic !== MAGIC || !Number.isInteger(port) || port < 0 || port >= ports) {
      throw new WireError(
        'SHARED_SEGMENT_INVALID',
        magic === MAGIC
          ? `Port ${port} of a shared segment that has ports 0 to ${ports - 1}: give each machine one of them.`
          : 'The shared memory is no segment: make it with createSharedSegment of the same version.',
      );
    }
    this.name = `shared:${port}`;
    this.words = words;
    this.bytes = new Uint8Array(buffer);
    this.port = port;
    this.ports = ports;
    this.capacity = capacity;
    this.slotSize = slotSizeOf(maximumFrameSize);
    this.properties = {
      maximumFrameSize,
      macAddress: macAddress ?? Uint8Array.of(0x02, 0, 0, 0, 2, port),
      linkSpeedBitsPerSecond: 10_000_000_000,
      live: true,
      offloads: NO_OFFLOADS,
    };
  }

  /**
   * A waiting port does not keep its worker running by itself.
   * @throws WireError DEVICE_BUSY if another machine has the port open.
   */
  open(host: WireHost): void {
    requireClosed(this.host, this.name);
    if (!('waitAsync' in Atomics)) {
      throw new WireError(
        'WIRE_PLATFORM_UNSUPPORTED',
        'A shared segment needs Atomics.waitAsync: use Node 20 or later.',
      );
    }
    const base = this.base(this.port);
    if (Atomics.compareExchange(this.words, base + OPEN, 0, 1) !== 0) {
      throw new WireError(
        'DEVICE_BUSY',
        `Port ${this.port} of the shared segment is open already: take another.`,
      );
    }
    // What came for the machine that had the port before is not for this one.
    Atomics.store(this.words, base + READ, Atomics.load(this.words, base + WRITTEN));
    Atomics.store(this.words, base + LOST, 0);
    this.host = host;
    this.sleep(host);
  }

  receive(batch: FrameBatch): number {
    const host = requireOpen(this.host, this.name);
    const { words, bytes } = this;
    const base = this.base(this.port);
    const now = host.now();
    let read = Atomics.load(words, base + READ);
    const written = Atomics.load(words, base + WRITTEN);
    let count = 0;
    while (count < batch.capacity && read !== written) {
      const at = this.slotAt(this.port, read);
      // Another thread may write anything: the length is taken as far as it can be true.
      const length = Math.min(words[at >> 2] >>> 0, this.slotSize - 4);
      if (length <= batch.size[count]) {
        copyBytes(bytes, at + 4, batch.memory, batch.offset[count], length);
        batch.length[count] = length;
        batch.stamp[count] = now;
        batch.clearOffloads(count);
        this.counters.received++;
        this.counters.receivedBytes += length;
        count++;
      } else {
        this.counters.receiveDropped++;
      }
      read = (read + 1) | 0;
    }
    Atomics.store(words, base + READ, read);
    this.counters.receiveDropped += Atomics.exchange(words, base + LOST, 0);
    batch.count = count;
    if (read !== written) host.readableAt(now);
    else this.sleep(host);
    return count;
  }

  send(batch: FrameBatch, first = 0): number {
    requireOpen(this.host, this.name);
    for (let port = 0; port < this.ports; port++) {
      if (port !== this.port && Atomics.load(this.words, this.base(port) + OPEN) === 1) {
        this.write(port, batch, first);
      }
    }
    for (let slot = first; slot < batch.count; slot++) {
      settle(batch, slot, checkFrame(batch, slot, this.properties), this.counters);
    }
    return Math.max(0, batch.count - first);
  }

  close(): void {
    if (this.host === undefined) return;
    this.host = undefined;
    const base = this.base(this.port);
    Atomics.store(this.words, base + OPEN, 0);
    this.ring(base);
  }

  /** Puts a batch into another port's ring under one hold of its lock. */
  private write(port: number, batch: FrameBatch, first: number): void {
    const { words, bytes } = this;
    const base = this.base(port);
    if (!this.lock(base)) {
      Atomics.add(words, base + LOST, batch.count - first);
      return;
    }
    let written = Atomics.load(words, base + WRITTEN);
    const read = Atomics.load(words, base + READ);
    let lost = 0;
    for (let slot = first; slot < batch.count; slot++) {
      if (checkFrame(batch, slot, this.properties) !== OUTCOME_SENT) continue;
      if (((written - read) | 0) >= this.capacity) {
        lost++;
        continue;
      }
      const at = this.slotAt(port, written);
      words[at >> 2] = batch.length[slot];
      copyBytes(batch.memory, batch.offset[slot], bytes, at + 4, batch.length[slot]);
      written = (written + 1) | 0;
    }
    Atomics.store(words, base + WRITTEN, written);
    Atomics.store(words, base + LOCK, 0);
    if (lost > 0) Atomics.add(words, base + LOST, lost);
    this.ring(base);
  }

  private lock(base: number): boolean {
    for (let tries = 0; tries < MAXIMUM_LOCK_TRIES; tries++) {
      if (Atomics.compareExchange(this.words, base + LOCK, 0, 1) === 0) return true;
    }
    return false;
  }

  private ring(base: number): void {
    Atomics.add(this.words, base + DOORBELL, 1);
    Atomics.notify(this.words, base + DOORBELL);
  }

  /** Whether nothing waits for this port. */
  private isEmpty(): boolean {
    const base = this.base(this.port);
    return Atomics.load(this.words, base + WRITTEN) === Atomics.load(this.words, base + READ);
  }

  /** Waits, without holding the thread, until the doorbell rings; asks the host to come back if it just has. */
  private sleep(host: WireHost): void {
    if (this.waiting) return;
    const { words } = this;
    const doorbell = this.base(this.port) + DOORBELL;
    const atomics: AtomicsWithWaitAsync = Atomics;
    for (let tries = 0; tries < 2; tries++) {
      // Read before the ring is looked at: a frame that comes in between changes it, and the wait fails.
      const rung = Atomics.load(words, doorbell);
      if (!this.isEmpty()) break;
      const result = atomics.waitAsync?.(words, doorbell, rung);
      if (result?.async !== true) continue;
      this.waiting = true;
      result.value.then(this.woken, this.woken);
      return;
    }
    host.readableAt(host.now());
  }

  private readonly woken = (): void => {
    this.waiting = false;
    this.host?.readable();
    // Nothing was there, or the host has taken all: receive has begun to wait already, unless it was not called.
    if (this.host !== undefined && this.isEmpty()) this.sleep(this.host);
  };

  private base(port: number): number {
    return HEADER_WORDS + port * PORT_WORDS;
  }

  private slotAt(port: number, position: number): number {
    const slots = (HEADER_WORDS + this.ports * PORT_WORDS) * 4;
    return slots + (port * this.capacity + (position & (this.capacity - 1))) * this.slotSize;
  }
}
