/**
 * Resetting an adapter of a miniport driver for NDIS 5, and asking it whether it hangs.
 * Implements W_RESET_HANDLER, W_CHECK_FOR_HANG_HANDLER and NDIS_M_RESET_COMPLETE_HANDLER (ddk/ndis.h).
 */

import { declareFunction, type Handle } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import { NDIS_STATUS_PENDING, NDIS_STATUS_SUCCESS } from '../../generated/constants/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { NdisMResetComplete } from '../../miniport/reset.ts';
import { atDispatchLevel } from './dispatchLevel.ts';
import type { LegacyAdapter } from './legacyAdapter.ts';
import { oldFacts } from './throughBlock.ts';

/** The translation of MiniportResetEx: what waits in NDIS is aborted, then MiniportReset runs. */
export function resetLegacy(legacy: LegacyAdapter, addressingReset: Address): number {
  const { reset } = legacy.handlers;
  if (reset === null) return NDIS_STATUS_SUCCESS;
  const { kernel } = legacy.ndis;
  legacy.sends.abortQueued();
  let status: number = NDIS_STATUS_PENDING;
  let now = true;
  legacy.lock.run(() => {
    const addressing = now ? addressingReset : legacy.scratch.counts;
    const answered = atDispatchLevel(kernel, () => reset.invoke(addressing, legacy.context)) >>> 0;
    if (now) status = answered;
    else if (answered !== NDIS_STATUS_PENDING) complete(legacy, answered, legacy.ndis.memory.u8[addressing]);
  });
  now = false;
  return status;
}

function complete(legacy: LegacyAdapter, status: number, addressingReset: number): void {
  const { ndis, adapter, driver } = legacy;
  NdisMResetComplete.implement(ndis, driver)(adapter.handle, status, addressingReset);
}

/** The translation of MiniportCheckForHangEx: FALSE while a handler runs, for then the driver does something. */
export function checkLegacyForHang(legacy: LegacyAdapter): number {
  const { checkForHang } = legacy.handlers;
  if (checkForHang === null || legacy.lock.held) return 0;
  const { kernel } = legacy.ndis;
  let hangs = 0;
  legacy.lock.run(() => {
    hangs = Number(atDispatchLevel(kernel, () => checkForHang.invoke(legacy.context)));
  });
  return hangs;
}

/**
 * Completes a reset for which MiniportReset returned NDIS_STATUS_PENDING: ResetCompleteHandler of NDIS_MINIPORT_BLOCK.
 * Without one it is the finding NOT_PENDING. IRQL <= DISPATCH_LEVEL.
 */
export const NDIS_M_RESET_COMPLETE_HANDLER = declareFunction('ndis', {
  ...oldFacts(
    'VOID NDIS_M_RESET_COMPLETE_HANDLER(NDIS_HANDLE MiniportAdapterHandle, NDIS_STATUS Status, BOOLEAN AddressingReset)',
    'nc',
  ),
  implement: (ndis: NdisLibrary, driver) => {
    const resetComplete = NdisMResetComplete.implement(ndis, driver);
    return (MiniportAdapterHandle: Handle, Status: number, AddressingReset: number): void =>
      resetComplete(MiniportAdapterHandle, Status, AddressingReset);
  },
});
