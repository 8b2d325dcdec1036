/** Names of kernel statuses and bug checks for traces and messages ([MS-ERREF] 2.3.1, bug check code reference). */

import * as bugChecks from './generated/constants/bugCheck.ts';
import * as statuses from './generated/constants/ntstatus.ts';

/**
 * Makes a lookup from value to name over the constants of a module, built when it is first asked.
 * Of several names with one value the first of the alphabet wins that is not `secondary`.
 */
export function nameTable(
  constants: Readonly<Record<string, unknown>>,
  secondary: (name: string) => boolean = () => false,
): (value: number) => string | undefined {
  let names: Map<number, string> | undefined;
  return (value) => {
    if (names === undefined) {
      names = new Map();
      for (const [name, constant] of Object.entries(constants)) {
        if (typeof constant !== 'number') continue;
        const known = names.get(constant);
        if (known === undefined || (secondary(known) && !secondary(name))) names.set(constant, name);
      }
    }
    return names.get(value >>> 0);
  };
}

const ntstatusNames = nameTable(statuses);
const bugCheckNames = nameTable(bugChecks);

/** Name of an NTSTATUS; its hexadecimal form when it has none. */
export function ntstatusName(value: number): string {
  return ntstatusNames(value) ?? hexadecimal(value);
}

/** Name of a bug check code; its hexadecimal form when it has none. */
export function bugCheckName(value: number): string {
  return bugCheckNames(value) ?? hexadecimal(value);
}

/** An unsigned 32-bit value as the documentation writes it: 0xC0000001. */
export function hexadecimal(value: number): string {
  return `0x${(value >>> 0).toString(16).toUpperCase().padStart(8, '0')}`;
}
