/**
 * Interrupts of miniport drivers for NDIS 3 to 5.1: always by line, with MiniportISR at DIRQL or, for a driver that asks
 * for none and shares nothing, MiniportDisableInterrupt; then MiniportHandleInterrupt as a DPC, under the lock of a
 * serialized driver. Implements NdisMRegisterInterrupt, NdisMDeregisterInterrupt and NdisMSynchronizeWithInterrupt
 * (ddk/ndis.h; "Interrupts" in network).
 */

import { type Context, type Driver, type Handle, type Pointer } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCE_CONFLICT,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../../generated/constants/index.ts';
import { NDIS_MINIPORT_INTERRUPT } from '../../generated/structures/index.ts';
import { functionOf, useLineOf } from '../../hardware/adapterHardware.ts';
import { isTrue, reportActive, synchronizeWith } from '../../hardware/interrupt.ts';
import { MINIPORT_SYNCHRONIZE_INTERRUPT } from '../../hardware/interruptCallbacks.ts';
import {
  connectInterrupt,
  disconnectInterrupt,
  InterruptObject,
  type InterruptRoutines,
} from '../../hardware/interruptObject.ts';
import { type NdisLibrary, perNdis } from '../../library.ts';
import { legacyFunction, legacyPage } from '../declareLegacy.ts';
import { callSerialized, type LegacyAdapter } from '../miniport/legacyAdapter.ts';
import { legacyAdapterAt } from '../miniport/throughBlock.ts';

/** Registered interrupts by the address of their NDIS_MINIPORT_INTERRUPT. */
const interruptsOf = perNdis('interrupts of NDIS 5', () => new Map<Address, InterruptObject>());

/** The routines of a driver; null where it has not what its registration needs. */
function routinesOf(legacy: LegacyAdapter, wantsIsr: boolean): InterruptRoutines | null {
  const { ndis, adapter, handlers } = legacy;
  const { isr, handleInterrupt, disableInterrupt, enableInterrupt } = handlers;
  if (handleInterrupt === null || (wantsIsr ? isr === null : disableInterrupt === null)) return null;
  const { u8, u32 } = ndis.memory;
  return {
    service: (_message, queueDefault, targets) => {
      if (!wantsIsr || isr === null) {
        disableInterrupt?.invoke(legacy.context);
        u8[queueDefault] = 1;
        return true;
      }
      // InterruptRecognized has no place of its own; NDIS 5 drivers name no processors.
      isr.invoke(targets, queueDefault, legacy.context);
      const recognized = u8[targets] !== 0;
      u32[targets >> 2] = 0;
      if (!recognized) u8[queueDefault] = 0;
      return recognized;
    },
    deferred: () =>
      callSerialized(ndis, adapter, () => {
        handleInterrupt.invoke(legacy.context);
        enableInterrupt?.invoke(legacy.context);
      }),
    enable: (_message, on) => (on ? enableInterrupt : disableInterrupt)?.invoke(legacy.context),
  };
}

/**
 * Registers the interrupt of an adapter; vector and level are those of its resources.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_RESOURCE_CONFLICT for another vector or level, and where the line is shared
 * and the driver or another does not share it; NDIS_STATUS_RESOURCES when memory is short; NDIS_STATUS_FAILURE without
 * hardware, for a wrong handle, and where MiniportISR, MiniportHandleInterrupt or MiniportDisableInterrupt is missing.
 * IRQL PASSIVE_LEVEL. ddk/ndis.h.
 */
