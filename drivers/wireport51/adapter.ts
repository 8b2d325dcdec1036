/**
 * One adapter of wireport51: its packets, its queue of sends, and what its DPC does.
 * Implements nf-ndis-ndismsetattributesex, remarks: what a deserialized driver makes itself responsible for.
 */

import {
  type Address,
  type DriverImports,
  FrameBatch,
  MDL,
  NDIS_PACKET,
  NDIS_PACKET_PRIVATE,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_MEDIA_CONNECT,
  NDIS_STATUS_MEDIA_DISCONNECT,
  NDIS_STATUS_REQUEST_ABORTED,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  type WireDevice,
} from '../../src/machine/index.ts';

/** Frames that go to the wire, or come from it, in one piece of work. */
const BATCH = 32;
/** Packets for frames that were received. */
export const RECEIVE_PACKETS = 64;
/** Packets that may wait for the wire; later ones fail with NDIS_STATUS_RESOURCES. */
const WAITING_LIMIT = 1024;
/** Batches taken in one DPC; what is left comes with the next. */
const BATCHES_PER_DPC = 8;
const ETHERNET_HEADER_SIZE = 14;
/** The wire took the frame over (FrameBatch.outcome). */
const OUTCOME_SENT = 0;

const PACKET_HEAD = NDIS_PACKET.offset.Private + NDIS_PACKET_PRIVATE.offset.Head;
const MDL_NEXT = MDL.offset.Next;
const MDL_ADDRESS = MDL.offset.MappedSystemVa;
const MDL_BYTE_COUNT = MDL.offset.ByteCount;

/** What MiniportInitialize acquired. */
export interface AdapterResources {
  readonly macAddress: Uint8Array;
  readonly bufferSize: number;
  /** One buffer for each slot of a send batch. */
  readonly sendBuffers: Address;
  readonly dpc: Address;
  /** Room for an array of packets. */
  readonly array: Address;
}

export class Wireport51Adapter {
  readonly imports: DriverImports;
  /** MiniportAdapterHandle: the address of the NDIS_MINIPORT_BLOCK. */
  readonly handle: Address;
  readonly device: WireDevice;
  readonly resources: AdapterResources;
  packetFilter = 0;
  lookahead: number;
  multicastList: Uint8Array = new Uint8Array(0);
  readonly counters = { sent: 0, received: 0, sendErrors: 0, receiveNoBuffer: 0 };
  /** Packets that are free, as a stack. */
  readonly freePackets: Address[] = [];
  /** Packets that wait for the wire, oldest first. */
  #waiting: Address[] = [];
  #starved = false;
  #closing = false;
  /** The send path works: what is sent meanwhile waits for it. */
  #sending = false;
  readonly #sendBatch: FrameBatch;
  readonly #receiveBatch: FrameBatch;
  /** What MiniportHalt undoes, last first. */
  readonly #releases: (() => void)[] = [];

  constructor(imports: DriverImports, handle: Address, device: WireDevice, resources: AdapterResources) {
    this.imports = imports;
    this.handle = handle;
    this.device = device;
    this.resources = resources;
    this.lookahead = this.frameSize;
    this.#sendBatch = new FrameBatch(imports.memory.u8, BATCH);
    this.#receiveBatch = new FrameBatch(imports.memory.u8, BATCH);
  }

  /** Bytes of payload in the longest frame. */
  get frameSize(): number {
    return this.device.wire.properties.maximumFrameSize - ETHERNET_HEADER_SIZE;
  }

  onHalt(release: () => void): void {
    this.#releases.push(release);
  }

