/**
 * Zero-terminated texts of one or two bytes a character, for the functions of the C runtime that the kernel exports.
 * What lies outside of memory faults, and no text is longer than memory.
 */

import type { Address } from '../../memory/index.ts';
import type { Kernel } from '../kernel.ts';
import { requireRange } from '../process/pageFault.ts';
import { downcaseUnit, upcaseUnit } from './countedText.ts';

/** Texts of one width, as one function sees them. */
export class TerminatedText {
  readonly #kernel: Kernel;
  readonly #name: string;
  /** Bytes of a character. */
  readonly width: 1 | 2;

  /** @param name of the function, for faults. */
  constructor(kernel: Kernel, name: string, width: 1 | 2) {
    this.#kernel = kernel;
    this.#name = name;
    this.width = width;
  }

  /** The character at an address; faults where nothing lies. */
  get(at: Address): number {
    requireRange(this.#kernel, `${this.#name}: a text`, at, this.width, 'read');
    const { memory } = this.#kernel;
    return this.width === 1 ? memory.u8[at] : memory.data.getUint16(at, true);
  }

  set(at: Address, unit: number): void {
    requireRange(this.#kernel, `${this.#name}: a buffer`, at, this.width, 'write');
    const { memory } = this.#kernel;
    if (this.width === 1) memory.u8[at] = unit;
    else memory.data.setUint16(at, unit, true);
  }

  /** Characters before the zero, at most `most`. */
  length(text: Address, most = Number.POSITIVE_INFINITY): number {
    let count = 0;
    while (count < most && this.get(text + count * this.width) !== 0) count++;
    return count;
  }

  /** Negative, 0 or positive as the first characters that differ are. */
  compare(left: Address, right: Address, most: number, fold: boolean): number {
    for (let index = 0; index < most; index++) {
      let a = this.get(left + index * this.width);
      let b = this.get(right + index * this.width);
      if (fold) {
        a = this.lower(a);
        b = this.lower(b);
      }
      if (a !== b) return a < b ? -1 : 1;
      if (a === 0) return 0;
    }
    return 0;
  }

  /** Copies `count` characters. */
  copy(to: Address, from: Address, count: number): void {
    for (let index = 0; index < count; index++) {
      this.set(to + index * this.width, this.get(from + index * this.width));
    }
  }

  /** Changes the case of every character in place. */
  map(text: Address, change: (unit: number) => number): Address {
    for (let at = text; ; at += this.width) {
      const unit = this.get(at);
      if (unit === 0) return text;
      this.set(at, change(unit));
    }
  }

  /** The C locale for narrow characters, Unicode for wide ones. */
  lower(unit: number): number {
    if (this.width === 2) return downcaseUnit(unit);
    return unit >= 0x41 && unit <= 0x5a ? unit + 0x20 : unit;
  }

  upper(unit: number): number {
    if (this.width === 2) return upcaseUnit(unit);
    return unit >= 0x61 && unit <= 0x7a ? unit - 0x20 : unit;
  }
}
