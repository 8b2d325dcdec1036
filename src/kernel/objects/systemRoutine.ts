/** Exports by name at run time: MmGetSystemRoutineAddress (wdm.h). */

import { type Address, readUnicodeString } from '../../memory/index.ts';
import type { Driver } from '../driver.ts';
import type { TextPointer } from '../edge.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { synchronous } from '../sync/declare.ts';

/** What an export of the kernel is for a driver: something that can be registered as callable, or an address. */
export type SystemRoutineSource = (driver: Driver, name: string) => object | Address | null;

interface Source {
  find: SystemRoutineSource;
  /** What each driver was given; drivers that are gone are forgotten. */
  readonly made: WeakMap<Driver, Map<string, Address>>;
}

const sourceOf = perKernel('system routines', (): Source => ({ find: () => null, made: new WeakMap() }));

/** Says where exports are found by name; the machine does, as it knows the tables that drivers import from. */
export function attachSystemRoutines(kernel: Kernel, find: SystemRoutineSource): void {
  sourceOf(kernel).find = find;
}

/** The address of an export for a driver; 0 where there is none. It is the same each time. */
export function systemRoutineAddress(kernel: Kernel, driver: Driver, name: string): Address {
  const source = sourceOf(kernel);
  let made = source.made.get(driver);
  if (made === undefined) {
    made = new Map();
    source.made.set(driver, made);
  }
  let address = made.get(name);
  if (address === undefined) {
    const found = source.find(driver, name);
    if (found === null) return 0;
    address = typeof found === 'number' ? found : kernel.memory.callables.addressOf(found, driver);
    made.set(name, address);
  }
  return address;
}

/**
 * The address of a routine that the kernel or the HAL exports, NULL for any other name. PASSIVE_LEVEL.
 * wdm/nf-wdm-mmgetsystemroutineaddress
 */
export const MmGetSystemRoutineAddress = synchronous(
  'PVOID MmGetSystemRoutineAddress(PUNICODE_STRING SystemRoutineName)',
  'PASSIVE_LEVEL',
  '2000',
  'wdm/nf-wdm-mmgetsystemroutineaddress',
  (kernel, driver) =>
    (SystemRoutineName: TextPointer): Address =>
      systemRoutineAddress(kernel, driver, readUnicodeString(kernel.memory, SystemRoutineName)),
);
