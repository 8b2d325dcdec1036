/** Capture files on disk as sources and sinks of bytes, read and written in large synchronous pieces. */

import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import type { ByteSink } from './capture/byteWriter.ts';
import type { ByteSource } from './captureWire.ts';
import { WireError } from './wireError.ts';

/** Opens a file to be read. @throws WireError FILE_FAILED */
export function openFileSource(path: string): ByteSource {
  const descriptor = attempt(path, 'opened', () => openSync(path, 'r'));
  return {
    read: (into) => attempt(path, 'read', () => readSync(descriptor, into, 0, into.length, null)),
    close: () => closeSync(descriptor),
  };
}

/** Creates or empties a file to be written. @throws WireError FILE_FAILED, from `write` too. */
export function openFileSink(path: string): { write: ByteSink; close(): void } {
  const descriptor = attempt(path, 'created', () => openSync(path, 'w'));
  return {
    write: (bytes) => {
      for (let at = 0; at < bytes.length; ) {
        at += attempt(path, 'written', () => writeSync(descriptor, bytes, at, bytes.length - at));
      }
    },
    close: () => closeSync(descriptor),
  };
}

function attempt<Result>(path: string, what: string, action: () => Result): Result {
  try {
    return action();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new WireError(
      'FILE_FAILED',
      `The file "${path}" could not be ${what}: ${reason}. Check path and rights.`,
      {
        cause,
      },
    );
  }
}
