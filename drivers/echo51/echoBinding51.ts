/**
 * One binding of echo51: what it receives, answers and sends, in packets.
 * Implements "Receiving Data in Protocol Drivers" and "Sending Data from Protocol Drivers" of NDIS 5 (ddk/ndis.h).
 */

import {
  type Address,
  type Cell,
  type DriverImports,
  Ieee8021QInfo,
  NDIS_EVENT,
  NDIS_PACKET_TYPE_BROADCAST,
  NDIS_PACKET_TYPE_DIRECTED,
  NDIS_REQUEST,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  type NDIS_STRING,
  NdisMedium802_3,
  NdisRequestQueryInformation,
  NdisRequestSetInformation,
  OID_802_3_CURRENT_ADDRESS,
  OID_GEN_CURRENT_PACKET_FILTER,
  PROTOCOL_RESERVED_SIZE_IN_PACKET,
  TcpIpChecksumPacketInfo,
} from '../../src/machine/index.ts';
import { ANSWERED_ARP, ANSWERED_ICMP, ANSWERED_UDP, MALFORMED, Responder } from '../echo/answer.ts';
import type { EchoCounters } from '../echo/echoBinding.ts';

/** `Ec51` as a pool tag. */
const TAG = 0x31356345;
/** Answers that may be with NDIS at a time; what comes beyond gets no answer. */
const ANSWERS = 256;
/** Bytes of an answer: the longest frame, with a VLAN tag and room for its alignment. */
const ANSWER_SIZE = 1536;
const EVENT_SIZE = (NDIS_EVENT.size + 15) & ~15;
/** Where the parts of the block of a binding lie. */
const HANDLE_AT = 0;
const STATUS_AT = 8;
const ERROR_AT = 12;
const MEDIUM_AT = 16;
const SELECTED_AT = 20;
const BYTES_AT = 24;
const RESULT_AT = 32;
const EVENT_AT = 48;
const REQUEST_AT = EVENT_AT + EVENT_SIZE;
const SCRATCH_AT = REQUEST_AT + ((NDIS_REQUEST.size + 15) & ~15);
const BLOCK_SIZE = SCRATCH_AT + ANSWER_SIZE;
/** NDIS_TCP_IP_CHECKSUM_PACKET_INFO.Receive.NdisPacketUdpChecksumSucceeded. */
const UDP_CHECKSUM_SUCCEEDED = 0x10;

export class EchoBinding51 {
  readonly imports: DriverImports;
  readonly counters: EchoCounters = {
    received: 0,
    arpAnswered: 0,
    icmpAnswered: 0,
    udpAnswered: 0,
    malformed: 0,
    dropped: 0,
    sendErrors: 0,
  };
  readonly #address: Uint8Array;
  #handle: Address = 0;
  #block: Address = 0;
  #status = NDIS_STATUS_SUCCESS;
  #responder: Responder | null = null;
  #packetPool: Address = 0;
  #bufferPool: Address = 0;
  #data: Address = 0;
  /** Packets that wait to be used, and all of them in the order of their data. */
  readonly #free: Address[] = [];
  readonly #packets: Address[] = [];
  /** The packet that a transfer fills, with bytes of its frame that lie before these; 0 for none. */
  #transferring: Address = 0;
  #transferPacket: Address = 0;
  #before = 0;

  constructor(imports: DriverImports, address: Uint8Array) {
    this.imports = imports;
    this.#address = address;
  }

