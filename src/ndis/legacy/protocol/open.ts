/**
 * Opening and closing adapters by protocol drivers for NDIS 5, and completing what they pended.
 * Implements nf-ndis-ndisopenadapter, nf-ndis-ndiscloseadapter, NdisCompleteBindAdapter, NdisCompleteUnbindAdapter and
 * NdisCompletePnPEvent (ddk/ndis.h).
 */

import {
  type Context,
  type Driver,
  declareFunction,
  type Handle,
  type OutPointer,
  type Pointer,
  type TextPointer,
} from '../../../kernel/index.ts';
import { type Address, readUnicodeString } from '../../../memory/index.ts';
import {
  MediaConnectStateDisconnected,
  NDIS_OBJECT_TYPE_OPEN_PARAMETERS,
  NDIS_OPEN_PARAMETERS_REVISION_1,
  NDIS_SIZEOF_OPEN_PARAMETERS_REVISION_1,
  NDIS_STATUS_ADAPTER_NOT_FOUND,
  NDIS_STATUS_CLOSING,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_OPEN_FAILED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NdisMediumWan,
} from '../../generated/constants/index.ts';
import {
  NDIS_OPEN_BLOCK,
  NDIS_OPEN_PARAMETERS,
  type NET_PNP_EVENT,
  NET_PNP_EVENT_NOTIFICATION,
} from '../../generated/structures/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { allocateStructure, freeLibraryMemory } from '../../libraryMemory.ts';
import { statusName } from '../../names.ts';
import { NdisCompleteNetPnPEvent } from '../../pnp/netPnPEvent.ts';
import { NdisCompleteBindAdapterEx, NdisCompleteUnbindAdapterEx } from '../../protocol/bind.ts';
import { type Binding, ProtocolDriver } from '../../protocol/protocolDriver.ts';
import { legacyFunction, legacyPage } from '../declareLegacy.ts';
import { WAN_SEND_HANDLER } from '../miniport/wan.ts';
import { handlerAddress } from '../providedHandlers.ts';
import {
  REQUEST_HANDLER,
  RESET_HANDLER,
  SEND_HANDLER,
  SEND_PACKETS_HANDLER,
  TRANSFER_DATA_HANDLER,
} from './blockHandlers.ts';
import { REPEATED_HANDLERS } from './characteristics.ts';
import { LegacyBinding, type LegacyProtocol, legacyBindingAt, legacyProtocolsOf } from './legacyBinding.ts';

const OPEN = 'NdisOpenAdapter';

/** The bind in progress for the adapter with a name, or the documented error. */
function bindInProgress(
  ndis: NdisLibrary,
  driver: Driver,
  protocol: ProtocolDriver,
  name: string,
): Binding | number {
  let inProgress = false;
  for (const binding of protocol.bindings) {
    if (!binding.bindContext.active) continue;
    inProgress = true;
    if (binding.adapter.deviceName.toUpperCase() === name.toUpperCase()) return binding;
  }
  if (inProgress) return NDIS_STATUS_ADAPTER_NOT_FOUND;
  const text = 'NdisOpenAdapter was called outside of ProtocolBindAdapter';
  ndis.kernel.report('OPEN_OUTSIDE_OF_BIND', driver, text, legacyPage(OPEN));
  return NDIS_STATUS_OPEN_FAILED;
}

/** What NdisOpenAdapter was called with. */
interface OpenArguments {
  readonly handleAt: Address;
  readonly mediumAt: Address;
  readonly media: Address;
  readonly mediaCount: number;
  readonly protocolContext: Context;
  readonly adapterName: Address;
}

