/**
 * traffic: a protocol driver that sends frames and counts those that come: a generator and a sink for tests and
 * benchmarks. Parameters: `Destination` (`02:00:00:00:01:01`, default broadcast), `Count` (default 0: sink only),
 * `FrameBytes` (60), `Batch` (32), `Outstanding` (256), `PacketFilter` (NDIS_PACKET_TYPE_ bits; default promiscuous).
 * When a binding pauses or is undone, its counters are written to `Parameters\Results\INDEX` as REG_DWORD values.
 */

import {
  type Address,
  type DriverImports,
  defineDriver,
  type NDIS_BIND_PARAMETERS,
  NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
  type NDIS_OID_REQUEST,
  NDIS_PACKET_TYPE_PROMISCUOUS,
  NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_STATUS_SUCCESS,
  type NET_PNP_EVENT_NOTIFICATION,
  NetEventPause,
  NetEventRestart,
  REG_DWORD,
  RTL_REGISTRY_ABSOLUTE,
  readUnicodeString,
  STATUS_INVALID_PARAMETER,
} from '../../src/machine/index.ts';
import { DriverParameters } from '../support/parameters.ts';
import { TrafficBinding, type TrafficOptions } from './trafficBinding.ts';

const NAMES = ['Destination', 'Count', 'FrameBytes', 'Batch', 'Outstanding', 'PacketFilter'];
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const LARGEST_COUNT = 0xffff_ffff;

/** The driver. */
export const traffic = defineDriver((imports: DriverImports) => {
  const { ndis } = imports;
  const protocol = imports.cell();
  return {
    async DriverEntry(DriverObject, RegistryPath) {
      const parameters = await DriverParameters.read(imports, RegistryPath, NAMES);
      const options = optionsFrom(parameters);
      if (options === null) {
        imports.note('Destination takes an Ethernet address such as 02:00:00:00:01:01');
        return STATUS_INVALID_PARAMETER;
      }
      const path = readUnicodeString(imports.memory, RegistryPath.address);
      const value = imports.cell();
      const report = (binding: TrafficBinding) => writeResults(imports, path, binding, value.address);
      DriverObject.DriverUnload = () => ndis.NdisDeregisterProtocolDriver(protocol.value);
      return ndis.NdisRegisterProtocolDriver(
        null,
        {
          ...handlers(report),
          Header: {
            Type: NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
            Revision: NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
            Size: NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
          },
          MajorNdisVersion: 6,
          MinorNdisVersion: 30,
          MajorDriverVersion: 1,
          Name: parameters.serviceName,
          BindAdapterHandlerEx: (_context: unknown, bindContext: Address, given: NDIS_BIND_PARAMETERS) =>
            new TrafficBinding(imports, given, options).bind(protocol, bindContext, given),
        },
        protocol,
      );
    },
  };
});

function optionsFrom(parameters: DriverParameters): TrafficOptions | null {
  const text = parameters.text('Destination', BROADCAST);
  if (!/^[\da-f]{2}([:-][\da-f]{2}){5}$/i.test(text)) return null;
  const batch = parameters.number('Batch', 32, 1, 4096);
  return {
    destination: Uint8Array.from(text.split(/[:-]/), (part) => Number.parseInt(part, 16)),
    count: parameters.number('Count', 0, 0, LARGEST_COUNT),
    frameBytes: parameters.number('FrameBytes', 60, 20, 65_536),
    batch,
    outstanding: Math.max(batch, parameters.number('Outstanding', 256, 1, 65_536)),
    packetFilter: parameters.number('PacketFilter', NDIS_PACKET_TYPE_PROMISCUOUS, 0, LARGEST_COUNT),
  };
}

/** The handlers that need nothing but the binding, and what tells its results. */
function handlers(report: (binding: TrafficBinding) => void) {
  return {
    UnbindAdapterHandlerEx: async (_unbindContext: Address, binding: TrafficBinding) => {
      await binding.unbind();
      report(binding);
      return NDIS_STATUS_SUCCESS;
    },
    OpenAdapterCompleteHandlerEx: (binding: TrafficBinding, status: number) => binding.complete(status),
    CloseAdapterCompleteHandlerEx: (binding: TrafficBinding) => binding.complete(NDIS_STATUS_SUCCESS),
    NetPnPEventHandler: async (binding: TrafficBinding | null, event: NET_PNP_EVENT_NOTIFICATION) => {
      const { NetEvent } = event.NetPnPEvent;
      if (binding === null || (NetEvent !== NetEventPause && NetEvent !== NetEventRestart))
        return NDIS_STATUS_SUCCESS;
      if (NetEvent === NetEventRestart) binding.restart();
      else {
        await binding.pause();
        report(binding);
      }
      return NDIS_STATUS_SUCCESS;
    },
    OidRequestCompleteHandler: (binding: TrafficBinding, request: NDIS_OID_REQUEST, status: number) => {
      binding.completeRequest(request.address, status);
    },
    StatusHandlerEx: () => {},
    ReceiveNetBufferListsHandler: (
      binding: TrafficBinding,
      lists: Address,
      _port: number,
      _count: number,
      flags: number,
    ) => binding.receive(lists, flags),
    SendNetBufferListsCompleteHandler: (binding: TrafficBinding, lists: Address) => binding.sent(lists),
  };
}

/** Writes the counters below the service, one key an interface. */
function writeResults(imports: DriverImports, path: string, binding: TrafficBinding, value: Address): void {
  const { ntoskrnl, memory } = imports;
  // RtlWriteRegistryValue makes the keys that are missing.
  const key = `${path}\\Parameters\\Results\\${binding.adapter.ifIndex}`;
  for (const [name, count] of Object.entries(binding.counters)) {
    memory.u32[value >> 2] = count;
    ntoskrnl.RtlWriteRegistryValue(RTL_REGISTRY_ABSOLUTE, key, name, REG_DWORD, value, 4);
  }
}
