/**
 * One descriptor ring of the teaching device as the device walks it. Implements docs/teaching-device.md, section 4.
 */

import type { DeviceHost } from '../../kernel/index.ts';
import type { Address, KernelMemory } from '../../memory/index.ts';
import {
  DESCRIPTOR_FLAGS,
  DESCRIPTOR_LENGTH,
  DESCRIPTOR_SIZE,
  LARGEST_RING,
  RING_HEAD,
  RING_HIGH,
  RING_LOW,
  RING_SIZE,
  RING_TAIL,
  SMALLEST_RING,
} from './registers.ts';

export class DeviceRing {
  readonly #host: DeviceHost;
  readonly #memory: KernelMemory;
  #low = 0;
  #high = 0;
  #size = 0;
  /** The next descriptor that the device works on. */
  head = 0;
  /** The first that the driver has not given to it. */
  tail = 0;

  constructor(host: DeviceHost, memory: KernelMemory) {
    this.#host = host;
    this.#memory = memory;
  }

  reset(): void {
    this.#low = 0;
    this.#high = 0;
    this.#size = 0;
    this.head = 0;
    this.tail = 0;
  }

  read(register: number): number {
    switch (register) {
      case RING_LOW:
        return this.#low;
      case RING_HIGH:
        return this.#high;
      case RING_SIZE:
        return this.#size;
      case RING_HEAD:
        return this.head;
      case RING_TAIL:
        return this.tail;
      default:
        return 0;
    }
  }

  /** A driver writes a register; a size that is none, and a tail beyond the ring, are ignored. */
  write(register: number, value: number): void {
    if (register === RING_LOW) this.#low = value & ~0xf;
    else if (register === RING_HIGH) this.#high = value;
    else if (register === RING_SIZE) {
      const valid = value >= SMALLEST_RING && value <= LARGEST_RING && (value & (value - 1)) === 0;
      this.#size = valid ? value : 0;
      this.head = 0;
      this.tail = 0;
    } else if (register === RING_TAIL && value < this.#size) this.tail = value;
  }

  /** Descriptors that the driver gave to the device. */
  get waiting(): number {
    return this.#size === 0 ? 0 : (this.tail - this.head) & (this.#size - 1);
  }

  /** Physical address of the descriptor `ahead` of the head; beyond 2^53 it is none of this machine anyway. */
  at(ahead: number): number {
    const base = this.#high * 0x1_0000_0000 + (this.#low >>> 0);
    return base + DESCRIPTOR_SIZE * ((this.head + ahead) & (this.#size - 1));
  }

  /** Whether the device can read and write the descriptor. */
  isReachable(descriptor: number): boolean {
    return this.#host.checkDma(descriptor, DESCRIPTOR_SIZE, 'read') === null;
  }

  /** Physical address of the buffer of a descriptor. */
  buffer(descriptor: Address): number {
    const { u32 } = this.#memory;
    return u32[(descriptor + 4) >> 2] * 0x1_0000_0000 + u32[descriptor >> 2];
  }

  length(descriptor: Address): number {
    return this.#memory.u32[(descriptor + DESCRIPTOR_LENGTH) >> 2];
  }

  flags(descriptor: Address): number {
    return this.#memory.u32[(descriptor + DESCRIPTOR_FLAGS) >> 2];
  }

  /** Writes a descriptor back. */
  finish(descriptor: Address, length: number, flags: number): void {
    const { u32 } = this.#memory;
    u32[(descriptor + DESCRIPTOR_LENGTH) >> 2] = length;
    u32[(descriptor + DESCRIPTOR_FLAGS) >> 2] = flags >>> 0;
  }

  advance(count: number): void {
    this.head = (this.head + count) & (this.#size - 1);
  }
}
