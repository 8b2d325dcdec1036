/**
 * cellport: a connection-oriented miniport over a cell network, and the frame of the one with a call manager in it
 * (cellmcm.ts). Implements "CoNDIS Miniport Driver Registration" and "CoNDIS MCM Registration" (network).
 */

import {
  type Address,
  type CO_CALL_PARAMETERS,
  type DriverImports,
  defineDriver,
  MediaConnectStateConnected,
  MediaConnectStateDisconnected,
  MediaDuplexStateFull,
  NDIS_LINK_STATE,
  NDIS_LINK_STATE_REVISION_1,
  NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
  NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
  NDIS_MINIPORT_ATTRIBUTES_NDIS_WDM,
  NDIS_MINIPORT_CO_CHARACTERISTICS,
  NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_OBJECT_TYPE_CO_MINIPORT_CHARACTERISTICS,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
  NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS,
  NDIS_OBJECT_TYPE_STATUS_INDICATION,
  NDIS_SIZEOF_LINK_STATE_REVISION_1,
  NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
  NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
  NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
  NDIS_STATUS_ADAPTER_NOT_FOUND,
  NDIS_STATUS_INDICATION_REVISION_1,
  NDIS_STATUS_INVALID_DATA,
  NDIS_STATUS_LINK_STATE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NdisMediumAtm,
  NdisPhysicalMediumUnspecified,
  NET_IF_ACCESS_POINT_TO_POINT,
  NET_IF_CONNECTION_DEDICATED,
  NET_IF_DIRECTION_SENDRECEIVE,
} from '../../src/machine/index.ts';
import { setOptionalHandlers } from '../support/optionalHandlers.ts';
import { bandwidthOf, mediaOf } from './callBlock.ts';
import { LARGEST_PDU } from './cell.ts';
import { CellAdapter, type CellVc } from './cellAdapter.ts';

/** IF_TYPE_ATM of the interface MIB. */
const ATM_INTERFACE = 37;
/** Bytes a second that a VC may have: what is asked beyond is refused. */
export const LARGEST_BANDWIDTH = 19_440_000;

/** What a miniport with a call manager adds. */
export interface MiniportParts {
  /** Called from MiniportSetOptions; the status of the registration. */
  readonly setOptions?: (handle: Address) => number;
  /** Called at the end of MiniportInitializeEx and from MiniportHaltEx. */
  readonly started?: (adapter: CellAdapter) => number;
  readonly stopped?: (adapter: CellAdapter) => void;
  /** Whose handlers for VCs are the call manager's. */
  readonly callManager?: boolean;
  /** The VC behind a context of a driver with a call manager. */
  readonly vcOf?: (context: unknown) => CellVc;
}

/** The NDIS_LINK_STATE and its indication. */
export function indicateLink(adapter: CellAdapter, up: boolean): void {
  const { imports, handle } = adapter;
  const at = imports.data(NDIS_LINK_STATE.size);
  const speed = up ? BigInt(adapter.device.wire.properties.linkSpeedBitsPerSecond) : 0n;
  NDIS_LINK_STATE.fill(imports.memory, at, {
    Header: {
      Type: NDIS_OBJECT_TYPE_DEFAULT,
      Revision: NDIS_LINK_STATE_REVISION_1,
      Size: NDIS_SIZEOF_LINK_STATE_REVISION_1,
    },
    MediaConnectState: up ? MediaConnectStateConnected : MediaConnectStateDisconnected,
    MediaDuplexState: MediaDuplexStateFull,
    XmitLinkSpeed: speed,
    RcvLinkSpeed: speed,
  });
  imports.ndis.NdisMCoIndicateStatusEx(handle, 0, {
    Header: {
      Type: NDIS_OBJECT_TYPE_STATUS_INDICATION,
      Revision: NDIS_STATUS_INDICATION_REVISION_1,
      Size: NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
    },
    SourceHandle: handle,
    StatusCode: NDIS_STATUS_LINK_STATE,
    StatusBuffer: at,
    StatusBufferSize: NDIS_LINK_STATE.size,
  });
}

function setAttributes(adapter: CellAdapter): number {
  const { imports, handle, device } = adapter;
  const { ndis } = imports;
  const status = ndis.NdisMSetMiniportAttributes(handle, {
    RegistrationAttributes: {
      Header: {
        Type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
        Revision: NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
        Size: NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
      },
      MiniportAdapterContext: adapter,
      AttributeFlags: NDIS_MINIPORT_ATTRIBUTES_NDIS_WDM,
    },
  });
  if (status !== NDIS_STATUS_SUCCESS) return status;
  const speed = BigInt(device.wire.properties.linkSpeedBitsPerSecond);
  return ndis.NdisMSetMiniportAttributes(handle, {
    GeneralAttributes: {
      Header: {
        Type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
        Revision: NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
        Size: NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
      },
      MediaType: NdisMediumAtm,
      PhysicalMediumType: NdisPhysicalMediumUnspecified,
      MtuSize: LARGEST_PDU,
      LookaheadSize: LARGEST_PDU,
      MaxXmitLinkSpeed: speed,
      MaxRcvLinkSpeed: speed,
      XmitLinkSpeed: speed,
      RcvLinkSpeed: speed,
      MediaConnectState: adapter.linkUp ? MediaConnectStateConnected : MediaConnectStateDisconnected,
      MediaDuplexState: MediaDuplexStateFull,
      MacAddressLength: 6,
      PermanentMacAddress: device.wire.properties.macAddress ?? new Uint8Array(6),
      CurrentMacAddress: device.wire.properties.macAddress ?? new Uint8Array(6),
      AccessType: NET_IF_ACCESS_POINT_TO_POINT,
      DirectionType: NET_IF_DIRECTION_SENDRECEIVE,
      ConnectionType: NET_IF_CONNECTION_DEDICATED,
      IfType: ATM_INTERFACE,
      IfConnectorPresent: true,
    },
  });
}

