/**
 * Status indications of miniport drivers for NDIS 5, as NDIS 6 knows them: the state of the link is one indication.
 * Implements nf-ndis-ndismindicatestatus, NDIS_M_STATUS_HANDLER (ddk/ndis.h) and "NDIS_STATUS_LINK_STATE" (network).
 */

import { declareFunction, type Handle, type Pointer } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  MediaConnectStateConnected,
  MediaConnectStateDisconnected,
  NDIS_OBJECT_TYPE_STATUS_INDICATION,
  NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
  NDIS_STATUS_INDICATION_REVISION_1,
  NDIS_STATUS_LINK_SPEED_CHANGE,
  NDIS_STATUS_LINK_STATE,
  NDIS_STATUS_MEDIA_CONNECT,
  NDIS_STATUS_MEDIA_DISCONNECT,
} from '../../generated/constants/index.ts';
import { NDIS_STATUS_INDICATION } from '../../generated/structures/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { allocateStructure, freeLibraryMemory } from '../../libraryMemory.ts';
import type { LinkState } from '../../miniport/miniportAdapter.ts';
import { NdisMIndicateStatusEx } from '../../status/indicateStatus.ts';
import { writeLinkState } from '../../status/linkState.ts';
import type { LegacyAdapter } from './legacyAdapter.ts';
import { legacyAdapterAt, oldFacts, throughBlock } from './throughBlock.ts';

/** Link speeds of NDIS 5 are in units of 100 bits per second. */
const SPEED_UNIT = 100n;

/** The link after an indication of NDIS 5 that speaks of it; null for any other. */
function changedLink(legacy: LegacyAdapter, status: number, buffer: Address, size: number): LinkState | null {
  const { link } = legacy.adapter;
  switch (status) {
    case NDIS_STATUS_MEDIA_CONNECT:
      return { ...link, mediaConnectState: MediaConnectStateConnected };
    case NDIS_STATUS_MEDIA_DISCONNECT:
      return { ...link, mediaConnectState: MediaConnectStateDisconnected };
    case NDIS_STATUS_LINK_SPEED_CHANGE: {
      if (size < 4 || buffer === 0) return link;
      const speed = BigInt(legacy.ndis.memory.data.getUint32(buffer, true)) * SPEED_UNIT;
      return { ...link, xmitLinkSpeed: speed, rcvLinkSpeed: speed };
    }
    default:
      return null;
  }
}

/** Indicates a status of the driver by `deliver`; that of the link as NDIS 6 has it, unless it is of one VC. */
export function indicateStatus(
  legacy: LegacyAdapter,
  status: number,
  buffer: Address,
  size: number,
  deliver: (indication: Pointer<NDIS_STATUS_INDICATION>) => void,
  ofConnection = false,
): void {
  const { ndis, adapter } = legacy;
  const link = ofConnection ? null : changedLink(legacy, status, buffer, size);
  const contents = link === null ? null : writeLinkState(link);
  const block = allocateStructure(
    ndis,
    NDIS_STATUS_INDICATION,
    {
      Header: {
        Type: NDIS_OBJECT_TYPE_STATUS_INDICATION,
        Revision: NDIS_STATUS_INDICATION_REVISION_1,
        Size: NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
      },
      SourceHandle: adapter.handle,
      StatusCode: link === null ? status : NDIS_STATUS_LINK_STATE,
      StatusBufferSize: contents?.length ?? size,
    },
    contents?.length ?? 0,
  );
  if (block === 0) {
    ndis.kernel.note(adapter.label, 'no memory to indicate a status');
    return;
  }
  const at = block + NDIS_STATUS_INDICATION.size;
  if (contents !== null) ndis.memory.u8.set(contents, at);
  ndis.memory.writePointer(
    block + NDIS_STATUS_INDICATION.offset.StatusBuffer,
    contents === null ? buffer : at,
  );
  // The address of a structure that this function filled.
  deliver(block as Pointer<NDIS_STATUS_INDICATION>);
  freeLibraryMemory(ndis, block);
}

/** Indicates a status of the driver to everybody above. */
function indicate(legacy: LegacyAdapter, status: number, buffer: Address, size: number): void {
  const { ndis, adapter, driver } = legacy;
  indicateStatus(legacy, status, buffer, size, (indication) =>
    NdisMIndicateStatusEx.implement(ndis, driver)(adapter.handle, indication),
  );
}

/**
 * Reports a change in the status of an adapter: StatusHandler of NDIS_MINIPORT_BLOCK. NDIS_STATUS_MEDIA_CONNECT,
 * NDIS_STATUS_MEDIA_DISCONNECT and NDIS_STATUS_LINK_SPEED_CHANGE become NDIS_STATUS_LINK_STATE for NDIS 6 drivers.
 * IRQL <= DISPATCH_LEVEL.
 */
export const NDIS_M_STATUS_HANDLER = declareFunction('ndis', {
  ...oldFacts(
    'VOID NDIS_M_STATUS_HANDLER(NDIS_HANDLE MiniportHandle, NDIS_STATUS GeneralStatus, PVOID StatusBuffer, UINT StatusBufferSize)',
    'nc',
  ),
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      MiniportHandle: Handle,
      GeneralStatus: number,
      StatusBuffer: Address,
      StatusBufferSize: number,
    ): void => {
      const page = 'ndis/nf-ndis-ndismindicatestatus';
      const legacy = legacyAdapterAt(ndis, driver, MiniportHandle, 'NdisMIndicateStatus', page);
      if (legacy !== null) indicate(legacy, GeneralStatus >>> 0, StatusBuffer, StatusBufferSize);
    },
});

/**
 * The driver has indicated all it has to say now: StatusCompleteHandler of NDIS_MINIPORT_BLOCK. Drivers for NDIS 6 know
 * no such event; NDIS completes each status for those of NDIS 5 itself. IRQL <= DISPATCH_LEVEL.
 */
export const NDIS_M_STS_COMPLETE_HANDLER = declareFunction('ndis', {
  ...oldFacts('VOID NDIS_M_STS_COMPLETE_HANDLER(NDIS_HANDLE MiniportAdapterHandle)', 'nc'),
  implement:
    (ndis: NdisLibrary, driver) =>
    (MiniportAdapterHandle: Handle): void => {
      const page = 'ndis/nc-ndis-ndis_m_sts_complete_handler';
      legacyAdapterAt(ndis, driver, MiniportAdapterHandle, 'NdisMIndicateStatusComplete', page);
    },
});

/** NdisMIndicateStatus: reports a change in the status of an adapter, through StatusHandler of the block. */
export const NdisMIndicateStatus = throughBlock<
  (MiniportHandle: Handle, GeneralStatus: number, StatusBuffer: Address, StatusBufferSize: number) => void
>(
  'VOID NdisMIndicateStatus(NDIS_HANDLE MiniportHandle, NDIS_STATUS GeneralStatus, PVOID StatusBuffer, UINT StatusBufferSize)',
  'StatusHandler',
  { exported: NDIS_M_STATUS_HANDLER },
);

/** NdisMIndicateStatusComplete: ends a run of status indications, through StatusCompleteHandler of the block. */
export const NdisMIndicateStatusComplete = throughBlock<(MiniportAdapterHandle: Handle) => void>(
  'VOID NdisMIndicateStatusComplete(NDIS_HANDLE MiniportAdapterHandle)',
  'StatusCompleteHandler',
  { exported: NDIS_M_STS_COMPLETE_HANDLER },
);
