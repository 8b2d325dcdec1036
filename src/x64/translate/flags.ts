/**
 * The arithmetic flags in translated code: the operands of the last instruction that set them, or single bits where
 * that is not enough. Implements "Status Flags" and the conditions of the Intel 64 manual, volume 1, section 3.4.3.1
 * and appendix B.
 */

import { FLAG_AF, FLAG_CF, FLAG_OF, FLAG_PF, FLAG_SF, FLAG_ZF, STATE_FLAGS } from '../state.ts';
import type { Body } from './body.ts';
import { FLAG_A32, FLAG_A64, FLAG_B32, FLAG_B64, FLAG_BITS } from './convention.ts';
import { ARITHMETIC_FLAGS } from './effects.ts';
import { op } from './opcodes.ts';

/** What made the flags that are not single bits: `subtract` of A and B, `add` of them, or a result A. */
export type FlagSource = 'none' | 'subtract' | 'add' | 'logic' | 'increment' | 'decrement';

/** What is known, while code is written, of where the flags are. */
export interface FlagState {
  readonly source: FlagSource;
  readonly size: number;
  /** Flags that follow from the source; the others are single bits. */
  readonly lazy: number;
}

export const NO_FLAGS: FlagState = { source: 'none', size: 8, lazy: 0 };

const ORDER = [FLAG_CF, FLAG_PF, FLAG_AF, FLAG_ZF, FLAG_SF, FLAG_OF];
const SHIFTS = [0, 2, 4, 6, 7, 11];

export class Flags {
  state: FlagState = NO_FLAGS;
  readonly #body: Body;

  constructor(body: Body) {
    this.#body = body;
  }

  /** The operands are in FLAG_A and FLAG_B of their size. @param mask flags that follow from them. */
  setSource(source: FlagSource, size: number, mask = ARITHMETIC_FLAGS): void {
    this.state = { source, size, lazy: mask };
  }

  /** Meaning of the local of operand A, of 64 bits or less. */
  a(size: number): number {
    return size === 8 ? FLAG_A64 : FLAG_A32;
  }

  b(size: number): number {
    return size === 8 ? FLAG_B64 : FLAG_B32;
  }

  /** Takes a flag, 0 or 1, from the stack. */
  setBit(flag: number): void {
    this.#body.set(FLAG_BITS + ORDER.indexOf(flag));
    this.state = { ...this.state, lazy: this.state.lazy & ~flag };
  }

  /** Makes single bits of those flags in `mask` that are none. */
  toBits(mask: number): void {
    for (const flag of ORDER) {
      if ((flag & mask & this.state.lazy) === 0) continue;
      this.#compute(flag);
      this.#body.set(FLAG_BITS + ORDER.indexOf(flag));
    }
    const lazy = this.state.lazy & ~mask;
    this.state = lazy === 0 ? NO_FLAGS : { ...this.state, lazy };
  }

  /** Writes the flags in `mask` to the state block; what is known of them stays. */
  store(mask: number): void {
    if (mask === 0) return;
    const body = this.#body;
    body.i32(0);
    body.i32(0);
    body.memory(op.i32Load, STATE_FLAGS);
    body.i32(~mask);
    body.op(op.i32And);
    ORDER.forEach((flag, index) => {
      if ((flag & mask) === 0) return;
      this.push(flag);
      body.i32(SHIFTS[index]);
      body.op(op.i32Shl);
      body.op(op.i32Or);
    });
    body.memory(op.i32Store, STATE_FLAGS);
  }

  /** Takes the flags in `mask` from the state block, as single bits. */
  load(mask: number): void {
    const body = this.#body;
    ORDER.forEach((flag, index) => {
      if ((flag & mask) === 0) return;
      body.i32(0);
      body.memory(op.i32Load, STATE_FLAGS);
      body.i32(SHIFTS[index]);
      body.op(op.i32ShrU);
      body.i32(1);
      body.op(op.i32And);
      body.set(FLAG_BITS + index);
    });
    this.state = NO_FLAGS;
  }

  /** Pushes a flag, 0 or 1. */
  push(flag: number): void {
    if ((this.state.lazy & flag) !== 0) this.#compute(flag);
    else this.#body.get(FLAG_BITS + ORDER.indexOf(flag));
  }

