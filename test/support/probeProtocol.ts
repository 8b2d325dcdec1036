/** A protocol driver that sends what a test says and keeps what it receives. */

import { frameAddress } from '../../drivers/support/frameBytes.ts';
import { LowerBinding } from '../../drivers/support/lowerBinding.ts';
import { OwnLists } from '../../drivers/support/ownLists.ts';
import {
  type Address,
  type DriverImports,
  defineDriver,
  type NDIS_BIND_PARAMETERS,
  NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
  type NDIS_OID_REQUEST,
  NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
  NET_BUFFER_LIST,
  type NET_PNP_EVENT_NOTIFICATION,
  NetEventPause,
  NetEventRestart,
} from '../../src/machine/index.ts';

/** Indexes of out-of-band information: checksum, large send, VLAN, coalesced segments. */
export const CHECKSUM = 0;
export const LARGE_SEND = 2;
export const VLAN = 4;
export const COALESCED = 22;

/** Index of a word of out-of-band information in the 32-bit words of memory. */
export const information = (list: Address, id: number): number =>
  (list + NET_BUFFER_LIST.offset.NetBufferListInfo + 8 * id) >> 2;

/** What the protocol of the test sends, and what it saw. */
export interface Probe {
  imports: DriverImports | null;
  binding: LowerBinding | null;
  lists: OwnLists | null;
  readonly received: { frame: Uint8Array; info: number[] }[];
  /** Looks at each received list besides. */
  readonly look?: (imports: DriverImports, list: Address) => void;
  readonly completed: { status: number; largeSend: number }[];
  /** What else it does when it is bound. */
  readonly atBind?: (binding: LowerBinding) => Promise<void>;
}

/** A protocol that does what the test says. */
export function probing(probe: Probe) {
  return defineDriver((imports: DriverImports) => {
    const { ndis, memory } = imports;
    const protocol = imports.cell();
    probe.imports = imports;
    return {
      DriverEntry(DriverObject) {
        DriverObject.DriverUnload = () => ndis.NdisDeregisterProtocolDriver(protocol.value);
        return ndis.NdisRegisterProtocolDriver(
          null,
          {
            Header: {
              Type: NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
              Revision: NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
              Size: NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
            },
            MajorNdisVersion: 6,
            MinorNdisVersion: 30,
            Name: 'probe',
            BindAdapterHandlerEx: async (_context: unknown, bind: Address, given: NDIS_BIND_PARAMETERS) => {
              probe.binding = new LowerBinding(imports, given);
              const status = await probe.binding.open(protocol, bind, given);
              probe.lists = OwnLists.create(imports, probe.binding.handle, 1, 8, 66_000);
              await probe.binding.setPacketFilter(0x20);
              await probe.atBind?.(probe.binding);
              return status;
            },
            UnbindAdapterHandlerEx: async (_unbind: Address, binding: LowerBinding) => {
              await binding.close();
              probe.lists?.destroy();
              return 0;
            },
            OpenAdapterCompleteHandlerEx: (binding: LowerBinding, status: number) => binding.complete(status),
            CloseAdapterCompleteHandlerEx: (binding: LowerBinding) => binding.complete(0),
            NetPnPEventHandler: async (binding: LowerBinding, event: NET_PNP_EVENT_NOTIFICATION) => {
              if (event.NetPnPEvent.NetEvent === NetEventPause) await binding.pause();
              if (event.NetPnPEvent.NetEvent === NetEventRestart) binding.running = true;
              return 0;
            },
            OidRequestCompleteHandler: (binding: LowerBinding, request: NDIS_OID_REQUEST, status: number) => {
              binding.completeRequest(request.address, status);
            },
            StatusHandlerEx: () => {},
            ReceiveNetBufferListsHandler: (binding: LowerBinding, lists: Address) => {
              for (let list = lists; list !== 0; list = memory.readPointer(list)) {
                probe.look?.(imports, list);
                const buffer = ndis.NET_BUFFER_LIST_FIRST_NB(list);
                const at = frameAddress(memory, buffer);
                probe.received.push({
                  frame: memory.u8.slice(at, at + ndis.NET_BUFFER_DATA_LENGTH(buffer)),
                  info: [CHECKSUM, LARGE_SEND, VLAN, COALESCED].map(
                    (id) => memory.u32[information(list, id)],
                  ),
                });
              }
              ndis.NdisReturnNetBufferLists(binding.handle, lists, 1);
            },
            SendNetBufferListsCompleteHandler: (binding: LowerBinding, lists: Address) => {
              for (let list = lists; list !== 0; ) {
                const next = memory.readPointer(list);
                probe.completed.push({
                  status: ndis.NET_BUFFER_LIST_STATUS(list),
                  largeSend: memory.u32[information(list, LARGE_SEND)],
                });
                binding.sendsOutstanding--;
                probe.lists?.give(list);
                list = next;
              }
              binding.sendsCompleted();
            },
          },
          protocol,
        );
      },
    };
  });
}