function initialize(imports: DriverImports, handle: Address, parts: MiniportParts): number {
  const device = imports.wireOf(handle);
  if (device === null) return NDIS_STATUS_ADAPTER_NOT_FOUND;
  const adapter = new CellAdapter(imports, handle, device);
  if (!adapter.start()) return NDIS_STATUS_RESOURCES;
  adapter.listener = { received: () => {}, linkChanged: (up) => indicateLink(adapter, up) };
  let status = setAttributes(adapter);
  if (status === NDIS_STATUS_SUCCESS) status = parts.started?.(adapter) ?? NDIS_STATUS_SUCCESS;
  if (status !== NDIS_STATUS_SUCCESS) adapter.stop();
  return status;
}

/** The handlers for VCs of a miniport without a call manager. */
function vcHandlers(imports: DriverImports): Readonly<Record<string, unknown>> {
  const { memory } = imports;
  return {
    CoCreateVcHandler: (adapter: CellAdapter, handle: Address, context: Address) => {
      memory.writePointer(context, memory.objects.addressOf(adapter.createVc(handle)));
      return NDIS_STATUS_SUCCESS;
    },
    CoDeleteVcHandler: (vc: CellVc) => {
      memory.objects.releaseValue(vc);
      return NDIS_STATUS_SUCCESS;
    },
    CoActivateVcHandler: (vc: CellVc, parameters: CO_CALL_PARAMETERS) => {
      if (bandwidthOf(imports, parameters.address) > LARGEST_BANDWIDTH) return NDIS_STATUS_INVALID_DATA;
      vc.adapter.activate(vc, mediaOf(imports, parameters.address));
      return NDIS_STATUS_SUCCESS;
    },
    CoDeactivateVcHandler: (vc: CellVc) => {
      vc.adapter.deactivate(vc);
      return NDIS_STATUS_SUCCESS;
    },
  };
}

/** A miniport driver for cell networks, with what `parts` adds. */
export function defineCellMiniport(partsOf: (imports: DriverImports) => MiniportParts) {
  return defineDriver((imports) => {
    const { ndis } = imports;
    const parts = partsOf(imports);
    const driver = imports.cell();
    return {
      DriverEntry: (DriverObject, RegistryPath) =>
        ndis.NdisMRegisterMiniportDriver(
          DriverObject,
          RegistryPath,
          null,
          {
            Header: {
              Type: NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS,
              Revision: NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
              Size: NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
            },
            MajorNdisVersion: 6,
            MinorNdisVersion: 30,
            MajorDriverVersion: 1,
            SetOptionsHandler: (handle: Address) => {
              const status = setOptionalHandlers(
                imports,
                handle,
                NDIS_MINIPORT_CO_CHARACTERISTICS,
                NDIS_OBJECT_TYPE_CO_MINIPORT_CHARACTERISTICS,
                {
                  ...(parts.callManager === true ? {} : vcHandlers(imports)),
                  CoSendNetBufferListsHandler: (context: CellVc, lists: Address, flags: number) => {
                    const vc = parts.vcOf?.(context) ?? context;
                    vc.adapter.send(vc, lists, flags);
                  },
                  CoOidRequestHandler: () => NDIS_STATUS_NOT_SUPPORTED,
                },
              );
              return status === NDIS_STATUS_SUCCESS ? (parts.setOptions?.(handle) ?? status) : status;
            },
            InitializeHandlerEx: (handle: Address) => initialize(imports, handle, parts),
            HaltHandlerEx: (adapter: CellAdapter) => {
              parts.stopped?.(adapter);
              adapter.stop();
            },
            UnloadHandler: () => ndis.NdisMDeregisterMiniportDriver(driver.value),
            PauseHandler: (adapter: CellAdapter) =>
              adapter.pause() ? NDIS_STATUS_SUCCESS : NDIS_STATUS_PENDING,
            RestartHandler: (adapter: CellAdapter) => {
              adapter.restart();
              return NDIS_STATUS_SUCCESS;
            },
            ReturnNetBufferListsHandler: (adapter: CellAdapter, lists: Address) => adapter.returned(lists),
            CancelSendHandler: () => {},
            DevicePnPEventNotifyHandler: () => {},
            ShutdownHandlerEx: () => {},
            CancelOidRequestHandler: () => {},
          },
          driver,
        ),
    };
  });
}

/** The miniport for a call manager beside it. */
export const cellport = defineCellMiniport(() => ({}));
