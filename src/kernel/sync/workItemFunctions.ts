/**
 * Work items as drivers import them. Implements IoAllocateWorkItem, IoQueueWorkItem, ExQueueWorkItem and their kin
 * (wdm).
 */

import type { Address } from '../../memory/index.ts';
import { declareCallback } from '../declaration.ts';
import type { Driver } from '../driver.ts';
import type { CallbackPointer, Context, Handle, Pointer } from '../edge.ts';
import { WORKER_INVALID } from '../generated/constants/bugCheck.ts';
import type { DEVICE_OBJECT, WORK_QUEUE_ITEM } from '../generated/structures/index.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { procedure } from '../procedure.ts';
import { LibraryObject } from '../waitableObject.ts';
import { inlined, synchronous } from './declare.ts';
import { readContext, writeContext } from './memoryAccess.ts';
import { queueSystemWork } from './workQueue.ts';

/** WorkItem. wdm/nc-wdm-io_workitem_routine */
export type IO_WORKITEM_ROUTINE = (DeviceObject: DEVICE_OBJECT, Context: unknown) => void | Promise<void>;
export const IO_WORKITEM_ROUTINE = declareCallback<IO_WORKITEM_ROUTINE>({
  prototype: 'VOID IO_WORKITEM_ROUTINE(PDEVICE_OBJECT DeviceObject, PVOID Context)',
  role: 'WorkItem',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '2000',
  page: 'wdm/nc-wdm-io_workitem_routine',
});

/** WorkItemEx. wdm/nc-wdm-io_workitem_routine_ex */
export type IO_WORKITEM_ROUTINE_EX = (
  IoObject: unknown,
  Context: unknown,
  IoWorkItem: Handle,
) => void | Promise<void>;
export const IO_WORKITEM_ROUTINE_EX = declareCallback<IO_WORKITEM_ROUTINE_EX>({
  prototype: 'VOID IO_WORKITEM_ROUTINE_EX(PVOID IoObject, PVOID Context, PIO_WORKITEM IoWorkItem)',
  role: 'WorkItemEx',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: 'Vista',
  page: 'wdm/nc-wdm-io_workitem_routine_ex',
});

/** Worker thread routine of ExInitializeWorkItem. wdm/nc-wdm-worker_thread_routine */
export type WORKER_THREAD_ROUTINE = (Parameter: unknown) => void | Promise<void>;
export const WORKER_THREAD_ROUTINE = declareCallback<WORKER_THREAD_ROUTINE>({
  prototype: 'VOID WORKER_THREAD_ROUTINE(PVOID Context)',
  role: 'WorkerThreadRoutine',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '2000',
  page: 'wdm/nf-wdm-exinitializeworkitem',
});

/** Bytes that IoSizeofWorkItem asks for: an IO_WORKITEM of x64. */
const IO_WORKITEM_SIZE = 88;
/** Offsets in WORK_QUEUE_ITEM. */
const WORKER_ROUTINE = 16;
const PARAMETER = 24;

/** An IO_WORKITEM. */
class WorkItem extends LibraryObject {
  readonly ioObject: Address;
  queued = false;
  constructor(ioObject: Address) {
    super();
    this.ioObject = ioObject;
  }
}

/** Work items that drivers keep in memory of their own (IoInitializeWorkItem). */
const itemsInMemoryOf = perKernel('workItemsInMemory', () => new Map<Address, WorkItem>());

function itemAt(kernel: Kernel, address: Address, what: string): WorkItem {
  const value = kernel.memory.objects.valueAt(address);
  const item = value instanceof WorkItem ? value : itemsInMemoryOf(kernel).get(address);
  if (item !== undefined) return item;
  return kernel.bugCheck(
    WORKER_INVALID,
    [0, address, 0, 0],
    `${what} was given 0x${address.toString(16)}, which is no work item (any more)`,
  );
}

const run = procedure<
  Kernel,
  {
    readonly driver: number;
    readonly routine: Address;
    readonly extended: boolean;
    readonly item: Address;
    readonly context: number;
    readonly object: Address;
  }
>('WorkItem', {
  start: (kernel, locals, step) => {
    const driver = kernel.drivers[locals.driver];
    itemAt(kernel, locals.item, 'a system worker').queued = false;
    if (locals.extended) {
      const callback = driver.callback(locals.routine, IO_WORKITEM_ROUTINE_EX);
      if (callback !== null) return step.call('over', callback, locals.object, locals.context, locals.item);
    } else {
      const callback = driver.callback(locals.routine, IO_WORKITEM_ROUTINE);
      if (callback !== null) return step.call('over', callback, locals.object, locals.context);
    }
    return step.done(0);
  },
  over: (_kernel, _locals, step) => step.done(0),
});

