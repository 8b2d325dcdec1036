/** The errors of those who read traces: one class, a closed set of codes, and where in the file the fault is. */

/** Every code a {@link TraceError} may carry. */
export type TraceErrorCode =
  /** The file does not begin with the header of a trace. */
  | 'TRACE_HEADER_MISSING'
  /** The trace was written in a version of the vocabulary that this reader does not know. */
  | 'TRACE_VERSION_UNKNOWN'
  /** A line is no JSON object, or the file ends in the middle of it. */
  | 'TRACE_LINE_BROKEN'
  /** A line is longer than any event. */
  | 'TRACE_LINE_TOO_LONG'
  /** A line is JSON, but no event: a member is missing, of another type, or of an unknown kind. */
  | 'TRACE_EVENT_INVALID';

/** An error of a trace file. `message` ends with what to do. */
export class TraceError extends Error {
  override readonly name = 'TraceError';
  readonly code: TraceErrorCode;
  /** Number of the line at fault, from 1. */
  readonly line: number;

  constructor(code: TraceErrorCode, line: number, message: string) {
    super(`line ${line}: ${message}`);
    this.code = code;
    this.line = line;
  }
}
