/**
 * mux: an NDIS 6 intermediate driver. Above each adapter that it binds to it shows virtual miniports: one, several in
 * the same network (parameter `VirtualMiniports`), or one for each VLAN (parameter `VlanIds`, `10,20`; 0 stands for
 * frames without a tag). Written as a model, in the order in which "Writing NDIS Intermediate Drivers" (network)
 * presents it.
 */

import {
  type Address,
  type DriverImports,
  defineDriver,
  type NDIS_BIND_PARAMETERS,
  NDIS_INTERMEDIATE_DRIVER,
  NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
  type NDIS_MINIPORT_INIT_PARAMETERS,
  NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS,
  NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
  type NDIS_OID_REQUEST,
  NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_STATUS_FAILURE,
  type NDIS_STATUS_INDICATION,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  type NET_PNP_EVENT_NOTIFICATION,
  NetEventPause,
  NetEventRestart,
  NetEventSetPower,
  STATUS_INVALID_PARAMETER,
} from '../../src/machine/index.ts';
import { DriverParameters } from '../support/parameters.ts';
import { MuxBinding, type MuxDriver } from './muxBinding.ts';
import { answerOid, completeForwarded, SUPPORTED_OIDS } from './oids.ts';
import { receiveLists, returnLists } from './receive.ts';
import { completeSends, sendLists } from './send.ts';
import { VirtualMiniport } from './virtualMiniport.ts';

/** Virtual miniports above one adapter. */
const MINIPORT_LIMIT = 64;
const HIGHEST_VLAN = 4094;

/** The driver. */
export const mux = defineDriver((imports: DriverImports) => {
  const { ndis } = imports;
  const miniportDriver = imports.cell();
  const protocol = imports.cell();
  return {
    async DriverEntry(DriverObject, RegistryPath) {
      const parameters = await DriverParameters.read(imports, RegistryPath, ['VlanIds', 'VirtualMiniports']);
      const vlanIds = virtualMiniports(parameters);
      if (vlanIds === null) {
        imports.note(
          'VlanIds takes different numbers from 0 to 4094 with commas between, VirtualMiniports 1 to 64',
        );
        return STATUS_INVALID_PARAMETER;
      }
      const driver: MuxDriver = {
        serviceName: parameters.serviceName,
        miniportDriver,
        protocol,
        vlanIds,
        oidList: imports.data(4 * SUPPORTED_OIDS.length),
        clone: imports.cell(),
      };
      const upper = await ndis.NdisMRegisterMiniportDriver(
        DriverObject,
        RegistryPath,
        null,
        {
          ...upperEdge(imports),
          UnloadHandler: async () => {
            await ndis.NdisDeregisterProtocolDriver(protocol.value);
            await ndis.NdisMDeregisterMiniportDriver(miniportDriver.value);
          },
        },
        miniportDriver,
      );
      if (upper !== NDIS_STATUS_SUCCESS) return upper;
      const lower = await ndis.NdisRegisterProtocolDriver(null, lowerEdge(imports, driver), protocol);
      if (lower !== NDIS_STATUS_SUCCESS) await ndis.NdisMDeregisterMiniportDriver(miniportDriver.value);
      return lower;
    },
  };
});

/** One entry for each virtual miniport: its VLAN or null; null for parameters that make no sense. */
function virtualMiniports(parameters: DriverParameters): (number | null)[] | null {
  const text = parameters.text('VlanIds', '').trim();
  if (text === '') {
    const count = parameters.number('VirtualMiniports', 1, 1, MINIPORT_LIMIT);
    return Array.from({ length: count }, () => null);
  }
  const ids = text.split(',').map((part) => (/^\s*\d+\s*$/.test(part) ? Number(part) : -1));
  if (ids.length > MINIPORT_LIMIT || new Set(ids).size !== ids.length) return null;
  return ids.every((id) => id >= 0 && id <= HIGHEST_VLAN) ? ids : null;
}

