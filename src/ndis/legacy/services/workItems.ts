/** Work items of NDIS 5: in memory of the driver's. Implements nf-ndis-ndisscheduleworkitem and NdisInitializeWorkItem (ddk/ndis.h). */

import {
  type CallbackPointer,
  type Context,
  CriticalWorkQueue,
  declareCallback,
  procedure,
  queueSystemWork,
  WORKER_INVALID,
} from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import { NDIS_STATUS_SUCCESS } from '../../generated/constants/index.ts';
import { NDIS_WORK_ITEM } from '../../generated/structures/index.ts';
import { type NdisLibrary, perNdis } from '../../library.ts';
import { legacyFunction, legacyMacro } from '../declareLegacy.ts';

/** What a driver gives to NdisInitializeWorkItem; may wait. It may free or queue the work item again. */
export type NDIS_PROC = (WorkItem: NDIS_WORK_ITEM, Context: unknown) => void | Promise<void>;
export const NDIS_PROC = declareCallback<NDIS_PROC>({
  prototype: 'VOID NDIS_PROC(PNDIS_WORK_ITEM WorkItem, PVOID Context)',
  role: 'WorkItemRoutine',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '4.0',
  page: 'ndis/nc-ndis-ndis_proc',
});

/** Work items that wait: the memory of one must not be queued twice. */
const queuedOf = perNdis('queued NDIS 5 work items', () => new Set<Address>());

interface Locals {
  readonly driver: number;
  readonly item: Address;
}

const run = procedure<NdisLibrary, Locals>('NdisScheduleWorkItem', {
  start: (ndis, { driver, item }, step) => {
    const { memory, kernel } = ndis;
    queuedOf(ndis).delete(item);
    const routine = memory.readPointer(item + NDIS_WORK_ITEM.offset.Routine);
    const callback = kernel.drivers[driver].callback(routine, NDIS_PROC);
    if (callback === null) return step.done(0);
    return step.call('over', callback, item, memory.readPointer(item + NDIS_WORK_ITEM.offset.Context));
  },
  over: (_ndis, _locals, step) => step.done(0),
});

/** Sets routine and context of a work item. Any IRQL. */
export const NdisInitializeWorkItem = legacyMacro(
  'VOID NdisInitializeWorkItem(PNDIS_WORK_ITEM _WI_, NDIS_PROC _R_, PVOID _C_)',
  'any',
  ({ memory }) =>
    (_WI_: Address, _R_: CallbackPointer<NDIS_PROC>, _C_: Context): void => {
      memory.writePointer(_WI_ + NDIS_WORK_ITEM.offset.Routine, _R_);
      memory.writePointer(_WI_ + NDIS_WORK_ITEM.offset.Context, _C_);
    },
);

/**
 * Queues a work item; a system worker calls its routine at PASSIVE_LEVEL. One that waits already is a bug check.
 * @returns NDIS_STATUS_SUCCESS. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndisscheduleworkitem
 */
export const NdisScheduleWorkItem = legacyFunction(
  'NDIS_STATUS NdisScheduleWorkItem(PNDIS_WORK_ITEM WorkItem)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) =>
    (WorkItem: Address): number => {
      const queued = queuedOf(ndis);
      if (queued.has(WorkItem)) {
        const text = `NdisScheduleWorkItem of ${driver.name}: the work item 0x${WorkItem.toString(16)} is queued and has not run yet`;
        ndis.kernel.bugCheck(WORKER_INVALID, [1, WorkItem, 0, 0], text);
      }
      queued.add(WorkItem);
      queueSystemWork(ndis.kernel, CriticalWorkQueue, run, ndis, { driver: driver.id - 1, item: WorkItem });
      return NDIS_STATUS_SUCCESS;
    },
);
