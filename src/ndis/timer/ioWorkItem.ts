/**
 * Work items: a driver's routine that a system worker runs at PASSIVE_LEVEL.
 * Implements NdisAllocateIoWorkItem, NdisQueueIoWorkItem and NdisFreeIoWorkItem (ndis).
 */

import {
  type CallbackPointer,
  type Context,
  CriticalWorkQueue,
  type Driver,
  declareCallback,
  type Handle,
  procedure,
  queueSystemWork,
  WORKER_INVALID,
} from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { synchronous } from '../declareNdis.ts';
import { type NdisLibrary, NdisObject } from '../library.ts';
import { Binding, ProtocolDriver } from '../protocol/protocolDriver.ts';

const ALLOCATE_PAGE = 'ndis/nf-ndis-ndisallocateioworkitem';
const QUEUE_PAGE = 'ndis/nf-ndis-ndisqueueioworkitem';
const FREE_PAGE = 'ndis/nf-ndis-ndisfreeioworkitem';

/** What a driver gives to NdisQueueIoWorkItem; may wait. ndis/nf-ndis-ndisqueueioworkitem */
export type NDIS_IO_WORKITEM_FUNCTION = (
  WorkItemContext: unknown,
  NdisIoWorkItemHandle: Handle,
) => void | Promise<void>;
export const NDIS_IO_WORKITEM_FUNCTION = declareCallback<NDIS_IO_WORKITEM_FUNCTION>({
  prototype: 'VOID NDIS_IO_WORKITEM_FUNCTION(PVOID WorkItemContext, NDIS_HANDLE NdisIoWorkItemHandle)',
  role: 'NdisIoWorkItemRoutine',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: QUEUE_PAGE,
});

/** What stands behind the handle of a work item. */
export class NdisWorkItem extends NdisObject {
  readonly driver: Driver;
  queued = false;
  constructor(driver: Driver) {
    super();
    this.driver = driver;
  }
}

interface Locals {
  readonly driver: number;
  readonly item: Address;
  readonly routine: Address;
  readonly context: Address;
}

const run = procedure<NdisLibrary, Locals>('NdisIoWorkItem', {
  start: (ndis, { driver, item, routine, context }, step) => {
    const record = ndis.resolve(item, NdisWorkItem);
    if (record !== null) record.queued = false;
    const callback = ndis.kernel.drivers[driver].callback(routine, NDIS_IO_WORKITEM_FUNCTION);
    return callback === null ? step.done(0) : step.call('over', callback, context, item);
  },
  over: (_ndis, _locals, step) => step.done(0),
});

function requireNotQueued(ndis: NdisLibrary, item: NdisWorkItem, call: string): void {
  if (!item.queued) return;
  ndis.kernel.bugCheck(
    WORKER_INVALID,
    [call === 'NdisFreeIoWorkItem' ? 2 : 1, item.handle, 0, 0],
    `${call} of ${item.driver.name} was called for the work item 0x${item.handle.toString(16)}, which is queued and has not run yet`,
  );
}

/**
 * Allocates a work item for a miniport driver, miniport adapter, filter driver or device handle. A protocol driver
 * has no device object: its handles are a finding.
 * @returns the handle, NULL for a wrong handle. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndisallocateioworkitem
 */
export const NdisAllocateIoWorkItem = synchronous(
  'NDIS_HANDLE NdisAllocateIoWorkItem(NDIS_HANDLE NdisObjectHandle)',
  '<=DISPATCH_LEVEL',
  '6.0',
  ALLOCATE_PAGE,
  (ndis, driver) =>
    (NdisObjectHandle: Handle): Handle => {
      const owner = ndis.expect(
        NdisObjectHandle,
        NdisObject,
        driver,
        'NdisAllocateIoWorkItem',
        ALLOCATE_PAGE,
      );
      if (owner === null) return 0;
      if (owner instanceof ProtocolDriver || owner instanceof Binding) {
        ndis.kernel.report(
          'WORK_ITEM_OF_PROTOCOL',
          driver,
          'NdisAllocateIoWorkItem was given a handle of a protocol driver, which has no device object; call IoAllocateWorkItem',
          ALLOCATE_PAGE,
        );
        return 0;
      }
      const item = new NdisWorkItem(driver);
      const handle = ndis.register(item);
      driver.own(`I/O work item ${handle}`, {
        kind: 'I/O work item',
        name: `0x${handle.toString(16)}`,
        releasedBy: 'NdisFreeIoWorkItem',
        release: () => ndis.unregister(item),
      });
      return handle;
    },
);

/** Queues a work item to the critical queue; one that waits there already is a bug check. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndisqueueioworkitem */
export const NdisQueueIoWorkItem = synchronous(
  'VOID NdisQueueIoWorkItem(NDIS_HANDLE NdisIoWorkItemHandle, NDIS_IO_WORKITEM_ROUTINE Routine, PVOID WorkItemContext)',
  '<=DISPATCH_LEVEL',
  '6.0',
  QUEUE_PAGE,
  (ndis, driver) =>
    (
      NdisIoWorkItemHandle: Handle,
      Routine: CallbackPointer<NDIS_IO_WORKITEM_FUNCTION>,
      WorkItemContext: Context,
    ): void => {
      const item = ndis.expect(NdisIoWorkItemHandle, NdisWorkItem, driver, 'NdisQueueIoWorkItem', QUEUE_PAGE);
      if (item === null) return;
      requireNotQueued(ndis, item, 'NdisQueueIoWorkItem');
      item.queued = true;
      queueSystemWork(ndis.kernel, CriticalWorkQueue, run, ndis, {
        driver: driver.id - 1,
        item: NdisIoWorkItemHandle,
        routine: Routine,
        context: WorkItemContext,
      });
    },
);

/** Frees a work item, also from its own routine; one that is queued is a bug check. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndisfreeioworkitem */
export const NdisFreeIoWorkItem = synchronous(
  'VOID NdisFreeIoWorkItem(NDIS_HANDLE NdisIoWorkItemHandle)',
  '<=DISPATCH_LEVEL',
  '6.0',
  FREE_PAGE,
  (ndis, driver) =>
    (NdisIoWorkItemHandle: Handle): void => {
      const item = ndis.expect(NdisIoWorkItemHandle, NdisWorkItem, driver, 'NdisFreeIoWorkItem', FREE_PAGE);
      if (item === null) return;
      requireNotQueued(ndis, item, 'NdisFreeIoWorkItem');
      driver.disown(`I/O work item ${NdisIoWorkItemHandle}`);
      ndis.unregister(item);
    },
);
