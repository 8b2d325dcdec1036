/**
 * The device behind a ring: moves frames between the descriptors of a compiled miniport and the wire of its adapter,
 * each time the miniport rings the doorbell. What stands in the ring is the driver's to write, so nothing in it is
 * believed: indices and buffers are checked, and what the device needs to know is kept outside of the ring.
 */

import { type Driver, type Kernel, poolOf } from '../../kernel/index.ts';
import {
  type Address,
  FIRST_MAPPED_ADDRESS,
  KERNEL_WINDOW_HIGH,
  type KernelMemory,
  poolType,
} from '../../memory/index.ts';
import {
  CHECKSUM_NEEDED,
  CHECKSUM_VALID,
  completeChecksum,
  FrameBatch,
  OUTCOME_SENT,
  type Wire,
} from '../../wire/index.ts';
import type { WireDevice } from '../wireDevice.ts';
import {
  NDISBOX_RING,
  NDISBOX_RING_BAD_BUFFER,
  NDISBOX_RING_CHECKSUM_GOOD,
  NDISBOX_RING_DESCRIPTOR,
  NDISBOX_RING_DONE,
  NDISBOX_RING_FAILED,
  NDISBOX_RING_FLUSH,
  NDISBOX_RING_LINK_CHANGED,
  NDISBOX_RING_MORE,
  NDISBOX_RING_QUEUE,
  NDISBOX_RING_RECEIVE,
  NDISBOX_RING_REFUSED,
  NDISBOX_RING_REVISION_1,
  NDISBOX_RING_SEND,
} from './ringLayout.ts';

/** `NdbR` as a pool tag. */
const TAG = 0x5262644e;
/** Frames handed to the wire, or asked of it, at once. */
const BATCH = 64;
/** Bytes of a VLAN tag, which every wire carries beyond its longest frame. */
const VLAN_TAG_SIZE = 4;
const DESCRIPTOR_SIZE = NDISBOX_RING_DESCRIPTOR.size;
const BUFFER = NDISBOX_RING_DESCRIPTOR.offset.Buffer;
const SIZE = NDISBOX_RING_DESCRIPTOR.offset.Size;
const LENGTH = NDISBOX_RING_DESCRIPTOR.offset.Length;
const VLAN = NDISBOX_RING_DESCRIPTOR.offset.Vlan;
const FLAGS = NDISBOX_RING_DESCRIPTOR.offset.Flags;
const RESULT = NDISBOX_RING_DESCRIPTOR.offset.Result;
const LINK_UP = NDISBOX_RING.offset.LinkUp;
const PRODUCED = NDISBOX_RING_QUEUE.offset.Produced;
const CONSUMED = NDISBOX_RING_QUEUE.offset.Consumed;

/** One direction, as the device knows it. */
class RingQueue {
  readonly #memory: KernelMemory;
  /** Where NDISBOX_RING_QUEUE lies. */
  readonly #at: Address;
  readonly #descriptors: Address;
  readonly #count: number;
  /** How many descriptors the device is done with, modulo 2^32. */
  #consumed = 0;

  constructor(memory: KernelMemory, at: Address, descriptors: Address, count: number) {
    this.#memory = memory;
    this.#at = at;
    this.#descriptors = descriptors;
    this.#count = count;
    NDISBOX_RING_QUEUE.fill(memory, at, { Descriptors: descriptors, Count: count });
  }

  /** Descriptors that the driver has given and the device has not done; -1 where the driver gave more than there are. */
  get waiting(): number {
    const waiting = (this.#memory.u32[(this.#at + PRODUCED) >> 2] - this.#consumed) >>> 0;
    return waiting > this.#count ? -1 : waiting;
  }

  /** The descriptor `index` places after the last one done. */
  descriptor(index: number): Address {
    return this.#descriptors + ((this.#consumed + index) & (this.#count - 1)) * DESCRIPTOR_SIZE;
  }

  /** Gives the next `count` descriptors back to the driver. */
  advance(count: number): void {
    this.#consumed = (this.#consumed + count) >>> 0;
    this.#memory.u32[(this.#at + CONSUMED) >> 2] = this.#consumed;
  }
}

export class RingDevice {
  /** Where NDISBOX_RING lies. */
  readonly address: Address;
  readonly #kernel: Kernel;
  readonly #memory: KernelMemory;
  readonly #driver: Driver;
  readonly #device: WireDevice;
  readonly #descriptors: Address;
  readonly #send: RingQueue;
  readonly #receive: RingQueue;
  readonly #sendBatch: FrameBatch;
  readonly #receiveBatch: FrameBatch;
  /** For when fewer descriptors wait than the batch has slots. */
  readonly #singleReceive: FrameBatch;
  #broken = false;

