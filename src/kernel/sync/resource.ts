/**
 * Executive resources: an ERESOURCE that many threads share or one has for itself, both recursively. Who shares it
 * is kept beside the memory, as the owner table of Windows is; the documented members show the totals.
 * Implements "Introduction to ERESOURCE Routines" (windows-driver-docs-pr/kernel).
 */

import type { Address } from '../../memory/index.ts';
import { namedBehaviours, ownerAddress } from '../dispatcherObjects.ts';
import type { Driver } from '../driver.ts';
import type { Pointer } from '../edge.ts';
import { APC_LEVEL } from '../generated/constants/basic.ts';
import { RESOURCE_NOT_OWNED } from '../generated/constants/bugCheck.ts';
import { STATUS_SUCCESS } from '../generated/constants/ntstatus.ts';
import { ERESOURCE } from '../generated/structures/common.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { procedure } from '../procedure.ts';
import { inlined, synchronous, waiting } from './declare.ts';
import { lockReleased, tryAcquireLock } from './lockWait.ts';
import { requireWaitable, waitProcedure } from './wait.ts';

/** Offsets in ERESOURCE. */
const ACTIVE_COUNT = 24;
const FLAG = 26;
const OWNER_THREAD = 48;
/** ResourceOwnedExclusive in ERESOURCE.Flag. */
const OWNED_EXCLUSIVE = 0x80;

const AS_EXCLUSIVE = 'resource, exclusive';
const AS_SHARED = 'resource, shared';
const AS_STARVE = 'resource, shared, starve exclusive';
const AS_WAIT = 'resource, shared, wait for exclusive';

/** Who holds a resource and how often. */
interface Holding {
  exclusive: boolean;
  readonly owners: Map<Address, number>;
}

const holdingsOf = perKernel('resources', () => new Map<Address, Holding>());

function holding(kernel: Kernel, resource: Address): Holding {
  const all = holdingsOf(kernel);
  let one = all.get(resource);
  if (one === undefined) {
    one = { exclusive: false, owners: new Map() };
    all.set(resource, one);
  }
  return one;
}

function show(kernel: Kernel, resource: Address, held: Holding): void {
  const { memory } = kernel;
  memory.i16[(resource + ACTIVE_COUNT) >> 1] = held.owners.size;
  memory.u16[(resource + FLAG) >> 1] = held.exclusive ? OWNED_EXCLUSIVE : 0;
  const [owner] = held.owners.keys();
  memory.writePointer(resource + OWNER_THREAD, owner ?? 0);
}

function take(kernel: Kernel, resource: Address, owner: Address, exclusive: boolean): false {
  const held = holding(kernel, resource);
  if (held.owners.size === 0) held.exclusive = exclusive;
  held.owners.set(owner, (held.owners.get(owner) ?? 0) + 1);
  show(kernel, resource, held);
  return false;
}

namedBehaviours.set(AS_EXCLUSIVE, {
  signaled: (kernel, resource, thread) => {
    const held = holding(kernel, resource);
    return held.owners.size === 0 || (held.exclusive && held.owners.has(ownerAddress(thread)));
  },
  satisfy: (kernel, resource, thread) => take(kernel, resource, ownerAddress(thread), true),
});

for (const as of [AS_SHARED, AS_STARVE, AS_WAIT]) {
  namedBehaviours.set(as, {
    signaled: (kernel, resource, thread) => {
      const held = holding(kernel, resource);
      const own = held.owners.has(ownerAddress(thread));
      if (held.exclusive && held.owners.size > 0) return own;
      if (as === AS_STARVE || (as === AS_SHARED && own)) return true;
      return !kernel.scheduler.waits.isBehind(resource, thread, AS_EXCLUSIVE);
    },
    satisfy: (kernel, resource, thread) => take(kernel, resource, ownerAddress(thread), false),
  });
}

/** Waits for a resource and gives TRUE. */
const acquireProcedure = procedure<
  Kernel,
  { readonly resource: Address; readonly as: string; readonly what: string }
>('AcquireResource', {
  start: (kernel, locals, step) =>
    step.run('over', waitProcedure, kernel, {
      request: { objects: [locals.resource], type: 'any', timeout: null, reason: locals.what, as: locals.as },
    }),
  over: (_kernel, _locals, step) => step.done(1),
});

function acquire(
  kernel: Kernel,
  driver: Driver,
  resource: Address,
  as: string,
  wait: boolean,
  what: string,
): number | Promise<number> {
  const { thread, processor } = kernel.scheduler;
  if (
    processor.irql < APC_LEVEL &&
    thread !== null &&
    thread.criticalRegionDepth + thread.guardedRegionDepth === 0
  ) {
    kernel.report(
      'APCS_NOT_DISABLED',
      driver,
      `${what} was called with normal kernel APCs enabled; call KeEnterCriticalRegion first`,
      'wdm/nf-wdm-exacquireresourceexclusivelite',
    );
  }
  if (tryAcquireLock(kernel, as, resource)) return 1;
  if (!wait) return 0;
  requireWaitable(kernel, what, resource);
  return kernel.scheduler.execute(acquireProcedure, kernel, { resource, as, what });
}

