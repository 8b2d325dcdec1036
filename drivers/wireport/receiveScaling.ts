/**
 * Receive side scaling of wireport: in software what a network card with a receive queue for each processor does. Each
 * frame is hashed, and indicated by a DPC of the processor that the indirection table names for its hash.
 * Implements "RSS with Hardware Queuing", "RSS Configuration" and "Indicating RSS Receive Data" (network).
 */

import {
  type Address,
  type DriverImports,
  KERNEL_WINDOW_HIGH,
  NDIS_OBJECT_TYPE_RSS_CAPABILITIES,
  NDIS_RECEIVE_SCALE_CAPABILITIES,
  NDIS_RECEIVE_SCALE_CAPABILITIES_REVISION_2,
  NDIS_RECEIVE_SCALE_PARAMETERS,
  NDIS_RSS_CAPS_CLASSIFICATION_AT_DPC,
  NDIS_RSS_CAPS_HASH_TYPE_TCP_IPV4,
  NDIS_RSS_CAPS_HASH_TYPE_TCP_IPV6,
  NDIS_RSS_CAPS_HASH_TYPE_TCP_IPV6_EX,
  NDIS_RSS_CAPS_HASH_TYPE_UDP_IPV4,
  NDIS_RSS_CAPS_HASH_TYPE_UDP_IPV6,
  NDIS_RSS_CAPS_HASH_TYPE_UDP_IPV6_EX,
  NDIS_RSS_PARAM_FLAG_DISABLE_RSS,
  NDIS_RSS_PARAM_FLAG_HASH_INFO_UNCHANGED,
  NDIS_RSS_PARAM_FLAG_HASH_KEY_UNCHANGED,
  NDIS_RSS_PARAM_FLAG_ITABLE_UNCHANGED,
  NDIS_SIZEOF_RECEIVE_SCALE_CAPABILITIES_REVISION_2,
  NdisHashFunctionToeplitz,
  NET_BUFFER_LIST,
  ReceiveHash,
} from '../../src/machine/index.ts';

const NBL_NEXT = NET_BUFFER_LIST.offset.Next;
/** The most entries of an indirection table. */
const TABLE_ENTRIES = 128;
const PROCESSOR_NUMBER_SIZE = 4;
/** The number in a PROCESSOR_NUMBER. */
const NUMBER = 2;
const FUNCTION_MASK = 0xff;
const KDPC_SIZE = 64;
/** `WPrs` as a pool tag. */
const TAG = 0x73725057;
const PARAMETERS = NDIS_RECEIVE_SCALE_PARAMETERS.offset;

/** Frames that wait for their processor. */
interface ReceiveQueue {
  readonly dpc: Address;
  head: Address;
  tail: Address;
  count: number;
}

/** The receive queues of one adapter, one a processor. */
export class ReceiveScaling {
  readonly #imports: DriverImports;
  readonly #queues: ReceiveQueue[];
  readonly #indicate: (lists: Address, count: number) => void;
  #hash: ReceiveHash | null = null;
  #hashInformation = 0;
  #key: Uint8Array = new Uint8Array(40);
  #table = new Uint8Array(1);
  /** Frames were hashed once, so that lists may hold old hashes. */
  hashed = false;

  /** Null where memory is short, or where there is but one processor. */
  static create(
    imports: DriverImports,
    handle: Address,
    indicate: (lists: Address, count: number) => void,
  ): ReceiveScaling | null {
    const { ndis, ntoskrnl } = imports;
    const processors = ntoskrnl.KeQueryActiveProcessorCountEx(0);
    if (processors === 1) return null;
    const dpcs = ndis.NdisAllocateMemoryWithTagPriority(handle, processors * KDPC_SIZE, TAG, 0);
    return dpcs === 0 ? null : new ReceiveScaling(imports, dpcs, processors, indicate);
  }