  /** Allocates the memory that is shared, charged to the driver; null when memory is short. */
  static create(
    kernel: Kernel,
    driver: Driver,
    device: WireDevice,
    sendCount: number,
    receiveCount: number,
  ): RingDevice | null {
    const pool = poolOf(kernel);
    const size = (sendCount + receiveCount) * DESCRIPTOR_SIZE;
    const address = pool.allocateZeroed(poolType.nonPagedNx, NDISBOX_RING.size, TAG, driver.id);
    if (address === 0) return null;
    const descriptors = pool.allocateZeroed(poolType.nonPagedNx, size, TAG, driver.id);
    if (descriptors !== 0)
      return new RingDevice(kernel, driver, device, { address, descriptors, sendCount, receiveCount });
    pool.free(address, TAG);
    return null;
  }

  private constructor(
    kernel: Kernel,
    driver: Driver,
    device: WireDevice,
    parts: { address: Address; descriptors: Address; sendCount: number; receiveCount: number },
  ) {
    const { address, descriptors, sendCount, receiveCount } = parts;
    const { memory } = kernel;
    this.#kernel = kernel;
    this.#memory = memory;
    this.#driver = driver;
    this.#device = device;
    this.#descriptors = descriptors;
    this.address = address;
    this.#sendBatch = new FrameBatch(memory.u8, BATCH);
    this.#receiveBatch = new FrameBatch(memory.u8, BATCH);
    this.#singleReceive = new FrameBatch(memory.u8, 1);
    const at = NDISBOX_RING.offset;
    this.#send = new RingQueue(memory, address + at.Send, descriptors, sendCount);
    this.#receive = new RingQueue(
      memory,
      address + at.Receive,
      descriptors + sendCount * DESCRIPTOR_SIZE,
      receiveCount,
    );
  }

