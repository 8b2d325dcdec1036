/**
 * The calling convention over the state block: arguments of a call that machine code made, arguments of a call into
 * machine code, results both ways. Implements "x64 calling convention" of Microsoft's C++ documentation.
 */

import { argumentsAsked } from '../kernel/index.ts';
import {
  type Address,
  addressFromHalves,
  FIRST_MAPPED_ADDRESS,
  highHalfOf,
  KERNEL_WINDOW_HIGH,
  type KernelMemory,
  lowHalfOf,
  readTerminatedAnsi,
  readTerminatedUtf16,
} from '../memory/index.ts';
import { R8, R9, RAX, RCX, RDX, RSP, STATE_GENERAL } from '../x64/index.ts';
import type { ValueKind } from './valueKinds.ts';

/** Word indices of the registers in `i32`: low halves; the high half follows. */
const WORD_RAX = (STATE_GENERAL + 8 * RAX) >> 2;
const WORD_RCX = (STATE_GENERAL + 8 * RCX) >> 2;
const WORD_RDX = (STATE_GENERAL + 8 * RDX) >> 2;
const WORD_R8 = (STATE_GENERAL + 8 * R8) >> 2;
const WORD_R9 = (STATE_GENERAL + 8 * R9) >> 2;
const WORD_RSP = (STATE_GENERAL + 8 * RSP) >> 2;

/** Bytes between the stack pointer at a function's first instruction and its fifth argument. */
const STACK_ARGUMENTS = 0x28;

/** Reads and writes what crosses the binary interface of one machine. */
export class Convention {
  readonly #i32: Int32Array;
  readonly #u64: BigUint64Array;
  readonly #memory: KernelMemory;

  constructor(memory: KernelMemory) {
    this.#i32 = memory.i32;
    this.#u64 = memory.u64;
    this.#memory = memory;
  }

  /** Word index of argument `index` of the call that machine code has just made. */
  #word(index: number): number {
    switch (index) {
      case 0:
        return WORD_RCX;
      case 1:
        return WORD_RDX;
      case 2:
        return WORD_R8;
      case 3:
        return WORD_R9;
      default:
        return (this.#i32[WORD_RSP] + STACK_ARGUMENTS + 8 * (index - 4)) >> 2;
    }
  }

  /** Argument `index`, from 0, of the call that machine code has just made: its return address is on top of the stack. */
  argument(kind: ValueKind, index: number): number | bigint {
    return this.read(kind, this.#word(index));
  }

  /** What the slot at word index `word` holds. */
  read(kind: ValueKind, word: number): number | bigint {
    const low = this.#i32[word];
    switch (kind) {
      case 'pointer': {
        const high = this.#i32[word + 1];
        if (high === KERNEL_WINDOW_HIGH && low > 0xffff) return low;
        return (low | high) === 0 ? 0 : addressFromHalves(this.#memory, low, high);
      }
      case 'u32':
        return low >>> 0;
      case 'handle':
      case 'i32':
        return low;
      case 'boolean':
        return (low & 0xff) === 0 ? 0 : 1;
      case 'u8':
        return low & 0xff;
      case 'i8':
        return (low << 24) >> 24;
      case 'u16':
        return low & 0xffff;
      case 'i16':
        return (low << 16) >> 16;
      case 'size':
        return (this.#i32[word + 1] >>> 0) * 0x1_0000_0000 + (low >>> 0);
      case 'i64':
        return BigInt.asIntN(64, this.#u64[word >> 1]);
      case 'u64':
      case 'variadic':
        return this.#u64[word >> 1];
      case 'none':
        return 0;
    }
  }

  /** Writes `value` to the slot at word index `word`. */
  write(kind: ValueKind, word: number, value: unknown): void {
    const i32 = this.#i32;
    switch (typeof value) {
      case 'number':
        return this.#writeNumber(kind, word, value);
      case 'bigint':
        this.#u64[word >> 1] = BigInt.asUintN(64, value);
        return;
      case 'boolean':
        i32[word] = value ? 1 : 0;
        i32[word + 1] = 0;
        return;
      default:
        // Whatever has an address, such as a view; anything else is NULL.
        if (typeof value === 'object' && value !== null && 'address' in value)
          return this.#writeNumber('pointer', word, Number(value.address));
        i32[word] = 0;
        i32[word + 1] = 0;
    }
  }

  #writeNumber(kind: ValueKind, word: number, value: number): void {
    const i32 = this.#i32;
    switch (kind) {
      case 'pointer':
        i32[word] = lowHalfOf(this.#memory, value);
        i32[word + 1] = highHalfOf(this.#memory, value);
        return;
      case 'i8':
      case 'i16':
      case 'i32':
      case 'handle':
        i32[word] = value;
        i32[word + 1] = value < 0 ? -1 : 0;
        return;
      case 'size':
      case 'i64':
      case 'u64':
      case 'variadic':
        i32[word] = value | 0;
        i32[word + 1] = Math.floor(value / 0x1_0000_0000) | 0;
        return;
      default:
        i32[word] = value;
        i32[word + 1] = 0;
    }
  }

  /** Puts the result of a call that machine code made into rax. */
  setResult(kind: ValueKind, value: unknown): void {
    if (kind !== 'none') this.write(kind, WORD_RAX, value);
  }

  /** The result of a call into machine code. */
  result(kind: ValueKind): number | bigint {
    return this.read(kind, WORD_RAX);
  }

  /**
   * Prepares a call into machine code: moves the stack pointer below `stack`, aligned as at a function's first
   * instruction, pushes the stack arguments, the home space and the return address.
   * @param stack highest free address. @param back the callable address to return to.
   */
  enter(stack: Address, back: Address, kinds: readonly ValueKind[], args: readonly unknown[]): void {
    const i32 = this.#i32;
    const stackArguments = Math.max(0, args.length - 4);
    const top = ((stack - 8 * stackArguments - 0x20) & ~15) - 8;
    i32[top >> 2] = back;
    i32[(top >> 2) + 1] = KERNEL_WINDOW_HIGH;
    i32[WORD_RSP] = top;
    i32[WORD_RSP + 1] = KERNEL_WINDOW_HIGH;
    for (let i = 0; i < args.length; i++) this.write(kinds[i] ?? 'pointer', this.#word(i), args[i]);
  }

  /**
   * Arguments that a format of printf may ask for: one for each `%` and `*` in it.
   * @param width bytes of a character. @param most characters looked at.
   */
  formatArguments(format: Address, width: 1 | 2, most: number): number {
    const memory = this.#memory;
    if (format < FIRST_MAPPED_ADDRESS || format + width > memory.size) return 0;
    return argumentsAsked(
      width === 2 ? readTerminatedUtf16(memory, format, most) : readTerminatedAnsi(memory, format, most),
    );
  }

  /** The stack pointer. */
  get stackPointer(): Address {
    return this.#i32[WORD_RSP];
  }

  set stackPointer(address: Address) {
    this.#i32[WORD_RSP] = address;
    this.#i32[WORD_RSP + 1] = KERNEL_WINDOW_HIGH;
  }
}
