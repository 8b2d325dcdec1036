/**
 * Decoded code by address, and what drops it: writes of machine code and of the host, pages that are given back or
 * protected otherwise. Implements "Self-Modifying Code" of the Intel 64 manual, volume 3, section 12.6; execution of
 * code that changed where nobody may write is reported instead.
 */

import {
  ADDRESS_LIMIT,
  type Address,
  CALLABLE_RANGE_START,
  FIRST_MAPPED_ADDRESS,
  KERNEL_WINDOW_HIGH,
  PAGE_EXECUTE,
  PAGE_SIZE,
  PAGE_WRITE,
} from '../../memory/index.ts';
import type { Instruction } from '../instruction.ts';
import { compile } from './compile.ts';
import { type Cpu, Fault, VECTOR_CHANGED_CODE, VECTOR_MEMORY_SAFETY, VECTOR_PAGE_FAULT } from './cpu.ts';
import { CODE_CALLABLE, CODE_CHANGED, CODE_ENTRY, CODE_UNDECODED, Op } from './op.ts';

/** Decodes the instruction at an address in memory. */
export type Decode = (address: Address) => Instruction;
/** Told of bytes whose decoded form was dropped. */
export type CodeWatcher = (address: Address, size: number) => void;

/** Counts after which the engine is told of a hot call target and a hot loop head. */
export interface HotThresholds {
  readonly calls: number;
  readonly loops: number;
}

const MAXIMUM_LENGTH = 15;
const CALLABLE_STRIDE = 16;
/** Callable addresses that are found without making a record anew. */
const MOST_CALLABLES = 0x1_0000;

/** What is known of a page with decoded code. */
interface CodePage {
  readonly ops: (Op | undefined)[];
  /** 1 for each byte that belongs to a decoded instruction or to translated code. */
  readonly marks: Uint8Array;
  /** Those bytes as they were when they were decoded. */
  readonly bytes: Uint8Array;
}

export class CodeCache {
  readonly cpu: Cpu;
  readonly #decode: Decode;
  readonly #thresholds: HotThresholds;
  /** For each page of memory its place in #pages; 0 where it holds no code. */
  readonly #numbers: Int32Array;
  readonly #pages: (CodePage | null)[] = [null];
  /** Places of pages that were forgotten. */
  readonly #free: number[] = [];
  /** By number: the host has one every 16 bytes. */
  readonly #callables: (Op | undefined)[] = [];
  /** Told when decoded or marked code is dropped. */
  readonly watchers: CodeWatcher[] = [];

  constructor(cpu: Cpu, decode: Decode, thresholds: HotThresholds) {
    this.cpu = cpu;
    this.#decode = decode;
    this.#thresholds = thresholds;
    this.#numbers = new Int32Array(cpu.memory.size / PAGE_SIZE);
    cpu.pages?.watchers.push((first, count, change) => {
      cpu.forgetPages(first, count);
      if (change === 'allocated') this.forget(first * PAGE_SIZE, count * PAGE_SIZE);
      else this.#recheck(first, count);
    });
  }

