/**
 * The least intermediate driver: one virtual miniport over each adapter, every list passed on as a list of its own over
 * the same MDLs, both ways. It stands for `mux` where only the path is measured.
 */

import {
  type Address,
  type DriverImports,
  defineDriver,
  KERNEL_WINDOW_HIGH,
  MediaConnectStateConnected,
  MediaDuplexStateFull,
  NDIS_INTERMEDIATE_DRIVER,
  NDIS_MAC_OPTION_NO_LOOPBACK,
  NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
  NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
  NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
  NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS,
  NDIS_RECEIVE_FLAGS_RESOURCES,
  NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
  NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
  NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NET_BUFFER,
  NET_BUFFER_LIST,
  NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
} from '../../src/machine/index.ts';
import { type Lower, protocolCharacteristics, setPacketFilter } from './protocolEdge.ts';

const NBL_NEXT = NET_BUFFER_LIST.offset.Next;
const NBL_FIRST_NET_BUFFER = NET_BUFFER_LIST.offset.FirstNetBuffer;
const NBL_STATUS = NET_BUFFER_LIST.offset.Status;
const NBL_SOURCE = NET_BUFFER_LIST.offset.SourceHandle;
/** Of an own list sent or indicated: the list it stands for. */
const NBL_ORIGINAL_SENT = NET_BUFFER_LIST.offset.ProtocolReserved;
const NBL_ORIGINAL_RECEIVED = NET_BUFFER_LIST.offset.MiniportReserved;
const NB_CURRENT_MDL = NET_BUFFER.offset.CurrentMdl;
const NB_CURRENT_MDL_OFFSET = NET_BUFFER.offset.CurrentMdlOffset;
const NB_MDL_CHAIN = NET_BUFFER.offset.MdlChain;
const NB_DATA_OFFSET = NET_BUFFER.offset.DataOffset;
const NB_DATA_LENGTH = NET_BUFFER.offset.DataLength;
const TAG = 0x73615062;
/** Own lists of a bridge, made once. */
const OWN_LISTS = 512;
const MAC_ADDRESS = [2, 0, 0, 0, 0, 3];

interface Bridge extends Lower {
  /** NdisBindingHandle. */
  lower: Address;
  pool: Address;
  /** Own lists that are free, as a stack. */
  readonly free: Int32Array;
  freeCount: number;
  /** Handle of the virtual miniport, 0 while it is not initialized. */
  virtual: Address;
}

