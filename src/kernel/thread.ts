/**
 * Threads and logical processors as the scheduler sees them: plain data, but for the promise of a TypeScript
 * handler that has not returned yet.
 * Implements decisions 4 and 5 of the design.
 */

import type { Address } from '../memory/index.ts';
import type { Irql } from './irql.ts';
import type { Frame, WaitRequest } from './procedure.ts';

/** A TypeScript handler that returned a promise: opaque, the thread goes on when the promise settles. */
export interface TypeScriptActivation {
  readonly kind: 'typescript';
  /** The callback's documented role and driver, for dumps. */
  readonly name: string;
}

export type ThreadState = 'ready' | 'running' | 'waiting' | 'terminated';

/** A wait in progress. */
export interface ThreadWait {
  readonly request: WaitRequest;
  /** Machine time at which it times out, or null. */
  readonly due: number | null;
  /** Entry of the timer queue, 0 for none. */
  readonly timer: number;
}

/** The process id of System, in which drivers run; as on Windows. */
export const SYSTEM_PROCESS = 4;

/** A kernel thread. */
export interface Thread {
  /** From 1; the thread id in traces. */
  readonly id: number;
  readonly name: string;
  /** 1 (lowest) to 31. */
  priority: number;
  state: ThreadState;
  /** Innermost last. */
  readonly frames: (Frame | TypeScriptActivation)[];
  /** What the innermost frame gets when it goes on. */
  result: number;
  wait: ThreadWait | null;
  /** The opaque object address that drivers know the thread by (PKTHREAD). */
  readonly address: Address;
  /** IRQL to restore when the thread runs again: PASSIVE_LEVEL or APC_LEVEL. */
  irql: Irql;
  /** Depth of KeEnterCriticalRegion. */
  criticalRegionDepth: number;
  /** Depth of KeEnterGuardedRegion. */
  guardedRegionDepth: number;
  exitStatus: number;
  /** Id of the process that it belongs to. */
  readonly process: number;
  /** Id of the process whose address space it is in: its own, or one it attached to. */
  addressSpace: number;
  /** Bit n: the thread may run on processor n; null: on all. */
  affinity: bigint | null;
  /** Addresses of the KMUTANTs that it owns, in order of acquiring them. */
  readonly mutexes: Address[];
  /** Set while TypeScript code of the thread holds the token. */
  inTypeScript: boolean;
}

/** A logical processor. */
export interface Processor {
  readonly number: number;
  irql: Irql;
  thread: Thread | null;
  /** Addresses of queued KDPC structures, next first. */
  readonly dpcs: Address[];
  /** Spin locks held by what runs here, for deadlock reports and for preemption points. */
  spinLocksHeld: number;
  dpcActive: boolean;
  /** DPCs run here since a thread ran or time went on, for the watchdog. */
  dpcChain: number;
  /** How long it ran until another processor ran last, in units of 100 ns. */
  busyTime: number;
}
