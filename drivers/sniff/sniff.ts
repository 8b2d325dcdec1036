/**
 * sniff: a protocol driver in promiscuous mode that keeps copies of the frames it sees and gives them to a program
 * that reads its device `\\.\Sniff`. Parameters: `BufferBytes` (default 1 MiB, in all), `SnapLength` (bytes kept of a
 * frame, default 65535). In the manner of the NDISPROT sample; "Writing NDIS Protocol Drivers" (network).
 */

import {
  type Address,
  type DriverImports,
  defineDriver,
  Ieee8021QNetBufferListInfo,
  type NDIS_BIND_PARAMETERS,
  NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
  type NDIS_OID_REQUEST,
  NDIS_PACKET_TYPE_PROMISCUOUS,
  NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL,
  NDIS_RECEIVE_FLAGS_RESOURCES,
  NDIS_RETURN_FLAGS_DISPATCH_LEVEL,
  NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_STATUS_SUCCESS,
  NET_BUFFER,
  NET_BUFFER_LIST,
  type NET_PNP_EVENT_NOTIFICATION,
  NetEventPause,
  NetEventRestart,
  STATUS_INSUFFICIENT_RESOURCES,
} from '../../src/machine/index.ts';
import { LowerBinding } from '../support/lowerBinding.ts';
import { DriverParameters } from '../support/parameters.ts';
import { RecordRing } from './recordRing.ts';
import { SniffDevice, type SniffSource } from './sniffDevice.ts';

/** `Snif` as a pool tag. */
const TAG = 0x66696e53;
const DEFAULT_BUFFER = 1 << 20;
const LARGEST_BUFFER = 1 << 26;
const LARGEST_FRAME = 65_549;
const NBL_NEXT = NET_BUFFER_LIST.offset.Next;
const NBL_FIRST_NET_BUFFER = NET_BUFFER_LIST.offset.FirstNetBuffer;
const NBL_VLAN = NET_BUFFER_LIST.offset.NetBufferListInfo + 8 * Ieee8021QNetBufferListInfo;
const NB_NEXT = NET_BUFFER.offset.Next;

/** What the driver keeps: its bindings and what they capture together. */
class Sniffer implements SniffSource {
  readonly imports: DriverImports;
  readonly ring: RecordRing;
  readonly device: SniffDevice;
  readonly bindings = new Set<LowerBinding>();
  packetFilter = NDIS_PACKET_TYPE_PROMISCUOUS;
  readonly #time: Address;
  #snapLength: number;
  #listening = false;
  #captured = 0;
  #dropped = 0;

  constructor(imports: DriverImports, buffer: Address, bytes: number, snapLength: number) {
    this.imports = imports;
    this.ring = new RecordRing(imports.memory, buffer, bytes);
    this.#snapLength = snapLength;
    this.#time = imports.data(16);
    this.device = new SniffDevice(imports, this);
  }

