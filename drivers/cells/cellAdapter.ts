/**
 * One adapter of a cell network: its VCs, sending frames as cells, and putting received cells together.
 * Implements "Connection-Oriented Operations Performed by Miniport Drivers" (network).
 */

import {
  type Address,
  type DriverImports,
  FrameBatch,
  MDL,
  NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_SUCCESS,
  NET_BUFFER,
  NET_BUFFER_LIST,
  type WireDevice,
} from '../../src/machine/index.ts';
import { OwnLists } from '../support/ownLists.ts';
import type { VcMedia } from './callBlock.ts';
import { CELL_SIZE, type CellAddress, LARGEST_PDU, Reassembly, readHeader, segment } from './cell.ts';

/** `Cell` as a pool tag. */
const TAG = 0x6c6c6543;
const KDPC_SIZE = 64;
const RECEIVE_LISTS = 64;
const BATCH = 64;
/** Cells taken in one DPC; what is left comes with the next. */
const CELLS_PER_DPC = 1024;
const NBL_NEXT = NET_BUFFER_LIST.offset.Next;
const NBL_STATUS = NET_BUFFER_LIST.offset.Status;
const NBL_SOURCE_HANDLE = NET_BUFFER_LIST.offset.SourceHandle;
const NBL_FIRST_NET_BUFFER = NET_BUFFER_LIST.offset.FirstNetBuffer;

/** A VC as the miniport sees it: its context. */
export interface CellVc {
  readonly adapter: CellAdapter;
  handle: Address;
  /** Null while it is not active. */
  media: VcMedia | null;
  reassembly: Reassembly;
}

/** What the adapter tells of: frames of a channel that is no VC of NDIS, and the link. */
export interface CellListener {
  received(channel: number, from: number, pdu: Uint8Array): void;
  linkChanged(up: boolean): void;
}

export class CellAdapter {
  readonly imports: DriverImports;
  readonly handle: Address;
  readonly device: WireDevice;
  readonly station: number;
  listener: CellListener | null = null;
  running = false;
  /** Frames that found no free list. */
  noBuffer = 0;
  readonly #channels = new Map<number, CellVc>();
  /** Frames of channels that are the adapter's own. */
  readonly #own = new Map<string, Reassembly>();
  readonly #batch = FrameBatch.allocate(BATCH, CELL_SIZE + 4);
  readonly #received = FrameBatch.allocate(BATCH, CELL_SIZE + 4);
  #lists: OwnLists | null = null;
  #listsOut = 0;
  #pausing = false;
  #dpc: Address = 0;

  constructor(imports: DriverImports, handle: Address, device: WireDevice) {
    this.imports = imports;
    this.handle = handle;
    this.device = device;
    this.station = device.wire.properties.macAddress?.[5] ?? 0;
  }

  get linkUp(): boolean {
    return this.device.wire.linkUp;
  }