  /** Pushes whether a condition holds, 0 or 1. @param condition low nibble of the encoding. */
  pushCondition(condition: number): void {
    const inverted = (condition & 1) !== 0;
    switch (condition >> 1) {
      case 0:
        this.push(FLAG_OF);
        break;
      case 1:
        if (this.#compare(inverted ? op.i64GeU : op.i64LtU, FLAG_CF)) return;
        this.push(FLAG_CF);
        break;
      case 2:
        if (this.#compare(inverted ? op.i64Ne : op.i64Eq, FLAG_ZF)) return;
        this.push(FLAG_ZF);
        break;
      case 3:
        if (this.#compare(inverted ? op.i64GtU : op.i64LeU, FLAG_CF | FLAG_ZF)) return;
        this.push(FLAG_CF);
        this.push(FLAG_ZF);
        this.#body.op(op.i32Or);
        break;
      case 4:
        this.push(FLAG_SF);
        break;
      case 5:
        this.push(FLAG_PF);
        break;
      case 6:
        if (this.#compare(inverted ? op.i64GeS : op.i64LtS, FLAG_SF | FLAG_OF)) return;
        this.push(FLAG_SF);
        this.push(FLAG_OF);
        this.#body.op(op.i32Xor);
        break;
      default:
        if (this.#compare(inverted ? op.i64GtS : op.i64LeS, FLAG_SF | FLAG_OF | FLAG_ZF)) return;
        this.push(FLAG_SF);
        this.push(FLAG_OF);
        this.#body.op(op.i32Xor);
        this.push(FLAG_ZF);
        this.#body.op(op.i32Or);
        break;
    }
    if (inverted) this.#body.op(op.i32Eqz);
  }

  /** One comparison instead of flags, where the source allows it. @param code the 64-bit comparison. */
  #compare(code: number, needed: number): boolean {
    const { source, size, lazy } = this.state;
    if ((lazy & needed) !== needed) return false;
    const signed = code === op.i64LtS || code === op.i64GeS || code === op.i64LeS || code === op.i64GtS;
    if (source === 'logic' && signed) {
      this.#pushSigned(this.a(size));
      this.#zero();
    } else if (source === 'subtract') {
      if (signed) {
        this.#pushSigned(this.a(size));
        this.#pushSigned(this.b(size));
      } else {
        this.#body.get(this.a(size));
        this.#body.get(this.b(size));
      }
    } else return false;
    // The 32-bit comparisons stand eleven codes before the 64-bit ones.
    this.#body.op(size === 8 ? code : code - (op.i64Eq - op.i32Eq));
    return true;
  }

  #zero(): void {
    if (this.state.size === 8) this.#body.i64(0);
    else this.#body.i32(0);
  }

  #pushSigned(local: number): void {
    this.#body.get(local);
    if (this.state.size === 1) this.#body.op(op.i32Extend8S);
    if (this.state.size === 2) this.#body.op(op.i32Extend16S);
  }

  /** Pushes the result, cut to the size. */
  #result(): void {
    const body = this.#body;
    const { source, size } = this.state;
    body.get(this.a(size));
    if (source !== 'subtract' && source !== 'add') return;
    body.get(this.b(size));
    const code = source === 'add' ? op.i32Add : op.i32Sub;
    body.op(size === 8 ? code + (op.i64Add - op.i32Add) : code);
    if (size === 1 || size === 2) {
      body.i32(size === 1 ? 0xff : 0xffff);
      body.op(op.i32And);
    }
  }

  /** The number on the stack as 32 bits. */
  #narrow(): void {
    if (this.state.size === 8) this.#body.op(op.i32WrapI64);
  }

  /** Pushes the sign bit of what is on the stack. */
  #sign(): void {
    const { size } = this.state;
    if (size === 8) {
      this.#body.i64(63);
      this.#body.op(op.i64ShrU);
      this.#body.op(op.i32WrapI64);
      return;
    }
    this.#body.i32(size * 8 - 1);
    this.#body.op(op.i32ShrU);
    if (size < 4) {
      this.#body.i32(1);
      this.#body.op(op.i32And);
    }
  }

  #compute(flag: number): void {
    switch (flag) {
      case FLAG_CF:
        this.#carry();
        break;
      case FLAG_ZF:
        if (this.#compare(op.i64Eq, FLAG_ZF)) return;
        this.#result();
        this.#body.op(this.state.size === 8 ? op.i64Eqz : op.i32Eqz);
        break;
      case FLAG_SF:
        this.#result();
        this.#sign();
        break;
      case FLAG_PF:
        this.#result();
        this.#narrow();
        this.#body.i32(0xff);
        this.#body.op(op.i32And);
        this.#body.op(op.i32Popcnt);
        this.#body.i32(1);
        this.#body.op(op.i32And);
        this.#body.op(op.i32Eqz);
        break;
      case FLAG_AF:
        this.#adjust();
        break;
      default:
        this.#overflow();
    }
  }

  #carry(): void {
    const { source, size } = this.state;
    if (source === 'subtract') {
      this.#body.get(this.a(size));
      this.#body.get(this.b(size));
      this.#body.op(size === 8 ? op.i64LtU : op.i32LtU);
    } else if (source === 'add') {
      this.#result();
      this.#body.get(this.a(size));
      this.#body.op(size === 8 ? op.i64LtU : op.i32LtU);
    } else this.#body.i32(0);
  }

  #xor(): void {
    this.#body.op(this.state.size === 8 ? op.i64Xor : op.i32Xor);
  }

  #adjust(): void {
    const body = this.#body;
    const { source, size } = this.state;
    if (source === 'logic') {
      body.i32(0);
      return;
    }
    if (source === 'increment' || source === 'decrement') {
      body.get(this.a(size));
      this.#narrow();
      body.i32(15);
      body.op(op.i32And);
      body.i32(source === 'increment' ? 0 : 15);
      body.op(op.i32Eq);
      return;
    }
    this.#result();
    body.get(this.a(size));
    this.#xor();
    body.get(this.b(size));
    this.#xor();
    this.#narrow();
    body.i32(4);
    body.op(op.i32ShrU);
    body.i32(1);
    body.op(op.i32And);
  }

  #overflow(): void {
    const body = this.#body;
    const { source, size } = this.state;
    if (source === 'logic') {
      body.i32(0);
      return;
    }
    if (source === 'increment' || source === 'decrement') {
      const limit = source === 'increment' ? 0 : -1;
      body.get(this.a(size));
      if (size === 8) body.i64(limit, limit ^ 0x8000_0000);
      else if (size === 4) body.i32(limit ^ 0x8000_0000);
      else body.i32(source === 'increment' ? 1 << (size * 8 - 1) : (1 << (size * 8 - 1)) - 1);
      body.op(size === 8 ? op.i64Eq : op.i32Eq);
      return;
    }
    // Operands of equal signs (of different ones for a difference) whose result has another sign.
    body.get(this.a(size));
    this.#result();
    this.#xor();
    body.get(source === 'add' ? this.b(size) : this.a(size));
    if (source === 'add') this.#result();
    else body.get(this.b(size));
    this.#xor();
    body.op(size === 8 ? op.i64And : op.i32And);
    this.#sign();
  }
}