function queueItem(
  kernel: Kernel,
  driver: Driver,
  address: Address,
  routine: Address,
  queueType: number,
  context: number,
  extended: boolean,
): void {
  const what = extended ? 'IoQueueWorkItemEx' : 'IoQueueWorkItem';
  const item = itemAt(kernel, address, what);
  if (item.queued) {
    kernel.bugCheck(
      WORKER_INVALID,
      [1, address, 0, 0],
      `${what} of ${driver.name} queued the work item 0x${address.toString(16)} again before it ran`,
    );
  }
  item.queued = true;
  queueSystemWork(kernel, queueType, run, kernel, {
    driver: driver.id - 1,
    routine,
    extended,
    item: address,
    context,
    object: item.ioObject,
  });
}

function requireNotQueued(kernel: Kernel, address: Address, what: string): WorkItem {
  const item = itemAt(kernel, address, what);
  if (!item.queued) return item;
  return kernel.bugCheck(
    WORKER_INVALID,
    [2, address, 0, 0],
    `${what} was called for the work item 0x${address.toString(16)} while it is queued; free it in its routine or after it ran`,
  );
}

/** Makes a work item for a device; NULL when none is to be had. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-ioallocateworkitem */
export const IoAllocateWorkItem = synchronous(
  'PIO_WORKITEM IoAllocateWorkItem(PDEVICE_OBJECT DeviceObject)',
  '<=DISPATCH_LEVEL',
  '2000',
  'wdm/nf-wdm-ioallocateworkitem',
  (kernel, driver) =>
    (DeviceObject: Pointer<DEVICE_OBJECT>): Handle => {
      const item = new WorkItem(DeviceObject);
      const address = kernel.memory.objects.addressOf(item, driver);
      driver.own(`work item ${address}`, {
        kind: 'work item',
        name: `0x${address.toString(16)}`,
        releasedBy: 'IoFreeWorkItem',
        release: () => kernel.memory.objects.releaseValue(item, driver),
      });
      return address;
    },
);

/** Frees a work item that is not queued; else bug check WORKER_INVALID. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-iofreeworkitem */
export const IoFreeWorkItem = synchronous(
  'VOID IoFreeWorkItem(PIO_WORKITEM IoWorkItem)',
  '<=DISPATCH_LEVEL',
  '2000',
  'wdm/nf-wdm-iofreeworkitem',
  (kernel, driver) => (IoWorkItem: Handle) => {
    const item = requireNotQueued(kernel, IoWorkItem, 'IoFreeWorkItem');
    kernel.memory.objects.releaseValue(item, driver);
    driver.disown(`work item ${IoWorkItem}`);
  },
);

/**
 * Queues a work item: `WorkerRoutine` runs once on a system worker at PASSIVE_LEVEL. Queueing it again before it
 * runs is bug check WORKER_INVALID. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-ioqueueworkitem
 */
export const IoQueueWorkItem = synchronous(
  'VOID IoQueueWorkItem(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE WorkerRoutine, WORK_QUEUE_TYPE QueueType, PVOID Context)',
  '<=DISPATCH_LEVEL',
  '2000',
  'wdm/nf-wdm-ioqueueworkitem',
  (kernel, driver) =>
    (
      IoWorkItem: Handle,
      WorkerRoutine: CallbackPointer<IO_WORKITEM_ROUTINE>,
      QueueType: number,
      Context: Context,
    ) =>
      queueItem(kernel, driver, IoWorkItem, WorkerRoutine, QueueType, Context, false),
);

/** As IoQueueWorkItem; the routine also receives the work item. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-ioqueueworkitemex */
export const IoQueueWorkItemEx = synchronous(
  'VOID IoQueueWorkItemEx(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE_EX WorkerRoutine, WORK_QUEUE_TYPE QueueType, PVOID Context)',
  '<=DISPATCH_LEVEL',
  'Vista',
  'wdm/nf-wdm-ioqueueworkitemex',
  (kernel, driver) =>
    (
      IoWorkItem: Handle,
      WorkerRoutine: CallbackPointer<IO_WORKITEM_ROUTINE_EX>,
      QueueType: number,
      Context: Context,
    ) =>
      queueItem(kernel, driver, IoWorkItem, WorkerRoutine, QueueType, Context, true),
);

