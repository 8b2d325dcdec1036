/**
 * The teaching device: a small network adapter of our own design on the simulated bus, with descriptor rings, two receive
 * queues, four interrupt messages or a pin, and moderation. Its data sheet is docs/teaching-device.md; whatever a driver
 * writes, the device is bounded and touches only memory that is there.
 */

import type { BarDeclaration, BusDevice, DeviceHost } from '../../kernel/index.ts';
import type { KernelMemory } from '../../memory/index.ts';
import { FrameBatch, NEVER, type Wire, WireError, type WireHost } from '../../wire/index.ts';
import { InterruptLogic } from './interruptLogic.ts';
import * as r from './registers.ts';
import { DeviceRing } from './ring.ts';

/** Units of 100 ns: from a doorbell to the first frame, and from a frame on the wire to its arrival in memory. */
const DELAY = 10;
/** How long a reset takes: 100 microseconds. */
const RESET_TIME = 1000;
/** Frames that are moved at a time; the next ones follow after DELAY. */
const BATCH = 32;
const NANOSECONDS_PER_UNIT = 100;
const ETHERNET_HEADER = 14;
const VLAN_TAG = 4;
const BITS_PER_MEGABIT = 1_000_000;

type Counter = (typeof r.COUNTER_NAMES)[number];

export interface TeachingDeviceParts {
  readonly memory: KernelMemory;
  readonly wire: Wire;
  readonly epochNanoseconds: bigint;
  /** Its permanent MAC address; default: the wire's, or 02-00-00-00-00-02. */
  readonly macAddress?: Uint8Array;
  /** Called when something came from outside while the machine may be idle. */
  readonly wake: () => void;
}

export class TeachingDevice implements BusDevice, WireHost {
  readonly name = 'teaching device';
  readonly identity = {
    vendorId: r.VENDOR_ID,
    deviceId: r.DEVICE_ID,
    revisionId: r.REVISION_ID,
    classCode: 0x020000,
    subsystemVendorId: r.VENDOR_ID,
    subsystemId: r.DEVICE_ID,
  };
  readonly bars: readonly BarDeclaration[] = [
    { kind: 'memory', size: 4096 },
    { kind: 'port', size: r.PORT_COUNT },
  ];
  readonly messages = r.MESSAGE_CAUSES.length;
  readonly epochNanoseconds: bigint;
  readonly wire: Wire;
  readonly #parts: TeachingDeviceParts;
  readonly #longest: number;
  readonly #sendBatch: FrameBatch;
  readonly #receiveBatch: FrameBatch;
  readonly #permanent: Uint8Array;
  readonly #address = new Uint8Array(6);
  readonly #hash = new Uint32Array(2);
  readonly #counters = new Map<Counter, number>();
  #chip: { host: DeviceHost; interrupts: InterruptLogic; rings: DeviceRing[] } | null = null;
  #control = 0;
  #filter = 0;
  #resetting = false;
  #dmaError = false;
  #index = 0;
  #open = false;
  #failed = false;

  constructor(parts: TeachingDeviceParts) {
    this.#parts = parts;
    this.wire = parts.wire;
    this.epochNanoseconds = parts.epochNanoseconds;
    this.#longest = parts.wire.properties.maximumFrameSize + VLAN_TAG;
    this.#sendBatch = FrameBatch.allocate(BATCH, this.#longest);
    this.#receiveBatch = FrameBatch.allocate(BATCH, this.#longest);
    const { macAddress } = parts.wire.properties;
    this.#permanent = parts.macAddress ?? macAddress ?? new Uint8Array([2, 0, 0, 0, 0, 2]);
  }

