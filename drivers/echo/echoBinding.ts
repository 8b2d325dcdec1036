/**
 * One binding of echo: what it receives, answers and sends.
 * Implements "Receiving Network Data" and "Sending Data from a Protocol Driver" (network).
 */

import {
  type Address,
  type Cell,
  type DriverImports,
  Ieee8021QNetBufferListInfo,
  type NDIS_BIND_PARAMETERS,
  NDIS_PACKET_TYPE_BROADCAST,
  NDIS_PACKET_TYPE_DIRECTED,
  NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL,
  NDIS_RECEIVE_FLAGS_RESOURCES,
  NDIS_RETURN_FLAGS_DISPATCH_LEVEL,
  NDIS_SEND_FLAGS_DISPATCH_LEVEL,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NET_BUFFER,
  NET_BUFFER_LIST,
  TcpIpChecksumNetBufferListInfo,
} from '../../src/machine/index.ts';
import { frameAddress, gatherFrame } from '../support/frameBytes.ts';
import { LowerBinding } from '../support/lowerBinding.ts';
import { OwnLists } from '../support/ownLists.ts';
import { ANSWERED_ARP, ANSWERED_ICMP, ANSWERED_UDP, MALFORMED, Responder } from './answer.ts';

/** `Echo` as a pool tag. */
const TAG = 0x6f686345;
/** Answers that may be with NDIS at a time; what comes beyond gets no answer. */
const ANSWERS = 256;
const ETHERNET_HEADER = 14;
/** A peer may send frames that are longer by a tag which somebody below us took out. */
const VLAN_TAG = 4;
/** An answer begins up to this many bytes later than `#answerOffset`. */
const ALIGNMENT = 2;
const NBL_NEXT = NET_BUFFER_LIST.offset.Next;
const NBL_FIRST_NET_BUFFER = NET_BUFFER_LIST.offset.FirstNetBuffer;
const NBL_SOURCE_HANDLE = NET_BUFFER_LIST.offset.SourceHandle;
const NBL_STATUS = NET_BUFFER_LIST.offset.Status;
const NBL_INFO = NET_BUFFER_LIST.offset.NetBufferListInfo;
const NBL_CHECKSUM = NBL_INFO + 8 * TcpIpChecksumNetBufferListInfo;
const NBL_VLAN = NBL_INFO + 8 * Ieee8021QNetBufferListInfo;
const NB_NEXT = NET_BUFFER.offset.Next;
const NB_DATA_LENGTH = NET_BUFFER.offset.DataLength;
/** NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO.Receive.UdpChecksumSucceeded. */
const UDP_CHECKSUM_SUCCEEDED = 0x10;

/** What a binding has counted. */
export interface EchoCounters {
  received: number;
  arpAnswered: number;
  icmpAnswered: number;
  udpAnswered: number;
  malformed: number;
  /** No free answer, or the frame was longer than an answer can be. */
  dropped: number;
  sendErrors: number;
}

export class EchoBinding extends LowerBinding {
  readonly counters: EchoCounters = {
    received: 0,
    arpAnswered: 0,
    icmpAnswered: 0,
    udpAnswered: 0,
    malformed: 0,
    dropped: 0,
    sendErrors: 0,
  };
  readonly #responder: Responder;
  #lists: OwnLists | null = null;
  /** Where in its buffer an answer begins: behind the room that drivers below want, at a multiple of four. */
  readonly #answerOffset: number;
  /** Where a frame that lies in several pieces is put together. */
  #scratch: Address = 0;

  constructor(imports: DriverImports, parameters: NDIS_BIND_PARAMETERS, ipAddress: Uint8Array) {
    super(imports, parameters);
    this.#responder = new Responder(imports.memory, this.adapter.macAddress, ipAddress);
    this.#answerOffset = (this.adapter.dataBackFillBytes + 3) & ~3;
  }

  /** ProtocolBindAdapterEx: opens the adapter, gets what the data path needs, and asks for frames. */
  async bind(protocol: Cell, bindContext: Address, parameters: NDIS_BIND_PARAMETERS): Promise<number> {
    const status = await this.open(protocol, bindContext, parameters);
    if (status !== NDIS_STATUS_SUCCESS) return status;
    const size = this.#answerOffset + this.adapter.mtuBytes + ETHERNET_HEADER + ALIGNMENT + VLAN_TAG;
    this.#lists = OwnLists.create(this.imports, this.handle, TAG, ANSWERS, size);
    this.#scratch = this.imports.ndis.NdisAllocateMemoryWithTagPriority(this.handle, size, TAG, 0);
    const filtered =
      this.#lists === null || this.#scratch === 0
        ? NDIS_STATUS_RESOURCES
        : await this.setPacketFilter(NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_BROADCAST);
    if (filtered !== NDIS_STATUS_SUCCESS) await this.unbind();
    return filtered;
  }