  /** ProtocolBindAdapter: opens the adapter, gets what the data path needs, and asks for frames. */
  async bind(protocol: Cell, _bindContext: Address, name: NDIS_STRING): Promise<number> {
    const { ndis, memory } = this.imports;
    const at = this.#allocate(BLOCK_SIZE);
    if (at === 0) return NDIS_STATUS_RESOURCES;
    this.#block = at;
    memory.u8.fill(0, at, at + BLOCK_SIZE);
    memory.u32[(at + MEDIUM_AT) >> 2] = NdisMedium802_3;
    ndis.NdisInitializeEvent(at + EVENT_AT);
    ndis.NdisOpenAdapter(
      at + STATUS_AT,
      at + ERROR_AT,
      at + HANDLE_AT,
      at + SELECTED_AT,
      at + MEDIUM_AT,
      1,
      protocol.value,
      this,
      name.address,
      0,
      0,
    );
    let status = await this.#finalStatus(memory.u32[(at + STATUS_AT) >> 2]);
    if (status === NDIS_STATUS_SUCCESS) {
      this.#handle = memory.readPointer(at + HANDLE_AT);
      status = await this.#prepare();
    }
    if (status !== NDIS_STATUS_SUCCESS) await this.unbind();
    return status;
  }

  async #prepare(): Promise<number> {
    const { memory } = this.imports;
    const station = await this.#request(NdisRequestQueryInformation, OID_802_3_CURRENT_ADDRESS, 6);
    if (station !== NDIS_STATUS_SUCCESS) return station;
    const result = this.#block + RESULT_AT;
    this.#responder = new Responder(memory, memory.u8.slice(result, result + 6), this.#address);
    if (!this.#createPackets()) return NDIS_STATUS_RESOURCES;
    memory.u32[result >> 2] = NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_BROADCAST;
    return this.#request(NdisRequestSetInformation, OID_GEN_CURRENT_PACKET_FILTER, 4);
  }

