/**
 * Records of the comparison with silicon: registers and memory before and after, as `native/silicon/harness.c` reads
 * and writes them.
 */

import type { RandomNumbers, ValuePool } from './random.ts';

/** Address of the memory that cases use, the same in the harness and in the guest's low halves. */
export const DATA_ADDRESS = 0x20_0000;
export const DATA_SIZE = 0x4000;
export const WINDOW_ADDRESS = 0x20_1000;
export const WINDOW_SIZE = 256;
export const CODE_ADDRESS = 0x100_0000;
export const CODE_SIZE = 0x80_0000;
/** Bytes of code a case may have, and between two of them. */
export const CODE_BYTES = 112;
export const CODE_STRIDE = 128;
/** The most cases of one run: each has code of its own, and some is left for functions that call them. */
export const MOST_CASES = (CODE_SIZE / CODE_STRIDE) * 0.9;

const FLAGS_OFFSET = 128;
const MXCSR_OFFSET = 136;
const VECTOR_OFFSET = 140;
const RIP_OFFSET = 144;
const XMM_OFFSET = 160;
const WINDOW_OFFSET = XMM_OFFSET + 256;
export const REGISTERS_SIZE = WINDOW_OFFSET + WINDOW_SIZE;
const LENGTH_OFFSET = REGISTERS_SIZE;
const CODE_OFFSET = REGISTERS_SIZE + 16;
export const RECORD_SIZE = CODE_OFFSET + CODE_BYTES;

/** Registers, flags and memory of a case, before or after. */
export class Registers {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array = new Uint8Array(REGISTERS_SIZE)) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Draws all values of general and XMM registers and of memory. */
  fill(random: RandomNumbers, pool: ValuePool, floats: boolean): void {
    const words = new Int32Array(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length >> 2);
    pool.fillWords(random, words, 0, FLAGS_OFFSET >> 2);
    pool.fillLanes(random, floats, words, XMM_OFFSET >> 2, REGISTERS_SIZE >> 2);
  }

  general(register: number): bigint {
    return this.#view.getBigUint64(register * 8, true);
  }

  setGeneral(register: number, value: bigint): void {
    this.#view.setBigUint64(register * 8, value, true);
  }

  get flags(): number {
    return this.#view.getUint32(FLAGS_OFFSET, true);
  }

  set flags(value: number) {
    this.#view.setUint32(FLAGS_OFFSET, value, true);
  }

  get mxcsr(): number {
    return this.#view.getUint32(MXCSR_OFFSET, true);
  }

  set mxcsr(value: number) {
    this.#view.setUint32(MXCSR_OFFSET, value, true);
  }

  /** The exception that ended the case, -1 for none. */
  get vector(): number {
    return this.#view.getInt32(VECTOR_OFFSET, true);
  }

  set vector(value: number) {
    this.#view.setInt32(VECTOR_OFFSET, value, true);
  }

  /** Low half of the address of the instruction that raised it. */
  get rip(): number {
    return this.#view.getUint32(RIP_OFFSET, true);
  }

  set rip(value: number) {
    this.#view.setUint32(RIP_OFFSET, value, true);
  }

  xmm(register: number): Uint8Array {
    return this.bytes.subarray(XMM_OFFSET + register * 16, XMM_OFFSET + register * 16 + 16);
  }

  get allXmm(): Uint8Array {
    return this.bytes.subarray(XMM_OFFSET, XMM_OFFSET + 256);
  }

  get window(): Uint8Array {
    return this.bytes.subarray(WINDOW_OFFSET, WINDOW_OFFSET + WINDOW_SIZE);
  }
}

/** One case as the harness reads it. */
export function writeRecord(target: Uint8Array, before: Registers, code: readonly number[]): void {
  if (code.length > CODE_BYTES)
    throw new RangeError(`a case of ${code.length} bytes of code; at most ${CODE_BYTES} fit`);
  target.set(before.bytes, 0);
  new DataView(target.buffer, target.byteOffset).setUint32(LENGTH_OFFSET, code.length, true);
  target.set(code, CODE_OFFSET);
}
