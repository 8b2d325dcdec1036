/**
 * An exception that the kernel raises in a driver: a TypeScript driver catches it with try, a compiled one with its
 * handlers. Implements ExRaiseStatus (wdm.h); what nobody catches stops the machine.
 */

import type { NTSTATUS } from './status.ts';
import { ntstatusName } from './statusName.ts';

/** The exception; `status` is its code. */
export class RaisedStatusError extends Error {
  readonly status: NTSTATUS;
  constructor(status: NTSTATUS, text: string) {
    super(`${ntstatusName(status)} was raised: ${text}`);
    this.name = 'RaisedStatusError';
    this.status = status;
  }
}
