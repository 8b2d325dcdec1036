/**
 * Loads the optional package koffi (foreign function interface, https://koffi.dev) when a live wire is opened,
 * and states the small part of it that is used. Its readiness poll is undocumented: `readiness.ts` wraps it.
 */

import { createRequire } from 'node:module';
import { WireError } from '../wireError.ts';

/** A readiness handle of koffi: a uv_poll_t. It stops silently when it is garbage-collected. */
export interface KoffiPollHandle {
  start(
    options: { readable: boolean; writable: boolean },
    callback: (status: number, events: { readable: boolean; writable: boolean }) => void,
  ): void;
  stop(): void;
  close(): void;
}

/** A function of the C library; every argument used here is a number. */
export type NativeFunction = (...parameters: number[]) => number;

/** What is used of koffi. */
export interface Koffi {
  readonly version: string;
  load(path: string | null): { func(definition: string): NativeFunction };
  address(memory: Uint8Array): bigint;
  errno(): number;
  readonly node: {
    poll(
      descriptor: number,
      options: { readable: boolean; writable: boolean },
      callback: (status: number, events: { readable: boolean; writable: boolean }) => void,
    ): KoffiPollHandle;
  };
}

/**
 * Loads koffi.
 * @throws WireError KOFFI_MISSING, KOFFI_INCOMPATIBLE, WIRE_PLATFORM_UNSUPPORTED
 */
export function loadKoffi(
  wireName: string,
  require: (name: string) => unknown = createRequire(import.meta.url),
): Koffi {
  if (process.platform !== 'linux') {
    throw new WireError(
      'WIRE_PLATFORM_UNSUPPORTED',
      `The wire "${wireName}" works on Linux only; this is ${process.platform}. Use a capture, a segment or a stream.`,
    );
  }
  let loaded: unknown;
  try {
    loaded = require('koffi');
  } catch (cause) {
    throw new WireError(
      'KOFFI_MISSING',
      `The wire "${wireName}" needs the optional package koffi, which could not be loaded: run ` +
        '"npm install koffi@3.3.4", or use a capture, a segment or a stream, which do without.',
      { cause },
    );
  }
  if (!isKoffi(loaded)) {
    throw new WireError(
      'KOFFI_INCOMPATIBLE',
      `The wire "${wireName}" needs koffi's address, errno and node.poll, which the installed koffi does not have: ` +
        'run "npm install koffi@3.3.4".',
    );
  }
  return loaded;
}

function isKoffi(value: unknown): value is Koffi {
  if (typeof value !== 'object' || value === null) return false;
  const { load, address, errno, node } = value as Partial<Record<keyof Koffi, unknown>>;
  const isFunction = (entry: unknown): boolean => typeof entry === 'function';
  if (typeof node !== 'object' || node === null || !('poll' in node)) return false;
  return isFunction(load) && isFunction(address) && isFunction(errno) && isFunction(node.poll);
}
