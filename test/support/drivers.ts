/** Small drivers for conformance tests: a miniport and a protocol that record what is asked of them. */

import type { Address } from '../../src/memory/index.ts';
import {
  MediaConnectStateConnected,
  type MINIPORT_RETURN_NET_BUFFER_LISTS,
  type MINIPORT_SEND_NET_BUFFER_LISTS,
  MiniportDriver,
  NDIS_MAC_OPTION_NO_LOOPBACK,
  NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
  NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
  NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
  NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS,
  NDIS_OBJECT_TYPE_OPEN_PARAMETERS,
  NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
  NDIS_OPEN_PARAMETERS_REVISION_1,
  NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
  NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
  NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_SIZEOF_OPEN_PARAMETERS_REVISION_1,
  NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_STATUS_SUCCESS,
  NdisDevicePnPEventPowerProfileChanged,
  type NET_DEVICE_PNP_EVENT,
  NetEventBindsComplete,
  NetEventPause,
  NetEventRestart,
  type PROTOCOL_RECEIVE_NET_BUFFER_LISTS,
  type PROTOCOL_SEND_NET_BUFFER_LISTS_COMPLETE,
  ProtocolDriver,
} from '../../src/ndis/index.ts';
import type { Cell, TestDriver, TestNdis } from './ndis.ts';

/** A miniport driver for tests. */
export interface TestMiniport {
  readonly driver: TestDriver;
  readonly handle: Cell;
  /** Everything it was asked, in order. */
  readonly log: string[];
  /** Adapter handles by order of initialization. */
  readonly adapters: Address[];
  object(): MiniportDriver;
  onSend: MINIPORT_SEND_NET_BUFFER_LISTS;
  onReturn: MINIPORT_RETURN_NET_BUFFER_LISTS;
}

/** The characteristics of the test miniport; tests change a member to see it refused. */
export function miniportCharacteristics(m: TestMiniport) {
  const { ndis } = m.driver;
  return {
    Header: {
      Type: NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS,
      Revision: NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
      Size: NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
    },
    MajorNdisVersion: 6,
    MinorNdisVersion: 30,
    InitializeHandlerEx: (handle: Address) => {
      m.log.push('initialize');
      m.adapters.push(handle);
      const context = { handle };
      ndis.NdisMSetMiniportAttributes(handle, registrationAttributes(context));
      ndis.NdisMSetMiniportAttributes(handle, generalAttributes());
      return NDIS_STATUS_SUCCESS;
    },
    HaltHandlerEx: () => {
      m.log.push('halt');
    },
    UnloadHandler: async () => {
      m.log.push('unload');
      await ndis.NdisMDeregisterMiniportDriver(m.handle.value);
    },
    PauseHandler: () => {
      m.log.push('pause');
      return NDIS_STATUS_SUCCESS;
    },
    RestartHandler: () => {
      m.log.push('restart');
      return NDIS_STATUS_SUCCESS;
    },
    OidRequestHandler: () => {
      m.log.push('oid');
      return NDIS_STATUS_SUCCESS;
    },
    SendNetBufferListsHandler: (...args: Parameters<MINIPORT_SEND_NET_BUFFER_LISTS>) => m.onSend(...args),
    ReturnNetBufferListsHandler: (...args: Parameters<MINIPORT_RETURN_NET_BUFFER_LISTS>) =>
      m.onReturn(...args),
    CancelSendHandler: () => {
      m.log.push('cancelSend');
    },
    DevicePnPEventNotifyHandler: (_context: unknown, event: NET_DEVICE_PNP_EVENT) => {
      // NDIS tells the power profile to every adapter that starts; tests of it listen themselves.
      if (event.DevicePnPEvent !== NdisDevicePnPEventPowerProfileChanged) m.log.push('devicePnPEvent');
    },
    ShutdownHandlerEx: () => {
      m.log.push('shutdown');
    },
    CancelOidRequestHandler: () => {
      m.log.push('cancelOid');
    },
  };
}

export function registrationAttributes(context: object): object {
  return {
    RegistrationAttributes: {
      Header: {
        Type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
        Revision: NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
        Size: NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
      },
      MiniportAdapterContext: context,
    },
  };
}

export function generalAttributes(): object {
  return {
    GeneralAttributes: {
      Header: {
        Type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
        Revision: NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
        Size: NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
      },
      MediaType: 0,
      MtuSize: 1500,
      LookaheadSize: 1500,
      MaxXmitLinkSpeed: 1_000_000_000n,
      MaxRcvLinkSpeed: 1_000_000_000n,
      XmitLinkSpeed: 1_000_000_000n,
      RcvLinkSpeed: 1_000_000_000n,
      MediaConnectState: MediaConnectStateConnected,
      MacOptions: NDIS_MAC_OPTION_NO_LOOPBACK,
      SupportedPacketFilters: 0x2f,
      MaxMulticastListSize: 32,
      MacAddressLength: 6,
      PermanentMacAddress: [2, 0, 0, 0, 0, 1],
      CurrentMacAddress: [2, 0, 0, 0, 0, 1],
      IfType: 6,
      IfConnectorPresent: true,
    },
  };
}

/** Makes a test miniport; `register` it in a driver thread. */
export function createTestMiniport(
  t: TestNdis,
  name = 'miniport',
  driver: TestDriver = t.createDriver(name),
): TestMiniport {
  const handle = driver.cell();
  const miniport: TestMiniport = {
    driver,
    handle,
    log: [],
    adapters: [],
    object: () => {
      const object = t.ndis.resolve(handle.value, MiniportDriver);
      if (object === null) throw new Error('the test miniport is not registered');
      return object;
    },
    onSend: (context, list, _port, flags) => {
      miniport.log.push('send');
      const { handle: adapter } = context as { handle: Address };
      driver.ndis.NdisMSendNetBufferListsComplete(adapter, list, flags & 1);
    },
    onReturn: () => {
      miniport.log.push('return');
    },
  };
  return miniport;
}