  /** ProtocolUnbindAdapterEx. */
  async unbind(): Promise<void> {
    await this.close();
    this.#lists?.destroy();
    this.#lists = null;
    if (this.#scratch !== 0) this.imports.ndis.NdisFreeMemory(this.#scratch, 0, 0);
    this.#scratch = 0;
  }

  /** ProtocolReceiveNetBufferLists. */
  receive(lists: Address, flags: number): void {
    const { ndis, memory } = this.imports;
    const { i32 } = memory;
    let first = 0;
    let last = 0;
    let count = 0;
    for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) {
      for (
        let buffer = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
        buffer !== 0;
        buffer = i32[(buffer + NB_NEXT) >> 2]
      ) {
        const answer = this.#answer(list, buffer);
        if (answer === 0) continue;
        if (first === 0) first = answer;
        else memory.writePointer(last + NBL_NEXT, answer);
        last = answer;
        count++;
      }
    }
    const { handle } = this;
    this.sendsOutstanding += count;
    const dispatch = (flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL) !== 0;
    if ((flags & NDIS_RECEIVE_FLAGS_RESOURCES) === 0)
      ndis.NdisReturnNetBufferLists(handle, lists, dispatch ? NDIS_RETURN_FLAGS_DISPATCH_LEVEL : 0);
    if (first !== 0)
      ndis.NdisSendNetBufferLists(handle, first, 0, dispatch ? NDIS_SEND_FLAGS_DISPATCH_LEVEL : 0);
  }

  /** ProtocolSendNetBufferListsComplete. */
  sent(lists: Address): void {
    const own = this.#lists;
    if (own === null) return;
    const { i32, u32 } = this.imports.memory;
    for (let list = lists; list !== 0; ) {
      const next = i32[(list + NBL_NEXT) >> 2];
      if (u32[(list + NBL_STATUS) >> 2] !== NDIS_STATUS_SUCCESS) this.counters.sendErrors++;
      this.sendsOutstanding--;
      own.give(list);
      list = next;
    }
    this.sendsCompleted();
  }

  /** A list with the answer to one frame, or 0. */
  #answer(source: Address, buffer: Address): Address {
    const own = this.#lists;
    const { counters } = this;
    counters.received++;
    if (own === null || !this.running) return 0;
    const { memory } = this.imports;
    const { u32 } = memory;
    const length = u32[(buffer + NB_DATA_LENGTH) >> 2];
    if (this.#answerOffset + ALIGNMENT + length > own.bufferSize) {
      counters.dropped++;
      return 0;
    }
    let frame = frameAddress(memory, buffer);
    let available = length;
    if (frame === 0 || (frame & 1) !== 0) {
      frame = this.#scratch;
      available = gatherFrame(memory, buffer, frame, length);
    }
    const list = own.take();
    if (list === 0) {
      counters.dropped++;
      return 0;
    }
    // An answer aligned as its frame is copied by words.
    const offset = this.#answerOffset + (frame & 2);
    const vouched = (u32[(source + NBL_CHECKSUM) >> 2] & UDP_CHECKSUM_SUCCEEDED) !== 0;
    const answered = this.#responder.answer(frame, available, own.bufferOf(list) + offset, vouched);
    this.#count();
    if (answered === 0) {
      own.give(list);
      return 0;
    }
    own.setFrame(list, offset, answered);
    memory.writePointer(list + NBL_NEXT, 0);
    memory.writePointer(list + NBL_SOURCE_HANDLE, this.handle);
    // What came in with a VLAN tag goes back with it.
    u32[(list + NBL_VLAN) >> 2] = u32[(source + NBL_VLAN) >> 2];
    return list;
  }

  #count(): void {
    const { counters } = this;
    switch (this.#responder.outcome) {
      case ANSWERED_ARP:
        counters.arpAnswered++;
        break;
      case ANSWERED_ICMP:
        counters.icmpAnswered++;
        break;
      case ANSWERED_UDP:
        counters.udpAnswered++;
        break;
      case MALFORMED:
        counters.malformed++;
        break;
    }
  }
}
