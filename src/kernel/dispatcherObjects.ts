/**
 * Dispatcher objects: what a thread can wait for. Their state is the DISPATCHER_HEADER in kernel memory; this table
 * says for each type when it is signaled and what a satisfied wait does to it.
 * Implements "Introduction to Kernel Dispatcher Objects" (windows-driver-docs-pr/kernel).
 */

import type { Address } from '../memory/index.ts';
import type { Kernel } from './kernel.ts';
import type { Thread } from './thread.ts';

/** Offsets in DISPATCHER_HEADER. */
export const DISPATCHER_TYPE = 0;
export const DISPATCHER_SIGNAL_STATE = 4;

/** DISPATCHER_HEADER.Type as the kernel writes it. */
export const DispatcherType = {
  notificationEvent: 0,
  synchronizationEvent: 1,
  mutant: 2,
  process: 3,
  queue: 4,
  semaphore: 5,
  thread: 6,
  notificationTimer: 8,
  synchronizationTimer: 9,
} as const;

/** How a type of object is waited for. */
export interface DispatcherBehaviour {
  /** Whether a wait of `thread` (null: no thread, a poll from a DPC) would be satisfied now. */
  signaled(kernel: Kernel, address: Address, thread: Thread | null): boolean;
  /** What a satisfied wait changes. */
  satisfy(kernel: Kernel, address: Address, thread: Thread | null): void;
}

function signalState(kernel: Kernel, address: Address): number {
  return kernel.memory.i32[(address + DISPATCHER_SIGNAL_STATE) >> 2];
}

/** Stays signaled until it is reset. */
export const staysSignaled: DispatcherBehaviour = {
  signaled: (kernel, address) => signalState(kernel, address) > 0,
  satisfy: () => {},
};

/** One wait takes the signal. */
export const resetsItself: DispatcherBehaviour = {
  signaled: (kernel, address) => signalState(kernel, address) > 0,
  satisfy: (kernel, address) => {
    kernel.memory.i32[(address + DISPATCHER_SIGNAL_STATE) >> 2] = 0;
  },
};

/** A count: each wait takes one. */
export const countsDown: DispatcherBehaviour = {
  signaled: (kernel, address) => signalState(kernel, address) > 0,
  satisfy: (kernel, address) => {
    kernel.memory.i32[(address + DISPATCHER_SIGNAL_STATE) >> 2] -= 1;
  },
};

/** The behaviours by DISPATCHER_HEADER.Type; other concerns of this floor add theirs. */
export const dispatcherBehaviours = new Map<number, DispatcherBehaviour>([
  [DispatcherType.notificationEvent, staysSignaled],
  [DispatcherType.synchronizationEvent, resetsItself],
  [DispatcherType.semaphore, countsDown],
  [DispatcherType.thread, staysSignaled],
  [DispatcherType.process, staysSignaled],
  [DispatcherType.notificationTimer, staysSignaled],
  [DispatcherType.synchronizationTimer, resetsItself],
]);
