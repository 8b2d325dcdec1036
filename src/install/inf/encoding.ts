/**
 * The text of an INF file: UTF-16 in either order with a byte order mark, UTF-8, or bytes of the code page 1252.
 * Implements "General Guidelines for INF Files" (windows-driver-docs-pr/install), file formats.
 */

import { InfError, type InfWarnings } from './infError.ts';

/** Bytes of the largest file that is read; real ones are below 1 MiB. */
export const LARGEST_INF = 4 * 0x10_0000;

/**
 * Decodes a file. Without a byte order mark, bytes that are valid UTF-8 are taken for that, others for code page 1252.
 * @throws InfError INF_TOO_LARGE, INF_ENCODING
 */
export function decodeInf(file: string, bytes: Uint8Array, warnings: InfWarnings): string {
  const place = { file, line: 1, column: 1 };
  if (bytes.length > LARGEST_INF) {
    throw new InfError(
      'INF_TOO_LARGE',
      place,
      `the file has ${bytes.length} bytes; at most ${LARGEST_INF} are read.`,
    );
  }
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return utf16(file, bytes.subarray(2), 'utf-16le');
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return utf16(file, bytes.subarray(2), 'utf-16be');
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(3));
  }
  const guess = guessUtf16(bytes);
  if (guess !== null) {
    warnings.add(
      'ENCODING_GUESSED',
      place,
      `the file has no byte order mark and is read as ${guess}; save it with one.`,
    );
    return utf16(file, bytes, guess);
  }
  const text = utf8OrNull(bytes);
  if (text === null) return codePage1252(bytes);
  if (bytes.some((byte) => byte >= 0x80)) {
    warnings.add(
      'ENCODING_GUESSED',
      place,
      'the file has letters beyond ASCII and no byte order mark; it is read as UTF-8, while Windows would read it in ' +
        'its code page. Save it as UTF-16 with a byte order mark.',
    );
  }
  return text;
}

function utf16(file: string, bytes: Uint8Array, encoding: 'utf-16le' | 'utf-16be'): string {
  if (bytes.length % 2 !== 0) {
    throw new InfError(
      'INF_ENCODING',
      { file, line: 1, column: 1 },
      `the file is ${encoding.toUpperCase()} with half a character at its end; it was cut, or is no text.`,
    );
  }
  return new TextDecoder(encoding, { ignoreBOM: true }).decode(bytes);
}

/** Whether the first characters look like UTF-16 without a mark: every other byte is zero. */
function guessUtf16(bytes: Uint8Array): 'utf-16le' | 'utf-16be' | null {
  if (bytes.length < 4 || bytes.length % 2 !== 0) return null;
  const length = Math.min(bytes.length, 64);
  const zeros = [0, 0];
  for (let index = 0; index < length; index++) if (bytes[index] === 0) zeros[index & 1]++;
  const most = length / 2;
  if (zeros[1] >= most * 0.9 && zeros[0] === 0) return 'utf-16le';
  return zeros[0] >= most * 0.9 && zeros[1] === 0 ? 'utf-16be' : null;
}

function utf8OrNull(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** What the bytes 0x80 to 0x9F stand for in code page 1252; the decoders of some engines do not know. */
const UPPER_CONTROLS =
  '\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f' +
  '\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178';

function codePage1252(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += 4096) {
    parts.push(String.fromCharCode(...bytes.subarray(at, at + 4096)));
  }
  return parts.join('').replace(/[\u0080-\u009f]/g, (unit) => UPPER_CONTROLS[unit.charCodeAt(0) - 0x80]);
}
