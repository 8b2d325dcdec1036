/**
 * Fast mutexes and guarded mutexes: a FAST_MUTEX in kernel memory that one thread holds, not recursively. A fast
 * mutex is held at APC_LEVEL, a guarded mutex inside a guarded region.
 * Implements "Fast Mutexes and Guarded Mutexes" (windows-driver-docs-pr/kernel).
 */

import type { Address } from '../../memory/index.ts';
import {
  DispatcherType,
  initializeDispatcherHeader,
  namedBehaviours,
  ownerAddress,
} from '../dispatcherObjects.ts';
import type { Driver } from '../driver.ts';
import type { Pointer } from '../edge.ts';
import { APC_LEVEL } from '../generated/constants/basic.ts';
import { FAST_MUTEX } from '../generated/structures/common.ts';
import type { Kernel } from '../kernel.ts';
import { procedure } from '../procedure.ts';
import { synchronous, waiting } from './declare.ts';
import { lockReleased, tryAcquireLock } from './lockWait.ts';
import { requireWaitable, waitProcedure } from './wait.ts';

/** Offsets in FAST_MUTEX. */
const OWNER = 8;
const CONTENTION = 16;
const EVENT = 24;
const OLD_IRQL = 48;
const AS = 'fast mutex';

namedBehaviours.set(AS, {
  signaled: ({ memory }, mutex) => memory.i32[mutex >> 2] === 1,
  satisfy: ({ memory }, mutex, thread) => {
    memory.i32[mutex >> 2] = 0;
    memory.writePointer(mutex + OWNER, ownerAddress(thread));
    return false;
  },
});

/** How a mutex is held. */
type Manner = 'fast' | 'guarded' | 'unsafe';

function entered(kernel: Kernel, mutex: Address, manner: Manner): void {
  const { processor, thread } = kernel.scheduler;
  if (manner === 'fast') {
    kernel.memory.u32[(mutex + OLD_IRQL) >> 2] = processor.irql;
    processor.irql = APC_LEVEL;
  } else if (manner === 'guarded' && thread !== null) thread.guardedRegionDepth++;
}

const acquireProcedure = procedure<
  Kernel,
  { readonly mutex: Address; readonly manner: Manner; readonly what: string }
>('AcquireFastMutex', {
  start: (kernel, locals, step) =>
    step.run('over', waitProcedure, kernel, {
      request: { objects: [locals.mutex], type: 'any', timeout: null, reason: locals.what, as: AS },
    }),
  over: (kernel, locals, step) => {
    entered(kernel, locals.mutex, locals.manner);
    return step.done(0);
  },
});

function initialize(kernel: Kernel, mutex: Address): void {
  kernel.memory.u8.fill(0, mutex, mutex + FAST_MUTEX.size);
  kernel.memory.i32[mutex >> 2] = 1;
  initializeDispatcherHeader(kernel, mutex + EVENT, DispatcherType.synchronizationEvent, 24, 0);
}

function acquire(
  kernel: Kernel,
  driver: Driver,
  mutex: Address,
  manner: Manner,
  what: string,
): number | Promise<number> {
  if (tryAcquireLock(kernel, AS, mutex)) {
    entered(kernel, mutex, manner);
    return 0;
  }
  if (kernel.memory.readPointer(mutex + OWNER) === ownerAddress(kernel.scheduler.thread)) {
    kernel.report(
      'FAST_MUTEX_TAKEN_TWICE',
      driver,
      `${what} was called by the thread that holds the mutex at 0x${mutex.toString(16)}; it waits for itself for ever`,
      'wdm/nf-wdm-exacquirefastmutex',
    );
  }
  requireWaitable(kernel, what, mutex);
  kernel.memory.u32[(mutex + CONTENTION) >> 2] += 1;
  return kernel.scheduler.execute(acquireProcedure, kernel, { mutex, manner, what });
}

function tryAcquire(kernel: Kernel, mutex: Address, manner: Manner): number {
  if (!tryAcquireLock(kernel, AS, mutex)) return 0;
  entered(kernel, mutex, manner);
  return 1;
}

function release(kernel: Kernel, driver: Driver, mutex: Address, manner: Manner, what: string): void {
  const { memory } = kernel;
  const { processor, thread } = kernel.scheduler;
  if (memory.i32[mutex >> 2] === 1 || memory.readPointer(mutex + OWNER) !== ownerAddress(thread)) {
    kernel.report(
      'FAST_MUTEX_NOT_OWNED',
      driver,
      `${what} was called for the mutex at 0x${mutex.toString(16)}, which the thread does not hold`,
      'wdm/nf-wdm-exreleasefastmutex',
    );
    return;
  }
  memory.writePointer(mutex + OWNER, 0);
  memory.i32[mutex >> 2] = 1;
  if (manner === 'fast') processor.irql = memory.u32[(mutex + OLD_IRQL) >> 2];
  else if (manner === 'guarded' && thread !== null) thread.guardedRegionDepth--;
  lockReleased(kernel, mutex);
}

