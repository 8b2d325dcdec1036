/**
 * From an imported name to an address: files are found whatever their case and extension, forwarders are followed, and
 * functions that moved between the kernel and the HAL are found in either, as Windows itself forwards them.
 */

import type { Address } from '../../memory/index.ts';

/** Finds what is imported: the address of a function or variable in the kernel window, or null. */
export type ImportResolver = (dll: string, symbol: string | number) => Address | null;

/** Where images import from: a part of the machine, or another image. */
export interface ImportModule {
  /** @returns the address, `file.name` or `file.#ordinal` of a forwarder, or null. */
  find(symbol: string | number): Address | string | null;
}

/** Forwarders that are followed one after the other; more are a circle. */
const FORWARDER_LIMIT = 8;

/** Files that are one: builds of the kernel for several kinds of machines. */
const SAME_FILE: ReadonlyMap<string, string> = new Map([
  ['ntkrnlmp', 'ntoskrnl'],
  ['ntkrnlpa', 'ntoskrnl'],
  ['ntkrpamp', 'ntoskrnl'],
]);
/** Where else a file's functions are, in this order. */
const OTHER_FILE: ReadonlyMap<string, string> = new Map([
  ['hal', 'ntoskrnl'],
  ['ntoskrnl', 'hal'],
]);

/** `NTOSKRNL.exe` as `ntoskrnl`: one name for each file. */
export function moduleKey(dll: string): string {
  const name = dll.toLowerCase().replace(/\.(?:exe|sys|dll)$/, '');
  return SAME_FILE.get(name) ?? name;
}

/** A resolver over `modules`, whose keys are those of `moduleKey`; it sees modules that are added later. */
export function importResolver(modules: ReadonlyMap<string, ImportModule>): ImportResolver {
  const findIn = (key: string, symbol: string | number): Address | string | null =>
    modules.get(key)?.find(symbol) ?? null;
  return (dll, symbol) => {
    let key = moduleKey(dll);
    let name = symbol;
    for (let step = 0; step < FORWARDER_LIMIT; step++) {
      const other = OTHER_FILE.get(key);
      const found = findIn(key, name) ?? (other === undefined ? null : findIn(other, name));
      if (typeof found !== 'string') return found;
      const dot = found.lastIndexOf('.');
      key = moduleKey(found.slice(0, dot));
      const target = found.slice(dot + 1);
      name = target.startsWith('#') ? Number(target.slice(1)) : target;
    }
    return null;
  };
}
