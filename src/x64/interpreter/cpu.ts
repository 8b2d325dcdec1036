/**
 * What every handler of an instruction works on: the bytes of the machine, the arithmetic flags in the form that is
 * cheapest to make, and the checks of memory accesses. Implements "Basic Execution Environment" (volume 1, chapter 3)
 * and "Interrupt and Exception Handling" (volume 3, chapter 6) of the Intel 64 manual.
 */

import {
  type Address,
  FIRST_MAPPED_ADDRESS,
  KERNEL_WINDOW_HIGH,
  type KernelMemory,
  PAGE_DEVICE,
  PAGE_GUARD,
  PAGE_READ,
  PAGE_WRITE,
  type Pages,
} from '../../memory/index.ts';
import type { Access, EngineHost } from '../host.ts';
import { STATE_FLAGS, STATE_FUEL, STATE_RIP } from '../state.ts';
import type { CodeCache } from './codeCache.ts';
import { flagsOf, setFlags } from './flags.ts';
import { FAST_READ, FAST_WRITE, FLAG_SLOTS, type Op } from './op.ts';
import { makeShifts, type Shifts } from './shiftsByConstant.ts';

// Words of the arithmetic flags. Constants of other modules are loads for V8, its own are none.
const RESULT_LOW = FLAG_SLOTS >> 2;
const RESULT_HIGH = RESULT_LOW + 1;
const CARRY = RESULT_LOW + 2;
const OVERFLOW = RESULT_LOW + 3;
const ADJUST = RESULT_LOW + 4;

export const VECTOR_DIVIDE = 0;
export const VECTOR_SINGLE_STEP = 1;
export const VECTOR_BREAKPOINT = 3;
export const VECTOR_INVALID_OPCODE = 6;
export const VECTOR_GENERAL_PROTECTION = 13;
export const VECTOR_PAGE_FAULT = 14;
export const VECTOR_SIMD = 19;
export const VECTOR_MEMORY_SAFETY = 0x101;
export const VECTOR_CHANGED_CODE = 0x102;

/** What a handler throws so that its instruction becomes an exception; nothing of the instruction has happened. */
export class Fault {
  readonly vector: number;
  readonly access: Access;
  readonly low: number;
  readonly high: number;
  readonly size: number;
  /** Elements that a repeated string instruction completed before. */
  elements = 0;

  constructor(vector: number, access: Access = 'execute', low = 0, high = 0, size = 0) {
    this.vector = vector;
    this.access = access;
    this.low = low | 0;
    this.high = high | 0;
    this.size = size;
  }
}

/** Bytes that are mapped but must not be touched: around blocks, freed ones. */
export interface MemorySafety {
  /** @returns the first byte of the access that must not be touched so, or -1. */
  firstViolation(address: Address, size: number, access: Access): Address;
}

/** Where another processor might run in between, as exploration sees it. */
export interface AccessPoint {
  /** Low half of the instruction. */
  readonly instruction: Address;
  /** Low and high half of the memory operand. */
  readonly low: number;
  readonly high: number;
  readonly size: number;
  readonly reads: boolean;
  readonly writes: boolean;
  readonly locked: boolean;
}

/** Bits of Cpu.observing. */
export const OBSERVE_TRACE = 1;
export const OBSERVE_PREEMPT = 2;

/** Thrown by `prepare` where exploration wants another processor to run. */
export const PREEMPTION = { preemption: true } as const;
/** Thrown by a handler that ends the run, after it has saved rip, flags and fuel. */
export class Leave {
  readonly kind: 'stopped' | 'fuel';
  constructor(kind: 'stopped' | 'fuel') {
    this.kind = kind;
  }
}

