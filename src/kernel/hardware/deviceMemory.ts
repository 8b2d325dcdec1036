/**
 * Registers of devices as plain loads and stores of machine code reach them. A load asks the device and leaves the value
 * where the instruction finds it. A store is posted: the instruction writes to the page, and the device gets it before
 * the code does anything else that others see, in order. Implements the ordering rules for posted writes of the PCI
 * Local Bus Specification 3.0, section 3.2.5.
 */

import { type Address, PAGE_DEVICE, PAGE_SIZE } from '../../memory/index.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { pagesOf } from '../memory/kernelPool.ts';
import { busOf } from './bus.ts';

/** Bytes of the largest access to a device, which no bus transaction exceeds. */
const LARGEST = PAGE_SIZE;

export class DeviceMemory {
  readonly #kernel: Kernel;
  #at: Address = 0;
  #size = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Whether a store has not reached its device. */
  get waiting(): boolean {
    return this.#size !== 0;
  }

  /**
   * An instruction is about to load or store `size` bytes.
   * @returns whether registers of a device lie there; the instruction then finds or leaves its value in the page.
   */
  access(address: Address, size: number, access: 'read' | 'write'): boolean {
    const pages = pagesOf(this.#kernel);
    const isDevice = (at: Address) => (pages.protectionAt(at) & PAGE_DEVICE) !== 0;
    if (size > LARGEST || !isDevice(address) || !isDevice(address + size - 1)) return false;
    if (this.waiting) this.flush();
    if (access === 'write') {
      this.#at = address;
      this.#size = size;
      return true;
    }
    const bus = busOf(this.#kernel);
    const { data } = this.#kernel.memory;
    eachTransaction(address, size, (at, bytes) => {
      const value = bus.readMemory(at, bytes);
      if (bytes === 4) data.setUint32(at, value, true);
      else if (bytes === 2) data.setUint16(at, value, true);
      else data.setUint8(at, value);
    });
    return true;
  }

  /** Gives the device what was stored. */
  flush(): void {
    const address = this.#at;
    const size = this.#size;
    this.#size = 0;
    const bus = busOf(this.#kernel);
    const { data } = this.#kernel.memory;
    eachTransaction(address, size, (at, bytes) => {
      const value =
        bytes === 4 ? data.getUint32(at, true) : bytes === 2 ? data.getUint16(at, true) : data.getUint8(at);
      bus.writeMemory(at, bytes, value);
    });
  }
}

/** Splits an access into naturally aligned ones of at most 4 bytes, lowest address first. */
function eachTransaction(
  address: Address,
  size: number,
  transfer: (at: Address, bytes: number) => void,
): void {
  const end = address + size;
  for (let at = address; at < end; ) {
    let bytes = 4;
    while ((at & (bytes - 1)) !== 0 || at + bytes > end) bytes >>= 1;
    transfer(at, bytes);
    at += bytes;
  }
}

export const deviceMemoryOf: (kernel: Kernel) => DeviceMemory = perKernel(
  'device memory',
  (kernel) => new DeviceMemory(kernel),
);
