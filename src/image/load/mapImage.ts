/**
 * Maps a driver image: pages, contents, relocation, imports, security cookie, control-flow guard, protection. What the
 * memory manager of Windows does between MmLoadSystemImage and the call of the entry point.
 */

import { NdisboxError } from '../../kernel/index.ts';
import {
  type Address,
  KERNEL_WINDOW_HIGH,
  type KernelMemory,
  PAGE_EXECUTE,
  PAGE_NONE,
  PAGE_READ,
  PAGE_SIZE,
  PAGE_WRITE,
  type Pages,
  pagesOfSize,
} from '../../memory/index.ts';
import type { PeImage, UnknownImport } from '../pe/index.ts';
import { findImports } from './bindImports.ts';
import type { ImportResolver } from './importResolver.ts';
import { type CodeGone, LoadedImage } from './loadedImage.ts';

/** Values that a linker gives the cookie, halves low and high: the loader replaces them. */
const DEFAULT_COOKIE_LOW = 0x2ddfa232;
const DEFAULT_COOKIE_HIGH = 0x2b99;
const SHORT_DEFAULT_COOKIE = 0xbb40;

/** The functions of control-flow guard, as callable addresses. */
export interface GuardFunctions {
  /** Gets the target in rcx; bug check if it is none. */
  readonly check: Address;
  /** Gets the target in rax and goes there. */
  readonly dispatch: Address;
}

export interface MapOptions {
  readonly resolve: ImportResolver;
  /** Gives an address for each import that is unknown; without it such an image is refused. */
  readonly stubMissing?: (missing: UnknownImport) => Address;
  /** 32 bits that the seed of the machine gives: the security cookie. */
  readonly random: () => number;
  /** Without it the image keeps its own functions, which check nothing. */
  readonly guard?: GuardFunctions;
  /** Told when code of the image is gone: discarded or unmapped. */
  readonly codeGone?: CodeGone;
}

/**
 * Maps an image into kernel memory, ready for the call of its entry point.
 * @throws PeImageError IMAGE_IMPORTS_UNKNOWN with all imports that are unknown; NdisboxError OUT_OF_MEMORY. Nothing is
 * left behind then.
 */
export function mapImage(pages: Pages, image: PeImage, options: MapOptions): LoadedImage {
  const imports = findImports(image, options.resolve, options.stubMissing);
  const count = image.size / PAGE_SIZE;
  const base = pages.allocate(count, PAGE_NONE);
  if (base === 0) {
    throw new NdisboxError(
      'OUT_OF_MEMORY',
      `no ${image.size} bytes of memory are left for ${image.name}; create the machine with a larger memorySize`,
    );
  }
  const { memory } = pages;
  memory.u8.fill(0, base, base + image.size);
  memory.u8.set(image.contents, base);
  relocate(memory, image, base);
  for (let index = 0; index < imports.length; index++) {
    writeAddress(memory, base + image.imports[index].slot, imports[index]);
  }
  writeCookie(memory, image, base, options.random);
  if (options.guard !== undefined) writeGuard(memory, image, base, options.guard);
  protect(pages, image, base);
  return new LoadedImage(pages, image, base, imports, options.codeGone ?? ignore);
}

function ignore(): void {}

/** Adds the distance from the preferred base to every address, 64 bits in halves. */
function relocate(memory: KernelMemory, image: PeImage, base: Address): void {
  const { data } = memory;
  const low = Number(BigInt.asUintN(32, image.preferredBase));
  const high = Number(image.preferredBase >> 32n);
  const distanceLow = (base - low) >>> 0;
  const borrow = base < low ? 1 : 0;
  const distanceHigh = (KERNEL_WINDOW_HIGH - high - borrow) | 0;
  for (const rva of image.relocations) {
    const at = base + rva;
    const sum = data.getUint32(at, true) + distanceLow;
    data.setUint32(at, sum, true);
    const carry = sum > 0xffff_ffff ? 1 : 0;
    data.setInt32(at + 4, data.getInt32(at + 4, true) + distanceHigh + carry, true);
  }
}

/** Stores a pointer at any alignment. */
function writeAddress(memory: KernelMemory, at: Address, value: Address): void {
  memory.data.setInt32(at, value, true);
  memory.data.setInt32(at + 4, value === 0 ? 0 : KERNEL_WINDOW_HIGH, true);
}

/** Gives the cookie 48 random bits if it still has a value of the linker. */
function writeCookie(memory: KernelMemory, image: PeImage, base: Address, random: () => number): void {
  const { securityCookie } = image.loadConfiguration;
  if (securityCookie === 0) return;
  const { data } = memory;
  const at = base + securityCookie;
  const low = data.getUint32(at, true);
  const high = data.getUint32(at + 4, true);
  const isDefault =
    (low === DEFAULT_COOKIE_LOW && high === DEFAULT_COOKIE_HIGH) ||
    (low === SHORT_DEFAULT_COOKIE && high === 0);
  if (!isDefault) return;
  const cookieHigh = random() & 0xffff;
  let cookieLow = random() | 0;
  if (cookieLow === DEFAULT_COOKIE_LOW || cookieLow === 0 || cookieLow === SHORT_DEFAULT_COOKIE) cookieLow++;
  data.setInt32(at, cookieLow, true);
  data.setInt32(at + 4, cookieHigh, true);
}

function writeGuard(memory: KernelMemory, image: PeImage, base: Address, guard: GuardFunctions): void {
  const { guardCheckSlot, guardDispatchSlot } = image.loadConfiguration;
  if (guardCheckSlot !== 0) writeAddress(memory, base + guardCheckSlot, guard.check);
  if (guardDispatchSlot !== 0) writeAddress(memory, base + guardDispatchSlot, guard.dispatch);
}

/** Protections as the section headers say; headers can be read, what no section holds cannot be touched. */
function protect(pages: Pages, image: PeImage, base: Address): void {
  if (image.flat) {
    pages.protect(base, image.size / PAGE_SIZE, PAGE_READ | PAGE_WRITE | PAGE_EXECUTE);
    return;
  }
  pages.protect(base, pagesOfSize(image.headersSize), PAGE_READ);
  for (const { rva, size, protection } of image.sections) {
    pages.protect(base + rva, pagesOfSize(size), protection);
  }
}