/** Bytes of an IO_WORKITEM. Any IRQL. wdm/nf-wdm-iosizeofworkitem */
export const IoSizeofWorkItem = synchronous(
  'ULONG IoSizeofWorkItem(VOID)',
  'any',
  'Vista',
  'wdm/nf-wdm-iosizeofworkitem',
  () => () => IO_WORKITEM_SIZE,
);

/** Makes a work item in memory of the driver's. Any IRQL. wdm/nf-wdm-ioinitializeworkitem */
export const IoInitializeWorkItem = synchronous(
  'VOID IoInitializeWorkItem(PVOID IoObject, PIO_WORKITEM IoWorkItem)',
  'any',
  'Vista',
  'wdm/nf-wdm-ioinitializeworkitem',
  (kernel) => (IoObject: Context, IoWorkItem: Handle) => {
    itemsInMemoryOf(kernel).set(IoWorkItem, new WorkItem(IoObject));
  },
);

/** Ends a work item of IoInitializeWorkItem that is not queued; else bug check WORKER_INVALID. Any IRQL. wdm/nf-wdm-iouninitializeworkitem */
export const IoUninitializeWorkItem = synchronous(
  'VOID IoUninitializeWorkItem(PIO_WORKITEM IoWorkItem)',
  'any',
  'Vista',
  'wdm/nf-wdm-iouninitializeworkitem',
  (kernel) => (IoWorkItem: Handle) => {
    requireNotQueued(kernel, IoWorkItem, 'IoUninitializeWorkItem');
    itemsInMemoryOf(kernel).delete(IoWorkItem);
  },
);

/** Makes a WORK_QUEUE_ITEM. Any IRQL. wdm/nf-wdm-exinitializeworkitem */
export const ExInitializeWorkItem = inlined(
  'VOID ExInitializeWorkItem(PWORK_QUEUE_ITEM Item, PWORKER_THREAD_ROUTINE Routine, PVOID Context)',
  'any',
  '2000',
  'wdm/nf-wdm-exinitializeworkitem',
  ({ memory }) =>
    (Item: Pointer<WORK_QUEUE_ITEM>, Routine: CallbackPointer<WORKER_THREAD_ROUTINE>, Context: Context) => {
      memory.writePointer(Item, 0);
      memory.writePointer(Item + WORKER_ROUTINE, Routine);
      writeContext(memory, Item + PARAMETER, Context);
    },
);

const runQueued = procedure<
  Kernel,
  { readonly driver: number; readonly routine: Address; readonly item: Address; readonly parameter: number }
>('ExWorkItem', {
  start: (kernel, locals, step) => {
    kernel.memory.writePointer(locals.item, 0);
    const callback = kernel.drivers[locals.driver].callback(locals.routine, WORKER_THREAD_ROUTINE);
    return callback === null ? step.done(0) : step.call('over', callback, locals.parameter);
  },
  over: (_kernel, _locals, step) => step.done(0),
});

/**
 * Queues a WORK_QUEUE_ITEM; its routine runs once on a system worker at PASSIVE_LEVEL. Queueing it again before it
 * runs is bug check WORKER_INVALID. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-exqueueworkitem
 */
export const ExQueueWorkItem = synchronous(
  'VOID ExQueueWorkItem(PWORK_QUEUE_ITEM WorkItem, WORK_QUEUE_TYPE QueueType)',
  '<=DISPATCH_LEVEL',
  '2000',
  'wdm/nf-wdm-exqueueworkitem',
  (kernel, driver) => (WorkItem: Pointer<WORK_QUEUE_ITEM>, QueueType: number) => {
    const { memory } = kernel;
    if (memory.readPointer(WorkItem) !== 0) {
      kernel.bugCheck(
        WORKER_INVALID,
        [1, WorkItem, 0, 0],
        `ExQueueWorkItem of ${driver.name} queued the work item 0x${WorkItem.toString(16)} again before it ran, or it was not initialized`,
      );
    }
    memory.writePointer(WorkItem, WorkItem);
    queueSystemWork(kernel, QueueType, runQueued, kernel, {
      driver: driver.id - 1,
      routine: memory.readPointer(WorkItem + WORKER_ROUTINE),
      item: WorkItem,
      parameter: readContext(memory, WorkItem + PARAMETER),
    });
  },
);
