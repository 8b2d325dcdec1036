/**
 * Machine code by hand for tests: a few instructions with places and labels in them, everything else as bytes.
 * Encodings from the Intel 64 manual, volume 2.
 */

import type { Places } from './peBuilder.ts';

const REGISTERS = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11'] as const;
export type Register = (typeof REGISTERS)[number];

/** Code of one section; give `code` as contents of a section of an image. */
export class Assembler {
  readonly #places: Places;
  readonly #origin: number;
  readonly #bytes: number[] = [];
  readonly #labels = new Map<string, number>();
  readonly #references: { readonly at: number; readonly label: string }[] = [];

  constructor(places: Places, section: string) {
    this.#places = places;
    this.#origin = places.section(section);
  }

  bytes(...bytes: readonly number[]): this {
    this.#bytes.push(...bytes);
    return this;
  }

  label(name: string): this {
    this.#labels.set(name, this.#bytes.length);
    return this;
  }

  /** mov register, 64-bit constant. */
  move(register: Register, value: bigint | number): this {
    const number = REGISTERS.indexOf(register);
    this.bytes(number < 8 ? 0x48 : 0x49, 0xb8 + (number & 7));
    let rest = BigInt.asUintN(64, BigInt(value));
    for (let index = 0; index < 8; index++, rest >>= 8n) this.bytes(Number(rest & 0xffn));
    return this;
  }

  /** lea register, [an RVA of the image]. */
  address(register: Register, rva: number): this {
    const number = REGISTERS.indexOf(register);
    return this.bytes(number < 8 ? 0x48 : 0x4c, 0x8d, ((number & 7) << 3) | 5).#relative(rva);
  }

  /** lea register, [label]. */
  labelAddress(register: Register, label: string): this {
    const number = REGISTERS.indexOf(register);
    return this.bytes(number < 8 ? 0x48 : 0x4c, 0x8d, ((number & 7) << 3) | 5).#reference(label);
  }

  /** mov register, [slot of an import]: the address of an imported variable or function. */
  importSlot(register: Register, symbol: string): this {
    const number = REGISTERS.indexOf(register);
    return this.bytes(number < 8 ? 0x48 : 0x4c, 0x8b, ((number & 7) << 3) | 5).#relative(
      this.#places.slot(symbol),
    );
  }

  /** call [slot of an import]. */
  callImport(symbol: string): this {
    return this.bytes(0xff, 0x15).#relative(this.#places.slot(symbol));
  }

  call(label: string): this {
    return this.bytes(0xe8).#reference(label);
  }

  jump(label: string): this {
    return this.bytes(0xe9).#reference(label);
  }

  /** The bytes, with all labels in place. */
  done(): number[] {
    for (const { at, label } of this.#references) {
      const target = this.#labels.get(label);
      if (target === undefined) throw new Error(`there is no label ${label}`);
      this.#put32(at, target - at - 4);
    }
    return this.#bytes;
  }

  #relative(rva: number): this {
    const at = this.#bytes.length;
    this.bytes(0, 0, 0, 0);
    this.#put32(at, rva - (this.#origin + at + 4));
    return this;
  }

  #reference(label: string): this {
    this.#references.push({ at: this.#bytes.length, label });
    return this.bytes(0, 0, 0, 0);
  }

  #put32(at: number, value: number): void {
    for (let index = 0; index < 4; index++) this.#bytes[at + index] = (value >> (8 * index)) & 0xff;
  }
}
