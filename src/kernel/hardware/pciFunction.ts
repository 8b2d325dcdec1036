/**
 * One function on the bus: its configuration space, where its registers lie, its interrupts, and what its device model
 * may ask of the machine. Implements the PCI Local Bus Specification 3.0, sections 6.1, 6.2 and 6.8.
 */

import type { Address } from '../../memory/index.ts';
import { FIRST_MAPPED_ADDRESS, PAGE_READ, PAGE_WRITE } from '../../memory/index.ts';
import type { Driver } from '../driver.ts';
import { NdisboxError } from '../errors.ts';
import { shadowOf } from '../kernel.ts';
import { pagesOf } from '../memory/kernelPool.ts';
import type { Bus } from './bus.ts';
import type { BusDevice, DeviceHost, DmaFault } from './busDevice.ts';
import type { InterruptSource } from './interrupts.ts';
import {
  COMMAND_BUS_MASTER,
  COMMAND_IO,
  COMMAND_MEMORY,
  type InterruptMode,
  PciConfiguration,
} from './pciConfiguration.ts';

/** Bytes of the BAR with the MSI-X table. */
export const TABLE_SIZE = 4096;
/** Events of one device that may be scheduled at a time. */
const EVENT_LIMIT = 16;
const DMA_PAGE = 'kernel/using-bus-master-dma';

/** One entry of the MSI-X table. */
export interface TableEntry {
  /** Number of the message that it sends. */
  message: number;
  masked: boolean;
  /** It was to send while it was masked. */
  pending: boolean;
}

/** A range of the machine that was assigned to the function. */
export interface AssignedRange {
  readonly kind: 'memory' | 'port';
  readonly bar: number;
  readonly start: Address;
  readonly length: number;
}

interface DeviceEvent {
  readonly due: number;
  readonly timer: number;
  readonly run: () => void;
}

export class PciFunction implements DeviceHost {
  readonly bus: Bus;
  readonly device: BusDevice;
  /** Device number on the bus, 0 to 31. */
  readonly slot: number;
  readonly configuration: PciConfiguration;
  readonly ranges: AssignedRange[] = [];
  interruptMode: InterruptMode;
  /** The line of its pin. */
  readonly line: InterruptSource;
  /** Its messages; none where it interrupts by its pin. */
  readonly messages: readonly InterruptSource[];
  readonly table: readonly TableEntry[];
  /** It was not pulled out. */
  present = true;
  /** Whose device it is, for findings. */
  driver: Driver | null = null;
  readonly #events = new Map<string, DeviceEvent>();
  #pin = false;

  constructor(
    bus: Bus,
    device: BusDevice,
    slot: number,
    mode: InterruptMode,
    line: InterruptSource,
    messages: readonly InterruptSource[],
  ) {
    this.bus = bus;
    this.device = device;
    this.slot = slot;
    this.line = line;
    this.messages = messages;
    this.interruptMode = messages.length === 0 ? 'line' : mode;
    this.table = Array.from({ length: device.messages }, (_, message) => ({
      message: message % Math.max(1, messages.length),
      masked: false,
      pending: false,
    }));
    const bars = [...device.bars];
    if (device.messages > 0) bars.push({ kind: 'memory', size: TABLE_SIZE });
    this.configuration = new PciConfiguration(device.identity, bars, device.messages, device.bars.length);
  }

  /** What the bus driver does when it starts the device: decoding on, bus mastering on, interrupts chosen. */
  start(): void {
    this.configuration.setInterruptMode(this.interruptMode);
    this.configuration.setInterruptLine(this.line.vector);
    this.configuration.setCommand(COMMAND_IO | COMMAND_MEMORY | COMMAND_BUS_MASTER);
  }

  /** Gives up its messages: its driver knows lines only. */
  useLine(): void {
    this.interruptMode = 'line';
    this.configuration.setInterruptMode('line');
    this.updatePin();
  }

  get messagesEnabled(): boolean {
    return this.interruptMode !== 'line';
  }

  get now(): number {
    return this.bus.kernel.clock.now;
  }

