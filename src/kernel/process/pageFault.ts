/**
 * What happens when the kernel, on behalf of a driver, touches an address where nothing is: an exception that the
 * driver can catch, or the bug check that Windows documents. Implements "Bug Check 0x50", "0xA" and "0xD1", and the
 * exceptions of "Handling Exceptions" (windows-driver-docs-pr/kernel).
 */

import {
  type Address,
  FIRST_MAPPED_ADDRESS,
  highHalfOf,
  type KernelMemory,
  lowHalfOf,
  pointerText,
} from '../../memory/index.ts';
import { DISPATCH_LEVEL } from '../generated/constants/basic.ts';
import {
  DRIVER_IRQL_NOT_LESS_OR_EQUAL,
  IRQL_NOT_LESS_OR_EQUAL,
  PAGE_FAULT_IN_NONPAGED_AREA,
} from '../generated/constants/bugCheck.ts';
import { STATUS_ACCESS_VIOLATION } from '../generated/constants/ntstatus.ts';
import type { Kernel } from '../kernel.ts';
import { RaisedStatusError } from '../raisedStatus.ts';

/** High halves from here on, unsigned, are canonical kernel addresses. */
const KERNEL_HALF = 0xffff_8000;

/** An address as a parameter of a bug check: whole where a number holds it exactly, else its low half. */
export function addressParameter(memory: KernelMemory, address: Address): number {
  const high = highHalfOf(memory, address) >>> 0;
  const low = lowHalfOf(memory, address) >>> 0;
  return high < 0x20_0000 ? high * 0x1_0000_0000 + low : low;
}

/** Who touched what, for the text of a fault. */
export interface FaultingAccess {
  /** What touched it, `RtlInitUnicodeString: SourceString`. */
  readonly what: string;
  readonly address: Address;
  readonly access: 'read' | 'write';
  /** Whether the library NDIS touched it, which is a driver, and not the kernel. */
  readonly library: boolean;
}

/**
 * Raises STATUS_ACCESS_VIOLATION for addresses outside of the kernel's half below DISPATCH_LEVEL; anything else stops
 * the machine, as there is nothing that could bring the page in.
 */
export function pageFault(kernel: Kernel, fault: FaultingAccess): never {
  const { memory, irql } = kernel;
  const { what, address, access } = fault;
  const text = `${what} is ${pointerText(memory, address)}, where nothing can be ${access === 'read' ? 'read' : 'written'}`;
  const write = access === 'write' ? 1 : 0;
  if (irql >= DISPATCH_LEVEL) {
    const code = fault.library ? DRIVER_IRQL_NOT_LESS_OR_EQUAL : IRQL_NOT_LESS_OR_EQUAL;
    return kernel.bugCheck(code, [addressParameter(memory, address), irql, write, 0], text);
  }
  if (highHalfOf(memory, address) >>> 0 >= KERNEL_HALF) {
    return kernel.bugCheck(
      PAGE_FAULT_IN_NONPAGED_AREA,
      [addressParameter(memory, address), write, 0, 0],
      `${text}; give the address of memory that the driver has`,
    );
  }
  throw new RaisedStatusError(STATUS_ACCESS_VIOLATION, text, [0, write, addressParameter(memory, address)]);
}

/**
 * Requires that a range lies in memory: for the functions that take any address and a length.
 * Returns at once for an empty range. @param what `memcpy: Source`.
 */
export function requireRange(
  kernel: Kernel,
  what: string,
  address: Address,
  length: number,
  access: 'read' | 'write',
): void {
  if (length === 0) return;
  if (address >= FIRST_MAPPED_ADDRESS && address + length <= kernel.memory.size) return;
  pageFault(kernel, { what, address, access, library: false });
}