  attached(host: DeviceHost): void {
    const { memory } = this.#parts;
    this.#chip = {
      host,
      interrupts: new InterruptLogic(host),
      rings: [0, 1, 2].map(() => new DeviceRing(host, memory)),
    };
  }

  get #on() {
    if (this.#chip === null) throw new Error('the teaching device is on no bus');
    return this.#chip;
  }

  reset(): void {
    const { host, interrupts, rings } = this.#on;
    for (const key of ['transmit', 'receive', 'reset']) host.cancel(key);
    interrupts.reset();
    for (const ring of rings) ring.reset();
    this.#control = 0;
    this.#filter = 0;
    this.#index = 0;
    this.#resetting = false;
    this.#dmaError = false;
    this.#hash.fill(0);
    this.#address.set(this.#permanent.subarray(0, 6));
    for (const name of r.COUNTER_NAMES) this.#counters.set(name, 0);
  }

  removed(): void {
    if (this.#open) this.wire.close();
    this.#open = false;
    this.#control = 0;
  }

  read(bar: number, offset: number, size: number): number {
    if (bar === 0) return size === 4 ? this.#readRegister(offset) : 0;
    if (size !== 4) return 0;
    if (offset === r.PORT_INDEX) return this.#index;
    return offset === r.PORT_DATA ? this.#readRegister(this.#index) : 0;
  }

  write(bar: number, offset: number, size: number, value: number): void {
    if (size !== 4) return;
    if (bar === 0) this.#writeRegister(offset, value);
    else if (offset === r.PORT_INDEX) this.#index = value & 0xffc;
    else if (offset === r.PORT_DATA) this.#writeRegister(this.#index, value);
  }

  #readRegister(offset: number): number {
    const { interrupts, rings } = this.#on;
    const [a0, a1, a2, a3, a4, a5] = this.#address;
    switch (offset) {
      case r.IDENTITY:
        return r.IDENTITY_VALUE;
      case r.CONTROL:
        return this.#control | (this.#resetting ? r.CONTROL_RESET : 0);
      case r.STATUS:
        return this.#status();
      case r.INTERRUPT_STATUS:
        return interrupts.status;
      case r.INTERRUPT_ENABLE:
      case r.INTERRUPT_DISABLE:
        return interrupts.mask;
      case r.MODERATION:
        return interrupts.moderation;
      case r.LINK_SPEED:
        return Math.floor(this.wire.properties.linkSpeedBitsPerSecond / BITS_PER_MEGABIT);
      case r.MAC_LOW:
        return (a0 | (a1 << 8) | (a2 << 16) | (a3 << 24)) >>> 0;
      case r.MAC_HIGH:
        return a4 | (a5 << 8);
      case r.RECEIVE_FILTER:
        return this.#filter;
      case r.MULTICAST_HASH_LOW:
        return this.#hash[0];
      case r.MULTICAST_HASH_HIGH:
        return this.#hash[1];
    }
    const ring = ringOf(offset);
    if (ring !== null) return rings[ring.index].read(ring.register);
    const name = r.COUNTER_NAMES[(offset - r.COUNTERS) >> 2];
    return offset >= r.COUNTERS && name !== undefined ? (this.#counters.get(name) ?? 0) : 0;
  }

  #status(): number {
    const { rings } = this.#on;
    return (
      (this.#linkUp ? r.STATUS_LINK_UP : 0) |
      (this.#resetting ? r.STATUS_RESETTING : 0) |
      (this.#dmaError ? r.STATUS_DMA_ERROR : 0) |
      (rings[0].waiting > 0 ? r.STATUS_TRANSMIT_BUSY : 0)
    );
  }

  get #linkUp(): boolean {
    return !this.#failed && this.wire.linkUp;
  }

  #writeRegister(offset: number, value: number): void {
    const { interrupts, rings } = this.#on;
    // While it resets, the device hears nothing (erratum 1).
    if (this.#resetting) return;
    switch (offset) {
      case r.CONTROL:
        return this.#writeControl(value);
      case r.INTERRUPT_STATUS:
        return interrupts.clear(value);
      case r.INTERRUPT_ENABLE:
        return interrupts.enable(value);
      case r.INTERRUPT_DISABLE:
        return interrupts.disable(value);
      case r.MODERATION:
        interrupts.moderation = value;
        return;
      case r.MAC_LOW:
        for (let i = 0; i < 4; i++) this.#address[i] = (value >>> (8 * i)) & 0xff;
        return;
      case r.MAC_HIGH:
        for (let i = 0; i < 2; i++) this.#address[4 + i] = (value >>> (8 * i)) & 0xff;
        return;
      case r.RECEIVE_FILTER:
        this.#filter = value & 0x1f;
        return;
      case r.MULTICAST_HASH_LOW:
        this.#hash[0] = value;
        return;
      case r.MULTICAST_HASH_HIGH:
        this.#hash[1] = value;
        return;
    }
    const ring = ringOf(offset);
    if (ring === null) return;
    rings[ring.index].write(ring.register, value);
    if (ring.register === r.RING_TAIL && ring.index === 0) this.#transmitSoon();
    else if (ring.register === r.RING_TAIL) this.#receiveSoon();
  }

  #writeControl(value: number): void {
    if ((value & r.CONTROL_RESET) !== 0) return this.#beginReset();
    this.#control = value & (r.CONTROL_TRANSMIT | r.CONTROL_RECEIVE | r.CONTROL_TWO_QUEUES);
    if (!this.#open && (this.#control & (r.CONTROL_TRANSMIT | r.CONTROL_RECEIVE)) !== 0) this.#openWire();
    this.#transmitSoon();
    this.#receiveSoon();
  }

  #beginReset(): void {
    const { host } = this.#on;
    this.reset();
    this.#resetting = true;
    host.schedule('reset', host.now + RESET_TIME, () => {
      this.#resetting = false;
    });
  }

  #openWire(): void {
    this.#open = true;
    try {
      this.wire.open(this);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#open = false;
      this.#failed = true;
    }
  }

  #count(name: Counter, amount = 1): void {
    this.#counters.set(name, ((this.#counters.get(name) ?? 0) + amount) % 0x1_0000_0000);
  }

  /** A transfer failed: both directions stop until the device is reset. */
  #fault(address: number): void {
    this.#dmaError = true;
    this.#control &= ~(r.CONTROL_TRANSMIT | r.CONTROL_RECEIVE);
    this.#counters.set('errorAddress', address % 0x1_0000_0000);
    this.#on.interrupts.raise(r.CAUSE_ERROR);
  }

  #transmitSoon(): void {
    const { host, rings } = this.#on;
    if ((this.#control & r.CONTROL_TRANSMIT) === 0 || rings[0].waiting === 0) return;
    host.schedule('transmit', host.now + DELAY, () => this.#transmit());
  }

  /** Sends what the driver gave: up to BATCH frames, the rest after DELAY, or when the wire takes frames again. */
  #transmit(): void {
    const ring = this.#on.rings[0];
    const batch = this.#sendBatch;
    if ((this.#control & r.CONTROL_TRANSMIT) === 0) return;
    /** Descriptors of each frame in the batch. */
    const taken: number[] = [];
    let ahead = 0;
    while (taken.length < BATCH) {
      const used = this.#gather(batch, taken.length, ahead);
      if (used === 0) break;
      if (used < 0) return;
      taken.push(used);
      ahead += used;
    }
    batch.count = taken.length;
    const sent = batch.count === 0 ? 0 : this.#send(batch);
    let done = 0;
    for (let frame = 0; frame < sent; frame++) {
      const good = batch.length[frame] > 0 && batch.outcome[frame] === 0;
      this.#finishFrame(done, taken[frame], good);
      this.#count(good ? 'transmitFrames' : 'transmitErrors');
      if (good) this.#count('transmitBytes', batch.length[frame]);
      done += taken[frame];
    }
    ring.advance(done);
    if (done > 0) this.#on.interrupts.raise(r.CAUSE_TRANSMIT);
    if (sent === taken.length && sent > 0) this.#transmitSoon();
  }

  /** Hands the batch to the wire; without a wire, and for frames that are bad, nothing is sent. */
  #send(batch: FrameBatch): number {
    if (!this.#open || this.#failed) {
      batch.outcome.fill(1, 0, batch.count);
      return batch.count;
    }
    let first = 0;
    const { count } = batch;
    while (first < count) {
      if (batch.length[first] === 0) {
        first++;
        continue;
      }
      let end = first;
      while (end < count && batch.length[end] > 0) end++;
      batch.count = end;
      const taken = this.wire.send(batch, first);
      first += taken;
      if (first < end) break;
    }
    batch.count = count;
    return first;
  }

  /**
   * Gathers the frame whose first descriptor lies `ahead` of the head into a slot; a bad one gets length 0.
   * @returns its descriptors, 0 where the driver has not given all of it, -1 after a fault.
   */
  #gather(batch: FrameBatch, slot: number, ahead: number): number {
    const { host, rings } = this.#on;
    const ring = rings[0];
    const { waiting } = ring;
    let length = 0;
    let bad = false;
    for (let used = 0; ahead + used < waiting; ) {
      const descriptor = ring.at(ahead + used);
      if (!ring.isReachable(descriptor)) return this.#stop(descriptor);
      const size = ring.length(descriptor);
      const source = ring.buffer(descriptor);
      used++;
      if (used > r.FRAME_DESCRIPTORS || length + size > this.#longest) bad = true;
      else {
        if (host.checkDma(source, size, 'read') !== null) return this.#stop(source);
        const target = batch.offset[slot] + length;
        batch.memory.set(this.#parts.memory.u8.subarray(source, source + size), target);
        length += size;
      }
      if ((ring.flags(descriptor) & r.FLAG_END) === 0) continue;
      batch.length[slot] = bad || length < ETHERNET_HEADER ? 0 : length;
      batch.outcome[slot] = 0;
      batch.clearOffloads(slot);
      return used;
    }
    return 0;
  }

  #stop(address: number): number {
    this.#fault(address);
    return -1;
  }

  #finishFrame(ahead: number, count: number, good: boolean): void {
    const ring = this.#on.rings[0];
    for (let i = 0; i < count; i++) {
      const descriptor = ring.at(ahead + i);
      const flags = ring.flags(descriptor) & r.FLAG_END;
      ring.finish(descriptor, ring.length(descriptor), flags | r.FLAG_DONE | (good ? 0 : r.FLAG_ERROR));
    }
  }

  #receiveSoon(): void {
    const { host } = this.#on;
    if (!this.#open || (this.#control & r.CONTROL_RECEIVE) === 0) return;
    host.schedule('receive', host.now + DELAY, () => this.#receive());
  }

  /** Takes frames from the wire and puts them where the driver wants them. */
  #receive(): void {
    if (!this.#open || (this.#control & r.CONTROL_RECEIVE) === 0) return;
    const batch = this.#receiveBatch;
    const count = this.wire.receive(batch);
    let causes = 0;
    for (let slot = 0; slot < count; slot++) {
      if (!this.#accepts(batch.memory, batch.offset[slot])) this.#count('receiveFiltered');
      else causes |= this.#deliver(batch, slot);
      if ((this.#control & r.CONTROL_RECEIVE) === 0) break;
    }
    if (causes !== 0) this.#on.interrupts.raise(causes);
    if (count === batch.capacity) this.#receiveSoon();
  }

  /** Whether the filter lets a frame in, by its destination. */
  #accepts(memory: Uint8Array, at: number): boolean {
    const filter = this.#filter;
    if ((filter & r.FILTER_PROMISCUOUS) !== 0) return true;
    const destination = memory.subarray(at, at + 6);
    if ((destination[0] & 1) === 0)
      return (filter & r.FILTER_UNICAST) !== 0 && destination.every((byte, i) => byte === this.#address[i]);
    if (destination.every((byte) => byte === 0xff)) return (filter & r.FILTER_BROADCAST) !== 0;
    if ((filter & r.FILTER_ALL_MULTICAST) !== 0) return true;
    const bit = destination.reduce((sum, byte) => sum ^ byte, 0) & 63;
    return (filter & r.FILTER_MULTICAST) !== 0 && ((this.#hash[bit >> 5] >>> (bit & 31)) & 1) !== 0;
  }

  /** Writes a frame to the next buffer of its queue. @returns the cause that this is. */
  #deliver(batch: FrameBatch, slot: number): number {
    const { host, rings } = this.#on;
    const from = batch.offset[slot];
    const length = batch.length[slot];
    const queue = (this.#control & r.CONTROL_TWO_QUEUES) === 0 ? 0 : batch.memory[from + 11] & 1;
    const ring = rings[1 + queue];
    if (ring.waiting === 0) {
      this.#count('receiveNoBuffer');
      return r.CAUSE_OVERRUN;
    }
    const descriptor = ring.at(0);
    if (!ring.isReachable(descriptor)) {
      this.#fault(descriptor);
      return 0;
    }
    const buffer = ring.buffer(descriptor);
    const fits = length <= ring.length(descriptor);
    if (fits && host.checkDma(buffer, length, 'write') !== null) {
      this.#fault(buffer);
      return 0;
    }
    if (fits) this.#parts.memory.u8.set(batch.memory.subarray(from, from + length), buffer);
    ring.finish(descriptor, length, fits ? r.FLAG_DONE : r.FLAG_DONE | r.FLAG_ERROR);
    ring.advance(1);
    if (fits) {
      this.#count('receiveFrames');
      this.#count('receiveBytes', length);
    }
    return queue === 0 ? r.CAUSE_RECEIVE_0 : r.CAUSE_RECEIVE_1;
  }

  // What follows is what the wire reaches: see WireHost.

  now(): number {
    return this.#on.host.now * NANOSECONDS_PER_UNIT;
  }

  readableAt(nanoseconds: number): void {
    const { host } = this.#on;
    if (nanoseconds === NEVER || !this.#open) return host.cancel('arrival');
    const due = Math.max(Math.ceil(nanoseconds / NANOSECONDS_PER_UNIT), host.now);
    host.schedule('arrival', due, () => this.#receiveSoon());
  }

  readable(): void {
    this.#receiveSoon();
    this.#parts.wake();
  }

  writable(): void {
    this.#transmitSoon();
    this.#parts.wake();
  }

  linkChanged(): void {
    this.#on.interrupts.raise(r.CAUSE_LINK);
    this.#parts.wake();
  }

  failed(): void {
    this.#failed = true;
    this.#on.interrupts.raise(r.CAUSE_LINK);
    this.#parts.wake();
  }
}

function ringOf(offset: number): { readonly index: number; readonly register: number } | null {
  if (offset < r.TRANSMIT_RING || offset >= r.RECEIVE_RING_1 + 0x20) return null;
  const index = (offset - r.TRANSMIT_RING) >> 5;
  const register = (offset - r.TRANSMIT_RING) & 0x1f;
  return register > r.RING_TAIL ? null : { index, register };
}