  /** ProtocolUnbindAdapter: NDIS completes what is sent before it completes the close. */
  async unbind(): Promise<void> {
    const { ndis, memory } = this.imports;
    if (this.#handle !== 0) {
      const handle = this.#handle;
      this.#handle = 0;
      ndis.NdisResetEvent(this.#block + EVENT_AT);
      await ndis.NdisCloseAdapter(this.#block + STATUS_AT, handle);
      await this.#finalStatus(memory.u32[(this.#block + STATUS_AT) >> 2]);
    }
    this.#destroyPackets();
    if (this.#block !== 0) ndis.NdisFreeMemory(this.#block, 0, 0);
    this.#block = 0;
  }

  /** ProtocolOpenAdapterComplete and ProtocolCloseAdapterComplete. */
  complete(status: number): void {
    this.#status = status;
    this.imports.ndis.NdisSetEvent(this.#block + EVENT_AT);
  }

  /** ProtocolRequestComplete: there is one request at a time. */
  completeRequest(status: number): void {
    this.complete(status);
  }

  /** ProtocolReceivePacket: the answer is a packet of its own, so the received one goes back at once. */
  receivePacket(packet: Address): number {
    const { ndis, memory } = this.imports;
    const result = this.#block + RESULT_AT;
    ndis.NdisGetFirstBufferFromPacket(
      packet,
      result,
      result + 8,
      BYTES_AT + this.#block,
      BYTES_AT + 4 + this.#block,
    );
    let frame = memory.readPointer(result + 8);
    const first = memory.u32[(this.#block + BYTES_AT) >> 2];
    const length = memory.u32[(this.#block + BYTES_AT + 4) >> 2];
    if (first < length || (frame & 1) !== 0) {
      if (length > ANSWER_SIZE) return this.#drop();
      frame = this.#gather(packet);
    }
    const checksum = ndis.NDIS_PER_PACKET_INFO_FROM_PACKET(packet, TcpIpChecksumPacketInfo);
    const tag = ndis.NDIS_PER_PACKET_INFO_FROM_PACKET(packet, Ieee8021QInfo);
    this.#answer(frame, length, (checksum & UDP_CHECKSUM_SUCCEEDED) !== 0, tag);
    return 0;
  }

  /** ProtocolReceive: puts header, lookahead and, where there is more, what NdisTransferData gives together. */
  receive(
    context: Address,
    header: Address,
    headerSize: number,
    ahead: Address,
    aheadSize: number,
    size: number,
  ): number | null {
    const { ndis, memory } = this.imports;
    const { u8, u32 } = memory;
    const scratch = this.#block + SCRATCH_AT;
    if (headerSize + size > ANSWER_SIZE || this.#transferring !== 0) return null;
    u8.copyWithin(scratch, header, header + headerSize);
    u8.copyWithin(scratch + headerSize, ahead, ahead + Math.min(aheadSize, size));
    if (aheadSize >= size) {
      this.#answer(scratch, headerSize + size, false, 0);
      return NDIS_STATUS_SUCCESS;
    }
    const packet = this.#transferPacket;
    this.#transferring = packet;
    this.#before = headerSize + aheadSize;
    const status = this.#block + STATUS_AT;
    const bytes = this.#block + BYTES_AT;
    ndis.NdisTransferData(status, this.#handle, context, aheadSize, size - aheadSize, packet, bytes);
    if (u32[status >> 2] !== NDIS_STATUS_PENDING) this.transferred(u32[status >> 2], u32[bytes >> 2]);
    return NDIS_STATUS_SUCCESS;
  }

  /** ProtocolTransferDataComplete. */
  transferred(status: number, bytes: number): void {
    const { memory, ndis } = this.imports;
    const packet = this.#transferring;
    this.#transferring = 0;
    if (packet === 0 || status !== NDIS_STATUS_SUCCESS) return;
    const scratch = this.#block + SCRATCH_AT;
    const data = ndis.NdisBufferVirtualAddress(ndis.NDIS_PACKET_FIRST_NDIS_BUFFER(packet));
    memory.u8.copyWithin(scratch + this.#before, data, data + bytes);
    this.#answer(scratch, this.#before + bytes, false, 0);
  }

  /** ProtocolSendComplete. */
  sent(packet: Address, status: number): void {
    if (status !== NDIS_STATUS_SUCCESS) this.counters.sendErrors++;
    this.#free.push(packet);
  }

  /** Answers a frame that lies in one piece. */
  #answer(frame: Address, length: number, vouched: boolean, tag: number): void {
    const { ndis, memory } = this.imports;
    this.counters.received++;
    const packet = this.#responder === null ? undefined : this.#free.pop();
    if (this.#responder === null || packet === undefined) {
      this.#drop();
      return;
    }
    const buffer = ndis.NDIS_PACKET_FIRST_NDIS_BUFFER(packet);
    // The buffer describes the last answer: an answer may be as long as its memory.
    ndis.NdisAdjustBufferLength(buffer, ANSWER_SIZE);
    const answered = this.#responder.answer(frame, length, ndis.NdisBufferVirtualAddress(buffer), vouched);
    this.#count();
    if (answered === 0) {
      this.#free.push(packet);
      return;
    }
    ndis.NdisAdjustBufferLength(buffer, answered);
    ndis.NDIS_PACKET_VALID_COUNTS(packet, false);
    // What came in with a VLAN tag goes back with it.
    ndis.NDIS_PER_PACKET_INFO_FROM_PACKET(packet, Ieee8021QInfo, tag);
    const status = this.#block + STATUS_AT;
    ndis.NdisSend(status, this.#handle, packet);
    const final = memory.u32[status >> 2];
    if (final !== NDIS_STATUS_PENDING) this.sent(packet, final);
  }

  #drop(): number {
    this.counters.dropped++;
    return 0;
  }

  #count(): void {
    const { counters } = this;
    const outcome = this.#responder?.outcome;
    if (outcome === ANSWERED_ARP) counters.arpAnswered++;
    else if (outcome === ANSWERED_ICMP) counters.icmpAnswered++;
    else if (outcome === ANSWERED_UDP) counters.udpAnswered++;
    else if (outcome === MALFORMED) counters.malformed++;
  }

  /** Copies the data of a packet to one place. */
  #gather(packet: Address): Address {
    const { ndis, memory } = this.imports;
    const scratch = this.#block + SCRATCH_AT;
    let at = scratch;
    for (let b = ndis.NDIS_PACKET_FIRST_NDIS_BUFFER(packet); b !== 0; b = ndis.NDIS_BUFFER_LINKAGE(b)) {
      const data = ndis.NdisBufferVirtualAddress(b);
      const count = ndis.NdisBufferLength(b);
      memory.u8.copyWithin(at, data, data + count);
      at += count;
    }
    return scratch;
  }

  /** Asks the adapter and waits for the final status. The information lies at RESULT_AT. */
  async #request(type: number, oid: number, length: number): Promise<number> {
    const { ndis, memory } = this.imports;
    const request = this.#block + REQUEST_AT;
    NDIS_REQUEST.fill(memory, request, {
      RequestType: type,
      DATA: {
        QUERY_INFORMATION: {
          Oid: oid,
          InformationBuffer: this.#block + RESULT_AT,
          InformationBufferLength: length,
        },
      },
    });
    ndis.NdisResetEvent(this.#block + EVENT_AT);
    await ndis.NdisRequest(this.#block + STATUS_AT, this.#handle, request);
    return this.#finalStatus(memory.u32[(this.#block + STATUS_AT) >> 2]);
  }

  async #finalStatus(status: number): Promise<number> {
    if (status !== NDIS_STATUS_PENDING) return status;
    await this.imports.ndis.NdisWaitEvent(this.#block + EVENT_AT, 0);
    return this.#status;
  }

  #allocate(size: number): Address {
    const { ndis, memory } = this.imports;
    const cell = this.imports.cell();
    return ndis.NdisAllocateMemoryWithTag(cell, size, TAG) === NDIS_STATUS_SUCCESS
      ? memory.readPointer(cell.address)
      : 0;
  }

  /** The pools, and a packet with its buffer for each answer and for the transfer. */
  #createPackets(): boolean {
    const { ndis, memory } = this.imports;
    const status = this.#block + STATUS_AT;
    const result = this.#block + RESULT_AT;
    this.#data = this.#allocate((ANSWERS + 1) * ANSWER_SIZE);
    if (this.#data === 0) return false;
    ndis.NdisAllocatePacketPool(status, result, ANSWERS + 1, PROTOCOL_RESERVED_SIZE_IN_PACKET);
    if (memory.u32[status >> 2] !== NDIS_STATUS_SUCCESS) return false;
    this.#packetPool = memory.readPointer(result);
    ndis.NdisAllocateBufferPool(status, result, ANSWERS + 1);
    if (memory.u32[status >> 2] !== NDIS_STATUS_SUCCESS) return false;
    this.#bufferPool = memory.readPointer(result);
    for (let index = 0; index <= ANSWERS; index++) {
      ndis.NdisAllocatePacket(status, result, this.#packetPool);
      if (memory.u32[status >> 2] !== NDIS_STATUS_SUCCESS) return false;
      const packet = memory.readPointer(result);
      this.#packets.push(packet);
      ndis.NdisAllocateBuffer(
        status,
        result,
        this.#bufferPool,
        this.#data + index * ANSWER_SIZE,
        ANSWER_SIZE,
      );
      if (memory.u32[status >> 2] !== NDIS_STATUS_SUCCESS) return false;
      ndis.NdisChainBufferAtBack(packet, memory.readPointer(result));
    }
    this.#transferPacket = this.#packets[ANSWERS];
    this.#free.push(...this.#packets.slice(0, ANSWERS));
    return true;
  }

  #destroyPackets(): void {
    const { ndis } = this.imports;
    for (const packet of this.#packets.splice(0)) {
      const buffer = ndis.NDIS_PACKET_FIRST_NDIS_BUFFER(packet);
      if (buffer !== 0) ndis.NdisFreeBuffer(buffer);
      ndis.NdisFreePacket(packet);
    }
    this.#free.length = 0;
    if (this.#bufferPool !== 0) ndis.NdisFreeBufferPool(this.#bufferPool);
    if (this.#packetPool !== 0) ndis.NdisFreePacketPool(this.#packetPool);
    if (this.#data !== 0) ndis.NdisFreeMemory(this.#data, 0, 0);
    this.#bufferPool = 0;
    this.#packetPool = 0;
    this.#data = 0;
  }
}