/** @param filter packet filter of the binding below. */
export function passThrough(filter: number) {
  return defineDriver((imports: DriverImports) => {
    const { ndis, memory } = imports;
    const { i32, u32 } = memory;
    const driver = imports.cell();
    const protocol = imports.cell();
    const instances: Bridge[] = [];

    /** Own lists over the data of `lists`; each keeps its original at `place`. */
    const wrap = (bridge: Bridge, lists: Address, place: number, source: Address): Address => {
      const { free } = bridge;
      let head: Address = 0;
      let tail: Address = 0;
      for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) {
        const from = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
        if (bridge.freeCount === 0) throw new Error('out of lists');
        const own = free[--bridge.freeCount];
        const to = i32[(own + NBL_FIRST_NET_BUFFER) >> 2];
        // The high halves of these pointers were written when the list was made, and never change.
        i32[(to + NB_CURRENT_MDL) >> 2] = i32[(from + NB_CURRENT_MDL) >> 2];
        i32[(to + NB_MDL_CHAIN) >> 2] = i32[(from + NB_MDL_CHAIN) >> 2];
        i32[(to + NB_CURRENT_MDL_OFFSET) >> 2] = i32[(from + NB_CURRENT_MDL_OFFSET) >> 2];
        i32[(to + NB_DATA_OFFSET) >> 2] = i32[(from + NB_DATA_OFFSET) >> 2];
        i32[(to + NB_DATA_LENGTH) >> 2] = i32[(from + NB_DATA_LENGTH) >> 2];
        i32[(own + place) >> 2] = list;
        i32[(own + NBL_SOURCE) >> 2] = source;
        if (head === 0) head = own;
        else {
          i32[(tail + NBL_NEXT) >> 2] = own;
          i32[(tail + NBL_NEXT + 4) >> 2] = KERNEL_WINDOW_HIGH;
        }
        tail = own;
      }
      i32[(tail + NBL_NEXT) >> 2] = 0;
      i32[(tail + NBL_NEXT + 4) >> 2] = 0;
      return head;
    };
    /** Takes own lists back and gives the chain of their originals. */
    const unwrap = (bridge: Bridge, lists: Address, place: number, withStatus: boolean): Address => {
      const { free } = bridge;
      let head: Address = 0;
      let tail: Address = 0;
      for (let own = lists; own !== 0; ) {
        const next = i32[(own + NBL_NEXT) >> 2];
        const original = i32[(own + place) >> 2];
        if (withStatus) u32[(original + NBL_STATUS) >> 2] = u32[(own + NBL_STATUS) >> 2];
        if (head === 0) head = original;
        else {
          i32[(tail + NBL_NEXT) >> 2] = original;
          i32[(tail + NBL_NEXT + 4) >> 2] = KERNEL_WINDOW_HIGH;
        }
        tail = original;
        free[bridge.freeCount++] = own;
        own = next;
      }
      if (tail !== 0) memory.writePointer(tail + NBL_NEXT, 0);
      return head;
    };

    const edge = protocolCharacteristics<Bridge>(imports, 'passThrough', protocol, {
      create: (lower) => ({
        ...lower,
        lower: 0,
        pool: 0,
        virtual: 0,
        free: new Int32Array(OWN_LISTS),
        freeCount: 0,
      }),
      opened: async (bridge) => {
        bridge.pool = ndis.NdisAllocateNetBufferListPool(bridge.handle.value, {
          Header: {
            Type: NDIS_OBJECT_TYPE_DEFAULT,
            Revision: NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
            Size: NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
          },
          fAllocateNetBuffer: true,
          PoolTag: TAG,
        });
        if (bridge.pool === 0) return NDIS_STATUS_RESOURCES;
        for (let i = 0; i < OWN_LISTS; i++) {
          const own = ndis.NdisAllocateNetBufferAndNetBufferList(bridge.pool, 0, 0, 0, 0, 0);
          if (own === 0) return NDIS_STATUS_RESOURCES;
          const buffer = i32[(own + NBL_FIRST_NET_BUFFER) >> 2];
          for (const at of [own + NBL_ORIGINAL_SENT, own + NBL_ORIGINAL_RECEIVED, own + NBL_SOURCE])
            memory.writePointer(at, own);
          for (const at of [buffer + NB_CURRENT_MDL, buffer + NB_MDL_CHAIN]) memory.writePointer(at, own);
          bridge.free[bridge.freeCount++] = own;
        }
        bridge.lower = bridge.handle.value;
        instances.push(bridge);
        await setPacketFilter(imports, bridge, filter);
        const name = `\\Device\\{PASS-${instances.length}}`;
        return ndis.NdisIMInitializeDeviceInstanceEx(driver.value, name, bridge);
      },
      closing: async (bridge) => {
        if (bridge.virtual !== 0) await ndis.NdisIMDeInitializeDeviceInstance(bridge.virtual);
        while (bridge.freeCount > 0) ndis.NdisFreeNetBufferList(bridge.free[--bridge.freeCount]);
        ndis.NdisFreeNetBufferListPool(bridge.pool);
      },
      receive: (bridge, lists, port, count, flags) => {
        if (bridge.virtual === 0) {
          if ((flags & NDIS_RECEIVE_FLAGS_RESOURCES) === 0)
            ndis.NdisReturnNetBufferLists(bridge.lower, lists, 0);
          return;
        }
        const own = wrap(bridge, lists, NBL_ORIGINAL_RECEIVED, bridge.virtual);
        ndis.NdisMIndicateReceiveNetBufferLists(bridge.virtual, own, port, count, flags);
        if ((flags & NDIS_RECEIVE_FLAGS_RESOURCES) !== 0) unwrap(bridge, own, NBL_ORIGINAL_RECEIVED, false);
      },
      sendComplete: (bridge, lists, flags) => {
        const originals = unwrap(bridge, lists, NBL_ORIGINAL_SENT, true);
        ndis.NdisMSendNetBufferListsComplete(bridge.virtual, originals, flags);
      },
    });

    return {
      async DriverEntry(DriverObject, RegistryPath) {
        const status = await ndis.NdisMRegisterMiniportDriver(
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
            Flags: NDIS_INTERMEDIATE_DRIVER,
            InitializeHandlerEx: (
              handle: Address,
              _driver: unknown,
              parameters: { IMDeviceInstanceContext: unknown },
            ) => {
              const bridge = instances.find((one) => one === deviceContext(imports, parameters));
              if (bridge === undefined) return NDIS_STATUS_FAILURE;
              bridge.virtual = handle;
              setAttributes(imports, handle, bridge);
              return NDIS_STATUS_SUCCESS;
            },
            HaltHandlerEx: (bridge: Bridge) => {
              bridge.virtual = 0;
            },
            UnloadHandler: async () => {
              await ndis.NdisDeregisterProtocolDriver(protocol.value);
              await ndis.NdisMDeregisterMiniportDriver(driver.value);
            },
            PauseHandler: () => NDIS_STATUS_SUCCESS,
            RestartHandler: () => NDIS_STATUS_SUCCESS,
            OidRequestHandler: () => NDIS_STATUS_SUCCESS,
            SendNetBufferListsHandler: (bridge: Bridge, lists: Address, port: number, flags: number) => {
              const own = wrap(bridge, lists, NBL_ORIGINAL_SENT, bridge.lower);
              ndis.NdisSendNetBufferLists(bridge.lower, own, port, flags);
            },
            ReturnNetBufferListsHandler: (bridge: Bridge, lists: Address, flags: number) => {
              const originals = unwrap(bridge, lists, NBL_ORIGINAL_RECEIVED, false);
              ndis.NdisReturnNetBufferLists(bridge.lower, originals, flags);
            },
            CancelSendHandler: () => {},
            DevicePnPEventNotifyHandler: () => {},
            ShutdownHandlerEx: () => {},
            CancelOidRequestHandler: () => {},
          },
          driver,
        );
        if (status !== NDIS_STATUS_SUCCESS) return status;
        const registered = await ndis.NdisRegisterProtocolDriver(null, edge, protocol);
        if (registered !== NDIS_STATUS_SUCCESS) {
          await ndis.NdisMDeregisterMiniportDriver(driver.value);
          return registered;
        }
        ndis.NdisIMAssociateMiniport(driver.value, protocol.value);
        return NDIS_STATUS_SUCCESS;
      },
    };
  });
}

