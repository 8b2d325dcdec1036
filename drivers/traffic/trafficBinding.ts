/**
 * One binding of traffic: what it sends, and what it counts.
 * Implements "Sending Data from a Protocol Driver" and "Receiving Network Data" (network).
 */

import {
  type Address,
  type Cell,
  type DriverImports,
  type NDIS_BIND_PARAMETERS,
  NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL,
  NDIS_RECEIVE_FLAGS_RESOURCES,
  NDIS_RETURN_FLAGS_DISPATCH_LEVEL,
  NDIS_SEND_FLAGS_DISPATCH_LEVEL,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NET_BUFFER,
  NET_BUFFER_LIST,
} from '../../src/machine/index.ts';
import { frameAddress } from '../support/frameBytes.ts';
import { LowerBinding } from '../support/lowerBinding.ts';
import { OwnLists } from '../support/ownLists.ts';

/** `Traf` as a pool tag. */
const TAG = 0x66617254;
/** The Ethernet type of the frames, one of those that IEEE 802 sets aside for experiments, as it stands in memory. */
const TYPE_EXPERIMENTAL = 0xb588;
const KDPC_SIZE = 64;
const KTIMER_SIZE = 64;
/** NDIS calls a binding Running a moment after its NetEventRestart; sending begins this much later, in 100 ns. */
const START_DELAY = 10_000n;
/** Where the number of a frame stands. */
const SEQUENCE_AT = 16;
/** Batches sent in one DPC; the rest follows in the next, so that others get their turn. */
const BATCHES_PER_DPC = 16;
const NBL_NEXT = NET_BUFFER_LIST.offset.Next;
const NBL_FIRST_NET_BUFFER = NET_BUFFER_LIST.offset.FirstNetBuffer;
const NBL_SOURCE_HANDLE = NET_BUFFER_LIST.offset.SourceHandle;
const NBL_STATUS = NET_BUFFER_LIST.offset.Status;
const NB_NEXT = NET_BUFFER.offset.Next;
const NB_DATA_LENGTH = NET_BUFFER.offset.DataLength;

/** What a binding shall do. */
export interface TrafficOptions {
  readonly destination: Uint8Array;
  /** Frames to send. */
  readonly count: number;
  /** Bytes of each, without FCS. */
  readonly frameBytes: number;
  /** Frames in one call of NdisSendNetBufferLists. */
  readonly batch: number;
  /** Frames that may be with NDIS at a time. */
  readonly outstanding: number;
  /** NDIS_PACKET_TYPE_ bits. */
  readonly packetFilter: number;
}

/** What it did. */
export interface TrafficCounters {
  sent: number;
  sendErrors: number;
  received: number;
  receivedBytes: number;
  /** Frames of traffic that came with another number than the one before plus one. */
  outOfOrder: number;
}

export class TrafficBinding extends LowerBinding {
  readonly counters: TrafficCounters = {
    sent: 0,
    sendErrors: 0,
    received: 0,
    receivedBytes: 0,
    outOfOrder: 0,
  };
  readonly #options: TrafficOptions;
  #lists: OwnLists | null = null;
  /** A KDPC and the KTIMER that queues it first. */
  #dpc: Address = 0;
  #submitted = 0;
  /** Number of the last frame of traffic that came, with one added. */
  #expected = 0;
  /** The DPC sends; what completes meanwhile needs no other. */
  #sending = false;

  constructor(imports: DriverImports, parameters: NDIS_BIND_PARAMETERS, options: TrafficOptions) {
    super(imports, parameters);
    this.#options = options;
  }