function openAdapter(ndis: NdisLibrary, driver: Driver, handle: Handle, given: OpenArguments): number {
  const protocol = ndis.expect(handle, ProtocolDriver, driver, OPEN, legacyPage(OPEN));
  const legacy = protocol === null ? undefined : legacyProtocolsOf(ndis).get(protocol);
  if (protocol === null || legacy === undefined) return NDIS_STATUS_OPEN_FAILED;
  if (protocol.closing) return NDIS_STATUS_CLOSING;
  const name = readUnicodeString(ndis.memory, given.adapterName);
  const binding = bindInProgress(ndis, driver, protocol, name);
  if (typeof binding === 'number') return binding;
  const parameters = allocateStructure(ndis, NDIS_OPEN_PARAMETERS, {
    Header: {
      Type: NDIS_OBJECT_TYPE_OPEN_PARAMETERS,
      Revision: NDIS_OPEN_PARAMETERS_REVISION_1,
      Size: NDIS_SIZEOF_OPEN_PARAMETERS_REVISION_1,
    },
    AdapterName: given.adapterName,
    MediumArray: given.media,
    MediumArraySize: given.mediaCount,
    SelectedMediumIndex: given.mediumAt,
  });
  if (parameters === 0) return NDIS_STATUS_RESOURCES;
  const { open } = legacy.functions;
  const status = open(
    handle,
    given.protocolContext,
    parameters as never,
    binding.bindContext.handle,
    given.handleAt as never,
  );
  freeLibraryMemory(ndis, parameters);
  if (status === NDIS_STATUS_FAILURE) return NDIS_STATUS_OPEN_FAILED;
  if (status !== NDIS_STATUS_SUCCESS && status !== NDIS_STATUS_PENDING) return status;
  adoptBinding(legacy, binding, given);
  return status;
}

/** The open binding becomes one of NDIS 5: its handle is its NDIS_OPEN_BLOCK, its context the LegacyBinding. */
function adoptBinding(legacy: LegacyProtocol, binding: Binding, given: OpenArguments): void {
  const { ndis } = legacy;
  const { memory } = ndis;
  const connected = binding.adapter.link.mediaConnectState !== MediaConnectStateDisconnected;
  binding.context = new LegacyBinding(legacy, binding, binding.context, connected);
  const { block, protocol } = binding;
  ndis.registerBlock(binding, block);
  memory.writePointer(given.handleAt, block);
  const { driver } = protocol;
  // The member is a union: packets of WAN adapters are of another kind.
  const ofWan = binding.adapter.general?.mediaType === NdisMediumWan;
  NDIS_OPEN_BLOCK.fill(memory, block, {
    MacHandle: block,
    BindingHandle: block,
    MiniportHandle: binding.adapter.handle,
    ProtocolHandle: protocol.handle,
    ProtocolBindingContext: given.protocolContext,
    SendHandler: handlerAddress(ndis, driver, ofWan ? WAN_SEND_HANDLER : SEND_HANDLER),
    TransferDataHandler: handlerAddress(ndis, driver, TRANSFER_DATA_HANDLER),
    SendPacketsHandler: handlerAddress(ndis, driver, SEND_PACKETS_HANDLER),
    ResetHandler: handlerAddress(ndis, driver, RESET_HANDLER),
    RequestHandler: handlerAddress(ndis, driver, REQUEST_HANDLER),
  });
  for (const member of REPEATED_HANDLERS) {
    memory.writePointer(block + NDIS_OPEN_BLOCK.offset[member], legacy.characteristics.addresses[member]);
  }
}

/**
 * Opens the adapter that ProtocolBindAdapter was called for. May complete later with ProtocolOpenAdapterComplete; the
 * seed chooses. `Status`: NDIS_STATUS_SUCCESS, NDIS_STATUS_PENDING, NDIS_STATUS_ADAPTER_NOT_FOUND,
 * NDIS_STATUS_UNSUPPORTED_MEDIA, NDIS_STATUS_RESOURCES, NDIS_STATUS_CLOSING, NDIS_STATUS_OPEN_FAILED, the last outside of
 * ProtocolBindAdapter too (the finding OPEN_OUTSIDE_OF_BIND). PASSIVE_LEVEL. ndis/nf-ndis-ndisopenadapter
 */
export const NdisOpenAdapter = legacyFunction(
  'VOID NdisOpenAdapter(PNDIS_STATUS Status, PNDIS_STATUS OpenErrorStatus, PNDIS_HANDLE NdisBindingHandle, PUINT SelectedMediumIndex, PNDIS_MEDIUM MediumArray, UINT MediumArraySize, NDIS_HANDLE NdisProtocolHandle, NDIS_HANDLE ProtocolBindingContext, PNDIS_STRING AdapterName, UINT OpenOptions, PSTRING AddressingInformation)',
  'PASSIVE_LEVEL',
  (ndis, driver) =>
    (
      Status: OutPointer,
      OpenErrorStatus: OutPointer,
      NdisBindingHandle: OutPointer,
      SelectedMediumIndex: OutPointer,
      MediumArray: OutPointer,
      MediumArraySize: number,
      NdisProtocolHandle: Handle,
      ProtocolBindingContext: Context,
      AdapterName: TextPointer,
      _OpenOptions: number,
      _AddressingInformation: Address,
    ): void => {
      const { u32 } = ndis.memory;
      const status = openAdapter(ndis, driver, NdisProtocolHandle, {
        handleAt: NdisBindingHandle,
        mediumAt: SelectedMediumIndex,
        media: MediumArray,
        mediaCount: MediumArraySize,
        protocolContext: ProtocolBindingContext,
        adapterName: AdapterName,
      });
      u32[Status >> 2] = status;
      const failed = status !== NDIS_STATUS_SUCCESS && status !== NDIS_STATUS_PENDING;
      if (OpenErrorStatus !== 0) u32[OpenErrorStatus >> 2] = failed ? status : NDIS_STATUS_SUCCESS;
    },
);

