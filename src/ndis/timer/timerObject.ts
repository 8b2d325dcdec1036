/**
 * Timer objects: a KTIMER and a KDPC of the library's, and the driver's NetTimerCallback.
 * Implements NdisAllocateTimerObject, NdisSetTimerObject, NdisSetCoalescableTimerObject, NdisCancelTimerObject,
 * NdisFreeTimerObject and NDIS_TIMER_FUNCTION (ndis).
 */

import {
  type Context,
  cancelTimer,
  type Driver,
  type DriverCallback,
  declareCallback,
  dueTimeOf,
  type Handle,
  initializeDpc,
  initializeTimer,
  isDpcQueued,
  isTimerSet,
  libraryDpcRoutine,
  type OutPointer,
  PASSIVE_LEVEL,
  type Pointer,
  poolOf,
  removeQueueDpc,
  setTimer,
} from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import { synchronous } from '../declareNdis.ts';
import {
  NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS,
  NDIS_SIZEOF_TIMER_CHARACTERISTICS_REVISION_1,
  NDIS_STATUS_BAD_CHARACTERISTICS,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { NDIS_TIMER_CHARACTERISTICS } from '../generated/structures/index.ts';
import { type NdisLibrary, NdisObject, perNdis } from '../library.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';

const ALLOCATE_PAGE = 'ndis/nf-ndis-ndisallocatetimerobject';
const SET_PAGE = 'ndis/nf-ndis-ndissettimerobject';
const COALESCABLE_PAGE = 'ndis/nf-ndis-ndissetcoalescabletimerobject';
const CANCEL_PAGE = 'ndis/nf-ndis-ndiscanceltimerobject';
const FREE_PAGE = 'ndis/nf-ndis-ndisfreetimerobject';
const MAXLONG = 0x7fff_ffff;
/** The KDPC lies behind the KTIMER. */
const DPC = 64;
const BLOCK_SIZE = 128;

/** NetTimerCallback: called at DISPATCH_LEVEL each time the timer fires. ndis/nc-ndis-ndis_timer_function */
export type NDIS_TIMER_FUNCTION = (
  SystemSpecific1: unknown,
  FunctionContext: unknown,
  SystemSpecific2: unknown,
  SystemSpecific3: unknown,
) => void;
export const NDIS_TIMER_FUNCTION = declareCallback<NDIS_TIMER_FUNCTION>({
  prototype:
    'VOID NDIS_TIMER_FUNCTION(PVOID SystemSpecific1, PVOID FunctionContext, PVOID SystemSpecific2, PVOID SystemSpecific3)',
  role: 'NetTimerCallback',
  irql: 'DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nc-ndis-ndis_timer_function',
});

const headerRule: HeaderRule = {
  structure: 'NDIS_TIMER_CHARACTERISTICS',
  type: NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS,
  revisions: [{ revision: 1, size: NDIS_SIZEOF_TIMER_CHARACTERISTICS_REVISION_1, minorVersion: 0 }],
  page: 'ndis/ns-ndis-_ndis_timer_characteristics',
};

/** What stands behind the handle of a timer object. */
export class TimerObject extends NdisObject {
  readonly driver: Driver;
  readonly callback: DriverCallback<NDIS_TIMER_FUNCTION>;
  readonly tag: number;
  /** Context where a set gives none. */
  readonly defaultContext: Address;
  /** KTIMER, then KDPC. */
  readonly block: Address;
  context: Address = 0;
  periodic = false;

  constructor(
    driver: Driver,
    callback: DriverCallback<NDIS_TIMER_FUNCTION>,
    tag: number,
    defaultContext: Address,
    block: Address,
  ) {
    super();
    this.driver = driver;
    this.callback = callback;
    this.tag = tag;
    this.defaultContext = defaultContext;
    this.block = block;
  }
}

/** The DPC routine of all timer objects of a library; the KDPC's context is the timer's handle. */
const timerRoutineOf = perNdis('timerRoutine', (ndis) =>
  libraryDpcRoutine(ndis.kernel, (_dpc, handle) => {
    const timer = ndis.resolve(handle, TimerObject);
    timer?.callback.invoke(0, timer.context, 0, 0);
  }),
);

function release(ndis: NdisLibrary, timer: TimerObject): void {
  cancelTimer(ndis.kernel, timer.block);
  removeQueueDpc(ndis.kernel, timer.block + DPC);
  ndis.unregister(timer);
  poolOf(ndis.kernel).free(timer.block, timer.tag);
}

function allocate(ndis: NdisLibrary, driver: Driver, characteristics: Address, output: Address): number {
  const { kernel, memory } = ndis;
  if (checkHeader(ndis, driver, 'NdisAllocateTimerObject', characteristics, headerRule) === null)
    return NDIS_STATUS_BAD_CHARACTERISTICS;
  const { offset } = NDIS_TIMER_CHARACTERISTICS;
  const tag = memory.u32[(characteristics + offset.AllocationTag) >> 2];
  const address = memory.readPointer(characteristics + offset.TimerFunction);
  if (address === 0 || tag === 0) {
    const member = address === 0 ? 'TimerFunction' : 'AllocationTag';
    kernel.note('NdisAllocateTimerObject', `${driver.name}: NDIS_TIMER_CHARACTERISTICS.${member} is 0`);
    return NDIS_STATUS_BAD_CHARACTERISTICS;
  }
  const callback = driver.callback(address, NDIS_TIMER_FUNCTION);
  if (callback === null) return NDIS_STATUS_BAD_CHARACTERISTICS;
  const block = poolOf(kernel).allocate(poolType.nonPagedNx, BLOCK_SIZE, tag, 0);
  if (block === 0) return NDIS_STATUS_RESOURCES;
  const context = memory.readPointer(characteristics + offset.FunctionContext);
  const timer = new TimerObject(driver, callback, tag, context, block);
  const handle = ndis.register(timer);
  initializeTimer(kernel, block);
  initializeDpc(kernel, block + DPC, timerRoutineOf(ndis), handle);
  driver.own(`timer object ${handle}`, {
    kind: 'timer object',
    name: `0x${handle.toString(16)}`,
    releasedBy: 'NdisFreeTimerObject',
    release: () => release(ndis, timer),
  });
  memory.writePointer(output, handle);
  return NDIS_STATUS_SUCCESS;
}

/**
 * Allocates a timer object with the function and default context of `TimerCharacteristics`.
 * @returns NDIS_STATUS_BAD_CHARACTERISTICS for a wrong header or without function or tag (a note says which),
 * NDIS_STATUS_RESOURCES when memory is short, NDIS_STATUS_FAILURE for a wrong handle. IRQL <= DISPATCH_LEVEL.
 * ndis/nf-ndis-ndisallocatetimerobject
 */
export const NdisAllocateTimerObject = synchronous(
  'NDIS_STATUS NdisAllocateTimerObject(NDIS_HANDLE NdisHandle, PNDIS_TIMER_CHARACTERISTICS TimerCharacteristics, PNDIS_HANDLE pTimerObject)',
  '<=DISPATCH_LEVEL',
  '6.0',
  ALLOCATE_PAGE,
  (ndis, driver) =>
    (
      NdisHandle: Handle,
      TimerCharacteristics: Pointer<NDIS_TIMER_CHARACTERISTICS>,
      pTimerObject: OutPointer,
    ): number => {
      if (ndis.expect(NdisHandle, NdisObject, driver, 'NdisAllocateTimerObject', ALLOCATE_PAGE) === null)
        return NDIS_STATUS_FAILURE;
      return allocate(ndis, driver, TimerCharacteristics, pTimerObject);
    },
);

interface Setting {
  readonly call: string;
  readonly page: string;
  readonly dueTime: bigint;
  readonly period: number;
  readonly context: Address;
  readonly tolerance: number;
}

function set(ndis: NdisLibrary, driver: Driver, handle: Handle, setting: Setting): number {
  const { call, page, period, tolerance } = setting;
  const { kernel } = ndis;
  const timer = ndis.expect(handle, TimerObject, driver, call, page);
  if (timer === null) return 0;
  if (period >>> 0 > MAXLONG) {
    kernel.report(
      'TIMER_PERIOD_TOO_LONG',
      driver,
      `${call}: MillisecondsPeriod is ${period >>> 0}; it may be at most ${MAXLONG}. The timer was not set`,
      page,
    );
    return 0;
  }
  timer.context = setting.context === 0 ? timer.defaultContext : setting.context;
  timer.periodic = period !== 0;
  const due = dueTimeOf(kernel, BigInt(setting.dueTime));
  return setTimer(kernel, timer.block, due, period, timer.block + DPC, tolerance) ? 1 : 0;
}

/**
 * Sets a timer to fire at `DueTime` (100 ns; negative from now, else system time) and, with a period, every
 * `MillisecondsPeriod` after. `FunctionContext` NULL stands for the context of the characteristics.
 * @returns TRUE where it was set already; that setting is replaced. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndissettimerobject
 */
export const NdisSetTimerObject = synchronous(
  'BOOLEAN NdisSetTimerObject(NDIS_HANDLE TimerObject, LARGE_INTEGER DueTime, LONG MillisecondsPeriod, PVOID FunctionContext)',
  '<=DISPATCH_LEVEL',
  '6.0',
  SET_PAGE,
  (ndis, driver) =>
    (TimerObject: Handle, DueTime: bigint, MillisecondsPeriod: number, FunctionContext: Context): number =>
      set(ndis, driver, TimerObject, {
        call: 'NdisSetTimerObject',
        page: SET_PAGE,
        dueTime: DueTime,
        period: MillisecondsPeriod,
        context: FunctionContext,
        tolerance: 0,
      }),
);

/** As NdisSetTimerObject; it may fire up to `Tolerance` milliseconds later, together with others. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndissetcoalescabletimerobject */
export const NdisSetCoalescableTimerObject = synchronous(
  'BOOLEAN NdisSetCoalescableTimerObject(NDIS_HANDLE TimerObject, LARGE_INTEGER DueTime, LONG MillisecondsPeriod, PVOID FunctionContext, ULONG Tolerance)',
  '<=DISPATCH_LEVEL',
  '6.20',
  COALESCABLE_PAGE,
  (ndis, driver) =>
    (
      TimerObject: Handle,
      DueTime: bigint,
      MillisecondsPeriod: number,
      FunctionContext: Context,
      Tolerance: number,
    ): number =>
      set(ndis, driver, TimerObject, {
        call: 'NdisSetCoalescableTimerObject',
        page: COALESCABLE_PAGE,
        dueTime: DueTime,
        period: MillisecondsPeriod,
        context: FunctionContext,
        tolerance: Tolerance,
      }),
);

/**
 * Cancels a timer. For a periodic one the caller runs at PASSIVE_LEVEL (else a finding), and its callback does not
 * run any more when the call returns; a one-shot one may still run where it fired already.
 * @returns TRUE where the timer was set. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndiscanceltimerobject
 */
export const NdisCancelTimerObject = synchronous(
  'BOOLEAN NdisCancelTimerObject(NDIS_HANDLE TimerObject)',
  '<=DISPATCH_LEVEL',
  '6.0',
  CANCEL_PAGE,
  (ndis, driver) =>
    (Handle: Handle): number => {
      const { kernel } = ndis;
      const timer = ndis.expect(Handle, TimerObject, driver, 'NdisCancelTimerObject', CANCEL_PAGE);
      if (timer === null) return 0;
      const wasSet = cancelTimer(kernel, timer.block);
      if (timer.periodic && kernel.irql !== PASSIVE_LEVEL) {
        kernel.report(
          'PERIODIC_TIMER_CANCELLED_AT_RAISED_IRQL',
          driver,
          'NdisCancelTimerObject: a periodic timer is cancelled at PASSIVE_LEVEL only, because NDIS then waits for DPCs',
          CANCEL_PAGE,
        );
      } else if (timer.periodic) kernel.scheduler.dpcs.flush();
      return wasSet ? 1 : 0;
    },
);

/** Frees a timer object. One that is set, or whose callback is about to run, is a finding and is cancelled. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndisfreetimerobject */
export const NdisFreeTimerObject = synchronous(
  'VOID NdisFreeTimerObject(NDIS_HANDLE TimerObject)',
  '<=DISPATCH_LEVEL',
  '6.0',
  FREE_PAGE,
  (ndis, driver) =>
    (Handle: Handle): void => {
      const { kernel } = ndis;
      const timer = ndis.expect(Handle, TimerObject, driver, 'NdisFreeTimerObject', FREE_PAGE);
      if (timer === null) return;
      if (isTimerSet(kernel, timer.block) || isDpcQueued(kernel, timer.block + DPC)) {
        kernel.report(
          'TIMER_FREED_WHILE_SET',
          driver,
          'NdisFreeTimerObject: the timer is set or its callback is about to run; call NdisCancelTimerObject first',
          FREE_PAGE,
        );
      }
      driver.disown(`timer object ${Handle}`);
      release(ndis, timer);
    },
);
