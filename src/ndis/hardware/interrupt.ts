/**
 * Interrupts of miniport drivers for NDIS 6. Implements NdisMRegisterInterruptEx, NdisMDeregisterInterruptEx,
 * NdisMSynchronizeWithInterruptEx, NdisMQueueDpc and NdisMQueueDpcEx (ndis.h).
 */

import {
  busOf,
  type Context,
  type Driver,
  type DriverCallback,
  GROUP_AFFINITY,
  type Handle,
  type OutPointer,
  type Pointer,
} from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { synchronous } from '../declareNdis.ts';
import {
  NDIS_CONNECT_LINE_BASED,
  NDIS_CONNECT_MESSAGE_BASED,
  NDIS_MINIPORT_INTERRUPT_REVISION_1,
  NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT,
  NDIS_SIZEOF_MINIPORT_INTERRUPT_CHARACTERISTICS_REVISION_1,
  NDIS_STATUS_BAD_CHARACTERISTICS,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';
import { functionOf } from './adapterHardware.ts';
import {
  MINIPORT_DISABLE_INTERRUPT,
  MINIPORT_DISABLE_MESSAGE_INTERRUPT,
  MINIPORT_ENABLE_INTERRUPT,
  MINIPORT_ENABLE_MESSAGE_INTERRUPT,
  MINIPORT_INTERRUPT_DPC,
  MINIPORT_ISR,
  MINIPORT_MESSAGE_INTERRUPT,
  MINIPORT_MESSAGE_INTERRUPT_DPC,
  MINIPORT_SYNCHRONIZE_INTERRUPT,
} from './interruptCallbacks.ts';
import {
  connectInterrupt,
  disconnectInterrupt,
  InterruptObject,
  type InterruptRoutines,
  interruptObjectsOf,
} from './interruptObject.ts';

const REGISTER_PAGE = 'ndis/nf-ndis-ndismregisterinterruptex';
const DEREGISTER_PAGE = 'ndis/nf-ndis-ndismderegisterinterruptex';
const SYNCHRONIZE_PAGE = 'ndis/nf-ndis-ndismsynchronizewithinterruptex';
const QUEUE_PAGE = 'ndis/nf-ndis-ndismqueuedpc';
const QUEUE_EX_PAGE = 'ndis/nf-ndis-ndismqueuedpcex';
const characteristicsOffset = NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS.offset;

const characteristicsRule: HeaderRule = {
  structure: 'NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS',
  type: NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT,
  revisions: [
    {
      revision: NDIS_MINIPORT_INTERRUPT_REVISION_1,
      size: NDIS_SIZEOF_MINIPORT_INTERRUPT_CHARACTERISTICS_REVISION_1,
      minorVersion: 0,
    },
  ],
  page: 'ndis/ns-ndis-_ndis_miniport_interrupt_characteristics',
};

type Member = keyof typeof characteristicsOffset;

/** The routines for a line; null where one is missing. */
function lineRoutines(
  handler: (member: Member) => Address,
  driver: Driver,
  context: unknown,
): InterruptRoutines | null {
  const service = driver.callback(handler('InterruptHandler'), MINIPORT_ISR);
  const deferred = driver.callback(handler('InterruptDpcHandler'), MINIPORT_INTERRUPT_DPC);
  const disable = driver.callback(handler('DisableInterruptHandler'), MINIPORT_DISABLE_INTERRUPT);
  const enable = driver.callback(handler('EnableInterruptHandler'), MINIPORT_ENABLE_INTERRUPT);
  if (service === null || deferred === null || disable === null || enable === null) return null;
  return {
    service: (_message, queueDefault, targets) => isTrue(service.invoke(context, queueDefault, targets)),
    deferred: (_message, dpcContext, throttle) => deferred.invoke(context, dpcContext, throttle, 0),
    enable: (_message, on) => (on ? enable : disable).invoke(context),
  };
}

/** The routines for messages; null where one is missing. */
function messageRoutines(
  handler: (member: Member) => Address,
  driver: Driver,
  context: unknown,
): InterruptRoutines | null {
  const service = driver.callback(handler('MessageInterruptHandler'), MINIPORT_MESSAGE_INTERRUPT);
  const deferred = driver.callback(handler('MessageInterruptDpcHandler'), MINIPORT_MESSAGE_INTERRUPT_DPC);
  const disable = driver.callback(
    handler('DisableMessageInterruptHandler'),
    MINIPORT_DISABLE_MESSAGE_INTERRUPT,
  );
  const enable = driver.callback(handler('EnableMessageInterruptHandler'), MINIPORT_ENABLE_MESSAGE_INTERRUPT);
  if (service === null || deferred === null || disable === null || enable === null) return null;
  return {
    service: (message, queueDefault, targets) =>
      isTrue(service.invoke(context, message, queueDefault, targets)),
    deferred: (message, dpcContext, throttle) => deferred.invoke(context, message, dpcContext, throttle, 0),
    enable: (message, on) => (on ? enable : disable).invoke(context, message),
  };
}

/** BOOLEAN comes from machine code as a number. */
export function isTrue(result: number | boolean): boolean {
  return result !== 0 && result !== false;
}

/**
 * Registers the interrupt of an adapter: by messages where driver and bus can, else by its line; InterruptType and
 * MessageInfoTable say which. Handlers may be called before it returns.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_BAD_CHARACTERISTICS for a wrong header or where a handler is missing;
 * NDIS_STATUS_RESOURCES when memory is short; NDIS_STATUS_FAILURE for a wrong handle, for an adapter without hardware,
 * and before NdisMSetMiniportAttributes (a finding).
 * IRQL PASSIVE_LEVEL. Page ndis/nf-ndis-ndismregisterinterruptex.
 */
export const NdisMRegisterInterruptEx = synchronous(
  'NDIS_STATUS NdisMRegisterInterruptEx(NDIS_HANDLE MiniportAdapterHandle, NDIS_HANDLE MiniportInterruptContext, ' +
    'PNDIS_MINIPORT_INTERRUPT_CHARACTERISTICS MiniportInterruptCharacteristics, PNDIS_HANDLE NdisInterruptHandle)',
  'PASSIVE_LEVEL',
  '6.0',
  REGISTER_PAGE,
  (ndis, driver) =>
    (
      MiniportAdapterHandle: Handle,
      MiniportInterruptContext: Context,
      MiniportInterruptCharacteristics: Pointer<NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS>,
      NdisInterruptHandle: OutPointer,
    ): number => {
      const call = 'NdisMRegisterInterruptEx';
      const adapter = ndis.expect(MiniportAdapterHandle, MiniportAdapter, driver, call, REGISTER_PAGE);
      const target = adapter === null ? null : functionOf(ndis, adapter);
      if (adapter === null || target === null || !isReady(ndis, adapter, driver)) return NDIS_STATUS_FAILURE;
      if (checkHeader(ndis, driver, call, MiniportInterruptCharacteristics, characteristicsRule) === null)
        return NDIS_STATUS_BAD_CHARACTERISTICS;
      const { memory } = ndis;
      const given = NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS.at(memory, MiniportInterruptCharacteristics);
      const handler = (member: Member): Address =>
        memory.readPointer(MiniportInterruptCharacteristics + characteristicsOffset[member]);
      const context = ndis.contextValue(MiniportInterruptContext);
      const line = lineRoutines(handler, driver, context);
      const wantsMessages = isTrue(given.MsiSupported);
      const messages = wantsMessages ? messageRoutines(handler, driver, context) : null;
      if (line === null || (wantsMessages && messages === null)) return NDIS_STATUS_BAD_CHARACTERISTICS;
      if (messages === null) target.useLine();
      const routines = target.messagesEnabled && messages !== null ? messages : line;
      const made = new InterruptObject(ndis, adapter, driver, target, routines);
      const object = connectInterrupt(made, isTrue(given.MsiSyncWithAllMessages));
      if (object === null) return NDIS_STATUS_RESOURCES;
      given.InterruptType = object.messageBased ? NDIS_CONNECT_MESSAGE_BASED : NDIS_CONNECT_LINE_BASED;
      given.MessageInfoTable = object.messageInfo;
      memory.writePointer(NdisInterruptHandle, object.handle);
      return NDIS_STATUS_SUCCESS;
    },
);

/** Interrupts are registered after the attributes; anything else is a finding. */
function isReady(ndis: NdisLibrary, adapter: MiniportAdapter, driver: Driver): boolean {
  if (adapter.registration !== null) return true;
  ndis.kernel.report(
    'ATTRIBUTES_MISSING',
    driver,
    `NdisMRegisterInterruptEx of ${adapter.label} came before NdisMSetMiniportAttributes; set the attributes first`,
    REGISTER_PAGE,
  );
  return false;
}

/**
 * Deregisters an interrupt: no routine is called after it returns, DPCs that wait are taken out. A device that
 * interrupts still is a finding: disable its interrupts first. IRQL PASSIVE_LEVEL.
 * Page ndis/nf-ndis-ndismderegisterinterruptex.
 */
export const NdisMDeregisterInterruptEx = synchronous(
  'VOID NdisMDeregisterInterruptEx(NDIS_HANDLE NdisInterruptHandle)',
  'PASSIVE_LEVEL',
  '6.0',
  DEREGISTER_PAGE,
  (ndis, driver) =>
    (NdisInterruptHandle: Handle): void => {
      const call = 'NdisMDeregisterInterruptEx';
      const object = ndis.expect(NdisInterruptHandle, InterruptObject, driver, call, DEREGISTER_PAGE);
      if (object === null) return;
      if (disconnectInterrupt(object)) reportActive(object, DEREGISTER_PAGE);
    },
);

/** Reports that a device interrupts although nobody listens any more. */
export function reportActive({ ndis, adapter, driver }: InterruptObject, page: string): void {
  ndis.kernel.report(
    'INTERRUPT_ACTIVE',
    driver,
    `the interrupt of ${adapter.label} was deregistered while its device interrupts; disable interrupts at the device first`,
    page,
  );
}

/**
 * Calls MiniportSynchronizeInterrupt at the DIRQL of the interrupt, or of one message, while it is held back.
 * @returns what it returned; FALSE, and a finding, for a wrong handle or message and where the caller is called by
 * this interrupt itself, which would wait for ever. IRQL <= DIRQL. Page ndis/nf-ndis-ndismsynchronizewithinterruptex.
 */
export const NdisMSynchronizeWithInterruptEx = synchronous(
  'BOOLEAN NdisMSynchronizeWithInterruptEx(NDIS_HANDLE NdisInterruptHandle, ULONG MessageId, ' +
    'PVOID SynchronizeFunction, PVOID SynchronizeContext)',
  '<=DIRQL',
  '6.0',
  SYNCHRONIZE_PAGE,
  (ndis, driver) =>
    (
      NdisInterruptHandle: Handle,
      MessageId: number,
      SynchronizeFunction: Address,
      SynchronizeContext: Context,
    ): number => {
      const call = 'NdisMSynchronizeWithInterruptEx';
      const object = ndis.expect(NdisInterruptHandle, InterruptObject, driver, call, SYNCHRONIZE_PAGE);
      if (object === null) return 0;
      let callback = object.synchronized.get(SynchronizeFunction);
      if (callback === undefined) {
        const found = driver.callback(SynchronizeFunction, MINIPORT_SYNCHRONIZE_INTERRUPT);
        if (found === null) return 0;
        // Only routines of this declaration are kept there.
        callback = found as unknown as DriverCallback;
        object.synchronized.set(SynchronizeFunction, callback);
      }
      const invoke = callback.invoke as unknown as MINIPORT_SYNCHRONIZE_INTERRUPT;
      return synchronizeWith(object, MessageId, call, SYNCHRONIZE_PAGE, () =>
        isTrue(invoke(ndis.contextValue(SynchronizeContext))),
      );
    },
);

/** Runs `action` with the lock of a message; 1 where it gave true, else 0. */
export function synchronizeWith(
  object: InterruptObject,
  message: number,
  call: string,
  page: string,
  action: () => boolean,
): number {
  const { ndis, adapter, driver } = object;
  const lock = object.hasMessage(message) ? object.lockOf(message) : null;
  if (lock === null) {
    ndis.kernel.report('BAD_MESSAGE', driver, `${call}: ${adapter.label} has no message ${message}`, page);
    return 0;
  }
  const result = busOf(ndis.kernel).interrupts.synchronize(lock, action);
  if (result === null) {
    const text = `${call} was called while the lock of this interrupt is held, and would wait for ever; the caller has it already`;
    ndis.kernel.report('INTERRUPT_LOCK_HELD', driver, text, page);
  }
  return result === true ? 1 : 0;
}

/** Queues DPCs of a message; which ones were not queued already. */
function queueDpcs(
  ndis: NdisLibrary,
  driver: Driver,
  handle: Handle,
  message: number,
  targets: bigint,
  context: Address,
  call: string,
  page: string,
): bigint {
  const object = ndis.expect(handle, InterruptObject, driver, call, page);
  if (object === null) return 0n;
  if (!object.hasMessage(message)) {
    ndis.kernel.report(
      'BAD_MESSAGE',
      driver,
      `${call}: ${object.adapter.label} has no message ${message}`,
      page,
    );
    return 0n;
  }
  return object.queue(message, targets, context);
}

/**
 * Queues DPCs on the processors of a bit map. For NDIS 6.0 and 6.1; later drivers call NdisMQueueDpcEx.
 * @returns the processors where it was not queued already. Any IRQL. Page ndis/nf-ndis-ndismqueuedpc.
 */
export const NdisMQueueDpc = synchronous(
  'ULONG NdisMQueueDpc(NDIS_HANDLE NdisInterruptHandle, ULONG MessageId, ULONG TargetProcessors, PVOID MiniportDpcContext)',
  'any',
  '6.0',
  QUEUE_PAGE,
  (ndis, driver) =>
    (
      NdisInterruptHandle: Handle,
      MessageId: number,
      TargetProcessors: number,
      MiniportDpcContext: Context,
    ): number =>
      Number(
        queueDpcs(
          ndis,
          driver,
          NdisInterruptHandle,
          MessageId,
          BigInt(TargetProcessors >>> 0),
          MiniportDpcContext,
          'NdisMQueueDpc',
          QUEUE_PAGE,
        ),
      ),
);

/**
 * Queues DPCs on the processors of a group; there is one group, 0.
 * @returns the processors where it was not queued already, 0 for another group. Any IRQL.
 * Page ndis/nf-ndis-ndismqueuedpcex.
 */
export const NdisMQueueDpcEx = synchronous(
  'KAFFINITY NdisMQueueDpcEx(NDIS_HANDLE NdisInterruptHandle, ULONG MessageId, PGROUP_AFFINITY TargetProcessors, PVOID MiniportDpcContext)',
  'any',
  '6.20',
  QUEUE_EX_PAGE,
  (ndis, driver) =>
    (
      NdisInterruptHandle: Handle,
      MessageId: number,
      TargetProcessors: Pointer<GROUP_AFFINITY>,
      MiniportDpcContext: Context,
    ): bigint => {
      const { Mask, Group } = GROUP_AFFINITY.at(ndis.memory, TargetProcessors);
      return queueDpcs(
        ndis,
        driver,
        NdisInterruptHandle,
        MessageId,
        Group === 0 ? BigInt(Mask) : 0n,
        MiniportDpcContext,
        'NdisMQueueDpcEx',
        QUEUE_EX_PAGE,
      );
    },
);

/** Calls the enable or disable handlers of an adapter's interrupts, as NDIS does to diagnose. At IRQL <= DIRQL. */
export function enableInterrupts(ndis: NdisLibrary, adapter: MiniportAdapter, on: boolean): void {
  for (const object of interruptObjectsOf(ndis).get(adapter) ?? []) object.enable(on);
}

/** The adapter is over: interrupts that its driver left are findings, and go. */
export function releaseInterrupts(ndis: NdisLibrary, adapter: MiniportAdapter): void {
  for (const object of interruptObjectsOf(ndis).get(adapter)?.slice() ?? []) {
    ndis.kernel.report(
      'INTERRUPT_NOT_DEREGISTERED',
      object.driver,
      `${adapter.label} was halted and its interrupt is registered; call NdisMDeregisterInterruptEx in MiniportHaltEx`,
      DEREGISTER_PAGE,
    );
    disconnectInterrupt(object);
  }
  interruptObjectsOf(ndis).delete(adapter);
}
