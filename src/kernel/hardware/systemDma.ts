/**
 * The DMA controller of the system: eight channels, of which the fourth is taken by the controller itself. A device that
 * cannot master the bus has it move its data. Implements the 8237A of a PC as far as drivers see it: claim, program,
 * count what is left.
 */

import type { Address } from '../../memory/index.ts';
import { type Kernel, perKernel } from '../kernel.ts';

export const DMA_CHANNELS = 8;
const CASCADE = 4;
/** Bytes of one transfer: 64 KiB of a channel, twice that of one that moves two bytes at a time. */
const LONGEST = 0x1_0000;
const FIRST_WIDE = 5;

interface Transfer {
  readonly address: Address;
  readonly length: number;
  readonly toDevice: boolean;
  done: number;
}

export class SystemDma {
  readonly #kernel: Kernel;
  readonly #claimed = new Set<number>();
  readonly #transfers = new Map<number, Transfer>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Takes a channel for a device; false where it is taken, null for one that there is not. */
  claim(channel: number): boolean | null {
    if (!Number.isInteger(channel) || channel < 0 || channel >= DMA_CHANNELS) return null;
    if (channel === CASCADE || this.#claimed.has(channel)) return false;
    this.#claimed.add(channel);
    return true;
  }

  /** The lowest free channel, or null. */
  firstFree(): number | null {
    for (let channel = 0; channel < DMA_CHANNELS; channel++)
      if (channel !== CASCADE && !this.#claimed.has(channel)) return channel;
    return null;
  }

  release(channel: number): void {
    this.#claimed.delete(channel);
    this.#transfers.delete(channel);
  }

  /** Programs a transfer; false while one is under way, and for a length that the channel cannot count. */
  program(channel: number, address: Address, length: number, toDevice: boolean): boolean {
    const longest = channel >= FIRST_WIDE ? 2 * LONGEST : LONGEST;
    if (this.#transfers.has(channel) || length === 0 || length > longest) return false;
    this.#transfers.set(channel, { address, length, toDevice, done: 0 });
    return true;
  }

  /** Bytes that are left of the transfer of a channel. */
  remaining(channel: number): number {
    const transfer = this.#transfers.get(channel);
    return transfer === undefined ? 0 : transfer.length - transfer.done;
  }

  /** Ends the transfer of a channel; false where there is none. */
  complete(channel: number): boolean {
    return this.#transfers.delete(channel);
  }

  /**
   * The device of a channel asks for its bytes to be moved: memory to `bytes`, or `bytes` to memory.
   * @returns how many were moved: none once the transfer is over.
   */
  move(channel: number, bytes: Uint8Array): number {
    const transfer = this.#transfers.get(channel);
    if (transfer === undefined) return 0;
    const count = Math.min(bytes.length, transfer.length - transfer.done);
    const { u8 } = this.#kernel.memory;
    const at = transfer.address + transfer.done;
    if (transfer.toDevice) bytes.set(u8.subarray(at, at + count));
    else u8.set(bytes.subarray(0, count), at);
    transfer.done += count;
    return count;
  }
}

export const systemDmaOf: (kernel: Kernel) => SystemDma = perKernel(
  'system DMA',
  (kernel) => new SystemDma(kernel),
);