/** The characteristics of the virtual miniports, without the unload handler. */
function upperEdge(imports: DriverImports) {
  return {
    Header: {
      Type: NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS,
      Revision: NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
      Size: NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
    },
    MajorNdisVersion: 6,
    MinorNdisVersion: 30,
    MajorDriverVersion: 1,
    Flags: NDIS_INTERMEDIATE_DRIVER,
    InitializeHandlerEx: (
      handle: Address,
      _driverContext: unknown,
      parameters: NDIS_MINIPORT_INIT_PARAMETERS,
    ) => {
      // What NdisIMInitializeDeviceInstanceEx was given as DeviceContext.
      const miniport = imports.memory.objects.valueAt(parameters.IMDeviceInstanceContext);
      return miniport instanceof VirtualMiniport ? miniport.initialize(handle) : NDIS_STATUS_FAILURE;
    },
    HaltHandlerEx: (miniport: VirtualMiniport) => miniport.halt(),
    PauseHandler: (miniport: VirtualMiniport) =>
      miniport.pause() ? NDIS_STATUS_SUCCESS : NDIS_STATUS_PENDING,
    RestartHandler: (miniport: VirtualMiniport) => {
      miniport.running = true;
      return NDIS_STATUS_SUCCESS;
    },
    OidRequestHandler: (miniport: VirtualMiniport, request: NDIS_OID_REQUEST) => answerOid(miniport, request),
    SendNetBufferListsHandler: (miniport: VirtualMiniport, lists: Address, _port: number, flags: number) =>
      sendLists(miniport, lists, flags),
    ReturnNetBufferListsHandler: (miniport: VirtualMiniport, lists: Address, flags: number) =>
      returnLists(miniport, lists, flags),
    CancelSendHandler: ({ binding }: VirtualMiniport, cancelId: Address) => {
      if (binding.handle !== 0) imports.ndis.NdisCancelSendNetBufferLists(binding.handle, cancelId);
    },
    DevicePnPEventNotifyHandler: () => {},
    ShutdownHandlerEx: (miniport: VirtualMiniport) => {
      miniport.running = false;
    },
    CancelOidRequestHandler: ({ binding }: VirtualMiniport, requestId: unknown) => {
      if (binding.handle !== 0) imports.ndis.NdisCancelOidRequest(binding.handle, requestId);
    },
  };
}

/** The characteristics of the protocol that binds to the adapters below. */
function lowerEdge(imports: DriverImports, driver: MuxDriver) {
  const { ndis } = imports;
  return {
    Header: {
      Type: NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
      Revision: NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
      Size: NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
    },
    MajorNdisVersion: 6,
    MinorNdisVersion: 30,
    MajorDriverVersion: 1,
    Name: driver.serviceName,
    SetOptionsHandler: () => {
      // Before the first bind: NDIS must not bind this protocol to our own virtual miniports.
      ndis.NdisIMAssociateMiniport(driver.miniportDriver.value, driver.protocol.value);
      return NDIS_STATUS_SUCCESS;
    },
    BindAdapterHandlerEx: (_context: unknown, bindContext: Address, parameters: NDIS_BIND_PARAMETERS) =>
      new MuxBinding(imports, parameters, driver).bind(bindContext, parameters),
    UnbindAdapterHandlerEx: async (_unbindContext: Address, binding: MuxBinding) => {
      await binding.unbind();
      return NDIS_STATUS_SUCCESS;
    },
    OpenAdapterCompleteHandlerEx: (binding: MuxBinding, status: number) => binding.complete(status),
    CloseAdapterCompleteHandlerEx: (binding: MuxBinding) => binding.complete(NDIS_STATUS_SUCCESS),
    NetPnPEventHandler: (binding: MuxBinding | null, event: NET_PNP_EVENT_NOTIFICATION) =>
      handleEvent(binding, event),
    OidRequestCompleteHandler: (binding: MuxBinding, request: NDIS_OID_REQUEST, status: number) => {
      if (!binding.completeRequest(request.address, status)) completeForwarded(binding, request, status);
    },
    StatusHandlerEx: (binding: MuxBinding, indication: NDIS_STATUS_INDICATION) => binding.status(indication),
    ReceiveNetBufferListsHandler: (
      binding: MuxBinding,
      lists: Address,
      _port: number,
      _count: number,
      flags: number,
    ) => receiveLists(binding, lists, flags),
    SendNetBufferListsCompleteHandler: (binding: MuxBinding, lists: Address, flags: number) =>
      completeSends(binding, lists, flags),
  };
}

async function handleEvent(binding: MuxBinding | null, event: NET_PNP_EVENT_NOTIFICATION): Promise<number> {
  switch (event.NetPnPEvent.NetEvent) {
    case NetEventPause:
      await binding?.pause();
      return NDIS_STATUS_SUCCESS;
    case NetEventRestart:
      if (binding !== null) binding.running = true;
      return NDIS_STATUS_SUCCESS;
    case NetEventSetPower:
      await binding?.setPower(event.NetPnPEvent.Buffer);
      return NDIS_STATUS_SUCCESS;
    default:
      // A query is never refused, and a removal takes the virtual miniports down with the unbind that follows.
      return NDIS_STATUS_SUCCESS;
  }
}