/** Registers it as DriverEntry would. */
export async function registerMiniport(t: TestNdis, m: TestMiniport, changes: object = {}): Promise<number> {
  return t.run(() =>
    m.driver.ndis.NdisMRegisterMiniportDriver(
      m.driver.driverObject,
      m.driver.driver.registryPath,
      null,
      { ...miniportCharacteristics(m), ...changes } as object,
      m.handle,
    ),
  );
}

/** A protocol driver for tests. */
export interface TestProtocol {
  readonly driver: TestDriver;
  readonly handle: Cell;
  readonly log: string[];
  readonly bindings: TestBinding[];
  /** Packet filter of new bindings. */
  packetFilter: number;
  onReceive: PROTOCOL_RECEIVE_NET_BUFFER_LISTS;
  onSendComplete: PROTOCOL_SEND_NET_BUFFER_LISTS_COMPLETE;
  object(): ProtocolDriver;
}

/** What the test protocol keeps of a binding: its binding context. */
export interface TestBinding {
  readonly handle: Cell;
  readonly adapterName: Address;
  readonly bindContext: Address;
  unbindContext: Address;
}

/** The characteristics of the test protocol. */
export function protocolCharacteristics(p: TestProtocol) {
  const { ndis } = p.driver;
  return {
    Header: {
      Type: NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
      Revision: NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
      Size: NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
    },
    MajorNdisVersion: 6,
    MinorNdisVersion: 30,
    Name: p.driver.driver.name,
    BindAdapterHandlerEx: (_context: unknown, bindContext: Address, parameters: { AdapterName: Address }) => {
      p.log.push('bind');
      const binding: TestBinding = {
        handle: p.driver.cell(),
        adapterName: parameters.AdapterName,
        bindContext,
        unbindContext: 0,
      };
      p.bindings.push(binding);
      const medium = p.driver.cell();
      const status = ndis.NdisOpenAdapterEx(
        p.handle.value,
        binding,
        {
          Header: {
            Type: NDIS_OBJECT_TYPE_OPEN_PARAMETERS,
            Revision: NDIS_OPEN_PARAMETERS_REVISION_1,
            Size: NDIS_SIZEOF_OPEN_PARAMETERS_REVISION_1,
          },
          AdapterName: parameters.AdapterName,
          MediumArray: medium.address,
          MediumArraySize: 1,
          SelectedMediumIndex: medium.address,
        },
        bindContext,
        binding.handle,
      );
      return status;
    },
    UnbindAdapterHandlerEx: async (unbindContext: Address, context: TestBinding) => {
      p.log.push('unbind');
      context.unbindContext = unbindContext;
      return ndis.NdisCloseAdapterEx(context.handle.value);
    },
    OpenAdapterCompleteHandlerEx: (context: TestBinding, status: number) => {
      p.log.push('openComplete');
      ndis.NdisCompleteBindAdapterEx(context.bindContext, status);
    },
    CloseAdapterCompleteHandlerEx: (context: TestBinding) => {
      p.log.push('closeComplete');
      ndis.NdisCompleteUnbindAdapterEx(context.unbindContext);
    },
    NetPnPEventHandler: (_context: unknown, event: { NetPnPEvent: { NetEvent: number } }) => {
      const code = event.NetPnPEvent.NetEvent;
      // NDIS sends it once to every protocol that registers; tests of it listen themselves.
      if (code === NetEventBindsComplete) return NDIS_STATUS_SUCCESS;
      p.log.push(
        code === NetEventPause
          ? 'netEventPause'
          : code === NetEventRestart
            ? 'netEventRestart'
            : `event ${code}`,
      );
      return NDIS_STATUS_SUCCESS;
    },
    OidRequestCompleteHandler: () => {
      p.log.push('oidComplete');
    },
    ReceiveNetBufferListsHandler: (...args: Parameters<PROTOCOL_RECEIVE_NET_BUFFER_LISTS>) =>
      p.onReceive(...args),
    SendNetBufferListsCompleteHandler: (...args: Parameters<PROTOCOL_SEND_NET_BUFFER_LISTS_COMPLETE>) =>
      p.onSendComplete(...args),
  };
}

/** Makes a test protocol. */
export function createTestProtocol(
  t: TestNdis,
  name = 'protocol',
  driver: TestDriver = t.createDriver(name),
): TestProtocol {
  const handle = driver.cell();
  const protocol: TestProtocol = {
    driver,
    handle,
    log: [],
    bindings: [],
    packetFilter: 0x20,
    object: () => {
      const object = t.ndis.resolve(handle.value, ProtocolDriver);
      if (object === null) throw new Error('the test protocol is not registered');
      return object;
    },
    onReceive: (context, lists, _port, count, flags) => {
      protocol.log.push(`receive ${count}`);
      if ((flags & 2) === 0)
        driver.ndis.NdisReturnNetBufferLists((context as TestBinding).handle.value, lists, flags & 1);
    },
    onSendComplete: () => {
      protocol.log.push('sendComplete');
    },
  };
  return protocol;
}

/** Registers it as DriverEntry would. */
export async function registerProtocol(t: TestNdis, p: TestProtocol, changes: object = {}): Promise<number> {
  return t.run(() =>
    p.driver.ndis.NdisRegisterProtocolDriver(
      null,
      { ...protocolCharacteristics(p), ...changes } as object,
      p.handle,
    ),
  );
}

export { NDIS_STATUS_SUCCESS };
