/**
 * The maps that translated code looks into before each access: a byte for each page, 0 where the access needs no
 * closer look. Implements page protections of the Intel 64 manual, volume 3, section 4.6, as far as they are plain.
 */

import {
  FIRST_MAPPED_ADDRESS,
  type KernelMemory,
  PAGE_GUARD,
  PAGE_MAP_SIZE,
  PAGE_MAPS_SIZE,
  PAGE_READ,
  PAGE_SIZE,
  PAGE_WRITE,
  type Pages,
} from '../../memory/index.ts';
import type { CheckMap } from './convention.ts';

const CLOSED = 0xff;

export class PageMaps {
  readonly map: CheckMap;
  /** Counts changes, so that what was derived from the maps can be told from what still holds. */
  changes = 0;
  readonly #pages: Pages | null;
  readonly #holdsCode: (page: number) => boolean;
  readonly #read: Uint8Array;
  readonly #write: Uint8Array;
  readonly #count: number;

  /** @param holdsCode whether writes to a page must be looked at because code of it was decoded. */
  constructor(memory: KernelMemory, pages: Pages | null, holdsCode: (page: number) => boolean) {
    const { engineArea } = memory;
    this.map = {
      readMap: engineArea,
      writeMap: engineArea + PAGE_MAP_SIZE,
      shadow: memory.hasShadow ? engineArea + PAGE_MAPS_SIZE : -1,
    };
    this.#pages = pages;
    this.#holdsCode = holdsCode;
    const { buffer } = memory.memory;
    this.#read = new Uint8Array(buffer, this.map.readMap, PAGE_MAP_SIZE);
    this.#write = new Uint8Array(buffer, this.map.writeMap, PAGE_MAP_SIZE);
    this.#read.fill(CLOSED);
    this.#write.fill(CLOSED);
    this.#count = memory.size / PAGE_SIZE;
    this.refresh(0, this.#count);
  }

  /** Protections of pages changed, or whether they hold code. */
  refresh(first: number, count: number): void {
    const pages = this.#pages;
    this.changes++;
    const from = Math.max(first, FIRST_MAPPED_ADDRESS / PAGE_SIZE);
    const end = Math.min(first + count, this.#count);
    for (let page = from; page < end; page++) {
      const allowed = pages === null ? PAGE_READ | PAGE_WRITE : pages.protectionAt(page * PAGE_SIZE);
      const canRead = (allowed & PAGE_READ) !== 0 && (allowed & PAGE_GUARD) === 0;
      const canWrite = canRead && (allowed & PAGE_WRITE) !== 0 && !this.#holdsCode(page);
      this.#read[page] = canRead ? 0 : CLOSED;
      this.#write[page] = canWrite ? 0 : CLOSED;
    }
  }

  canWrite(page: number): boolean {
    return this.#write[page] === 0;
  }
}
