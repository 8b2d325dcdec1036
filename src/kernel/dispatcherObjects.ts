/**
 * Dispatcher objects: what a thread can wait for. Their state is the DISPATCHER_HEADER in kernel memory; this table
 * says for each type when it is signaled and what a satisfied wait does to it.
 * Implements "Introduction to Kernel Dispatcher Objects" (windows-driver-docs-pr/kernel).
 */

import type { Address } from '../memory/index.ts';
import { STATUS_MUTANT_LIMIT_EXCEEDED } from './generated/constants/ntstatus.ts';
import type { Kernel } from './kernel.ts';
import { RaisedStatusError } from './raisedStatus.ts';
import type { Thread } from './thread.ts';

/** Offsets in DISPATCHER_HEADER. */
export const DISPATCHER_TYPE = 0;
export const DISPATCHER_SIGNAL_STATE = 4;
export const DISPATCHER_WAIT_LIST = 8;
/** Offsets in KMUTANT. */
export const MUTANT_OWNER = 40;
export const MUTANT_FLAGS = 48;

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
  /** What a satisfied wait changes. True: the object was abandoned by its owner (STATUS_ABANDONED). */
  satisfy(kernel: Kernel, address: Address, thread: Thread | null): boolean;
}

/** Writes a DISPATCHER_HEADER: `size` is that of the whole object in bytes. */
export function initializeDispatcherHeader(
  kernel: Kernel,
  address: Address,
  type: number,
  size: number,
  signalState: number,
): void {
  const { memory } = kernel;
  memory.i32[address >> 2] = type | ((size >> 2) << 16);
  memory.i32[(address + DISPATCHER_SIGNAL_STATE) >> 2] = signalState;
  // An empty list: both links point to the list head.
  memory.writePointer(address + DISPATCHER_WAIT_LIST, address + DISPATCHER_WAIT_LIST);
  memory.writePointer(address + DISPATCHER_WAIT_LIST + 8, address + DISPATCHER_WAIT_LIST);
}

function signalState(kernel: Kernel, address: Address): number {
  return kernel.memory.i32[(address + DISPATCHER_SIGNAL_STATE) >> 2];
}

/** Stays signaled until it is reset. */
export const staysSignaled: DispatcherBehaviour = {
  signaled: (kernel, address) => signalState(kernel, address) > 0,
  satisfy: () => false,
};

/** One wait takes the signal. */
export const resetsItself: DispatcherBehaviour = {
  signaled: (kernel, address) => signalState(kernel, address) > 0,
  satisfy: (kernel, address) => {
    kernel.memory.i32[(address + DISPATCHER_SIGNAL_STATE) >> 2] = 0;
    return false;
  },
};

/** A count: each wait takes one. */
export const countsDown: DispatcherBehaviour = {
  signaled: (kernel, address) => signalState(kernel, address) > 0,
  satisfy: (kernel, address) => {
    kernel.memory.i32[(address + DISPATCHER_SIGNAL_STATE) >> 2] -= 1;
    return false;
  },
};

/** Ownership: free while SignalState is above 0; its owner may take it again. */
export const belongsToThread: DispatcherBehaviour = {
  signaled: (kernel, address, thread) =>
    signalState(kernel, address) > 0 ||
    kernel.memory.readPointer(address + MUTANT_OWNER) === ownerAddress(thread),
  satisfy: (kernel, address, thread) => {
    const { memory } = kernel;
    const index = (address + DISPATCHER_SIGNAL_STATE) >> 2;
    if (memory.i32[index] === -0x8000_0000) {
      throw new RaisedStatusError(
        STATUS_MUTANT_LIMIT_EXCEEDED,
        `the mutex at 0x${address.toString(16)} was acquired more often than its count can hold`,
      );
    }
    memory.i32[index] -= 1;
    if (memory.i32[index] !== 0) return false;
    memory.writePointer(address + MUTANT_OWNER, ownerAddress(thread));
    thread?.mutexes.push(address);
    const abandoned = (memory.u8[address + MUTANT_FLAGS] & 1) !== 0;
    memory.u8[address + MUTANT_FLAGS] &= ~1;
    return abandoned;
  },
};

/** The owner that stands for a processor without a thread, as the idle thread does. */
const IDLE_OWNER = 1;

/** How a KMUTANT names its owner. */
export function ownerAddress(thread: Thread | null): Address {
  return thread === null ? IDLE_OWNER : thread.address;
}

/** The behaviours by DISPATCHER_HEADER.Type; other concerns of this floor add theirs. */
export const dispatcherBehaviours = new Map<number, DispatcherBehaviour>([
  [DispatcherType.notificationEvent, staysSignaled],
  [DispatcherType.synchronizationEvent, resetsItself],
  [DispatcherType.mutant, belongsToThread],
  [DispatcherType.semaphore, countsDown],
  [DispatcherType.thread, staysSignaled],
  [DispatcherType.process, staysSignaled],
  [DispatcherType.notificationTimer, staysSignaled],
  [DispatcherType.synchronizationTimer, resetsItself],
]);

/** Behaviours of objects that have no DISPATCHER_HEADER, by the name that a wait request gives in `as`. */
export const namedBehaviours = new Map<string, DispatcherBehaviour>();
