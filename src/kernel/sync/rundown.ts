/**
 * Run-down protection: an EX_RUNDOWN_REF counts who uses an object (from bit 1 on); bit 0 is set once the object is
 * run down. The cache-aware form has the same behaviour behind an opaque address.
 * Implements "Run-Down Protection" (windows-driver-docs-pr/kernel).
 */

import { type Address, OBJECT_RANGE_START } from '../../memory/index.ts';
import type { IrqlRule } from '../declaration.ts';
import { namedBehaviours } from '../dispatcherObjects.ts';
import type { Driver } from '../driver.ts';
import type { Pointer } from '../edge.ts';
import type { EX_RUNDOWN_REF } from '../generated/structures/common.ts';
import type { Kernel } from '../kernel.ts';
import { LibraryObject } from '../waitableObject.ts';
import { synchronous, waiting } from './declare.ts';
import { acquireLock, lockReleased } from './lockWait.ts';

const RUN_DOWN = 1;
const ONE_USER = 2;
const AS = 'run-down';

/** What ExAllocateCacheAwareRundownProtection makes. */
class CacheAwareRundown extends LibraryObject {
  count = 0;
}

function read(kernel: Kernel, reference: Address): number {
  if (reference < OBJECT_RANGE_START) return kernel.memory.i32[reference >> 2];
  const value = kernel.memory.objects.valueAt(reference);
  return value instanceof CacheAwareRundown ? value.count : RUN_DOWN;
}

function write(kernel: Kernel, reference: Address, count: number): void {
  if (reference < OBJECT_RANGE_START) {
    kernel.memory.i32[reference >> 2] = count;
    kernel.memory.i32[(reference >> 2) + 1] = 0;
    return;
  }
  const value = kernel.memory.objects.valueAt(reference);
  if (value instanceof CacheAwareRundown) value.count = count;
}

namedBehaviours.set(AS, {
  signaled: (kernel, reference) => read(kernel, reference) < ONE_USER,
  satisfy: () => false,
});

function acquire(kernel: Kernel, reference: Address, count: number): number {
  const before = read(kernel, reference);
  if ((before & RUN_DOWN) !== 0) return 0;
  write(kernel, reference, before + ONE_USER * count);
  return 1;
}

function release(kernel: Kernel, driver: Driver, reference: Address, count: number): void {
  const before = read(kernel, reference);
  if (before < ONE_USER * count) {
    kernel.report(
      'RUNDOWN_NOT_ACQUIRED',
      driver,
      `run-down protection at 0x${reference.toString(16)} was released ${count} time(s), but ${before >> 1} are held`,
      'wdm/nf-wdm-exreleaserundownprotection',
    );
    return;
  }
  const after = before - ONE_USER * count;
  write(kernel, reference, after);
  if (after === RUN_DOWN) lockReleased(kernel, reference);
}

function wait(kernel: Kernel, reference: Address, what: string): number | Promise<number> {
  write(kernel, reference, read(kernel, reference) | RUN_DOWN);
  return acquireLock(kernel, AS, reference, what);
}

function reinitialize(kernel: Kernel, driver: Driver, reference: Address): void {
  if (read(kernel, reference) !== RUN_DOWN) {
    kernel.report(
      'RUNDOWN_NOT_RUN_DOWN',
      driver,
      `run-down protection at 0x${reference.toString(16)} was initialized again before it was run down; call ExWaitForRundownProtectionRelease first`,
      'wdm/nf-wdm-exreinitializerundownprotection',
    );
  }
  write(kernel, reference, 0);
}

const page = (name: string): string => `wdm/nf-wdm-${name.toLowerCase()}`;
type Reference = Pointer<EX_RUNDOWN_REF>;

function acquiring(name: string, type: string) {
  return synchronous(
    `BOOLEAN ${name}(${type} RunRef)`,
    '<=DISPATCH_LEVEL',
    'XP',
    page(name),
    (kernel) => (RunRef: Reference) => acquire(kernel, RunRef, 1),
  );
}
function acquiringMany(name: string, type: string) {
  return synchronous(
    `BOOLEAN ${name}(${type} RunRef, ULONG Count)`,
    '<=DISPATCH_LEVEL',
    'Server 2003',
    page(name),
    (kernel) => (RunRef: Reference, Count: number) => acquire(kernel, RunRef, Count),
  );
}
function releasing(name: string, type: string) {
  return synchronous(
    `VOID ${name}(${type} RunRef)`,
    '<=DISPATCH_LEVEL',
    'XP',
    page(name),
    (kernel, driver) => (RunRef: Reference) => release(kernel, driver, RunRef, 1),
  );
}
function releasingMany(name: string, type: string) {
  return synchronous(
    `VOID ${name}(${type} RunRef, ULONG Count)`,
    '<=DISPATCH_LEVEL',
    'Server 2003',
    page(name),
    (kernel, driver) => (RunRef: Reference, Count: number) => release(kernel, driver, RunRef, Count),
  );
}
function waitingFor(name: string, type: string) {
  return waiting(
    `VOID ${name}(${type} RunRef)`,
    '<=APC_LEVEL',
    'XP',
    page(name),
    (kernel) => (RunRef: Reference) => wait(kernel, RunRef, name),
  );
}
function setting(name: string, type: string, irql: IrqlRule, count: number) {
  return synchronous(
    `VOID ${name}(${type} RunRef)`,
    irql,
    'XP',
    page(name),
    (kernel) => (RunRef: Reference) => write(kernel, RunRef, count),
  );
}
function reinitializing(name: string, type: string) {
  return synchronous(
    `VOID ${name}(${type} RunRef)`,
    '<=APC_LEVEL',
    'XP',
    page(name),
    (kernel, driver) => (RunRef: Reference) => reinitialize(kernel, driver, RunRef),
  );
}

