/**
 * Processes and their user memory. User pages are pages of the one kernel memory that belong to a process; their
 * 64-bit addresses lie in the user window, so that machine code reaches them only while the process is current.
 * Implements "User Space and System Space" and "Thread Context" (windows-driver-docs-pr/kernel).
 */

import {
  type Address,
  PAGE_READ,
  PAGE_READ_WRITE,
  PAGE_SIZE,
  PAGE_WRITE,
  pagesOfSize,
} from '../../memory/index.ts';
import { NdisboxError } from '../errors.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { pagesOf } from '../memory/kernelPool.ts';
import { objectsOf } from '../objects/objectManager.ts';
import { SYSTEM_PROCESS } from '../thread.ts';

const PAGE_SHIFT = 12;
/** Processes of a machine, the ended ones included: their ids are 16-bit multiples of 4. */
export const PROCESS_LIMIT = 16_000;

interface Mapping {
  /** Where the mapped bytes start. */
  readonly address: Address;
  /** Numbers of the first and the last page. */
  readonly first: number;
  readonly last: number;
}

export class Process {
  /** A multiple of 4, as on Windows. */
  readonly id: number;
  readonly name: string;
  /** The process object: what drivers get as PEPROCESS. */
  readonly address: Address;
  readonly #kernel: Kernel;
  readonly #ranges = new Map<Address, number>();
  readonly #mappings: Mapping[] = [];

  constructor(kernel: Kernel, id: number, name: string) {
    this.#kernel = kernel;
    this.id = id;
    this.name = name;
    this.address = objectsOf(kernel).create('Process', name, this).address;
  }

  /** Bytes of user memory. */
  get size(): number {
    let pages = 0;
    for (const count of this.#ranges.values()) pages += count;
    return pages * PAGE_SIZE;
  }

  /**
   * Zeroed user memory in pages of its own. @returns its address, 0 when no pages are left.
   * @param protection PAGE_READ for memory that the program may not write.
   */
  allocate(size: number, protection = PAGE_READ_WRITE): Address {
    const pages = pagesOf(this.#kernel);
    const count = Math.max(1, pagesOfSize(size));
    const address = pages.allocate(count, protection);
    if (address === 0) return 0;
    pages.assign(address, count, this.id);
    this.#kernel.memory.u8.fill(0, address, address + count * PAGE_SIZE);
    this.#ranges.set(address, count);
    return address;
  }

  /** Gives memory back. @throws NdisboxError NOT_USER_MEMORY for what `allocate` did not give. */
  free(address: Address): void {
    const count = this.#ranges.get(address);
    if (count === undefined) {
      throw new NdisboxError(
        'NOT_USER_MEMORY',
        `0x${address.toString(16)} was not allocated by ${this.name}; free the address that allocate gave`,
      );
    }
    this.#ranges.delete(address);
    pagesOf(this.#kernel).release(address, count);
  }

  /** Gives all memory and mappings back. */
  freeAll(): void {
    for (const address of this.#ranges.keys()) this.free(address);
    this.#mappings.length = 0;
  }

  /** Whether the program may access a range so; what lies outside of its memory is never accessible. */
  allows(address: Address, size: number, access: 'read' | 'write'): boolean {
    const pages = pagesOf(this.#kernel);
    const wanted = access === 'read' ? PAGE_READ : PAGE_READ | PAGE_WRITE;
    if (!pages.allows(address, size, wanted)) return false;
    const last = (address + Math.max(size, 1) - 1) >>> PAGE_SHIFT;
    for (let page = address >>> PAGE_SHIFT; page <= last; page++) {
      if (pages.processAt(page * PAGE_SIZE) !== this.id && !this.#maps(page)) return false;
    }
    return true;
  }

  /** Maps pages of the kernel, or of another process, into the user address space, where they share their low half. */
  map(address: Address, size: number): void {
    this.#mappings.push({
      address,
      first: address >>> PAGE_SHIFT,
      last: (address + size - 1) >>> PAGE_SHIFT,
    });
  }

  /** Ends a mapping; false where nothing was mapped at `address`. */
  unmap(address: Address): boolean {
    const index = this.#mappings.findLastIndex((mapping) => mapping.address === address);
    if (index < 0) return false;
    this.#mappings.splice(index, 1);
    return true;
  }

  /** Whether the user address space has a page at `address`, its own or mapped. */
  has(address: Address): boolean {
    return pagesOf(this.#kernel).processAt(address) === this.id || this.#maps(address >>> PAGE_SHIFT);
  }

  #maps(page: number): boolean {
    return this.#mappings.some(({ first, last }) => page >= first && page <= last);
  }
}

export class ProcessTable {
  readonly #kernel: Kernel;
  readonly #processes = new Map<number, Process>();
  readonly #byObject = new Map<Address, Process>();
  #nextId = SYSTEM_PROCESS;
  /** The process of drivers' own threads. */
  readonly system: Process;
  /** The program of the host that opens devices. */
  readonly program: Process;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.system = this.create('System');
    this.program = this.create('the program of the host');
    kernel.memory.userSpace = {
      isUser: (low) => {
        if (pagesOf(kernel).processAt(low) !== 0) return true;
        for (const process of this.#processes.values()) if (process.has(low)) return true;
        return false;
      },
    };
  }

  /** Told of every process that begins or ends; set by who tells drivers. */
  changed: (process: Process, created: boolean) => void = () => {};

  /** Ends a process of the host's: its memory goes. Its id and its object stay, as drivers may refer to them. */
  end(process: Process): void {
    process.freeAll();
    this.changed(process, false);
  }

  get all(): Iterable<Process> {
    return this.#processes.values();
  }

  /** A new process. @throws NdisboxError TOO_MANY_PROCESSES at PROCESS_LIMIT. */
  create(name: string): Process {
    if (this.#processes.size >= PROCESS_LIMIT) {
      throw new NdisboxError(
        'TOO_MANY_PROCESSES',
        `${PROCESS_LIMIT} processes were created; use a process for more than one request`,
      );
    }
    const process = new Process(this.#kernel, this.#nextId, name);
    this.#nextId += 4;
    this.#processes.set(process.id, process);
    this.#byObject.set(process.address, process);
    this.changed(process, true);
    return process;
  }

  withId(id: number): Process | null {
    return this.#processes.get(id) ?? null;
  }

  /** The process whose object is at an address. */
  at(object: Address): Process | null {
    return this.#byObject.get(object) ?? null;
  }

  /** The process whose address space is the current one: that of the running thread, or what it attached to. */
  get current(): Process {
    const { thread } = this.#kernel.scheduler;
    return thread === null ? this.system : (this.withId(thread.addressSpace) ?? this.system);
  }

  /** The process that the running thread belongs to. */
  get owner(): Process {
    const { thread } = this.#kernel.scheduler;
    return thread === null ? this.system : (this.withId(thread.process) ?? this.system);
  }
}

/** The processes of a kernel. */
export const processesOf = perKernel('processes', (kernel) => new ProcessTable(kernel));
