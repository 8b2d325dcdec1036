/**
 * Exits of the engine that the processor of Windows does not have: code that is gone or was changed under a driver.
 * Each is the bug check that Windows would most likely come to, with what really happened in its text.
 */

import {
  DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS,
  KMODE_EXCEPTION_NOT_HANDLED,
  PAGE_FAULT_IN_NONPAGED_AREA,
} from '../kernel/index.ts';
import { type Address, halvesText } from '../memory/index.ts';
import type { ProcessorException } from '../x64/index.ts';

/** Where machine code was when the engine stopped. */
export interface EngineFaultPlace {
  readonly rip: Address;
  /** The place in words. */
  readonly where: string;
  /** Whether the page of rip may be executed. */
  readonly executable: boolean;
  /** Whether an image is mapped around rip. */
  readonly inImage: boolean;
}

export interface EngineFault {
  readonly code: number;
  readonly parameters: readonly [number, number, number, number];
  readonly text: string;
}

/** The vector of changed or freed code, as `ProcessorException` numbers it. */
const VECTOR_CHANGED_CODE = 0x102;
/** The parameter of a page fault that stands for the fetch of an instruction. */
const FETCH = 0x10;

/** What an exit of the engine means. */
export function engineFault(exit: ProcessorException, place: EngineFaultPlace): EngineFault {
  const { rip, where, executable, inImage } = place;
  if (exit.vector !== VECTOR_CHANGED_CODE) {
    return {
      code: KMODE_EXCEPTION_NOT_HANDLED,
      parameters: [exit.low, exit.access === 'write' ? 1 : 0, rip, exit.vector],
      text: `exception ${exit.vector} at ${where}, address ${halvesText(exit.low, exit.high)}`,
    };
  }
  if (!inImage) {
    return {
      code: DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS,
      parameters: [rip, FETCH, rip, 0],
      text: `ran to ${where}, the code of a driver that was unloaded; take back every callback, timer and work item before Unload returns`,
    };
  }
  if (!executable) {
    return {
      code: PAGE_FAULT_IN_NONPAGED_AREA,
      parameters: [rip, FETCH, rip, 2],
      text: `ran to ${where}, code that was discarded after DriverEntry; keep what is called later out of INIT`,
    };
  }
  return {
    code: KMODE_EXCEPTION_NOT_HANDLED,
    parameters: [rip, FETCH, rip, exit.vector],
    text: `ran to ${where}, code that was changed after it had run; code cannot change itself here`,
  };
}