function release(kernel: Kernel, resource: Address, owner: Address, what: string): void {
  const held = holding(kernel, resource);
  const count = held.owners.get(owner);
  if (count === undefined) {
    kernel.bugCheck(
      RESOURCE_NOT_OWNED,
      [resource, owner, 0, 0],
      `${what} was called for the resource at 0x${resource.toString(16)}, which thread 0x${owner.toString(16)} does not hold`,
    );
  }
  if (count > 1) held.owners.set(owner, count - 1);
  else held.owners.delete(owner);
  if (held.owners.size === 0) held.exclusive = false;
  show(kernel, resource, held);
  if (count === 1) lockReleased(kernel, resource);
}

function initialize(kernel: Kernel, resource: Address): number {
  kernel.memory.u8.fill(0, resource, resource + ERESOURCE.size);
  holdingsOf(kernel).set(resource, { exclusive: false, owners: new Map() });
  return STATUS_SUCCESS;
}

const currentOwner = (kernel: Kernel): Address => ownerAddress(kernel.scheduler.thread);
const page = (name: string): string => `wdm/nf-wdm-${name.toLowerCase()}`;
type Resource = Pointer<ERESOURCE>;

function acquiring(name: string, as: string) {
  return waiting(
    `BOOLEAN ${name}(PERESOURCE Resource, BOOLEAN Wait)`,
    '<=APC_LEVEL',
    '2000',
    page(name),
    (kernel, driver) => (Resource: Resource, Wait: boolean) =>
      acquire(kernel, driver, Resource, as, Boolean(Wait), name),
  );
}

