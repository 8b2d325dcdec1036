/**
 * Initializing an adapter of a miniport driver for NDIS 5, and halting it: the translations of MiniportInitializeEx and
 * MiniportHaltEx. Implements W_INITIALIZE_HANDLER and W_HALT_HANDLER (ddk/ndis.h).
 */

import { procedure } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NDIS_STATUS_UNSUPPORTED_MEDIA,
  NdisMedium802_3,
  NdisMedium802_5,
  NdisMedium1394,
  NdisMediumArcnet878_2,
  NdisMediumArcnetRaw,
  NdisMediumAtm,
  NdisMediumCoWan,
  NdisMediumFddi,
  NdisMediumIrda,
  NdisMediumLocalTalk,
  NdisMediumWan,
  NdisMediumWirelessWan,
} from '../../generated/constants/index.ts';
import { NDIS_MINIPORT_BLOCK } from '../../generated/structures/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { MiniportAdapter } from '../../miniport/miniportAdapter.ts';
import { createBlock, releaseBlock } from './block.ts';
import { blockHandlers } from './blockHandlers.ts';
import { askGeneralAttributes, askLocals } from './generalAttributes.ts';
import { LegacyAdapter, legacyAdaptersOf } from './legacyAdapter.ts';
import { legacyDriversOf } from './legacyDriver.ts';

const PAGE = 'ndis/nc-ndis-w_initialize_handler';

/** What NDIS offers in MediumArray. */
const MEDIA: readonly number[] = [
  NdisMedium802_3,
  NdisMedium802_5,
  NdisMediumFddi,
  NdisMediumWan,
  NdisMediumLocalTalk,
  NdisMediumArcnetRaw,
  NdisMediumArcnet878_2,
  NdisMediumAtm,
  NdisMediumWirelessWan,
  NdisMediumIrda,
  NdisMediumCoWan,
  NdisMedium1394,
];

/** The translation of MiniportInitializeEx. */
export const initializeLegacy = procedure<NdisLibrary, { readonly adapter: Address; status: number }>(
  'NdisInitializeLegacyMiniport',
  {
    start: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      const driver = adapter === null ? undefined : legacyDriversOf(ndis).get(adapter.miniport);
      if (adapter === null || driver === undefined) return step.done(NDIS_STATUS_FAILURE);
      const legacy = new LegacyAdapter(ndis, adapter, driver);
      if (!createBlock(legacy, blockHandlers)) return step.done(NDIS_STATUS_RESOURCES);
      adapter.context = legacy;
      legacyAdaptersOf(ndis).set(adapter, legacy);
      const { openErrorStatus, selectedMedium, media } = legacy.scratch;
      const { u32 } = ndis.memory;
      for (const [index, medium] of MEDIA.entries()) u32[(media >> 2) + index] = medium;
      u32[selectedMedium >> 2] = MEDIA.length;
      return step.call(
        'initialized',
        driver.handlers.initialize,
        openErrorStatus,
        selectedMedium,
        media,
        MEDIA.length,
        legacy.block,
        legacy.block,
      );
    },
    initialized: (ndis, locals, step, result) => {
      const legacy = legacyAt(ndis, locals.adapter);
      if (legacy === null) return step.done(NDIS_STATUS_FAILURE);
      if (result >>> 0 !== NDIS_STATUS_SUCCESS) {
        forget(legacy);
        return step.done(result >>> 0);
      }
      const medium = MEDIA[ndis.memory.u32[legacy.scratch.selectedMedium >> 2]];
      if (medium === undefined || !legacy.attributesSet) {
        reportIncomplete(legacy, medium === undefined);
        locals.status = medium === undefined ? NDIS_STATUS_UNSUPPORTED_MEDIA : NDIS_STATUS_FAILURE;
        return step.call('failed', legacy.handlers.halt, legacy.context);
      }
      ndis.memory.u32[(legacy.block + NDIS_MINIPORT_BLOCK.offset.MediaType) >> 2] = medium;
      return step.run('asked', askGeneralAttributes, ndis, askLocals(locals.adapter, medium));
    },
    asked: (ndis, locals, step, result) => {
      const legacy = legacyAt(ndis, locals.adapter);
      if (legacy === null || result === NDIS_STATUS_SUCCESS) {
        if (legacy !== null) describe(legacy);
        return step.done(result);
      }
      locals.status = result;
      return step.call('failed', legacy.handlers.halt, legacy.context);
    },
    failed: (ndis, locals, step) => {
      const legacy = legacyAt(ndis, locals.adapter);
      if (legacy !== null) forget(legacy);
      return step.done(locals.status);
    },
  },
);

/** Writes to the block what the attributes say. */
function describe(legacy: LegacyAdapter): void {
  const { general } = legacy.adapter;
  if (general === null) return;
  const { offset } = NDIS_MINIPORT_BLOCK;
  const { u32, u16 } = legacy.ndis.memory;
  const { block } = legacy;
  u32[(block + offset.MacOptions) >> 2] = general.macOptions;
  u32[(block + offset.MaximumLookahead) >> 2] = general.lookaheadSize;
  u32[(block + offset.CurrentLookahead) >> 2] = general.lookaheadSize;
  u16[(block + offset.MaxSendPackets) >> 1] = Math.min(legacy.maximumSendPackets, 0xffff);
}

function reportIncomplete(legacy: LegacyAdapter, noMedium: boolean): void {
  const { adapter, ndis, driver } = legacy;
  const what = noMedium
    ? 'an index at SelectedMediumIndex that is in MediumArray'
    : 'a call of NdisMSetAttributes or NdisMSetAttributesEx';
  const text = `MiniportInitialize of ${adapter.label} succeeded without ${what}; it is halted`;
  ndis.kernel.report('ATTRIBUTES_MISSING', driver, text, PAGE);
}

/** The translation of MiniportHaltEx. */
export const haltLegacy = procedure<NdisLibrary, { readonly adapter: Address }>('NdisHaltLegacyMiniport', {
  start: (ndis, locals, step) => {
    const legacy = legacyAt(ndis, locals.adapter);
    if (legacy === null) return step.done(NDIS_STATUS_SUCCESS);
    return step.call('over', legacy.handlers.halt, legacy.context);
  },
  over: (ndis, locals, step) => {
    const legacy = legacyAt(ndis, locals.adapter);
    if (legacy !== null) forget(legacy);
    return step.done(NDIS_STATUS_SUCCESS);
  },
});

function legacyAt(ndis: NdisLibrary, handle: Address): LegacyAdapter | null {
  const adapter = ndis.resolve(handle, MiniportAdapter);
  return adapter === null ? null : (legacyAdaptersOf(ndis).get(adapter) ?? null);
}

/** The adapter is halted, or was never up: its block is gone. */
function forget(legacy: LegacyAdapter): void {
  const { request } = legacy;
  // A request that is still pending is the queue's to end.
  if (request !== null && request.event !== 0) request.status = NDIS_STATUS_PENDING;
  legacy.request = null;
  legacy.sends.release();
  legacy.receives.release();
  legacy.packetLists?.release();
  legacyAdaptersOf(legacy.ndis).delete(legacy.adapter);
  releaseBlock(legacy);
}