const page = (name: string): string => `wdm/nf-wdm-${name.toLowerCase()}`;
type Mutex = Pointer<FAST_MUTEX>;

function initializing(name: string, type: string) {
  return synchronous(
    `VOID ${name}(${type} Mutex)`,
    '<=DISPATCH_LEVEL',
    '2000',
    page(name),
    (kernel) => (Mutex: Mutex) => initialize(kernel, Mutex),
  );
}
function acquiring(name: string, type: string, manner: Manner) {
  return waiting(
    `VOID ${name}(${type} Mutex)`,
    '<=APC_LEVEL',
    '2000',
    page(name),
    (kernel, driver) => (Mutex: Mutex) => acquire(kernel, driver, Mutex, manner, name),
  );
}
function trying(name: string, type: string, manner: Manner) {
  return synchronous(
    `BOOLEAN ${name}(${type} Mutex)`,
    '<=APC_LEVEL',
    '2000',
    page(name),
    (kernel) => (Mutex: Mutex) => tryAcquire(kernel, Mutex, manner),
  );
}
function releasing(name: string, type: string, manner: Manner) {
  return synchronous(
    `VOID ${name}(${type} Mutex)`,
    '<=APC_LEVEL',
    '2000',
    page(name),
    (kernel, driver) => (Mutex: Mutex) => release(kernel, driver, Mutex, manner, name),
  );
}

/** Makes a free fast mutex. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-exinitializefastmutex */
export const ExInitializeFastMutex = initializing('ExInitializeFastMutex', 'PFAST_MUTEX');
/** Waits for the mutex and holds it at APC_LEVEL. IRQL <= APC_LEVEL. wdm/nf-wdm-exacquirefastmutex */
export const ExAcquireFastMutex = acquiring('ExAcquireFastMutex', 'PFAST_MUTEX', 'fast');
/** As ExAcquireFastMutex, for callers at APC_LEVEL or in a critical region: the IRQL stays. wdm/nf-wdm-exacquirefastmutexunsafe */
export const ExAcquireFastMutexUnsafe = acquiring('ExAcquireFastMutexUnsafe', 'PFAST_MUTEX', 'unsafe');
/** Takes the mutex if it is free; FALSE otherwise. IRQL <= APC_LEVEL. wdm/nf-wdm-extrytoacquirefastmutex */
export const ExTryToAcquireFastMutex = trying('ExTryToAcquireFastMutex', 'PFAST_MUTEX', 'fast');
/** Gives the mutex back and restores the IRQL. APC_LEVEL. wdm/nf-wdm-exreleasefastmutex */
export const ExReleaseFastMutex = releasing('ExReleaseFastMutex', 'PFAST_MUTEX', 'fast');
/** Gives back what ExAcquireFastMutexUnsafe took. wdm/nf-wdm-exreleasefastmutexunsafe */
export const ExReleaseFastMutexUnsafe = releasing('ExReleaseFastMutexUnsafe', 'PFAST_MUTEX', 'unsafe');
/** Makes a free guarded mutex. IRQL <= APC_LEVEL. wdm/nf-wdm-keinitializeguardedmutex */
export const KeInitializeGuardedMutex = initializing('KeInitializeGuardedMutex', 'PKGUARDED_MUTEX');
/** Waits for the mutex and holds it inside a guarded region. IRQL <= APC_LEVEL. wdm/nf-wdm-keacquireguardedmutex */
export const KeAcquireGuardedMutex = acquiring('KeAcquireGuardedMutex', 'PKGUARDED_MUTEX', 'guarded');
/** As KeAcquireGuardedMutex, for callers inside a guarded region. wdm/nf-wdm-keacquireguardedmutexunsafe */
export const KeAcquireGuardedMutexUnsafe = acquiring(
  'KeAcquireGuardedMutexUnsafe',
  'PKGUARDED_MUTEX',
  'unsafe',
);
/** Takes the mutex if it is free; FALSE otherwise. IRQL <= APC_LEVEL. wdm/nf-wdm-ketrytoacquireguardedmutex */
export const KeTryToAcquireGuardedMutex = trying('KeTryToAcquireGuardedMutex', 'PKGUARDED_MUTEX', 'guarded');
/** Gives the mutex back and leaves the guarded region. IRQL <= APC_LEVEL. wdm/nf-wdm-kereleaseguardedmutex */
export const KeReleaseGuardedMutex = releasing('KeReleaseGuardedMutex', 'PKGUARDED_MUTEX', 'guarded');
/** Gives back what KeAcquireGuardedMutexUnsafe took. wdm/nf-wdm-kereleaseguardedmutexunsafe */
export const KeReleaseGuardedMutexUnsafe = releasing(
  'KeReleaseGuardedMutexUnsafe',
  'PKGUARDED_MUTEX',
  'unsafe',
);