  /** Takes what it needs; false when memory is short. */
  start(): boolean {
    const { ndis, ntoskrnl } = this.imports;
    this.#lists = OwnLists.create(this.imports, this.handle, TAG, RECEIVE_LISTS, LARGEST_PDU);
    this.#dpc = ndis.NdisAllocateMemoryWithTagPriority(this.handle, KDPC_SIZE, TAG, 0);
    if (this.#lists === null || this.#dpc === 0) {
      this.stop();
      return false;
    }
    ntoskrnl.KeInitializeDpc(this.#dpc, () => this.#service(), null);
    this.device.connect(this.#dpc);
    return true;
  }

  stop(): void {
    this.running = false;
    this.device.disconnect();
    if (this.#dpc !== 0) {
      this.imports.ntoskrnl.KeRemoveQueueDpc(this.#dpc);
      this.imports.ndis.NdisFreeMemory(this.#dpc, 0, 0);
    }
    this.#dpc = 0;
    this.#lists?.destroy();
    this.#lists = null;
  }

  restart(): void {
    this.running = true;
    this.imports.ntoskrnl.KeInsertQueueDpc(this.#dpc, 0, 0);
  }

  /** True when nothing is under way, otherwise NdisMPauseComplete follows. */
  pause(): boolean {
    this.running = false;
    this.#pausing = this.#listsOut > 0;
    return !this.#pausing;
  }

  createVc(handle: Address): CellVc {
    return { adapter: this, handle, media: null, reassembly: new Reassembly() };
  }

  /** Makes a VC ready, or gives it other legs. */
  activate(vc: CellVc, media: VcMedia): void {
    this.deactivate(vc);
    vc.media = media;
    this.#channels.set(media.receiveChannel, vc);
  }

  deactivate(vc: CellVc): void {
    if (vc.media !== null) {
      const { receiveChannel, legs } = vc.media;
      this.#channels.delete(receiveChannel);
      for (const { path } of legs) this.#own.delete(`${receiveChannel} ${path}`);
    }
    vc.media = null;
  }

  /** Sends a frame to each leg; false where the link is down. */
  sendPdu(pdu: Uint8Array, legs: readonly CellAddress[]): boolean {
    const { wire } = this.device;
    if (!wire.linkUp) return false;
    for (const leg of legs) {
      const cells = segment(pdu, leg);
      for (let done = 0; done < cells.length; ) {
        const batch = this.#batch;
        batch.count = 0;
        for (; batch.count < BATCH && done < cells.length; done += CELL_SIZE) {
          batch.memory.set(cells.subarray(done, done + CELL_SIZE), batch.offset[batch.count]);
          batch.length[batch.count++] = CELL_SIZE;
        }
        wire.send(batch);
      }
    }
    return true;
  }

  /** MiniportCoSendNetBufferLists: each net buffer is a frame; all complete at once. */
  send(vc: CellVc, lists: Address, flags: number): void {
    const { memory, ndis } = this.imports;
    for (let list = lists; list !== 0; list = memory.readPointer(list + NBL_NEXT)) {
      let status: number = vc.media === null ? NDIS_STATUS_FAILURE : NDIS_STATUS_SUCCESS;
      let buffer = memory.readPointer(list + NBL_FIRST_NET_BUFFER);
      for (
        ;
        buffer !== 0 && vc.media !== null;
        buffer = memory.readPointer(buffer + NET_BUFFER.offset.Next)
      ) {
        const pdu = this.#gather(buffer);
        if (pdu === null) status = NDIS_STATUS_INVALID_LENGTH;
        else if (!this.sendPdu(pdu, vc.media.legs)) status = NDIS_STATUS_FAILURE;
      }
      memory.u32[(list + NBL_STATUS) >> 2] = status;
    }
    ndis.NdisMCoSendNetBufferListsComplete(vc.handle, lists, flags & 1);
  }

  /** MiniportReturnNetBufferLists. */
  returned(lists: Address): void {
    const { memory, ndis } = this.imports;
    for (let list = lists; list !== 0; ) {
      const next = memory.readPointer(list + NBL_NEXT);
      this.#lists?.give(list);
      this.#listsOut--;
      list = next;
    }
    if (!this.#pausing || this.#listsOut > 0) return;
    this.#pausing = false;
    ndis.NdisMPauseComplete(this.handle);
  }

  /** The bytes of a net buffer, or null where there are more than a frame may have. */
  #gather(buffer: Address): Uint8Array | null {
    const { memory } = this.imports;
    const { u8, u32 } = memory;
    const length = u32[(buffer + NET_BUFFER.offset.DataLength) >> 2];
    if (length > LARGEST_PDU) return null;
    const pdu = new Uint8Array(length);
    let mdl = memory.readPointer(buffer + NET_BUFFER.offset.CurrentMdl);
    let offset = u32[(buffer + NET_BUFFER.offset.CurrentMdlOffset) >> 2];
    for (let done = 0; done < length && mdl !== 0; mdl = memory.readPointer(mdl + MDL.offset.Next)) {
      const bytes = Math.min(u32[(mdl + MDL.offset.ByteCount) >> 2] - offset, length - done);
      const from = memory.readPointer(mdl + MDL.offset.MappedSystemVa) + offset;
      pdu.set(u8.subarray(from, from + bytes), done);
      done += bytes;
      offset = 0;
    }
    return pdu;
  }

  /** The DPC: something happened on the wire. */
  #service(): void {
    const events = this.device.takeEvents();
    if (events.linkChanged) this.listener?.linkChanged(this.linkUp);
    if (!this.running) return;
    const batch = this.#received;
    for (let taken = 0; taken < CELLS_PER_DPC; taken += BATCH) {
      const count = this.device.wire.receive(batch);
      for (let slot = 0; slot < count; slot++) this.#cell(batch.memory, batch.offset[slot]);
      if (count < batch.capacity) return;
    }
    this.imports.ntoskrnl.KeInsertQueueDpc(this.#dpc, 0, 0);
  }

  #cell(bytes: Uint8Array, at: number): void {
    const header = readHeader(bytes, at);
    if (header === null) return;
    const { path, channel, last } = header;
    const vc = this.#channels.get(channel);
    // A VC of signaling hears every station: each has a reassembly of its own.
    const key = `${channel} ${path}`;
    let reassembly =
      vc !== undefined && vc.media?.legs.length === 1 && vc.media.legs[0].path === path
        ? vc.reassembly
        : this.#own.get(key);
    if (reassembly === undefined) {
      if (vc === undefined && this.listener === null) return;
      reassembly = new Reassembly();
      this.#own.set(key, reassembly);
    }
    const pdu = reassembly.take(bytes, at, last);
    if (pdu === null) return;
    if (vc === undefined) this.listener?.received(channel, path, pdu);
    else this.#indicate(vc, pdu);
  }

  #indicate(vc: CellVc, pdu: Uint8Array): void {
    const { memory, ndis } = this.imports;
    const lists = this.#lists;
    const list = lists?.take() ?? 0;
    if (lists === null || list === 0) {
      this.noBuffer++;
      return;
    }
    memory.u8.set(pdu, lists.bufferOf(list));
    lists.setFrame(list, 0, pdu.length);
    memory.writePointer(list + NBL_NEXT, 0);
    memory.writePointer(list + NBL_SOURCE_HANDLE, vc.handle);
    this.#listsOut++;
    ndis.NdisMCoIndicateReceiveNetBufferLists(vc.handle, list, 1, NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL);
  }
}
