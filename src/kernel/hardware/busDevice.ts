/**
 * What a simulated device is to the bus, and the bus to a device. A model is deterministic: it acts when it is accessed
 * and at the times it asked for, and touches memory only through the bus.
 */

import type { Address } from '../../memory/index.ts';
import type { BarDeclaration, PciIdentity } from './pciConfiguration.ts';

/** A device model. */
export interface BusDevice {
  /** What people read, `teaching device`. */
  readonly name: string;
  readonly identity: PciIdentity;
  /** Its base address registers, at most four; the bus adds one for the MSI-X table. */
  readonly bars: readonly BarDeclaration[];
  /** Interrupt messages it can send, 0 or a power of two up to 32. */
  readonly messages: number;
  /** The device was put on the bus. */
  attached(host: DeviceHost): void;
  /** A driver reads `size` bytes (1, 2 or 4) at an offset of a BAR. May have side effects. */
  read(bar: number, offset: number, size: number): number;
  /** A driver writes. */
  write(bar: number, offset: number, size: number, value: number): void;
  /** The bus resets the function: everything is as after power-on. */
  reset(): void;
  /** The device was pulled out: it does nothing any more. */
  removed(): void;
}

/** Why a device could not reach memory. */
export type DmaFault = 'notBusMaster' | 'outsideMemory' | 'freedMemory';

/** What the bus does for a device. */
export interface DeviceHost {
  /** Machine time in units of 100 ns. */
  readonly now: number;
  /**
   * Calls `run` at machine time `due`; an event of the same key is replaced. A device has a handful of keys.
   * A `background` event does not keep an otherwise idle machine running.
   */
  schedule(key: string, due: number, run: () => void, background?: boolean): void;
  cancel(key: string): void;
  /** Asserts or releases the interrupt pin; nothing happens while messages are enabled. */
  setPin(asserted: boolean): void;
  /** Sends an interrupt message: with line-based interrupts nothing happens. */
  sendMessage(message: number): void;
  /** Whether messages are enabled. */
  readonly messagesEnabled: boolean;
  /**
   * Whether `length` bytes at a physical address can be reached by bus-master DMA. A fault is a finding against the
   * driver of the device. @returns null, or why not.
   */
  checkDma(address: Address, length: number, direction: 'read' | 'write'): DmaFault | null;
}