  /** The instruction at an address, decoded or not. */
  at(low: number, high: number): Op {
    const at = low >>> 0;
    if (high !== KERNEL_WINDOW_HIGH || at >= this.cpu.memory.size) return this.#outside(at, high);
    const ops = (this.#pageAt(at >>> 12) ?? this.#addPage(at >>> 12)).ops;
    return ops[at & 0xfff] ?? this.#add(ops, at);
  }

  /** Decodes an instruction. @throws Fault where nothing may be executed. */
  fill(op: Op): void {
    const { cpu } = this;
    const { address } = op;
    if (op.window !== KERNEL_WINDOW_HIGH || address >= cpu.memory.size)
      throw this.#fetchFault(address, op.window);
    this.#checkExecutable(address, 1);
    const instruction = this.#decode(address);
    if (instruction.exception === VECTOR_PAGE_FAULT) {
      throw this.#fetchFault(instruction.faultAddress, KERNEL_WINDOW_HIGH);
    }
    this.#checkExecutable(address, instruction.length);
    compile(op, instruction, cpu, this);
    this.mark(address, instruction.length);
  }

  /** Decodes an instruction whose bytes were written over. @throws Fault when they are others now. */
  refill(op: Op): void {
    const { cpu } = this;
    for (let at = op.address; at < op.end; at++) {
      const known = this.#pageAt(at >>> 12)?.bytes[at & 0xfff];
      if (known !== cpu.u8[at] || !this.#isExecutable(at, 1)) {
        throw new Fault(VECTOR_CHANGED_CODE, 'execute', op.address, KERNEL_WINDOW_HIGH, op.end - op.address);
      }
    }
    this.fill(op);
  }

  /** Notes that bytes were decoded or translated, so that writing over them is noticed. */
  mark(address: Address, size: number): void {
    const { u8 } = this.cpu;
    for (let at = address; at < address + size; at++) {
      const page = this.#pageAt(at >>> 12) ?? this.#addPage(at >>> 12);
      page.marks[at & 0xfff] = 1;
      page.bytes[at & 0xfff] = u8[at];
    }
  }

  /** Whether a page of the range holds decoded code. */
  holdsCode(address: Address, size: number): boolean {
    const last = (address + size - 1) >>> 12;
    for (let page = address >>> 12; page <= last; page++) if (this.#pageAt(page) !== null) return true;
    return false;
  }

  /** Machine code writes there, in pages that hold code. */
  written(address: Address, size: number): void {
    for (let at = address; at < address + size; at++) {
      if (this.#pageAt(at >>> 12)?.marks[at & 0xfff] === 1) {
        this.invalidate(address, size);
        return;
      }
    }
  }

  /**
   * Bytes have been written or are about to be. Decoded code there is dropped; where machine code may not write,
   * executing it is reported unless the bytes are the same as before.
   */
  invalidate(address: Address, size: number): void {
    let dropped = false;
    const end = address + size;
    for (let at = Math.max(FIRST_MAPPED_ADDRESS, address - MAXIMUM_LENGTH + 1); at < end; at++) {
      const page = this.#pageAt(at >>> 12);
      if (page === null) {
        at |= 0xfff;
        continue;
      }
      if (at >= address && page.marks[at & 0xfff] === 1) dropped = true;
      const op = page.ops[at & 0xfff];
      if (op === undefined || op.end <= address || op.code === CODE_UNDECODED) continue;
      this.#dropTo(op, this.#isWritable(at) ? CODE_UNDECODED : CODE_CHANGED);
    }
    if (dropped) for (const watcher of this.watchers) watcher(address, size);
  }

  /** Other code lies there now, such as an image that was mapped anew: nothing of what was known counts. */
  forget(address: Address, size: number): void {
    const last = Math.min((address + size - 1) >>> 12, this.#numbers.length - 1);
    // Instructions before the range that reach into it.
    for (let at = Math.max(0, address - MAXIMUM_LENGTH + 1); at < address; at++) {
      const op = this.#pageAt(at >>> 12)?.ops[at & 0xfff];
      if (op !== undefined && op.end > address) this.#dropTo(op, CODE_UNDECODED);
    }
    for (let number = address >>> 12; number <= last; number++) {
      const page = this.#pageAt(number);
      if (page === null) continue;
      page.ops.forEach((op) => {
        if (op !== undefined) this.#dropTo(op, CODE_UNDECODED);
      });
      this.#pages[this.#numbers[number]] = null;
      this.#free.push(this.#numbers[number]);
      this.#numbers[number] = 0;
      this.cpu.forgetPages(number, 1);
      for (const watcher of this.watchers) watcher(number << 12, PAGE_SIZE);
    }
  }

  /** Makes an address an entry of translated code: `run` hands over when it reaches it. */
  addEntry(address: Address): void {
    const page = this.#pageAt(address >>> 12) ?? this.#addPage(address >>> 12);
    const body = page.ops[address & 0xfff] ?? this.#add(page.ops, address);
    if (body.code === CODE_ENTRY) return;
    // Links from other instructions lead to this object, so it becomes the entry and its copy the instruction.
    const copy = new Op(address);
    copy.callsLeft = copy.loopsLeft = 0;
    body.next = copy;
    body.end = address + MAXIMUM_LENGTH;
    body.drop(CODE_ENTRY);
  }

  /** The address is an ordinary instruction again. */
  removeEntry(address: Address): void {
    const page = this.#pageAt(address >>> 12);
    const op = page?.ops[address & 0xfff];
    if (op?.code === CODE_ENTRY) this.#dropTo(op, this.#isWritable(address) ? CODE_UNDECODED : CODE_CHANGED);
  }

  /** An entry of translated code takes the instruction that it hides with it. */
  #dropTo(op: Op, code: number): void {
    if (op.code === CODE_ENTRY) op.next?.drop(code);
    op.drop(code);
  }

  #recheck(first: number, count: number): void {
    for (let number = first; number < first + count; number++) {
      const page = this.#pageAt(number);
      if (page !== null) this.invalidate(number << 12, PAGE_SIZE);
    }
  }

  #pageAt(number: number): CodePage | null {
    return number < this.#numbers.length ? this.#pages[this.#numbers[number]] : null;
  }

