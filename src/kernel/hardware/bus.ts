/**
 * The bus of a machine: 32 slots, where the registers of its devices lie in memory and in port space, and the accesses
 * of drivers to them. Time goes on with each register that is read, and what devices had to do by then happens first.
 * Implements the PCI Local Bus Specification 3.0 as far as drivers see it.
 */

import { type Address, PAGE_DEVICE, PAGE_NONE, PAGE_SIZE } from '../../memory/index.ts';
import { NdisboxError } from '../errors.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { pagesOf } from '../memory/kernelPool.ts';
import type { BusDevice } from './busDevice.ts';
import { InterruptSource, type Interrupts, interruptsOf } from './interrupts.ts';
import type { InterruptMode } from './pciConfiguration.ts';
import { type AssignedRange, PciFunction, TABLE_SIZE } from './pciFunction.ts';

/** Devices on the bus. */
export const SLOT_COUNT = 32;
/** Lines that the pins of all slots share: slot modulo four. */
const LINE_COUNT = 4;
const FIRST_LINE_IRQL = 5;
/** Messages have the vectors 0x90 to 0xBF: IRQL 9 to 11. */
const FIRST_MESSAGE_VECTOR = 0x90;
const MESSAGE_VECTORS = 48;
const FIRST_PORT = 0xc000;
const PORT_END = 0x1_0000;
/** Machine time that reading a register takes, in units of 100 ns. */
const READ_COST = 1;

/** How a device is put on the bus. */
export interface AttachOptions {
  /** Default: the lowest free one. */
  readonly slot?: number;
  /** How it interrupts; default: MSI-X where it has messages. */
  readonly interrupts?: InterruptMode;
}

/** What an unmapped or absent register reads as. */
export function allOnes(size: number): number {
  return size === 4 ? 0xffff_ffff : (1 << (8 * size)) - 1;
}

/** A range and whose it is. */
interface Owned {
  readonly owner: PciFunction;
  readonly range: AssignedRange;
}

