/** A protocol that sends a batch of frames again as soon as it came back, as often as it was asked to. */

import {
  type Address,
  type DriverImports,
  defineDriver,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL,
  NDIS_RECEIVE_FLAGS_RESOURCES,
  NDIS_SEND_FLAGS_DISPATCH_LEVEL,
  NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NET_BUFFER,
  NET_BUFFER_LIST,
  NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
} from '../../src/machine/index.ts';
import { type Lower, protocolCharacteristics, setPacketFilter } from './protocolEdge.ts';

const NBL_NEXT = NET_BUFFER_LIST.offset.Next;
const NBL_FIRST_NET_BUFFER = NET_BUFFER_LIST.offset.FirstNetBuffer;
const NBL_SOURCE = NET_BUFFER_LIST.offset.SourceHandle;
const NB_CURRENT_MDL = NET_BUFFER.offset.CurrentMdl;
const MDL_ADDRESS = 24;
const TAG = 0x636e4262;
/** Most frames in a batch. */
const CAPACITY = 64;

/** How the host works with the driver. */
export interface BouncerControl {
  /** Sends `rounds` batches of `batch` frames, each when the one before is back. */
  run(rounds: number, batch: number): void;
  /** Frames that came back. */
  received: number;
}

export interface BouncerOptions {
  /** Name of the adapter whose frames it bounces; others are left alone. */
  readonly frameLength: number;
  readonly destination: readonly number[];
  readonly filter: number;
}

/** The driver, and how to use it. */
export function bouncer(options: BouncerOptions) {
  const control: BouncerControl = {
    received: 0,
    run: () => {
      throw new Error('the protocol is not bound');
    },
  };
  const image = defineDriver((imports: DriverImports) => {
    const { ndis, ntoskrnl, memory } = imports;
    const { i32 } = memory;
    const protocol = imports.cell();
    const lists = new Int32Array(CAPACITY);
    let binding: Address = 0;
    let pool: Address = 0;
    let left = 0;
    let batch = 1;
    let back = 0;

    const sendBatch = (): void => {
      for (let i = 0; i < batch; i++)
        memory.writePointer(lists[i] + NBL_NEXT, i + 1 < batch ? lists[i + 1] : 0);
      ndis.NdisSendNetBufferLists(binding, lists[0], 0, NDIS_SEND_FLAGS_DISPATCH_LEVEL);
    };
    const createLists = (): boolean => {
      pool = ndis.NdisAllocateNetBufferListPool(binding, {
        Header: {
          Type: NDIS_OBJECT_TYPE_DEFAULT,
          Revision: NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
          Size: NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
        },
        fAllocateNetBuffer: true,
        PoolTag: TAG,
      });
      for (let i = 0; i < CAPACITY; i++) {
        const data = imports.data(options.frameLength);
        memory.u8.set(options.destination, data);
        memory.u8.set([2, 0, 0, 0, 0, 9, 0x88, 0xb5], data + 6);
        const mdl = ndis.NdisAllocateMdl(binding, data, options.frameLength);
        const list = ndis.NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, mdl, 0, options.frameLength);
        if (list === 0) return false;
        memory.writePointer(list + NBL_SOURCE, binding);
        lists[i] = list;
      }
      return true;
    };

    const edge = protocolCharacteristics<Lower>(imports, 'bouncer', protocol, {
      create: (lower) => ({ ...lower }),
      opened: async (lower) => {
        binding = lower.handle.value;
        await setPacketFilter(imports, lower, options.filter);
        return createLists() ? NDIS_STATUS_SUCCESS : NDIS_STATUS_RESOURCES;
      },
      closing: () => {
        for (const list of lists) {
          const mdl = ndis.NET_BUFFER_FIRST_MDL(ndis.NET_BUFFER_LIST_FIRST_NB(list));
          ndis.NdisFreeNetBufferList(list);
          ndis.NdisFreeMdl(mdl);
        }
        ndis.NdisFreeNetBufferListPool(pool);
      },
      receive: (_lower, received, _port, count, flags) => {
        for (let list = received; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) {
          const buffer = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
          const mdl = i32[(buffer + NB_CURRENT_MDL) >> 2];
          if (i32[(i32[(mdl + MDL_ADDRESS) >> 2] + 12) >> 2] !== 0) control.received++;
        }
        back += count;
        if ((flags & NDIS_RECEIVE_FLAGS_RESOURCES) === 0)
          ndis.NdisReturnNetBufferLists(binding, received, flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL);
        if (back < batch) return;
        back = 0;
        if (--left > 0) sendBatch();
      },
      sendComplete: () => {},
    });
    control.run = (rounds, size) => {
      left = rounds;
      batch = size;
      const irql = ntoskrnl.KeRaiseIrqlToDpcLevel();
      sendBatch();
      ntoskrnl.KeLowerIrql(irql);
      if (left !== 0) throw new Error(`${left} of ${rounds} rounds did not come back`);
    };
    return {
      DriverEntry(DriverObject) {
        DriverObject.DriverUnload = imports.memory.callables.addressOf(async () => {
          await ndis.NdisDeregisterProtocolDriver(protocol.value);
        });
        return ndis.NdisRegisterProtocolDriver(null, edge, protocol);
      },
    };
  });
  return { image, control };
}