  /** ProtocolBindAdapterEx. */
  async bind(protocol: Cell, bindContext: Address, parameters: NDIS_BIND_PARAMETERS): Promise<number> {
    const opened = await this.open(protocol, bindContext, parameters);
    if (opened !== NDIS_STATUS_SUCCESS) return opened;
    const status = this.#acquire()
      ? await this.setPacketFilter(this.#options.packetFilter)
      : NDIS_STATUS_RESOURCES;
    if (status !== NDIS_STATUS_SUCCESS) await this.unbind();
    return status;
  }

  /** ProtocolUnbindAdapterEx. */
  async unbind(): Promise<void> {
    const { ndis, ntoskrnl } = this.imports;
    await this.close();
    if (this.#dpc !== 0) {
      ntoskrnl.KeCancelTimer(this.#dpc + KDPC_SIZE);
      ntoskrnl.KeRemoveQueueDpc(this.#dpc);
      ndis.NdisFreeMemory(this.#dpc, 0, 0);
      this.#dpc = 0;
    }
    this.#lists?.destroy();
    this.#lists = null;
  }

  /** NetEventRestart: sending begins once NDIS has made the binding Running. */
  restart(): void {
    this.running = true;
    if (this.#submitted < this.#options.count)
      this.imports.ntoskrnl.KeSetTimer(this.#dpc + KDPC_SIZE, -START_DELAY, this.#dpc);
  }

  /** ProtocolReceiveNetBufferLists. */
  receive(lists: Address, flags: number): void {
    const { ndis, memory } = this.imports;
    const { i32, u32 } = memory;
    const { counters } = this;
    for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) {
      for (
        let buffer = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
        buffer !== 0;
        buffer = i32[(buffer + NB_NEXT) >> 2]
      ) {
        counters.received++;
        counters.receivedBytes += u32[(buffer + NB_DATA_LENGTH) >> 2];
        this.#checkSequence(buffer);
      }
    }
    if ((flags & NDIS_RECEIVE_FLAGS_RESOURCES) !== 0) return;
    const dispatch = (flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL) !== 0;
    ndis.NdisReturnNetBufferLists(this.handle, lists, dispatch ? NDIS_RETURN_FLAGS_DISPATCH_LEVEL : 0);
  }

  /** ProtocolSendNetBufferListsComplete. */
  sent(lists: Address): void {
    const own = this.#lists;
    if (own === null) return;
    const { i32, u32 } = this.imports.memory;
    for (let list = lists; list !== 0; ) {
      const next = i32[(list + NBL_NEXT) >> 2];
      if (u32[(list + NBL_STATUS) >> 2] === NDIS_STATUS_SUCCESS) this.counters.sent++;
      else this.counters.sendErrors++;
      this.sendsOutstanding--;
      own.give(list);
      list = next;
    }
    this.sendsCompleted();
    if (!this.#sending) this.#continue();
  }

  #acquire(): boolean {
    const { imports } = this;
    const { outstanding, frameBytes, destination } = this.#options;
    this.#lists = OwnLists.create(imports, this.handle, TAG, outstanding, frameBytes);
    this.#dpc = imports.ndis.NdisAllocateMemoryWithTagPriority(this.handle, KDPC_SIZE + KTIMER_SIZE, TAG, 0);
    if (this.#lists === null || this.#dpc === 0) return false;
    imports.ntoskrnl.KeInitializeDpc(this.#dpc, () => this.#send(), null);
    imports.ntoskrnl.KeInitializeTimer(this.#dpc + KDPC_SIZE);
    this.#lists.each((list, frame) => {
      const { u8, u16 } = imports.memory;
      u8.fill(0, frame, frame + frameBytes);
      u8.set(destination, frame);
      u8.set(this.adapter.macAddress, frame + 6);
      u16[(frame + 12) >> 1] = TYPE_EXPERIMENTAL;
      this.#lists?.setFrame(list, 0, frameBytes);
    });
    return true;
  }

  #continue(): void {
    if (!this.running || this.#submitted >= this.#options.count) return;
    this.imports.ntoskrnl.KeInsertQueueDpc(this.#dpc, 0, 0);
  }

  /** The DPC: sends batches while lists are free. */
  #send(): void {
    this.#sending = true;
    for (let round = 0; round < BATCHES_PER_DPC; round++) {
      const first = this.running ? this.#nextBatch() : 0;
      if (first === 0) break;
      this.imports.ndis.NdisSendNetBufferLists(this.handle, first, 0, NDIS_SEND_FLAGS_DISPATCH_LEVEL);
    }
    this.#sending = false;
    if (this.#lists !== null && this.#lists.freeCount > 0) this.#continue();
  }

  /** A chain of as many lists as are to be sent next, or 0. */
  #nextBatch(): Address {
    const own = this.#lists;
    const { count, batch } = this.#options;
    const number = Math.min(batch, count - this.#submitted);
    if (own === null || number <= 0 || own.freeCount < number) return 0;
    const { memory } = this.imports;
    let next = 0;
    // From the last to the first, so that each is linked to the one made before.
    for (let i = number - 1; i >= 0; i--) {
      const list = own.take();
      memory.writePointer(list + NBL_NEXT, next);
      memory.writePointer(list + NBL_SOURCE_HANDLE, this.handle);
      memory.u32[(own.bufferOf(list) + SEQUENCE_AT) >> 2] = this.#submitted + i;
      next = list;
    }
    this.#submitted += number;
    this.sendsOutstanding += number;
    return next;
  }

  #checkSequence(buffer: Address): void {
    const { memory } = this.imports;
    const frame = frameAddress(memory, buffer);
    if (frame === 0 || (frame & 3) !== 0 || memory.u32[(buffer + NB_DATA_LENGTH) >> 2] < SEQUENCE_AT + 4)
      return;
    if (memory.u16[(frame + 12) >> 1] !== TYPE_EXPERIMENTAL) return;
    const sequence = memory.u32[(frame + SEQUENCE_AT) >> 2];
    if (sequence !== this.#expected) this.counters.outOfOrder++;
    this.#expected = sequence + 1;
  }
}
