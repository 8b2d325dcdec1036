/**
 * The errors a host user gets from a wire: one class, a closed set of stable codes, and a message that says
 * what happened, where, and what to do about it.
 */

/** Every code a {@link WireError} may carry. Codes never change their meaning; new ones may be added. */
export type WireErrorCode =
  /** The capture does not begin with the magic number of pcap or pcapng. */
  | 'CAPTURE_NOT_A_CAPTURE'
  /** The capture ends in the middle of a record. */
  | 'CAPTURE_TRUNCATED'
  /** A field of the capture contradicts the format. */
  | 'CAPTURE_CORRUPT'
  /** A record is longer than the reader was told to hold. */
  | 'CAPTURE_RECORD_TOO_LONG'
  /** The capture uses a version or link type that cannot be played. */
  | 'CAPTURE_UNSUPPORTED'
  /** A capture reader or writer was called in an order it does not allow. */
  | 'CAPTURE_MISUSE'
  /** A file could not be opened, read or written. */
  | 'FILE_FAILED'
  /** A wire was used before open, after close, or opened twice. */
  | 'WIRE_MISUSE'
  /** The options of a wire are not what its type expects. */
  | 'WIRE_OPTIONS_INVALID'
  /** The operating system is not one this wire works on. */
  | 'WIRE_PLATFORM_UNSUPPORTED'
  /** The optional package koffi is missing or could not be loaded. */
  | 'KOFFI_MISSING'
  /** The loaded koffi lacks what the live wires need of it. */
  | 'KOFFI_INCOMPATIBLE'
  /** The process may not do this. */
  | 'DEVICE_NO_PERMISSION'
  /** There is no such device or interface. */
  | 'DEVICE_MISSING'
  /** The device is held by another program. */
  | 'DEVICE_BUSY'
  /** The device was there and is gone. */
  | 'DEVICE_VANISHED'
  /** The device refused an operation for a reason without a code of its own. */
  | 'DEVICE_FAILED'
  /** The peer of a stream closed or reset the connection. */
  | 'STREAM_CLOSED'
  /** Nobody listens at the address, or the address is taken. */
  | 'STREAM_UNREACHABLE'
  /** The peer of a stream sent a length that cannot be a frame. */
  | 'STREAM_CORRUPT'
  /** The shared memory of a segment is not one, or was laid out by another version. */
  | 'SHARED_SEGMENT_INVALID';

/** What else is known about an error. */
export interface WireErrorDetails {
  /** Byte offset in the input where the fault was found. */
  readonly offset?: number;
  /** The errno of the system call that failed. */
  readonly errno?: number;
  /** The path of the option at fault, such as `delay.minimum`. */
  readonly option?: string;
  readonly cause?: unknown;
}

/** An error of a wire or a capture. `message` ends with what to do. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly code: WireErrorCode;
  readonly offset: number | undefined;
  readonly errno: number | undefined;
  readonly option: string | undefined;

  constructor(code: WireErrorCode, message: string, details: WireErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.offset = details.offset;
    this.errno = details.errno;
    this.option = details.option;
  }
}