/**
 * Closes a binding, from ProtocolUnbindAdapter or ProtocolBindAdapter; the handle is invalid from the call on. May
 * complete later with ProtocolCloseAdapterComplete. `Status`: NDIS_STATUS_SUCCESS, NDIS_STATUS_PENDING,
 * NDIS_STATUS_FAILURE for a handle that is not open and outside of a bind and an unbind (both findings).
 * PASSIVE_LEVEL; may wait. ndis/nf-ndis-ndiscloseadapter
 */
export const NdisCloseAdapter = declareFunction('ndis', {
  prototype: 'VOID NdisCloseAdapter(PNDIS_STATUS Status, NDIS_HANDLE NdisBindingHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '4.0',
  page: legacyPage('NdisCloseAdapter'),
  implement:
    (ndis: NdisLibrary, driver) =>
    async (Status: OutPointer, NdisBindingHandle: Handle): Promise<void> => {
      const { u32 } = ndis.memory;
      u32[Status >> 2] = NDIS_STATUS_FAILURE;
      const from = legacyBindingAt(ndis, driver, NdisBindingHandle, 'NdisCloseAdapter');
      if (from === null) return;
      u32[Status >> 2] = await from.legacy.functions.close(from.binding.handle);
    },
});

/** Completes a bind for which ProtocolBindAdapter said NDIS_STATUS_PENDING. IRQL <= DISPATCH_LEVEL. */
export const NdisCompleteBindAdapter = legacyFunction(
  'VOID NdisCompleteBindAdapter(NDIS_HANDLE BindAdapterContext, NDIS_STATUS Status, NDIS_STATUS OpenStatus)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) => {
    const complete = NdisCompleteBindAdapterEx.implement(ndis, driver);
    return (BindAdapterContext: Handle, Status: number, OpenStatus: number): void => {
      if (Status >>> 0 !== NDIS_STATUS_SUCCESS) {
        ndis.kernel.note('NdisCompleteBindAdapter', `OpenStatus ${statusName(OpenStatus)}`);
      }
      complete(BindAdapterContext, (Status >>> 0) as never);
    };
  },
);

/** Completes an unbind for which ProtocolUnbindAdapter said NDIS_STATUS_PENDING. IRQL <= DISPATCH_LEVEL. */
export const NdisCompleteUnbindAdapter = legacyFunction(
  'VOID NdisCompleteUnbindAdapter(NDIS_HANDLE UnbindAdapterContext, NDIS_STATUS Status)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) => {
    const complete = NdisCompleteUnbindAdapterEx.implement(ndis, driver);
    return (UnbindAdapterContext: Handle, _Status: number): void => complete(UnbindAdapterContext);
  },
);

/**
 * Completes an event for which ProtocolPnPEvent returned NDIS_STATUS_PENDING. One that is not pending is the finding
 * NOT_PENDING. PASSIVE_LEVEL.
 */
export const NdisCompletePnPEvent = legacyFunction(
  'VOID NdisCompletePnPEvent(NDIS_STATUS Status, NDIS_HANDLE NdisBindingHandle, PNET_PNP_EVENT NetPnPEvent)',
  'PASSIVE_LEVEL',
  (ndis, driver) => {
    const complete = NdisCompleteNetPnPEvent.implement(ndis, driver);
    return (Status: number, NdisBindingHandle: Handle, NetPnPEvent: Pointer<NET_PNP_EVENT>): void => {
      const notification = NetPnPEvent - NET_PNP_EVENT_NOTIFICATION.offset.NetPnPEvent;
      complete(NdisBindingHandle, notification, Status >>> 0);
    };
  },
);
