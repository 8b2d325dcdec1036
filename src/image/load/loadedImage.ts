/**
 * A driver image in kernel memory: where its parts lie, what an address in it is called, and how it goes away. The
 * initialization sections go first, after DriverEntry; an access to them is then a page fault.
 */

import {
  type Address,
  PAGE_EXECUTE,
  PAGE_NONE,
  PAGE_SIZE,
  type Pages,
  pagesOfSize,
} from '../../memory/index.ts';
import { hexadecimal, type PeExport, type PeImage, type PeSection, type Rva } from '../pe/index.ts';
import type { ImportModule } from './importResolver.ts';

/** What is left where a discarded section or an unloaded image was: breakpoints. */
const GONE = 0xcc;
const RUNTIME_FUNCTION_SIZE = 12;

/** A range of kernel memory. */
export interface AddressRange {
  readonly start: Address;
  /** First address behind it. */
  readonly end: Address;
}

/** Told that code is gone, so that nothing translated from it runs any more. */
export type CodeGone = (range: AddressRange) => void;

export class LoadedImage implements ImportModule {
  readonly image: PeImage;
  /** Low half of the address of the first byte. */
  readonly base: Address;
  /** Bytes of address space, whole pages. */
  readonly size: number;
  readonly entryPoint: Address;
  /** What the import slots were bound to, in the order of `image.imports`. */
  readonly imports: readonly Address[];
  readonly #pages: Pages;
  readonly #codeGone: CodeGone;
  readonly #exports = new Map<string | number, PeExport>();
  readonly #exportNames = new Map<Rva, string>();
  #discarded = false;
  #mapped = true;

  /** @internal made by mapImage. */
  constructor(pages: Pages, image: PeImage, base: Address, imports: readonly Address[], codeGone: CodeGone) {
    this.#pages = pages;
    this.image = image;
    this.base = base;
    this.size = image.size;
    this.entryPoint = base + image.entryPoint;
    this.imports = imports;
    this.#codeGone = codeGone;
    for (const exported of image.exports) {
      const { name, ordinal, rva, forwarder } = exported;
      this.#exports.set(ordinal, exported);
      if (name === null) continue;
      this.#exports.set(name, exported);
      if (forwarder === null && !this.#exportNames.has(rva)) this.#exportNames.set(rva, name);
    }
  }

  get name(): string {
    return this.image.name;
  }

  /** False once it is unmapped. */
  get mapped(): boolean {
    return this.#mapped;
  }

  /** Whether the initialization sections are gone. */
  get discarded(): boolean {
    return this.#discarded;
  }

  /** Code that is there now: all executable sections. */
  get code(): AddressRange[] {
    if (this.image.flat) return [{ start: this.base, end: this.base + this.size }];
    return this.image.sections
      .filter((section) => (section.protection & PAGE_EXECUTE) !== 0 && !this.#isGone(section))
      .map((section) => this.rangeOf(section));
  }

  /** The table of RUNTIME_FUNCTION entries; null without one. */
  get exceptionTable(): AddressRange | null {
    const { exceptions } = this.image;
    if (exceptions === null) return null;
    const start = this.base + exceptions.rva;
    return { start, end: start + exceptions.size };
  }

  contains(address: Address): boolean {
    return address >= this.base && address < this.base + this.size;
  }

  /** Where a section lies. */
  rangeOf(section: PeSection): AddressRange {
    const start = this.base + section.rva;
    return { start, end: start + section.size };
  }

  /** The section around an address; null in the headers and outside. */
  sectionAt(address: Address): PeSection | null {
    const rva = address - this.base;
    return (
      this.image.sections.find((section) => rva >= section.rva && rva < section.rva + section.size) ?? null
    );
  }

  /** Whether an address lies in a section that is gone since DriverEntry returned. */
  isDiscarded(address: Address): boolean {
    const section = this.sectionAt(address);
    return section !== null && this.#isGone(section);
  }

  /** An export by name or ordinal: its address, a forwarder, or null. */
  find(symbol: string | number): Address | string | null {
    const exported = this.#exports.get(symbol);
    if (exported === undefined) return null;
    return exported.forwarder ?? this.base + exported.rva;
  }

  /**
   * What people call an address: `mux.sys!Export+0x12` in an exported function whose extent the exception table says,
   * `mux.sys+0x1234` elsewhere.
   */
  describeAddress(address: Address): string {
    const rva = address - this.base;
    const exact = this.#exportNames.get(rva);
    if (exact !== undefined) return `${this.name}!${exact}`;
    const start = this.#functionStart(rva);
    const name = this.#exportNames.get(start);
    if (name !== undefined) return `${this.name}!${name}+${hexadecimal(rva - start)}`;
    return `${this.name}+${hexadecimal(rva)}`;
  }

  /**
   * Whether control-flow guard lets an indirect call reach an address of the image: always, where the image was built
   * without.
   */
  isCallTarget(address: Address): boolean {
    const { guardFunctions } = this.image.loadConfiguration;
    return guardFunctions.length === 0 || indexOf(guardFunctions, address - this.base) !== -1;
  }

  /**
   * Takes the sections away that only DriverEntry needs: INIT and what is marked as discardable. Their pages stay
   * reserved until the image is unmapped, so every access is a fault. Not in images with sections below a page.
   */
  discardInit(): void {
    if (this.#discarded || !this.#mapped || this.image.flat) return;
    this.#discarded = true;
    for (const section of this.image.sections) {
      if (section.discardable) this.#forbid(section);
    }
  }

  /** Gives the memory of the image back. Nothing of it may be called any more. */
  unmap(): void {
    if (!this.#mapped) return;
    const ranges = this.code;
    this.#mapped = false;
    this.#pages.memory.u8.fill(GONE, this.base, this.base + this.size);
    this.#pages.release(this.base, this.size / PAGE_SIZE);
    for (const range of ranges) this.#codeGone(range);
  }

  #isGone(section: PeSection): boolean {
    return this.#discarded && section.discardable;
  }

  #forbid(section: PeSection): void {
    const range = this.rangeOf(section);
    const count = pagesOfSize(section.size);
    this.#pages.protect(range.start, count, PAGE_NONE);
    this.#pages.memory.u8.fill(GONE, range.start, range.start + count * PAGE_SIZE);
    if ((section.protection & PAGE_EXECUTE) !== 0) this.#codeGone(range);
  }

  /** The first instruction of the function around `rva`, as the exception table has it; `rva` itself without. */
  #functionStart(rva: Rva): Rva {
    const { exceptions, contents } = this.image;
    if (exceptions === null) return rva;
    const data = new DataView(contents.buffer, exceptions.rva, exceptions.size);
    let low = 0;
    let high = exceptions.size / RUNTIME_FUNCTION_SIZE;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (data.getUint32(middle * RUNTIME_FUNCTION_SIZE, true) <= rva) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return rva;
    const entry = (low - 1) * RUNTIME_FUNCTION_SIZE;
    return rva < data.getUint32(entry + 4, true) ? data.getUint32(entry, true) : rva;
  }
}

function indexOf(sorted: Uint32Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low < sorted.length && sorted[low] === value ? low : -1;
}