/** Makes a free resource; STATUS_SUCCESS. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-exinitializeresourcelite */
export const ExInitializeResourceLite = synchronous(
  'NTSTATUS ExInitializeResourceLite(PERESOURCE Resource)',
  '<=DISPATCH_LEVEL',
  '2000',
  'wdm/nf-wdm-exinitializeresourcelite',
  (kernel) => (Resource: Resource) => initialize(kernel, Resource),
);
/** Makes a resource that exists free again; STATUS_SUCCESS. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-exreinitializeresourcelite */
export const ExReinitializeResourceLite = synchronous(
  'NTSTATUS ExReinitializeResourceLite(PERESOURCE Resource)',
  '<=DISPATCH_LEVEL',
  '2000',
  'wdm/nf-wdm-exreinitializeresourcelite',
  (kernel) => (Resource: Resource) => initialize(kernel, Resource),
);
/** Ends a resource; STATUS_SUCCESS. One that is held is a finding. IRQL <= APC_LEVEL. wdm/nf-wdm-exdeleteresourcelite */
export const ExDeleteResourceLite = synchronous(
  'NTSTATUS ExDeleteResourceLite(PERESOURCE Resource)',
  '<=APC_LEVEL',
  '2000',
  'wdm/nf-wdm-exdeleteresourcelite',
  (kernel, driver) => (Resource: Resource) => {
    if ((holdingsOf(kernel).get(Resource)?.owners.size ?? 0) > 0) {
      kernel.report(
        'RESOURCE_DELETED_WHILE_HELD',
        driver,
        `ExDeleteResourceLite was called for the resource at 0x${Resource.toString(16)} while a thread holds it`,
        'wdm/nf-wdm-exdeleteresourcelite',
      );
    }
    holdingsOf(kernel).delete(Resource);
    return STATUS_SUCCESS;
  },
);
/** Takes the resource alone; FALSE where `Wait` is FALSE and it is held. IRQL <= APC_LEVEL. wdm/nf-wdm-exacquireresourceexclusivelite */
export const ExAcquireResourceExclusiveLite = acquiring('ExAcquireResourceExclusiveLite', AS_EXCLUSIVE);
/** Takes a share, behind who waits to have it alone. IRQL <= APC_LEVEL. wdm/nf-wdm-exacquireresourcesharedlite */
export const ExAcquireResourceSharedLite = acquiring('ExAcquireResourceSharedLite', AS_SHARED);
/** Takes a share, before who waits to have it alone. IRQL <= APC_LEVEL. wdm/nf-wdm-exacquiresharedstarveexclusive */
export const ExAcquireSharedStarveExclusive = acquiring('ExAcquireSharedStarveExclusive', AS_STARVE);
/** Takes a share, even a further one behind who waits to have it alone. wdm/nf-wdm-exacquiresharedwaitforexclusive */
export const ExAcquireSharedWaitForExclusive = acquiring('ExAcquireSharedWaitForExclusive', AS_WAIT);
/** Gives back one hold of this thread; bug check RESOURCE_NOT_OWNED without one. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-exreleaseresourcelite */
export const ExReleaseResourceLite = synchronous(
  'VOID ExReleaseResourceLite(PERESOURCE Resource)',
  '<=DISPATCH_LEVEL',
  '2000',
  'wdm/nf-wdm-exreleaseresourcelite',
  (kernel) => (Resource: Resource) =>
    release(kernel, Resource, currentOwner(kernel), 'ExReleaseResourceLite'),
);
/** Gives back one hold of the thread that ExGetCurrentResourceThread named. wdm/nf-wdm-exreleaseresourceforthreadlite */
export const ExReleaseResourceForThreadLite = synchronous(
  'VOID ExReleaseResourceForThreadLite(PERESOURCE Resource, ERESOURCE_THREAD ResourceThreadId)',
  '<=DISPATCH_LEVEL',
  '2000',
  'wdm/nf-wdm-exreleaseresourceforthreadlite',
  (kernel) => (Resource: Resource, ResourceThreadId: Address) =>
    release(kernel, Resource, ResourceThreadId, 'ExReleaseResourceForThreadLite'),
);
/** What names this thread for ExReleaseResourceForThreadLite. wdm/nf-wdm-exgetcurrentresourcethread */
export const ExGetCurrentResourceThread = inlined(
  'ERESOURCE_THREAD ExGetCurrentResourceThread(VOID)',
  '<=DISPATCH_LEVEL',
  '2000',
  'wdm/nf-wdm-exreleaseresourceforthreadlite',
  (kernel) => () => currentOwner(kernel),
);
/** Makes an exclusive hold a shared one and lets others share it. IRQL <= APC_LEVEL. wdm/nf-wdm-exconvertexclusivetosharedlite */
export const ExConvertExclusiveToSharedLite = synchronous(
  'VOID ExConvertExclusiveToSharedLite(PERESOURCE Resource)',
  '<=APC_LEVEL',
  '2000',
  'wdm/nf-wdm-exconvertexclusivetosharedlite',
  (kernel) => (Resource: Resource) => {
    const held = holding(kernel, Resource);
    if (!held.exclusive || !held.owners.has(currentOwner(kernel))) {
      kernel.bugCheck(
        RESOURCE_NOT_OWNED,
        [Resource, currentOwner(kernel), 0, 0],
        `ExConvertExclusiveToSharedLite was called for the resource at 0x${Resource.toString(16)}, which the thread does not hold alone`,
      );
    }
    held.exclusive = false;
    show(kernel, Resource, held);
    lockReleased(kernel, Resource);
  },
);
/** TRUE where this thread has the resource alone. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-exisresourceacquiredexclusivelite */
export const ExIsResourceAcquiredExclusiveLite = synchronous(
  'BOOLEAN ExIsResourceAcquiredExclusiveLite(PERESOURCE Resource)',
  '<=DISPATCH_LEVEL',
  '2000',
  'wdm/nf-wdm-exisresourceacquiredexclusivelite',
  (kernel) => (Resource: Resource) => {
    const held = holding(kernel, Resource);
    return held.exclusive && held.owners.has(currentOwner(kernel)) ? 1 : 0;
  },
);
/** How often this thread holds the resource, shared or alone. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-exisresourceacquiredsharedlite */
export const ExIsResourceAcquiredSharedLite = synchronous(
  'ULONG ExIsResourceAcquiredSharedLite(PERESOURCE Resource)',
  '<=DISPATCH_LEVEL',
  '2000',
  'wdm/nf-wdm-exisresourceacquiredsharedlite',
  (kernel) => (Resource: Resource) => holding(kernel, Resource).owners.get(currentOwner(kernel)) ?? 0,
);
/** Threads that wait to have the resource alone. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-exgetexclusivewaitercount */
export const ExGetExclusiveWaiterCount = synchronous(
  'ULONG ExGetExclusiveWaiterCount(PERESOURCE Resource)',
  '<=DISPATCH_LEVEL',
  '2000',
  'wdm/nf-wdm-exgetexclusivewaitercount',
  ({ scheduler }) =>
    (Resource: Resource) =>
      scheduler.waits.waiterCountAs(Resource, AS_EXCLUSIVE),
);
/** Threads that wait for a share. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-exgetsharedwaitercount */
export const ExGetSharedWaiterCount = synchronous(
  'ULONG ExGetSharedWaiterCount(PERESOURCE Resource)',
  '<=DISPATCH_LEVEL',
  '2000',
  'wdm/nf-wdm-exgetsharedwaitercount',
  ({ scheduler: { waits } }) =>
    (Resource: Resource) =>
      waits.waiterCount(Resource) - waits.waiterCountAs(Resource, AS_EXCLUSIVE),
);