  statistics() {
    return { captured: this.#captured, dropped: this.#dropped, bindings: this.bindings.size };
  }

  async setFilter(packetFilter: number, snapLength: number): Promise<number> {
    this.packetFilter = packetFilter;
    this.#snapLength = snapLength === 0 ? LARGEST_FRAME : snapLength;
    let result = NDIS_STATUS_SUCCESS;
    for (const binding of this.bindings) {
      const status = await binding.setPacketFilter(packetFilter);
      if (status !== NDIS_STATUS_SUCCESS) result = status;
    }
    return result;
  }

  setListening(listening: boolean): void {
    this.#listening = listening;
    if (!listening) this.ring.clear();
  }

  /** ProtocolReceiveNetBufferLists: copies the frames; the lists go back at once. */
  receive(binding: LowerBinding, lists: Address, flags: number): void {
    const { ndis, memory } = this.imports;
    const { i32, u32 } = memory;
    if (this.#listening && binding.running) {
      ndis.NdisGetCurrentSystemTime(this.#time);
      const { ifIndex } = binding.adapter;
      for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) {
        const vlan = u32[(list + NBL_VLAN) >> 2];
        for (
          let buffer = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
          buffer !== 0;
          buffer = i32[(buffer + NB_NEXT) >> 2]
        ) {
          if (this.ring.push(buffer, this.#snapLength, ifIndex, this.#time, vlan)) this.#captured++;
          else this.#dropped++;
        }
      }
    }
    if ((flags & NDIS_RECEIVE_FLAGS_RESOURCES) === 0) {
      const dispatch = (flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL) !== 0;
      ndis.NdisReturnNetBufferLists(binding.handle, lists, dispatch ? NDIS_RETURN_FLAGS_DISPATCH_LEVEL : 0);
    }
    this.device.serve();
  }
}

/** The driver. */
export const sniff = defineDriver((imports: DriverImports) => {
  const { ndis } = imports;
  const protocol = imports.cell();
  return {
    async DriverEntry(DriverObject, RegistryPath) {
      const parameters = await DriverParameters.read(imports, RegistryPath, ['BufferBytes', 'SnapLength']);
      const bytes = parameters.number('BufferBytes', DEFAULT_BUFFER, 4096, LARGEST_BUFFER) & ~7;
      const snapLength = parameters.number('SnapLength', LARGEST_FRAME, 1, LARGEST_FRAME);
      const buffer = ndis.NdisAllocateMemoryWithTagPriority(0, bytes, TAG, 0);
      if (buffer === 0) return STATUS_INSUFFICIENT_RESOURCES;
      const sniffer = new Sniffer(imports, buffer, bytes, snapLength);
      const status = sniffer.device.create(DriverObject);
      if (status !== NDIS_STATUS_SUCCESS) {
        ndis.NdisFreeMemory(buffer, 0, 0);
        return status;
      }
      DriverObject.DriverUnload = async () => {
        await ndis.NdisDeregisterProtocolDriver(protocol.value);
        sniffer.device.delete();
        ndis.NdisFreeMemory(buffer, 0, 0);
      };
      const registered = await ndis.NdisRegisterProtocolDriver(
        null,
        characteristics(sniffer, parameters.serviceName, protocol),
        protocol,
      );
      if (registered === NDIS_STATUS_SUCCESS) return registered;
      sniffer.device.delete();
      ndis.NdisFreeMemory(buffer, 0, 0);
      return registered;
    },
  };
});

function characteristics(sniffer: Sniffer, Name: string, protocol: ReturnType<DriverImports['cell']>) {
  const bind = async (bindContext: Address, parameters: NDIS_BIND_PARAMETERS) => {
    const binding = new LowerBinding(sniffer.imports, parameters);
    const opened = await binding.open(protocol, bindContext, parameters);
    if (opened !== NDIS_STATUS_SUCCESS) return opened;
    const filtered = await binding.setPacketFilter(sniffer.packetFilter);
    if (filtered === NDIS_STATUS_SUCCESS) sniffer.bindings.add(binding);
    else await binding.close();
    return filtered;
  };
  return {
    Header: {
      Type: NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
      Revision: NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
      Size: NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
    },
    MajorNdisVersion: 6,
    MinorNdisVersion: 30,
    MajorDriverVersion: 1,
    Name,
    BindAdapterHandlerEx: (_context: unknown, bindContext: Address, parameters: NDIS_BIND_PARAMETERS) =>
      bind(bindContext, parameters),
    UnbindAdapterHandlerEx: async (_unbindContext: Address, binding: LowerBinding) => {
      sniffer.bindings.delete(binding);
      await binding.close();
      return NDIS_STATUS_SUCCESS;
    },
    OpenAdapterCompleteHandlerEx: (binding: LowerBinding, status: number) => binding.complete(status),
    CloseAdapterCompleteHandlerEx: (binding: LowerBinding) => binding.complete(NDIS_STATUS_SUCCESS),
    NetPnPEventHandler: (binding: LowerBinding | null, event: NET_PNP_EVENT_NOTIFICATION) => {
      const { NetEvent } = event.NetPnPEvent;
      if (NetEvent !== NetEventPause && NetEvent !== NetEventRestart) return NDIS_STATUS_SUCCESS;
      if (binding !== null) binding.running = NetEvent === NetEventRestart;
      return NDIS_STATUS_SUCCESS;
    },
    OidRequestCompleteHandler: (binding: LowerBinding, request: NDIS_OID_REQUEST, status: number) => {
      binding.completeRequest(request.address, status);
    },
    StatusHandlerEx: () => {},
    ReceiveNetBufferListsHandler: (
      binding: LowerBinding,
      lists: Address,
      _port: number,
      _count: number,
      flags: number,
    ) => sniffer.receive(binding, lists, flags),
    // It never sends.
    SendNetBufferListsCompleteHandler: () => {},
  };
}
