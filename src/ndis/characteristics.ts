/**
 * What reading the characteristics of protocol and miniport drivers has in common: the version they name, and handlers
 * that must not be missing.
 */

import type { CallbackDeclaration, Driver, DriverCallback } from '../kernel/index.ts';
import type { Address } from '../memory/index.ts';
import type { NdisLibrary } from './library.ts';
import { ndisVersionExists } from './versions.ts';

/** Whether the version that a driver names exists; a note in the trace says which does not. */
export function checkVersion(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  version: { readonly MajorNdisVersion: number; readonly MinorNdisVersion: number },
): boolean {
  const { MajorNdisVersion: major, MinorNdisVersion: minor } = version;
  if (ndisVersionExists(major, minor)) return true;
  ndis.kernel.note(call, `${driver.name}: NDIS ${major}.${minor} does not exist`);
  return false;
}

/** Reads handlers that a driver has to have, and keeps the names of the members that hold none. */
export class RequiredHandlers {
  readonly missing: string[] = [];
  readonly #driver: Driver;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  /** The callback at `address`; null, and its member noted, where there is none. */
  read<F>(member: string, address: Address, declaration: CallbackDeclaration<F>): DriverCallback<F> | null {
    const callback = this.#driver.callback(address, declaration);
    if (callback === null) this.missing.push(member);
    return callback;
  }
}