export class Cpu {
  readonly memory: KernelMemory;
  readonly host: EngineHost;
  readonly pages: Pages | null;
  readonly safety: MemorySafety | null;
  readonly data: DataView;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  /** For each page of the low half: FAST_ bits of what needs no closer look. Set by `check`, cleared by `forget`. */
  readonly fast = new Uint8Array(1 << 20);
  /** All other bits of RFLAGS. */
  otherFlags = 0x202;
  /** Fuel, while a handler runs. */
  fuel = 0;
  /** Where execution goes on after a handler of CODE_JUMP_HANDLER. */
  target: Op | null = null;
  /** Address of the instruction that is not asked about again: the run began with it. */
  resumedAt = -1;
  observing = 0;
  /** Told of pages whose protection changed, or that hold code now or no more. */
  readonly forgotten: ((first: number, count: number) => void)[] = [];
  onTrace: ((address: Address) => void) | null = null;
  onAccess: ((point: AccessPoint) => boolean) | null = null;
  code: CodeCache | null = null;
  readonly shifts: Shifts;
  /** Low and high half of the last address that was computed. */
  addressLow = 0;
  addressHigh = 0;

  constructor(memory: KernelMemory, host: EngineHost, pages: Pages | null, safety: MemorySafety | null) {
    this.memory = memory;
    this.host = host;
    this.pages = pages;
    this.safety = safety;
    this.data = memory.data;
    this.u8 = memory.u8;
    this.u16 = memory.u16;
    this.i32 = memory.i32;
    this.f32 = new Float32Array(memory.memory.buffer);
    this.f64 = new Float64Array(memory.memory.buffer);
    this.shifts = makeShifts(this);
  }

  /** Low and high part of the last result: zero when both are, negative when the high part is. */
  get resultLow(): number {
    return this.i32[RESULT_LOW];
  }

  set resultLow(value: number) {
    this.i32[RESULT_LOW] = value;
  }

  get resultHigh(): number {
    return this.i32[RESULT_HIGH];
  }

  set resultHigh(value: number) {
    this.i32[RESULT_HIGH] = value;
  }

  /** Negative when there is one. */
  get carry(): number {
    return this.i32[CARRY];
  }

  set carry(value: number) {
    this.i32[CARRY] = value;
  }

  /** Negative when there is one. */
  get overflow(): number {
    return this.i32[OVERFLOW];
  }

  set overflow(value: number) {
    this.i32[OVERFLOW] = value;
  }

  /** Bit 4: auxiliary carry when it differs from the result's; bit 0 inverts parity, bit 1 inverts the sign. */
  get adjust(): number {
    return this.i32[ADJUST];
  }

  set adjust(value: number) {
    this.i32[ADJUST] = value;
  }

  /** Writes rip, flags and fuel where the host looks. */
  save(low: Address, high: number, fuel: number): void {
    const { i32 } = this;
    i32[STATE_RIP >> 2] = low;
    i32[(STATE_RIP >> 2) + 1] = high;
    i32[STATE_FLAGS >> 2] = flagsOf(this);
    i32[STATE_FUEL >> 2] = fuel;
  }

  /** Takes the flags as the host left them. */
  load(): void {
    setFlags(this, this.i32[STATE_FLAGS >> 2]);
  }

  /** Computes the address of the memory operand into addressLow and addressHigh. */
  computeAddress(op: Op): void {
    const { i32 } = this;
    const baseLow = i32[op.base];
    let low = i32[op.index];
    let high = i32[op.index + 1];
    high = (high << op.shift) | ((low >>> 1) >>> (31 - op.shift));
    low <<= op.shift;
    let sum = (low + baseLow) | 0;
    high = (high + i32[op.base + 1] + (sum >>> 0 < baseLow >>> 0 ? 1 : 0)) | 0;
    low = (sum + op.displacement) | 0;
    high = (high + op.displacementHigh + (low >>> 0 < sum >>> 0 ? 1 : 0)) & op.addressMask;
    const segmentLow = i32[op.segmentBase];
    sum = (low + segmentLow) | 0;
    this.addressHigh = (high + i32[op.segmentBase + 1] + (sum >>> 0 < segmentLow >>> 0 ? 1 : 0)) | 0;
    this.addressLow = sum;
  }