  /** The DPC: something happened on the wire. */
  service(): void {
    if (this.#closing) return;
    const { ndis } = this.imports;
    const events = this.device.takeEvents();
    if (events.linkChanged || events.failure !== null) {
      const up = this.device.wire.linkUp;
      const status = up ? NDIS_STATUS_MEDIA_CONNECT : NDIS_STATUS_MEDIA_DISCONNECT;
      ndis.NdisMIndicateStatus(this.handle, status, 0, 0);
      ndis.NdisMIndicateStatusComplete(this.handle);
    }
    if (events.failure !== null) this.abortSends(NDIS_STATUS_FAILURE);
    this.#transmit();
    for (let round = 0; round < BATCHES_PER_DPC; round++) if (!this.#receive()) return;
    this.imports.ntoskrnl.KeInsertQueueDpc(this.resources.dpc, 0, 0);
  }

  /** MiniportSendPackets. */
  send(array: Address, count: number): void {
    const { memory, ndis } = this.imports;
    for (let index = 0; index < count; index++) {
      const packet = memory.readPointer(array + 8 * index);
      if (this.#waiting.length < WAITING_LIMIT) this.#waiting.push(packet);
      else ndis.NdisMSendComplete(this.handle, packet, NDIS_STATUS_RESOURCES);
    }
    this.#transmit();
  }

  #transmit(): void {
    // Protocols may send again while their packets are completed.
    if (this.#sending) return;
    this.#sending = true;
    while (this.#waiting.length > 0 && this.#transmitBatch());
    this.#sending = false;
  }

  /** Sends one batch; false where the wire takes no more. */
  #transmitBatch(): boolean {
    const batch = this.#sendBatch;
    const packets = this.#waiting.slice(0, BATCH);
    const frames: Address[] = [];
    const bad: Address[] = [];
    for (const packet of packets) {
      if (this.#addFrame(packet)) frames.push(packet);
      else bad.push(packet);
    }
    const taken = batch.count === 0 ? 0 : this.device.wire.send(batch);
    batch.count = 0;
    const waits = new Set(frames.slice(taken));
    this.#waiting = [...waits, ...this.#waiting.slice(packets.length)];
    for (const [slot, packet] of frames.slice(0, taken).entries()) {
      this.#complete(packet, batch.outcome[slot] === OUTCOME_SENT);
    }
    for (const packet of bad) this.#complete(packet, false);
    return waits.size === 0;
  }

  #complete(packet: Address, sent: boolean): void {
    if (sent) this.counters.sent++;
    else this.counters.sendErrors++;
    this.imports.ndis.NdisMSendComplete(
      this.handle,
      packet,
      sent ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE,
    );
  }

  /** Gathers the buffers of a packet into the buffer of its slot; false for what is no frame. */
  #addFrame(packet: Address): boolean {
    const { u8, i32, u32 } = this.imports.memory;
    const { bufferSize, sendBuffers } = this.resources;
    const batch = this.#sendBatch;
    const target = sendBuffers + batch.count * bufferSize;
    let length = 0;
    for (let mdl = i32[(packet + PACKET_HEAD) >> 2]; mdl !== 0; mdl = i32[(mdl + MDL_NEXT) >> 2]) {
      const bytes = u32[(mdl + MDL_BYTE_COUNT) >> 2];
      if (length + bytes > bufferSize) return false;
      const source = i32[(mdl + MDL_ADDRESS) >> 2];
      u8.copyWithin(target + length, source, source + bytes);
      length += bytes;
    }
    if (length < ETHERNET_HEADER_SIZE) return false;
    batch.offset[batch.count] = target;
    batch.length[batch.count++] = length;
    return true;
  }

  /** Gives back what was not sent: a reset, or the wire is dead. */
  abortSends(status: number): void {
    for (const packet of this.#waiting.splice(0)) {
      this.imports.ndis.NdisMSendComplete(this.handle, packet, status);
    }
  }

  /** MiniportCancelSendPackets. */
  cancelSends(cancelId: Address): void {
    const { ndis } = this.imports;
    const cancelled = this.#waiting.filter((packet) => ndis.NDIS_GET_PACKET_CANCEL_ID(packet) === cancelId);
    this.#waiting = this.#waiting.filter((packet) => !cancelled.includes(packet));
    for (const packet of cancelled) ndis.NdisMSendComplete(this.handle, packet, NDIS_STATUS_REQUEST_ABORTED);
  }

  /** Takes a batch of frames from the wire and indicates it; false when the wire has no more, or no packet is free. */
  #receive(): boolean {
    const { imports, freePackets, resources } = this;
    const { ndis, memory } = imports;
    const batch = this.#receiveBatch;
    const room = Math.min(BATCH, freePackets.length);
    this.#starved = room < BATCH;
    if (room < BATCH) return this.#receiveLast(room);
    const packets = freePackets.slice(-room);
    for (const [slot, packet] of packets.entries()) this.#offer(batch, slot, packet);
    const count = this.device.wire.receive(batch);
    if (count === 0) return false;
    freePackets.length -= room;
    freePackets.push(...packets.slice(count));
    for (let slot = 0; slot < count; slot++) {
      this.#describe(packets[slot], batch.length[slot]);
      memory.writePointer(resources.array + 8 * slot, packets[slot]);
    }
    this.counters.received += count;
    ndis.NdisMIndicateReceivePacket(this.handle, resources.array, count);
    return count === batch.capacity;
  }

  /** With few packets left, frames come one by one. */
  #receiveLast(room: number): boolean {
    const packet = this.freePackets.at(-1);
    if (room === 0 || packet === undefined) {
      this.counters.receiveNoBuffer++;
      return false;
    }
    const { ndis, memory } = this.imports;
    const single = new FrameBatch(memory.u8, 1);
    this.#offer(single, 0, packet);
    if (this.device.wire.receive(single) === 0) return false;
    this.freePackets.pop();
    this.#describe(packet, single.length[0]);
    memory.writePointer(this.resources.array, packet);
    this.counters.received++;
    ndis.NdisMIndicateReceivePacket(this.handle, this.resources.array, 1);
    return true;
  }

  /** Gives the buffer of a packet to a slot. */
  #offer(batch: FrameBatch, slot: number, packet: Address): void {
    const { i32 } = this.imports.memory;
    batch.offset[slot] = i32[(i32[(packet + PACKET_HEAD) >> 2] + MDL_ADDRESS) >> 2];
    batch.size[slot] = this.resources.bufferSize;
  }

  #describe(packet: Address, length: number): void {
    const { ndis, memory } = this.imports;
    ndis.NdisAdjustBufferLength(memory.i32[(packet + PACKET_HEAD) >> 2], length);
    ndis.NdisRecalculatePacketCounts(packet);
    ndis.NDIS_SET_PACKET_STATUS(packet, NDIS_STATUS_SUCCESS);
  }

  /** MiniportReturnPacket. */
  returned(packet: Address): void {
    this.freePackets.push(packet);
    // The wire may hold frames that found no packet.
    if (this.#starved && !this.#closing) this.imports.ntoskrnl.KeInsertQueueDpc(this.resources.dpc, 0, 0);
  }

  /** The system goes down: be silent. */
  shutdown(): void {
    this.#closing = true;
  }

  /** MiniportHalt. */
  halt(): void {
    this.#closing = true;
    for (const release of this.#releases.reverse()) release();
    this.#releases.length = 0;
  }
}
