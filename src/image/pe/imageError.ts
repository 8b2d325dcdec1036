/**
 * The errors of loading a driver image: one class, a closed set of stable codes, and a message that says what is
 * wrong, where in the file, and what to do. Advice for each code is in docs/errors.md.
 */

import { NdisboxError } from '../../kernel/index.ts';

/** Every code a {@link PeImageError} may carry. */
export type PeImageErrorCode =
  /** The bytes are no PE image at all. */
  | 'IMAGE_NOT_PE'
  /** The file ends before something that its headers announce. */
  | 'IMAGE_TRUNCATED'
  /** Built for another processor, or for 32 bits. */
  | 'IMAGE_MACHINE'
  /** A program, a library or an object file, but no kernel driver. */
  | 'IMAGE_KIND'
  /** A field of the headers contradicts the format or another field. */
  | 'IMAGE_HEADER'
  /** Sections overlap, are out of order, leave holes or wrap. */
  | 'IMAGE_SECTIONS'
  /** Larger than ndisbox loads. */
  | 'IMAGE_TOO_LARGE'
  /** The entry point is missing, outside of the image, or not code. */
  | 'IMAGE_ENTRY_POINT'
  /** Imports, exports, load configuration or another table is damaged. */
  | 'IMAGE_DIRECTORY'
  /** Relocations are damaged, or of a type that x64 does not have. */
  | 'IMAGE_RELOCATIONS'
  /** The image imports what the machine does not have. */
  | 'IMAGE_IMPORTS_UNKNOWN';

/** What else is known about an error. */
export interface PeImageErrorDetails {
  /** Byte offset in the file where the fault lies. */
  readonly offset?: number;
  /** What the machine does not have, in the order of the image. */
  readonly imports?: readonly UnknownImport[];
}

/** An import for which there is nothing. */
export interface UnknownImport {
  /** The file it was to come from, as the image spells it. */
  readonly dll: string;
  /** Name, or ordinal. */
  readonly symbol: string | number;
}

/** An image that cannot be loaded. */
export class PeImageError extends NdisboxError {
  /** Byte offset in the file where the fault lies; undefined where no single place is at fault. */
  readonly offset: number | undefined;
  /** With IMAGE_IMPORTS_UNKNOWN: what is unknown. */
  readonly imports: readonly UnknownImport[];

  constructor(code: PeImageErrorCode, message: string, details: PeImageErrorDetails = {}) {
    super(code, message);
    this.name = 'PeImageError';
    this.offset = details.offset;
    this.imports = details.imports ?? [];
  }
}

/** A number as people read it in a dump, 0x1A. */
export function hexadecimal(value: number | bigint): string {
  return `0x${value.toString(16).toUpperCase()}`;
}