  schedule(key: string, due: number, run: () => void, background = false): void {
    this.cancel(key);
    if (!this.present) return;
    if (this.#events.size >= EVENT_LIMIT)
      throw new NdisboxError('INTERNAL', `${this.device.name} schedules more than ${EVENT_LIMIT} events`);
    const { timers } = this.bus.kernel.clock;
    const timer = timers.add(due, { kind: 'host', run: () => this.#fire(key) }, background);
    this.#events.set(key, { due, timer, run });
    this.bus.noteDue(due);
  }

  cancel(key: string): void {
    const event = this.#events.get(key);
    if (event === undefined) return;
    this.#events.delete(key);
    this.bus.kernel.clock.timers.cancel(event.timer);
  }

  /** When its next event is due; Infinity for none. */
  get nextDue(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { due } of this.#events.values()) if (due < next) next = due;
    return next;
  }

  /** Runs the event that is due first, if it is due now. */
  runDue(now: number): boolean {
    let first: string | null = null;
    let due = Number.POSITIVE_INFINITY;
    for (const [key, event] of this.#events) {
      if (event.due > now || event.due >= due) continue;
      first = key;
      due = event.due;
    }
    if (first === null) return false;
    this.#fire(first);
    return true;
  }

  #fire(key: string): void {
    const event = this.#events.get(key);
    if (event === undefined) return;
    this.cancel(key);
    event.run();
  }

  setPin(asserted: boolean): void {
    this.#pin = asserted && this.present;
    this.updatePin();
  }

  /** The pin, as far as the command register and messages let it be seen. */
  updatePin(): void {
    this.configuration.setPinStatus(this.#pin);
    const seen = this.#pin && !this.messagesEnabled && !this.configuration.interruptDisabled;
    this.bus.interrupts.setLine(this.line, this, seen);
  }

  sendMessage(number: number): void {
    if (!this.present || !this.messagesEnabled || number >= this.table.length) return;
    const entry = this.table[number];
    if (this.interruptMode === 'msi-x' && (entry.masked || this.configuration.functionMasked)) {
      entry.pending = true;
      return;
    }
    this.bus.interrupts.send(this.messages[entry.message]);
  }

  /** Masks or unmasks an entry of the MSI-X table; what was held back is sent. */
  maskEntry(number: number, masked: boolean): void {
    const entry = this.table[number];
    entry.masked = masked;
    this.sendHeldBack();
  }

  /** Sends what was held back and is not masked any more. */
  sendHeldBack(): void {
    this.table.forEach((entry, number) => {
      if (!entry.pending || entry.masked || this.configuration.functionMasked) return;
      entry.pending = false;
      this.sendMessage(number);
    });
  }

  checkDma(address: Address, length: number, direction: 'read' | 'write'): DmaFault | null {
    const { kernel } = this.bus;
    let fault: DmaFault | null = null;
    if (!this.configuration.busMaster || this.configuration.powerState !== 0) fault = 'notBusMaster';
    else if (!isMemory(this.bus, address, length)) fault = 'outsideMemory';
    else if ((shadowOf(kernel)?.firstViolation(address, length) ?? -1) !== -1) fault = 'freedMemory';
    if (fault !== null) this.#reportDma(address, length, direction, fault);
    return fault;
  }

  #reportDma(address: Address, length: number, direction: 'read' | 'write', fault: DmaFault): void {
    const why: Record<DmaFault, string> = {
      notBusMaster: 'bus mastering is off in its command register, or it is not in D0',
      outsideMemory: 'there is no memory; give the device physical addresses of memory that the driver has',
      freedMemory: 'the memory was freed; stop the device before memory is freed that it uses',
    };
    this.bus.kernel.report(
      'BAD_DMA',
      this.driver,
      `${this.device.name} in slot ${this.slot} was to ${direction} ${length} bytes at physical 0x${address.toString(16)}: ${why[fault]}`,
      DMA_PAGE,
    );
  }

  /** Pulled out: no events, no interrupts, every register reads as ones. */
  remove(): void {
    if (!this.present) return;
    this.setPin(false);
    for (const key of Array.from(this.#events.keys())) this.cancel(key);
    this.present = false;
    this.device.removed();
  }
}

function isMemory(bus: Bus, address: Address, length: number): boolean {
  const { kernel } = bus;
  if (!Number.isInteger(address) || address < FIRST_MAPPED_ADDRESS || length < 0) return false;
  if (address + length > kernel.memory.size) return false;
  return pagesOf(kernel).allows(address, length, PAGE_READ | PAGE_WRITE);
}
