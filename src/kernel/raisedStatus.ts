/**
 * An exception that the kernel raises in a driver: a TypeScript driver catches it with try, a compiled one with its
 * handlers. Implements ExRaiseStatus (wdm.h); what nobody catches stops the machine.
 */

import type { NTSTATUS } from './status.ts';
import { ntstatusName } from './statusName.ts';

/** The exception; `status` is its code. */
export class RaisedStatusError extends Error {
  readonly status: NTSTATUS;
  /** Where it was raised and its first two parameters, as KMODE_EXCEPTION_NOT_HANDLED has them. */
  readonly details: readonly [address: number, first: number, second: number];
  constructor(status: NTSTATUS, text: string, details: readonly [number, number, number] = [0, 0, 0]) {
    super(`${ntstatusName(status)} was raised: ${text}`);
    this.name = 'RaisedStatusError';
    this.status = status;
    this.details = details;
  }
}
