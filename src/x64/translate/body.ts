/**
 * One WebAssembly function while it is written: locals by meaning, labels by depth, constants and memory accesses.
 * Implements "Functions" and "Instructions" of the WebAssembly Core Specification 2.0, sections 5.4 and 5.5.
 */

import { Code } from './code.ts';
import { I32, I64, op, V128, VOID } from './opcodes.ts';

/** A place that `br` can go to: how many blocks were open when it was opened. */
export type Label = number;

/** Highest number of a local by meaning. */
const MEANINGS = 512;

export class Body {
  /** Where instructions go; may be exchanged, so that a part is written later than what follows it. */
  code = new Code();
  /** Index of the local for each meaning, -1 where none was used yet. */
  readonly #locals = new Int16Array(MEANINGS).fill(-1);
  readonly #types: number[] = [];
  readonly #parameters: number;
  #depth = 0;

  /** @param parameters meanings of the parameters, in order. */
  constructor(parameters: readonly number[]) {
    this.#parameters = parameters.length;
    parameters.forEach((meaning, index) => {
      this.#locals[meaning] = index;
    });
  }

  op(code: number): void {
    this.code.byte(code);
  }

  /** An instruction after the prefix 0xFD. */
  simd(number: number): void {
    this.code.byte(0xfd);
    this.code.u32(number);
  }

  i32(value: number): void {
    this.code.byte(op.i32Const);
    this.code.s32(value);
  }

  /** A 64-bit constant by its halves; `high` left out, the low half is sign-extended. */
  i64(low: number, high: number = low >> 31): void {
    this.code.byte(op.i64Const);
    this.code.s64(low, high);
  }

  get(meaning: number): void {
    this.code.byte(op.localGet);
    this.code.u32(this.#local(meaning));
  }

  set(meaning: number): void {
    this.code.byte(op.localSet);
    this.code.u32(this.#local(meaning));
  }

  tee(meaning: number): void {
    this.code.byte(op.localTee);
    this.code.u32(this.#local(meaning));
  }

  /** A load or store; the address, and for a store the value, are on the stack. */
  memory(code: number, offset: number): void {
    this.code.byte(code);
    this.code.byte(0);
    this.code.u32(offset);
  }

  /** A load or store after the prefix 0xFD. */
  simdMemory(number: number, offset: number): void {
    this.simd(number);
    this.code.byte(0);
    this.code.u32(offset);
  }

  /** Opens a block, loop or if without result. */
  open(code: number): Label {
    this.code.byte(code);
    this.code.byte(VOID);
    return this.#depth++;
  }

  /** Opens an if with a result of `type`. */
  openIf(type: number): void {
    this.code.byte(op.if);
    this.code.byte(type);
    this.#depth++;
  }

  else(): void {
    this.code.byte(op.else);
  }

  close(): void {
    this.code.byte(op.end);
    this.#depth--;
  }

  br(label: Label): void {
    this.code.byte(op.br);
    this.code.u32(this.#depth - label - 1);
  }

  brIf(label: Label): void {
    this.code.byte(op.brIf);
    this.code.u32(this.#depth - label - 1);
  }

  /** The index is on the stack; above the last of `labels` it goes to `otherwise`. */
  brTable(labels: readonly Label[], otherwise: Label): void {
    this.code.byte(op.brTable);
    this.code.u32(labels.length);
    for (const label of labels) this.code.u32(this.#depth - label - 1);
    this.code.u32(this.#depth - otherwise - 1);
  }

  call(index: number): void {
    this.code.byte(op.call);
    this.code.u32(index);
  }

  /** The number of the table element is on top of the stack. */
  callIndirect(type: number): void {
    this.code.byte(op.callIndirect);
    this.code.u32(type);
    this.code.byte(0);
  }

  /** The same as a tail call. */
  returnCallIndirect(type: number): void {
    this.code.byte(op.returnCallIndirect);
    this.code.u32(type);
    this.code.byte(0);
  }

  /** The function as an entry of the code section. */
  finish(): Code {
    const head = new Code();
    const types = this.#types;
    const runs: number[] = [];
    for (const type of types) {
      if (runs.length > 0 && runs[runs.length - 1] === type) runs[runs.length - 2]++;
      else runs.push(1, type);
    }
    head.u32(runs.length / 2);
    for (let index = 0; index < runs.length; index += 2) {
      head.u32(runs[index]);
      head.byte(runs[index + 1]);
    }
    const entry = new Code();
    entry.u32(head.length + this.code.length + 1);
    entry.append(head);
    entry.append(this.code);
    entry.byte(op.end);
    return entry;
  }

  #local(meaning: number): number {
    let index = this.#locals[meaning];
    if (index < 0) {
      index = this.#parameters + this.#types.length;
      this.#locals[meaning] = index;
      this.#types.push(typeOf(meaning));
    }
    return index;
  }
}

/** Meanings below 16 are general registers, below 32 XMM registers; from these numbers on others of each type. */
export const OTHER_I64 = 32;
export const OTHER_I32 = 256;
export const OTHER_V128 = 480;

function typeOf(meaning: number): number {
  if (meaning >= OTHER_V128) return V128;
  if (meaning >= OTHER_I32) return I32;
  if (meaning >= OTHER_I64 || meaning < 16) return I64;
  return V128;
}