export class Bus {
  readonly kernel: Kernel;
  readonly interrupts: Interrupts;
  readonly slots: (PciFunction | null)[] = Array.from({ length: SLOT_COUNT }, () => null);
  readonly #lines: readonly InterruptSource[];
  readonly #vectors = new Set<number>();
  /** Memory BARs by the number of each of their pages. */
  readonly #pages = new Map<number, Owned>();
  readonly #mappings = new Map<number, number>();
  readonly #ports: Owned[] = [];
  #nextDue = Number.POSITIVE_INFINITY;
  #busy = false;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.interrupts = interruptsOf(kernel);
    this.#lines = Array.from(
      { length: LINE_COUNT },
      (_, line) =>
        new InterruptSource(
          `interrupt line ${line}`,
          FIRST_LINE_IRQL + line,
          ((FIRST_LINE_IRQL + line) << 4) | 1,
          this.#allProcessors,
        ),
    );
    kernel.clock.passed = () => this.catchUp();
  }

  get #allProcessors(): bigint {
    return (1n << BigInt(this.kernel.scheduler.processors.length)) - 1n;
  }

  /**
   * Puts a device on the bus and assigns its resources.
   * @throws NdisboxError SLOT_TAKEN, BUS_FULL when slots, ports, memory or vectors run out.
   */
  attach(device: BusDevice, options: AttachOptions = {}): PciFunction {
    const slot = options.slot ?? this.slots.indexOf(null);
    if (!Number.isInteger(slot) || slot < 0 || slot >= SLOT_COUNT)
      throw new NdisboxError('BUS_FULL', `the bus has ${SLOT_COUNT} slots; remove a device first`);
    if (this.slots[slot] !== null)
      throw new NdisboxError('SLOT_TAKEN', `slot ${slot} has a device; choose another or none`);
    const mode = options.interrupts ?? (device.messages > 0 ? 'msi-x' : 'line');
    const messages = mode === 'line' ? [] : this.#allocateMessages(device);
    const target = new PciFunction(this, device, slot, mode, this.#lines[slot % LINE_COUNT], messages);
    const bars = [...device.bars];
    if (device.messages > 0) bars.push({ kind: 'memory', size: TABLE_SIZE });
    try {
      bars.forEach(({ kind, size }, bar) => this.#assign(target, kind, bar, size));
    } catch (error) {
      this.#releaseResources(target);
      throw error;
    }
    this.slots[slot] = target;
    device.attached(target);
    device.reset();
    target.start();
    return target;
  }

  /** Takes a device off the bus for good; what is mapped of it reads as ones until it is unmapped. */
  detach(target: PciFunction): void {
    target.remove();
    if (this.slots[target.slot] !== target) return;
    this.slots[target.slot] = null;
    this.#releaseResources(target);
  }

  #allocateMessages(device: BusDevice): InterruptSource[] {
    const messages: InterruptSource[] = [];
    const count = this.kernel.scheduler.processors.length;
    for (let vector = 0; vector < MESSAGE_VECTORS && messages.length < device.messages; vector++) {
      if (this.#vectors.has(vector)) continue;
      const number = FIRST_MESSAGE_VECTOR + vector;
      const affinity = 1n << BigInt(messages.length % count);
      messages.push(
        new InterruptSource(`message ${messages.length} of ${device.name}`, number >> 4, number, affinity),
      );
    }
    // All or none: without enough vectors the device interrupts by its pin.
    if (messages.length < device.messages) return [];
    for (const { vector } of messages) this.#vectors.add(vector - FIRST_MESSAGE_VECTOR);
    return messages;
  }

  #assign(target: PciFunction, kind: 'memory' | 'port', bar: number, size: number): void {
    const start = kind === 'port' ? this.#freePorts(size) : this.#freePages(size);
    if (start === 0)
      throw new NdisboxError(
        'BUS_FULL',
        `no ${kind} space is left for ${size} bytes of ${target.device.name}`,
      );
    const range: AssignedRange = { kind, bar, start, length: size };
    target.ranges.push(range);
    target.configuration.assign(bar, start);
    if (kind === 'port') this.#ports.push({ owner: target, range });
    else
      for (let at = start; at < start + size; at += PAGE_SIZE)
        this.#pages.set(at / PAGE_SIZE, { owner: target, range });
  }

  #freePages(size: number): Address {
    return pagesOf(this.kernel).allocate(size / PAGE_SIZE, PAGE_NONE, { align: Math.max(size, PAGE_SIZE) });
  }

  #freePorts(size: number): number {
    for (let start = FIRST_PORT; start + size <= PORT_END; start += size) {
      const taken = this.#ports.some(
        ({ range }) => range.start < start + size && start < range.start + range.length,
      );
      if (!taken) return start;
    }
    return 0;
  }

  #releaseResources(target: PciFunction): void {
    for (const { vector } of target.messages) this.#vectors.delete(vector - FIRST_MESSAGE_VECTOR);
    for (const range of target.ranges) {
      if (range.kind === 'port') {
        this.#ports.splice(
          this.#ports.findIndex((port) => port.range === range),
          1,
        );
        continue;
      }
      for (let at = range.start; at < range.start + range.length; at += PAGE_SIZE) {
        this.#pages.delete(at / PAGE_SIZE);
        this.#mappings.delete(at / PAGE_SIZE);
      }
      pagesOf(this.kernel).release(range.start, range.length / PAGE_SIZE);
    }
  }

  /** The function whose memory BAR holds all of a physical range, or null. */
  ownerOf(address: Address, length: number): PciFunction | null {
    const found = this.#pages.get(Math.floor(address / PAGE_SIZE));
    if (found === undefined || length < 1) return null;
    return address + length <= found.range.start + found.range.length ? found.owner : null;
  }

  /** The function that has all ports of a range, or null. */
  portOwnerOf(port: number, count: number): PciFunction | null {
    const found = this.#portAt(port);
    if (found === null || count < 1) return null;
    return port + count <= found.range.start + found.range.length ? found.owner : null;
  }

  /** Maps device memory: its virtual address is its physical one. False where it is no memory of a device. */
  map(address: Address, length: number): boolean {
    if (this.ownerOf(address, length) === null) return false;
    this.#eachPage(address, length, (page) => {
      const count = this.#mappings.get(page) ?? 0;
      this.#mappings.set(page, count + 1);
      if (count === 0) pagesOf(this.kernel).protect(page * PAGE_SIZE, 1, PAGE_DEVICE);
    });
    return true;
  }

  /** Undoes one `map` of the same range. */
  unmap(address: Address, length: number): void {
    this.#eachPage(address, length, (page) => {
      const count = this.#mappings.get(page);
      if (count === undefined) return;
      if (count > 1) this.#mappings.set(page, count - 1);
      else {
        this.#mappings.delete(page);
        pagesOf(this.kernel).protect(page * PAGE_SIZE, 1, PAGE_NONE);
      }
    });
  }

  #eachPage(address: Address, length: number, action: (page: number) => void): void {
    const last = Math.floor((address + length - 1) / PAGE_SIZE);
    for (let page = Math.floor(address / PAGE_SIZE); page <= last; page++) action(page);
  }

  /** Whether registers of a device are mapped at an address. */
  isMapped(address: Address): boolean {
    return this.#mappings.has(Math.floor(address / PAGE_SIZE));
  }

  /** Reads a mapped register of 1, 2 or 4 bytes. */
  readMemory(address: Address, size: number): number {
    this.kernel.clock.advance(READ_COST);
    const found = this.#pages.get(Math.floor(address / PAGE_SIZE));
    if (found === undefined) return allOnes(size);
    return this.#read(found.owner, found.range, address, size);
  }

  writeMemory(address: Address, size: number, value: number): void {
    const found = this.#pages.get(Math.floor(address / PAGE_SIZE));
    if (found !== undefined) this.#write(found.owner, found.range, address, size, value);
  }

  readPort(port: number, size: number): number {
    this.kernel.clock.advance(READ_COST);
    const found = this.#portAt(port);
    return found === null ? allOnes(size) : this.#read(found.owner, found.range, port, size);
  }

  writePort(port: number, size: number, value: number): void {
    const found = this.#portAt(port);
    if (found !== null) this.#write(found.owner, found.range, port, size, value);
  }

  #portAt(port: number): Owned | null {
    return this.#ports.find(({ range }) => port >= range.start && port < range.start + range.length) ?? null;
  }

  #reaches(owner: PciFunction, range: AssignedRange, at: number, size: number): boolean {
    // A misaligned access, or one beyond the end, is none that a device answers.
    if ((at & (size - 1)) !== 0 || at + size > range.start + range.length) return false;
    return owner.present && owner.configuration.decodes(range.bar) && owner.configuration.powerState === 0;
  }

  #read(owner: PciFunction, range: AssignedRange, at: number, size: number): number {
    if (!this.#reaches(owner, range, at, size)) return allOnes(size);
    const offset = at - range.start;
    const value =
      range.bar < owner.device.bars.length
        ? owner.device.read(range.bar, offset, size)
        : readTable(owner, offset, size);
    return (size === 4 ? value : value & allOnes(size)) >>> 0;
  }

  #write(owner: PciFunction, range: AssignedRange, at: number, size: number, value: number): void {
    if (!this.#reaches(owner, range, at, size)) return;
    const offset = at - range.start;
    if (range.bar < owner.device.bars.length) owner.device.write(range.bar, offset, size, value >>> 0);
    else writeTable(owner, offset, size, value);
  }

  /** Configuration space of a slot, read; an empty slot reads as ones. @returns the bytes that were read. */
  readConfiguration(target: PciFunction | null, offset: number, bytes: Uint8Array): number {
    if (target !== null && target.present) return target.configuration.read(offset, bytes);
    bytes.fill(0xff);
    return 0;
  }

  writeConfiguration(target: PciFunction | null, offset: number, bytes: Uint8Array): number {
    if (target === null || !target.present) return 0;
    const count = target.configuration.write(offset, bytes);
    target.updatePin();
    target.sendHeldBack();
    return count;
  }

  /** A device will have something to do at `due`. */
  noteDue(due: number): void {
    if (due < this.#nextDue) this.#nextDue = due;
  }

  /** Lets devices do what was due by now, in order. */
  catchUp(): void {
    const { clock } = this.kernel;
    if (clock.now < this.#nextDue || this.#busy) return;
    this.#busy = true;
    try {
      for (;;) {
        let first: PciFunction | null = null;
        for (const target of this.slots)
          if (target !== null && target.nextDue < (first?.nextDue ?? Number.POSITIVE_INFINITY))
            first = target;
        this.#nextDue = first?.nextDue ?? Number.POSITIVE_INFINITY;
        if (first === null || !first.runDue(clock.now)) return;
      }
    } finally {
      this.#busy = false;
    }
  }
}

/** Entries of 16 bytes: message address, data and vector control, whose bit 0 masks. */
function readTable(owner: PciFunction, offset: number, size: number): number {
  const entry = owner.table[offset >> 4];
  if (size !== 4) return allOnes(size);
  if (offset >= 0x800) {
    let bits = 0;
    owner.table.forEach(({ pending }, number) => {
      if (pending) bits |= 1 << number;
    });
    return offset === 0x800 ? bits : 0;
  }
  if (entry === undefined) return 0;
  const vector = owner.messages[entry.message]?.vector ?? 0;
  switch (offset & 15) {
    case 0:
      return 0xfee0_0000;
    case 8:
      return vector;
    case 12:
      return entry.masked ? 1 : 0;
    default:
      return 0;
  }
}

/** Drivers can mask; addresses and data belong to the bus driver and stay. */
function writeTable(owner: PciFunction, offset: number, size: number, value: number): void {
  const number = offset >> 4;
  if (size !== 4 || (offset & 15) !== 12 || number >= owner.table.length) return;
  owner.maskEntry(number, (value & 1) !== 0);
}

/** The bus of a kernel; a machine without devices never makes one. */
export const busOf: (kernel: Kernel) => Bus = perKernel('bus', (kernel) => new Bus(kernel));