export const NdisMRegisterInterrupt = legacyFunction(
  'NDIS_STATUS NdisMRegisterInterrupt(PNDIS_MINIPORT_INTERRUPT Interrupt, NDIS_HANDLE MiniportAdapterHandle, UINT InterruptVector, UINT InterruptLevel, BOOLEAN RequestIsr, BOOLEAN SharedInterrupt, NDIS_INTERRUPT_MODE InterruptMode)',
  'PASSIVE_LEVEL',
  (ndis, driver) =>
    (
      Interrupt: Pointer<NDIS_MINIPORT_INTERRUPT>,
      MiniportAdapterHandle: Handle,
      InterruptVector: number,
      InterruptLevel: number,
      RequestIsr: boolean,
      SharedInterrupt: boolean,
      _InterruptMode: number,
    ): number => {
      const call = 'NdisMRegisterInterrupt';
      const legacy = legacyAdapterAt(ndis, driver, MiniportAdapterHandle, call, legacyPage(call));
      const target = legacy === null ? null : functionOf(ndis, legacy.adapter);
      if (legacy === null || target === null) return NDIS_STATUS_FAILURE;
      useLineOf(ndis, legacy.adapter);
      const { line } = target;
      if (InterruptVector !== line.vector || InterruptLevel !== line.irql)
        return NDIS_STATUS_RESOURCE_CONFLICT;
      const shared = isTrue(SharedInterrupt);
      if (line.services.length > 0 && (!shared || exclusive(ndis).has(line)))
        return NDIS_STATUS_RESOURCE_CONFLICT;
      const routines = routinesOf(legacy, shared || isTrue(RequestIsr));
      if (routines === null) return NDIS_STATUS_FAILURE;
      const made = new InterruptObject(ndis, legacy.adapter, driver, target, routines);
      const object = connectInterrupt(made, false);
      if (object === null) return NDIS_STATUS_RESOURCES;
      if (!shared) exclusive(ndis).add(line);
      interruptsOf(ndis).set(Interrupt, object);
      const view = NDIS_MINIPORT_INTERRUPT.at(ndis.memory, Interrupt);
      ndis.memory.u8.fill(0, Interrupt, Interrupt + NDIS_MINIPORT_INTERRUPT.size);
      view.InterruptObject = object.handle;
      view.Miniport = MiniportAdapterHandle;
      view.SharedInterrupt = shared;
      view.IsrRequested = isTrue(RequestIsr);
      return NDIS_STATUS_SUCCESS;
    },
);

/** Lines whose driver does not share them. */
const exclusive = perNdis('unshared lines', () => new Set<object>());

/** The interrupt at an address; a finding and null where none is registered. */
function interruptAt(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  address: Address,
): InterruptObject | null {
  const object = interruptsOf(ndis).get(address);
  if (object !== undefined && object.handle !== 0) return object;
  const text = `${call}: no interrupt is registered with the NDIS_MINIPORT_INTERRUPT at 0x${address.toString(16)}`;
  ndis.kernel.report('BAD_HANDLE', driver, text, legacyPage(call));
  return null;
}

/** Deregisters an interrupt. A device that interrupts still is a finding. IRQL PASSIVE_LEVEL. ddk/ndis.h. */
export const NdisMDeregisterInterrupt = legacyFunction(
  'VOID NdisMDeregisterInterrupt(PNDIS_MINIPORT_INTERRUPT Interrupt)',
  'PASSIVE_LEVEL',
  (ndis, driver) =>
    (Interrupt: Pointer<NDIS_MINIPORT_INTERRUPT>): void => {
      const call = 'NdisMDeregisterInterrupt';
      const object = interruptAt(ndis, driver, call, Interrupt);
      if (object === null) return;
      interruptsOf(ndis).delete(Interrupt);
      exclusive(ndis).delete(object.target.line);
      if (disconnectInterrupt(object)) reportActive(object, legacyPage(call));
    },
);

/**
 * Calls a function of the driver at the DIRQL of its interrupt while that is held back; what it returned. FALSE, and a
 * finding, where no interrupt is registered. IRQL <= DIRQL. ddk/ndis.h.
 */
export const NdisMSynchronizeWithInterrupt = legacyFunction(
  'BOOLEAN NdisMSynchronizeWithInterrupt(PNDIS_MINIPORT_INTERRUPT Interrupt, PVOID SynchronizeFunction, PVOID SynchronizeContext)',
  '<=DIRQL',
  (ndis, driver) =>
    (
      Interrupt: Pointer<NDIS_MINIPORT_INTERRUPT>,
      SynchronizeFunction: Address,
      SynchronizeContext: Context,
    ): number => {
      const call = 'NdisMSynchronizeWithInterrupt';
      const object = interruptAt(ndis, driver, call, Interrupt);
      const callback = driver.callback(SynchronizeFunction, MINIPORT_SYNCHRONIZE_INTERRUPT);
      if (object === null || callback === null) return 0;
      return synchronizeWith(object, 0, call, legacyPage(call), () =>
        isTrue(callback.invoke(ndis.contextValue(SynchronizeContext))),
      );
    },
);