/** The context that NdisIMInitializeDeviceInstanceEx got: the driver's own object, or its opaque address. */
function deviceContext(imports: DriverImports, parameters: { IMDeviceInstanceContext: unknown }): unknown {
  const given = parameters.IMDeviceInstanceContext;
  return typeof given === 'number' ? imports.memory.objects.valueAt(given) : given;
}

function setAttributes(imports: DriverImports, handle: Address, context: Bridge): void {
  const { ndis } = imports;
  ndis.NdisMSetMiniportAttributes(handle, {
    RegistrationAttributes: {
      Header: {
        Type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
        Revision: NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
        Size: NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
      },
      MiniportAdapterContext: context,
    },
  });
  ndis.NdisMSetMiniportAttributes(handle, {
    GeneralAttributes: {
      Header: {
        Type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
        Revision: NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
        Size: NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
      },
      MediaType: 0,
      MtuSize: 1500,
      LookaheadSize: 1500,
      MaxXmitLinkSpeed: 10_000_000_000n,
      MaxRcvLinkSpeed: 10_000_000_000n,
      XmitLinkSpeed: 10_000_000_000n,
      RcvLinkSpeed: 10_000_000_000n,
      MediaConnectState: MediaConnectStateConnected,
      MediaDuplexState: MediaDuplexStateFull,
      MacOptions: NDIS_MAC_OPTION_NO_LOOPBACK,
      SupportedPacketFilters: 0x2f,
      MaxMulticastListSize: 32,
      MacAddressLength: 6,
      PermanentMacAddress: MAC_ADDRESS,
      CurrentMacAddress: MAC_ADDRESS,
      IfType: 6,
    },
  });
}