  private constructor(
    imports: DriverImports,
    dpcs: Address,
    processors: number,
    indicate: (lists: Address, count: number) => void,
  ) {
    this.#imports = imports;
    this.#indicate = indicate;
    this.#queues = Array.from({ length: processors }, (_, number) => {
      const queue: ReceiveQueue = { dpc: dpcs + number * KDPC_SIZE, head: 0, tail: 0, count: 0 };
      imports.ntoskrnl.KeInitializeDpc(queue.dpc, () => this.#deliver(queue), null);
      imports.ntoskrnl.KeSetTargetProcessorDpc(queue.dpc, number);
      return queue;
    });
  }

  /** Whether frames are hashed and distributed. */
  get enabled(): boolean {
    return this.#hash !== null;
  }

  /** NDIS_RECEIVE_SCALE_CAPABILITIES in the driver's data. */
  capabilities(): Address {
    const { memory, data } = this.#imports;
    const at = data(NDIS_RECEIVE_SCALE_CAPABILITIES.size);
    NDIS_RECEIVE_SCALE_CAPABILITIES.fill(memory, at, {
      Header: {
        Type: NDIS_OBJECT_TYPE_RSS_CAPABILITIES,
        Revision: NDIS_RECEIVE_SCALE_CAPABILITIES_REVISION_2,
        Size: NDIS_SIZEOF_RECEIVE_SCALE_CAPABILITIES_REVISION_2,
      },
      CapabilitiesFlags:
        NDIS_RSS_CAPS_CLASSIFICATION_AT_DPC |
        NDIS_RSS_CAPS_HASH_TYPE_TCP_IPV4 |
        NDIS_RSS_CAPS_HASH_TYPE_UDP_IPV4 |
        NDIS_RSS_CAPS_HASH_TYPE_TCP_IPV6 |
        NDIS_RSS_CAPS_HASH_TYPE_UDP_IPV6 |
        NDIS_RSS_CAPS_HASH_TYPE_TCP_IPV6_EX |
        NDIS_RSS_CAPS_HASH_TYPE_UDP_IPV6_EX |
        NdisHashFunctionToeplitz,
      NumberOfInterruptMessages: 1,
      NumberOfReceiveQueues: this.#queues.length,
      NumberOfIndirectionTableEntries: TABLE_ENTRIES,
    });
    return at;
  }

  /** Takes over an NDIS_RECEIVE_SCALE_PARAMETERS, which NDIS has checked. */
  configure(buffer: Address): void {
    const { data, u8 } = this.#imports.memory;
    const flags = data.getUint16(buffer + PARAMETERS.Flags, true);
    if ((flags & NDIS_RSS_PARAM_FLAG_HASH_INFO_UNCHANGED) === 0)
      this.#hashInformation = data.getUint32(buffer + PARAMETERS.HashInformation, true);
    const isOff = (flags & NDIS_RSS_PARAM_FLAG_DISABLE_RSS) !== 0;
    if (isOff || (this.#hashInformation & FUNCTION_MASK) === 0) {
      this.#hash = null;
      return;
    }
    if ((flags & NDIS_RSS_PARAM_FLAG_HASH_KEY_UNCHANGED) === 0) {
      const at = buffer + data.getUint32(buffer + PARAMETERS.HashSecretKeyOffset, true);
      this.#key = u8.slice(at, at + data.getUint16(buffer + PARAMETERS.HashSecretKeySize, true));
    }
    if ((flags & NDIS_RSS_PARAM_FLAG_ITABLE_UNCHANGED) === 0) {
      const at = buffer + data.getUint32(buffer + PARAMETERS.IndirectionTableOffset, true);
      const size = data.getUint16(buffer + PARAMETERS.IndirectionTableSize, true);
      this.#table = Uint8Array.from(
        { length: size / PROCESSOR_NUMBER_SIZE },
        (_, entry) => u8[at + entry * PROCESSOR_NUMBER_SIZE + NUMBER],
      );
    }
    this.hashed = true;
    this.#hash = new ReceiveHash(this.#hashInformation, this.#key);
  }

  /** Says of a received list that it has no hash: the one of its last frame may stand there. */
  clear(list: Address): void {
    this.#imports.ndis.NET_BUFFER_LIST_SET_HASH_VALUE(list, 0);
    this.#imports.ndis.NET_BUFFER_LIST_SET_HASH_TYPE(list, 0);
    this.#imports.ndis.NET_BUFFER_LIST_SET_HASH_FUNCTION(list, 0);
  }

  /** Hashes the frame of a received list and puts the list into the queue of its processor. */
  place(list: Address, frame: Address, length: number): void {
    const hash = this.#hash;
    if (hash === null) return;
    const { ndis, memory } = this.#imports;
    const type = hash.compute(memory.u8, frame, length);
    ndis.NET_BUFFER_LIST_SET_HASH_VALUE(list, hash.value);
    ndis.NET_BUFFER_LIST_SET_HASH_TYPE(list, type);
    ndis.NET_BUFFER_LIST_SET_HASH_FUNCTION(list, type === 0 ? 0 : NdisHashFunctionToeplitz);
    // What has no hash is for the default processor.
    const queue = this.#queues[type === 0 ? 0 : this.#table[hash.value & (this.#table.length - 1)]];
    const { i32 } = memory;
    i32[(list + NBL_NEXT) >> 2] = 0;
    i32[(list + NBL_NEXT + 4) >> 2] = 0;
    if (queue.count === 0) queue.head = list;
    else {
      i32[(queue.tail + NBL_NEXT) >> 2] = list;
      i32[(queue.tail + NBL_NEXT + 4) >> 2] = KERNEL_WINDOW_HIGH;
    }
    queue.tail = list;
    queue.count++;
  }

  /** All frames of a batch are placed: the processors go to work. */
  dispatch(): void {
    for (const queue of this.#queues)
      if (queue.count > 0) this.#imports.ntoskrnl.KeInsertQueueDpc(queue.dpc, 0, 0);
  }

  #deliver(queue: ReceiveQueue): void {
    const { head, count } = queue;
    if (count === 0) return;
    queue.head = 0;
    queue.tail = 0;
    queue.count = 0;
    this.#indicate(head, count);
  }

  /** Takes back what waits in the queues: a chain, 0 for none. */
  drain(): Address {
    const { i32 } = this.#imports.memory;
    let chain = 0;
    for (const queue of this.#queues) {
      if (queue.count === 0) continue;
      i32[(queue.tail + NBL_NEXT) >> 2] = chain;
      i32[(queue.tail + NBL_NEXT + 4) >> 2] = chain === 0 ? 0 : KERNEL_WINDOW_HIGH;
      chain = queue.head;
      queue.head = 0;
      queue.tail = 0;
      queue.count = 0;
    }
    return chain;
  }

  /** Frees what `create` took; the queues are empty. */
  destroy(): void {
    const { ndis, ntoskrnl } = this.#imports;
    for (const { dpc } of this.#queues) ntoskrnl.KeRemoveQueueDpc(dpc);
    ndis.NdisFreeMemory(this.#queues[0].dpc, 0, 0);
  }
}