const PLAIN = 'PEX_RUNDOWN_REF';
const CACHE_AWARE = 'PEX_RUNDOWN_REF_CACHE_AWARE';

/** Makes the protection of a new object. IRQL <= APC_LEVEL. wdm/nf-wdm-exinitializerundownprotection */
export const ExInitializeRundownProtection = setting(
  'ExInitializeRundownProtection',
  PLAIN,
  '<=APC_LEVEL',
  0,
);
/** Protects another object after a run-down. IRQL <= APC_LEVEL. wdm/nf-wdm-exreinitializerundownprotection */
export const ExReInitializeRundownProtection = reinitializing('ExReInitializeRundownProtection', PLAIN);
/** Begins a use; FALSE once the object is run down. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-exacquirerundownprotection */
export const ExAcquireRundownProtection = acquiring('ExAcquireRundownProtection', PLAIN);
/** Begins `Count` uses; FALSE once the object is run down. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-exacquirerundownprotectionex */
export const ExAcquireRundownProtectionEx = acquiringMany('ExAcquireRundownProtectionEx', PLAIN);
/** Ends a use. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-exreleaserundownprotection */
export const ExReleaseRundownProtection = releasing('ExReleaseRundownProtection', PLAIN);
/** Ends `Count` uses. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-exreleaserundownprotectionex */
export const ExReleaseRundownProtectionEx = releasingMany('ExReleaseRundownProtectionEx', PLAIN);
/** Refuses further uses and waits until the present ones end. IRQL <= APC_LEVEL. wdm/nf-wdm-exwaitforrundownprotectionrelease */
export const ExWaitForRundownProtectionRelease = waitingFor('ExWaitForRundownProtectionRelease', PLAIN);
/** Says that the object is run down. IRQL <= APC_LEVEL. wdm/nf-wdm-exrundowncompleted */
export const ExRundownCompleted = setting('ExRundownCompleted', PLAIN, '<=APC_LEVEL', RUN_DOWN);

/** Makes a cache-aware protection; free it with ExFreeCacheAwareRundownProtection. wdm/nf-wdm-exallocatecacheawarerundownprotection */
export const ExAllocateCacheAwareRundownProtection = synchronous(
  'PEX_RUNDOWN_REF_CACHE_AWARE ExAllocateCacheAwareRundownProtection(POOL_TYPE PoolType, ULONG PoolTag)',
  '<=APC_LEVEL',
  'Vista',
  'wdm/nf-wdm-exallocatecacheawarerundownprotection',
  (kernel, driver) =>
    (_PoolType: number, _PoolTag: number): Address => {
      const rundown = new CacheAwareRundown();
      const address = kernel.memory.objects.addressOf(rundown, driver);
      driver.own(`rundown ${address}`, {
        kind: 'cache-aware run-down protection',
        name: `0x${address.toString(16)}`,
        releasedBy: 'ExFreeCacheAwareRundownProtection',
        release: () => kernel.memory.objects.releaseValue(rundown, driver),
      });
      return address;
    },
);
/** Frees what ExAllocateCacheAwareRundownProtection made. wdm/nf-wdm-exfreecacheawarerundownprotection */
export const ExFreeCacheAwareRundownProtection = synchronous(
  'VOID ExFreeCacheAwareRundownProtection(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)',
  '<=APC_LEVEL',
  'Vista',
  'wdm/nf-wdm-exfreecacheawarerundownprotection',
  (kernel, driver) => (RunRefCacheAware: Address) => {
    const value = kernel.memory.objects.valueAt(RunRefCacheAware);
    if (value instanceof CacheAwareRundown) kernel.memory.objects.releaseValue(value, driver);
    driver.disown(`rundown ${RunRefCacheAware}`);
  },
);
/** As ExAcquireRundownProtection. wdm/nf-wdm-exacquirerundownprotectioncacheaware */
export const ExAcquireRundownProtectionCacheAware = acquiring(
  'ExAcquireRundownProtectionCacheAware',
  CACHE_AWARE,
);
/** As ExAcquireRundownProtectionEx. wdm/nf-wdm-exacquirerundownprotectioncacheawareex */
export const ExAcquireRundownProtectionCacheAwareEx = acquiringMany(
  'ExAcquireRundownProtectionCacheAwareEx',
  CACHE_AWARE,
);
/** As ExReleaseRundownProtection. wdm/nf-wdm-exreleaserundownprotectioncacheaware */
export const ExReleaseRundownProtectionCacheAware = releasing(
  'ExReleaseRundownProtectionCacheAware',
  CACHE_AWARE,
);
/** As ExReleaseRundownProtectionEx. wdm/nf-wdm-exreleaserundownprotectioncacheawareex */
export const ExReleaseRundownProtectionCacheAwareEx = releasingMany(
  'ExReleaseRundownProtectionCacheAwareEx',
  CACHE_AWARE,
);
/** As ExWaitForRundownProtectionRelease. wdm/nf-wdm-exwaitforrundownprotectionreleasecacheaware */
export const ExWaitForRundownProtectionReleaseCacheAware = waitingFor(
  'ExWaitForRundownProtectionReleaseCacheAware',
  CACHE_AWARE,
);
/** As ExReInitializeRundownProtection. wdm/nf-wdm-exreinitializerundownprotectioncacheaware */
export const ExReInitializeRundownProtectionCacheAware = reinitializing(
  'ExReInitializeRundownProtectionCacheAware',
  CACHE_AWARE,
);
/** As ExRundownCompleted. wdm/nf-wdm-exrundowncompletedcacheaware */
export const ExRundownCompletedCacheAware = setting(
  'ExRundownCompletedCacheAware',
  CACHE_AWARE,
  '<=APC_LEVEL',
  RUN_DOWN,
);
