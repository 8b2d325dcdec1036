/**
 * The closed set of errors that ndisbox throws at those who use it (never at drivers: those get statuses), and
 * the bug check, which stops the machine. Every error has a stable code and says what happened, where, and what
 * to do.
 */

/** An error of the host interface. `code` is stable across versions and listed in docs/errors.md. */
export class NdisboxError extends Error {
  /** Stable code, for example `MACHINE_STOPPED`. */
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'NdisboxError';
    this.code = code;
  }
}

/** The machine was stopped by a bug check or by its owner; it refuses every further call. */
export class MachineStoppedError extends NdisboxError {
  constructor(reason: string) {
    super('MACHINE_STOPPED', `the machine is stopped (${reason}); create a new machine to go on`);
    this.name = 'MachineStoppedError';
  }
}

/** What would have crashed Windows: the documented code and its four parameters. Stops the machine only. */
export class BugCheckError extends NdisboxError {
  readonly bugCheckCode: number;
  readonly parameters: readonly [number, number, number, number];
  constructor(
    bugCheckCode: number,
    parameters: readonly [number, number, number, number],
    message: string,
    options?: ErrorOptions,
  ) {
    super('BUG_CHECK', message, options);
    this.name = 'BugCheckError';
    this.bugCheckCode = bugCheckCode;
    this.parameters = parameters;
  }
}
