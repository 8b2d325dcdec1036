/**
 * The errors that the command tells its user, and the exit codes: both are part of its interface and documented in
 * docs/command-line.md.
 */

import { NdisboxError } from '../kernel/index.ts';
import { TraceError } from '../trace/index.ts';
import { WireError } from '../wire/index.ts';

/** How the command ends. */
export const EXIT = {
  /** Everything went well. */
  ok: 0,
  /** The stack ran, but there are findings. */
  findings: 1,
  /** The command line was wrong. */
  usage: 2,
  /** A file that was given could not be used: stack, driver, trace, capture. */
  input: 3,
  /** A bug check stopped the machine. */
  bugCheck: 4,
  /** The stack did not come up or did not stay up: a driver was refused, an adapter did not start, a device is gone. */
  stack: 5,
  /** A defect of ndisbox. */
  internal: 70,
  /** Interrupted before it was done. */
  interrupted: 130,
} as const;

/** One of {@link EXIT}. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Every code of the command's own errors; those of wires, traces and the machine pass through unchanged. */
export type CliErrorCode =
  | 'COMMAND_UNKNOWN'
  | 'OPTION_UNKNOWN'
  | 'OPTION_VALUE'
  | 'ARGUMENT_MISSING'
  | 'ARGUMENT_UNEXPECTED'
  | 'STACK_FILE_UNREADABLE'
  | 'STACK_NOT_JSON'
  | 'STACK_UNKNOWN_MEMBER'
  | 'STACK_VALUE'
  | 'STACK_MEMBER_MISSING'
  | 'STACK_DUPLICATE_NAME'
  | 'STACK_UNKNOWN_NAME'
  | 'STACK_CYCLE'
  | 'DRIVER_FILE_MISSING'
  | 'DRIVER_FILE_INVALID'
  | 'DRIVER_REFUSED'
  | 'ADAPTER_NOT_RUNNING'
  | 'STOP_TOO_LONG'
  | 'INPUT_UNREADABLE'
  | 'OUTPUT_FAILED';

const EXIT_OF_CODE: Partial<Record<string, ExitCode>> = {
  COMMAND_UNKNOWN: EXIT.usage,
  OPTION_UNKNOWN: EXIT.usage,
  OPTION_VALUE: EXIT.usage,
  ARGUMENT_MISSING: EXIT.usage,
  ARGUMENT_UNEXPECTED: EXIT.usage,
  DRIVER_REFUSED: EXIT.stack,
  ADAPTER_NOT_RUNNING: EXIT.stack,
  STOP_TOO_LONG: EXIT.stack,
  BUG_CHECK: EXIT.bugCheck,
};

/** An error that the user of the command can do something about. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code: CliErrorCode;

  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Code and exit code of an error that has a stable code; null for a defect. */
export function describeError(error: unknown): { code: string; message: string; exitCode: ExitCode } | null {
  const known =
    error instanceof CliError ||
    error instanceof NdisboxError ||
    error instanceof WireError ||
    error instanceof TraceError;
  if (!known) return null;
  const { code, message } = error;
  const live = /^(DEVICE|STREAM|KOFFI|WIRE_PLATFORM)_/.test(code);
  return { code, message, exitCode: EXIT_OF_CODE[code] ?? (live ? EXIT.stack : EXIT.input) };
}
