/**
 * Interrupt request levels of an x64 Windows kernel.
 * Implements "Managing Hardware Priorities" (windows-driver-docs-pr/kernel).
 */

import {
  APC_LEVEL,
  CLOCK_LEVEL,
  DISPATCH_LEVEL,
  HIGH_LEVEL,
  PASSIVE_LEVEL,
} from './generated/constants/basic.ts';

/** An interrupt request level, 0 to 15. Branded so that it does not mix with other small numbers. */
export type Irql = number & { readonly __kind?: 'irql' };

const names = new Map<number, string>([
  [PASSIVE_LEVEL, 'PASSIVE_LEVEL'],
  [APC_LEVEL, 'APC_LEVEL'],
  [DISPATCH_LEVEL, 'DISPATCH_LEVEL'],
  [CLOCK_LEVEL, 'CLOCK_LEVEL'],
  [HIGH_LEVEL, 'HIGH_LEVEL'],
]);

/** The documented name of a level, `DIRQL 5` for a device level. */
export function irqlName(irql: Irql): string {
  return names.get(irql) ?? `DIRQL ${irql}`;
}