  #addPage(number: number): CodePage {
    const page: CodePage = {
      ops: Array<Op | undefined>(PAGE_SIZE),
      marks: new Uint8Array(PAGE_SIZE),
      bytes: new Uint8Array(PAGE_SIZE),
    };
    const place = this.#free.pop() ?? this.#pages.length;
    this.#pages[place] = page;
    this.#numbers[number] = place;
    // Writes to the page are looked at from now on.
    this.cpu.forgetPages(number, 1);
    return page;
  }

  #add(ops: (Op | undefined)[], at: Address): Op {
    const op = this.#make(at);
    ops[at & 0xfff] = op;
    return op;
  }

  #make(at: Address): Op {
    const op = new Op(at);
    op.callsLeft = this.#thresholds.calls;
    op.loopsLeft = this.#thresholds.loops;
    return op;
  }

  #outside(at: number, high: number): Op {
    if (high === KERNEL_WINDOW_HIGH && at >= CALLABLE_RANGE_START && at < ADDRESS_LIMIT) {
      const number = (at - CALLABLE_RANGE_START) / CALLABLE_STRIDE;
      const known = this.#callables[number];
      if (known !== undefined) return known;
      const op = new Op(at);
      op.code = CODE_CALLABLE;
      // Others are no function of the host; it says so when it is called with them.
      if (Number.isInteger(number) && number <= MOST_CALLABLES) this.#callables[number] = op;
      return op;
    }
    return new Op(at, high);
  }

  #checkExecutable(address: Address, size: number): void {
    const { pages, memory, safety } = this.cpu;
    const bad =
      pages === null
        ? address >= FIRST_MAPPED_ADDRESS && address + size <= memory.size
          ? -1
          : address
        : pages.firstFault(address, size, PAGE_EXECUTE);
    if (bad !== -1) throw this.#fetchFault(bad, KERNEL_WINDOW_HIGH);
    const unsafe = safety === null ? -1 : safety.firstViolation(address, size, 'execute');
    if (unsafe !== -1) throw new Fault(VECTOR_MEMORY_SAFETY, 'execute', unsafe, KERNEL_WINDOW_HIGH, size);
  }

  #isExecutable(address: Address, size: number): boolean {
    const { pages } = this.cpu;
    return pages === null || pages.allows(address, size, PAGE_EXECUTE);
  }

  #isWritable(address: Address): boolean {
    const { pages } = this.cpu;
    return pages === null || pages.allows(address, 1, PAGE_WRITE);
  }

  #fetchFault(low: number, high: number): Fault {
    return new Fault(VECTOR_PAGE_FAULT, 'execute', low, high, 1);
  }
}