  /**
   * The long way to a memory operand: any form of address, alignment, observers, pages.
   * @returns its address in memory. @throws Fault where it may not be accessed so.
   */
  prepare(op: Op): Address {
    if (this.observing !== 0) this.#observe(op);
    if (op.access === 0) return 0;
    this.computeAddress(op);
    if (op.aligned && (this.addressLow & (op.size - 1)) !== 0) throw new Fault(VECTOR_GENERAL_PROTECTION);
    return this.check(this.addressLow, this.addressHigh, op.size, op.access);
  }

  /**
   * Checks an access wholly before anything happens, and drops decoded code that it overwrites.
   * @returns the address in memory. @throws Fault
   */
  check(low: number, high: number, size: number, access: number): Address {
    const at = low >>> 0;
    const writes = (access & FAST_WRITE) !== 0;
    let first = at;
    if (high === KERNEL_WINDOW_HIGH && at >= FIRST_MAPPED_ADDRESS && at + size <= this.memory.size) {
      const { pages } = this;
      const needed = (writes ? PAGE_WRITE : 0) | ((access & FAST_READ) !== 0 ? PAGE_READ : 0);
      const bad = pages === null ? -1 : pages.firstFault(at, size, needed);
      if (bad === -1) {
        this.#admit(at, size, access, true);
        return at;
      }
      first = bad;
    }
    const kind = writes ? 'write' : 'read';
    // Registers of devices are read where an instruction reads them, and only there.
    if (writes && (access & FAST_READ) !== 0) this.host.translate(low | 0, high | 0, size, 'read');
    const found = this.host.translate(low | 0, high | 0, size, kind);
    if (found < FIRST_MAPPED_ADDRESS || found + size > this.memory.size) {
      const canonical = high >> 15 === 0 || high >> 15 === -1;
      throw new Fault(canonical ? VECTOR_PAGE_FAULT : VECTOR_GENERAL_PROTECTION, kind, first, high, size);
    }
    this.#admit(found, size, access, false);
    return found;
  }

  /** Drops what is known of pages, because their protection changed or they hold code now. */
  forgetPages(first: number, count: number): void {
    this.fast.fill(0, first, first + count);
    for (const watcher of this.forgotten) watcher(first, count);
  }

  #admit(at: Address, size: number, access: number, remember: boolean): void {
    const writes = (access & FAST_WRITE) !== 0;
    const { code, safety, pages } = this;
    if (safety !== null && (remember || pages === null || (pages.protectionAt(at) & PAGE_DEVICE) === 0)) {
      const kind = writes ? 'write' : 'read';
      const bad = safety.firstViolation(at, size, kind);
      if (bad !== -1) throw new Fault(VECTOR_MEMORY_SAFETY, kind, bad, KERNEL_WINDOW_HIGH, size);
    }
    const page = at >>> 12;
    const holdsCode = code !== null && code.holdsCode(at, size);
    if (writes && holdsCode) code.written(at, size);
    if (!remember || safety !== null || (at & 0xfff) + size > 0x1000) return;
    const allowed = pages === null ? PAGE_READ | PAGE_WRITE : pages.protectionAt(at);
    if ((allowed & PAGE_GUARD) !== 0) return;
    const canRead = (allowed & PAGE_READ) !== 0 ? FAST_READ : 0;
    this.fast[page] = canRead | ((allowed & PAGE_WRITE) !== 0 && !holdsCode ? FAST_WRITE : 0);
  }

  #observe(op: Op): void {
    if ((this.observing & OBSERVE_TRACE) !== 0) this.onTrace?.(op.address);
    if ((this.observing & OBSERVE_PREEMPT) === 0) return;
    const again = this.resumedAt === op.address;
    this.resumedAt = -1;
    if (again || op.observed === 0 || this.onAccess === null) return;
    this.computeAddress(op);
    const stop = this.onAccess({
      instruction: op.address,
      low: this.addressLow,
      high: this.addressHigh,
      size: op.size,
      reads: (op.observed & FAST_READ) !== 0,
      writes: (op.observed & FAST_WRITE) !== 0,
      locked: op.instruction?.lock === true,
    });
    if (stop) throw PREEMPTION;
  }
}