  /** Opens the wire and says in the ring what it is. @throws WireError where the wire cannot be had. */
  connect(dpc: Address): void {
    this.#device.connect(dpc);
    const { wire } = this.#device;
    const { properties } = wire;
    const ring = NDISBOX_RING.at(this.#memory, this.address);
    ring.Revision = NDISBOX_RING_REVISION_1;
    ring.Size = NDISBOX_RING.size;
    ring.LinkSpeed = BigInt(properties.linkSpeedBitsPerSecond);
    ring.MaximumFrameSize = properties.maximumFrameSize;
    const longest = Math.max(properties.maximumFrameSize, properties.offloads.maximumSegmentedSize);
    ring.ReceiveBufferSize = longest + VLAN_TAG_SIZE;
    if (properties.macAddress !== undefined) {
      this.#memory.u8.set(properties.macAddress, this.address + NDISBOX_RING.offset.MacAddress);
      ring.MacAddressLength = properties.macAddress.length;
    }
    ring.VlanSupported = properties.offloads.vlan ? 1 : 0;
    ring.LinkUp = wire.linkUp ? 1 : 0;
  }

  /** Closes the wire and frees the memory. */
  close(): void {
    this.#device.disconnect();
    const pool = poolOf(this.#kernel);
    pool.free(this.#descriptors, TAG);
    pool.free(this.address, TAG);
  }

  /**
   * Moves what can be moved, at most all descriptors once.
   * @param work NDISBOX_RING_SEND and its like. @returns NDISBOX_RING_LINK_CHANGED and its like.
   */
  doorbell(work: number): number {
    const { wire } = this.#device;
    let events = 0;
    const news = this.#device.takeEvents();
    if (news.failure !== null) {
      this.#kernel.note(this.#driver.name, `${wire.name}: ${news.failure.message}`);
      events |= NDISBOX_RING_FAILED | NDISBOX_RING_LINK_CHANGED;
    }
    if (news.linkChanged) events |= NDISBOX_RING_LINK_CHANGED;
    this.#memory.u32[(this.address + LINK_UP) >> 2] = wire.linkUp ? 1 : 0;
    if (this.#broken || this.#send.waiting < 0 || this.#receive.waiting < 0) {
      if (!this.#broken) this.#break(this.#send.waiting < 0 ? 'Send' : 'Receive');
      return events | NDISBOX_RING_FAILED;
    }
    if ((work & NDISBOX_RING_SEND) !== 0) this.#transmit(wire);
    if ((work & NDISBOX_RING_FLUSH) !== 0) this.#flush();
    return (work & NDISBOX_RING_RECEIVE) === 0 ? events : events | this.#take(wire);
  }

  /** Gives every frame that was not sent back. */
  #flush(): void {
    const { u32 } = this.#memory;
    while (this.#send.waiting > 0) {
      u32[(this.#send.descriptor(0) + RESULT) >> 2] = NDISBOX_RING_REFUSED;
      this.#send.advance(1);
    }
  }

  /** Sends what waits, as far as the wire takes it. */
  #transmit(wire: Wire): void {
    let { waiting } = this.#send;
    const batch = this.#sendBatch;
    const { u32 } = this.#memory;
    while (waiting > 0) {
      const count = this.#fill(batch, Math.min(waiting, BATCH), wire.properties.offloads.vlan);
      if (count === 0) {
        u32[(this.#send.descriptor(0) + RESULT) >> 2] = NDISBOX_RING_BAD_BUFFER;
        this.#send.advance(1);
        waiting--;
        continue;
      }
      const taken = wire.send(batch);
      for (let slot = 0; slot < taken; slot++) {
        const sent = batch.outcome[slot] === OUTCOME_SENT;
        u32[(this.#send.descriptor(slot) + RESULT) >> 2] = sent ? NDISBOX_RING_DONE : NDISBOX_RING_REFUSED;
      }
      this.#send.advance(taken);
      waiting -= taken;
      if (taken < count) return;
    }
  }

  /** Fills a batch from the send queue, up to the first bad buffer; gives how many frames it holds. */
  #fill(batch: FrameBatch, limit: number, vlan: boolean): number {
    const { i32, u32 } = this.#memory;
    let count = 0;
    while (count < limit) {
      const descriptor = this.#send.descriptor(count);
      const length = u32[(descriptor + LENGTH) >> 2];
      if (!this.#isInMemory(descriptor, length)) break;
      batch.offset[count] = i32[(descriptor + BUFFER) >> 2];
      batch.length[count] = length;
      batch.clearOffloads(count);
      if (vlan) batch.vlan[count] = u32[(descriptor + VLAN) >> 2];
      count++;
    }
    batch.count = count;
    return count;
  }

  /** Fills receive buffers with what has arrived. */
  #take(wire: Wire): number {
    let { waiting } = this.#receive;
    while (waiting > 0) {
      let batch = this.#receiveBatch;
      if (waiting < BATCH || !this.#offer(batch)) {
        batch = this.#singleReceive;
        if (!this.#offer(batch)) {
          this.#memory.u32[(this.#receive.descriptor(0) + RESULT) >> 2] = NDISBOX_RING_BAD_BUFFER;
          this.#receive.advance(1);
          waiting--;
          continue;
        }
      }
      const count = wire.receive(batch);
      for (let slot = 0; slot < count; slot++) this.#arrived(batch, slot);
      this.#receive.advance(count);
      waiting -= count;
      if (count < batch.capacity) return 0;
    }
    return NDISBOX_RING_MORE;
  }

  /** Gives the wire the buffers of the next descriptors, one a slot; false where one of them is bad. */
  #offer(batch: FrameBatch): boolean {
    const { i32, u32 } = this.#memory;
    for (let slot = 0; slot < batch.capacity; slot++) {
      const descriptor = this.#receive.descriptor(slot);
      const size = u32[(descriptor + SIZE) >> 2];
      if (!this.#isInMemory(descriptor, size)) return false;
      batch.offset[slot] = i32[(descriptor + BUFFER) >> 2];
      batch.size[slot] = size;
    }
    return true;
  }

  #arrived(batch: FrameBatch, slot: number): void {
    const { u32 } = this.#memory;
    const descriptor = this.#receive.descriptor(slot);
    if ((batch.flags[slot] & CHECKSUM_NEEDED) !== 0) completeChecksum(batch, slot);
    u32[(descriptor + LENGTH) >> 2] = batch.length[slot];
    u32[(descriptor + VLAN) >> 2] = batch.vlan[slot];
    u32[(descriptor + FLAGS) >> 2] =
      (batch.flags[slot] & CHECKSUM_VALID) !== 0 ? NDISBOX_RING_CHECKSUM_GOOD : 0;
    u32[(descriptor + RESULT) >> 2] = NDISBOX_RING_DONE;
  }

  /** Whether `size` bytes from the Buffer of a descriptor lie in kernel memory. */
  #isInMemory(descriptor: Address, size: number): boolean {
    const { i32, size: memorySize } = this.#memory;
    const buffer = i32[(descriptor + BUFFER) >> 2];
    if (i32[(descriptor + BUFFER + 4) >> 2] !== KERNEL_WINDOW_HIGH) return false;
    return buffer >= FIRST_MAPPED_ADDRESS && size <= memorySize && buffer <= memorySize - size;
  }

  #break(queue: string): void {
    this.#broken = true;
    this.#kernel.report(
      'RING_OVERRUN',
      this.#driver,
      `the driver gave more descriptors to the queue ${queue} than it has: Produced went past Consumed + Count`,
      'native/include/ndisbox.h',
    );
  }
}
