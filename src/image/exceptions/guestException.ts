/**
 * An exception of machine code on its way through TypeScript: a TypeScript driver that called compiled code catches
 * it with try; compiled code below that gets it as an exception again. Implements "Exceptions" of
 * docs/decisions/0001-control-passing.md.
 */

import { RaisedStatusError } from '../../kernel/index.ts';

/** The exception; `status` is its code. */
export class GuestException extends RaisedStatusError {
  /** ExceptionInformation of its record. */
  readonly information: readonly bigint[];
  constructor(status: number, text: string, information: readonly bigint[]) {
    super(status, text);
    this.name = 'GuestException';
    this.information = information;
  }
}
