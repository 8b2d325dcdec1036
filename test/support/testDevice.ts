/** A device for tests of the bus: registers that remember, count, interrupt and copy memory. */

import type { BarDeclaration, BusDevice, DeviceHost } from '../../src/kernel/index.ts';
import type { KernelMemory } from '../../src/memory/index.ts';

/** Keeps what is written. */
export const SCRATCH = 0x00;
/** Reads give how often it was read, beginning with 1. */
export const READS = 0x04;
/** A write of n sends message n, or asserts the pin. */
export const RAISE = 0x08;
/** A write releases the pin; reads give 1 while it is asserted. */
export const DISMISS = 0x0c;
/** A write of n raises in n units of 100 ns. */
export const LATER = 0x10;
export const DMA_ADDRESS = 0x14;
/** A write of n fills n bytes at DMA_ADDRESS with 0xA5; reads give 1 after a fault. */
export const DMA_FILL = 0x18;

export class TestDevice implements BusDevice {
  readonly name: string;
  readonly identity = {
    vendorId: 0x1af4,
    deviceId: 0x10ff,
    revisionId: 3,
    classCode: 0x020000,
    subsystemVendorId: 0x1234,
    subsystemId: 0x5678,
  };
  readonly bars: readonly BarDeclaration[] = [
    { kind: 'memory', size: 8192 },
    { kind: 'port', size: 32 },
  ];
  readonly messages: number;
  /** Every write that arrived, `offset:size=value`. */
  readonly writes: string[] = [];
  readonly #memory: KernelMemory;
  #host: DeviceHost | null = null;
  #scratch = 0;
  #reads = 0;
  #raised = 0;
  #address = 0;
  #fault = 0;

  constructor(memory: KernelMemory, messages = 4, name = 'test device') {
    this.#memory = memory;
    this.messages = messages;
    this.name = name;
  }

  attached(host: DeviceHost): void {
    this.#host = host;
  }

  get raised(): boolean {
    return this.#raised !== 0;
  }

  raise(message = 0): void {
    this.#raised = 1;
    this.#host?.setPin(true);
    this.#host?.sendMessage(message);
  }

  read(_bar: number, offset: number, size: number): number {
    switch (offset) {
      case SCRATCH:
        return this.#scratch;
      case READS:
        return ++this.#reads;
      case DISMISS:
        return this.#raised;
      case DMA_FILL:
        return this.#fault;
      default:
        return (offset * 0x01010101) >>> (32 - 8 * size);
    }
  }

  write(_bar: number, offset: number, size: number, value: number): void {
    this.writes.push(`${offset.toString(16)}:${size}=${value.toString(16)}`);
    if (offset === SCRATCH) this.#scratch = value;
    else if (offset === RAISE) this.raise(value);
    else if (offset === DISMISS) {
      this.#raised = 0;
      this.#host?.setPin(false);
    } else if (offset === LATER) {
      this.#host?.schedule('later', (this.#host?.now ?? 0) + value, () => this.raise(0));
    } else if (offset === DMA_ADDRESS) this.#address = value;
    else if (offset === DMA_FILL) {
      this.#fault = this.#host?.checkDma(this.#address, value, 'write') === null ? 0 : 1;
      if (this.#fault === 0) this.#memory.u8.fill(0xa5, this.#address, this.#address + value);
    }
  }

  reset(): void {
    this.#scratch = 0;
    this.#raised = 0;
    this.#reads = 0;
    this.#fault = 0;
    this.#host?.setPin(false);
  }

  removed(): void {}
}
