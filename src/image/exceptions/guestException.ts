/**
 * An exception of machine code on its way through TypeScript: a TypeScript driver that called compiled code catches
 * it with try; compiled code below that gets it as an exception again. Implements "Exceptions" of
 * docs/decisions/0001-control-passing.md.
 */

import { type MachineCodeReport, RaisedStatusError } from '../../kernel/index.ts';
import { hostNumber } from './records.ts';

/** The exception; `status` is its code. */
export class GuestException extends RaisedStatusError {
  /** ExceptionInformation of its record. */
  readonly information: readonly bigint[];
  /** Registers and stack where it was raised; those frames are left. */
  readonly report: MachineCodeReport | null;

  /** @param address the 64-bit address where it was raised. */
  constructor(
    status: number,
    text: string,
    address: bigint,
    information: readonly bigint[],
    report: MachineCodeReport | null,
  ) {
    const [first = 0n, second = 0n] = information;
    super(status, text, [hostNumber(address), hostNumber(first), hostNumber(second)]);
    this.name = 'GuestException';
    this.information = information;
    this.report = report;
  }
}
