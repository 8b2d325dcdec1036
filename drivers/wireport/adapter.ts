/** One adapter of wireport: its buffers, its state, and what starts and stops it. */

import {
  type Address,
  type DriverImports,
  FrameBatch,
  MediaConnectStateConnected,
  MediaConnectStateDisconnected,
  MediaDuplexStateFull,
  NDIS_LINK_STATE,
  NDIS_LINK_STATE_REVISION_1,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_OBJECT_TYPE_STATUS_INDICATION,
  NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL,
  NDIS_SIZEOF_LINK_STATE_REVISION_1,
  NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
  NDIS_STATUS_INDICATION_REVISION_1,
  NDIS_STATUS_LINK_STATE,
  NDIS_STATUS_SEND_ABORTED,
  NDIS_STATUS_SUCCESS,
  NET_BUFFER_LIST,
  type WireDevice,
} from '../../src/machine/index.ts';
import { RECEIVE_BATCH, SEND_BATCH } from './limits.ts';
import { AdapterPower } from './power.ts';
import { receiveFrames, returnLists } from './receive.ts';
import { ReceiveScaling } from './receiveScaling.ts';
import { sendPending } from './send.ts';
import { createFrameCounters, type FrameCounters } from './statistics.ts';

const NBL_NEXT = NET_BUFFER_LIST.offset.Next;
const NBL_STATUS = NET_BUFFER_LIST.offset.Status;

/** Counters for OID_GEN_STATISTICS and its kin. */
export interface Counters {
  readonly sent: FrameCounters;
  readonly received: FrameCounters;
  sendErrors: number;
  /** Frames that found no free buffer. */
  receiveNoBuffer: number;
}

/** What initialization acquired for an adapter. */
export interface AdapterResources {
  readonly macAddress: Uint8Array;
  /** Receive lists, each with a buffer of `bufferSize` bytes. */
  readonly receiveLists: number;
  readonly bufferSize: number;
  readonly bounceBuffer: Address;
  readonly bounceSize: number;
  readonly dpc: Address;
  /** Whether received frames may be spread over processors. */
  readonly receiveScaling: boolean;
}

/** Bytes of a VLAN tag, which every wire carries beyond its longest frame. */
const VLAN_TAG_SIZE = 4;

export class WireportAdapter {
  readonly imports: DriverImports;
  readonly handle: Address;
  readonly device: WireDevice;
  readonly macAddress: Uint8Array;
  readonly counters: Counters = {
    sent: createFrameCounters(),
    received: createFrameCounters(),
    sendErrors: 0,
    receiveNoBuffer: 0,
  };
  /** NDIS_PACKET_TYPE_ bits; the wire itself does not filter, NDIS does for each binding. */
  packetFilter = 0;
  lookahead: number;
  /** Multicast addresses, six bytes each. */
  multicastList: Uint8Array = new Uint8Array(0);
  /** Receive lists that are free, as a stack. */
  readonly freeLists: Int32Array;
  freeCount = 0;
  /** Lists that were free when `receiveBatch` was offered, -1 before; and the fewest that were free since. */
  offeredCount = -1;
  lowestCount = 0;
  /** Lists with NDIS that have not come back. */
  listsOut = 0;
  readonly receiveBatch: FrameBatch;
  /** For when fewer buffers are free than the batch has slots. */
  readonly singleReceive: FrameBatch;
  readonly sendBatch: FrameBatch;
  /** Sends that wait for the wire, oldest first. */
  pendingHead: Address = 0;
  pendingTail: Address = 0;
  pendingCount = 0;
  /** Net buffer of the first waiting list with which to go on. */
  pendingBuffer: Address = 0;
  /** The list at which the wire stopped taking frames. */
  stalledList: Address = 0;
  /** List and net buffer of each frame in the send batch. */
  readonly sendLists = new Int32Array(SEND_BATCH);
  readonly sendBuffers = new Int32Array(SEND_BATCH);
  /** Room for frames that do not lie in one piece, one per slot of the send batch. */
  readonly bounceBuffer: Address;
  readonly bounceSize: number;
  /** Bytes of the longest frame that is sent as it is. */
  readonly largestFrame: number;
  /** Bytes of the longest frame that the wire cuts into segments. */
  readonly largestSegmented: number;
  /** The wire has offloads: lists and frames carry more than bytes. */
  readonly offloading: boolean;
  /** Bytes of each receive buffer. */
  readonly bufferSize: number;
  /** Receive queues for several processors; null with one, or where the keyword *RSS is 0. */
  readonly scaling: ReceiveScaling | null;
  running = false;
  readonly power = new AdapterPower(this);
  /** MiniportPause returned NDIS_STATUS_PENDING. */
  pausing = false;
  /** Room for the link state of a status indication. */
  readonly #linkState: Address;
  /** The KDPC that the wire queues when something happened. */
  readonly dpc: Address;
  /** Pool, buffers and whatever else is to be freed at halt, last first. */
  readonly #releases: (() => void)[] = [];

  constructor(imports: DriverImports, handle: Address, device: WireDevice, options: AdapterResources) {
    this.imports = imports;
    this.handle = handle;
    this.device = device;
    this.macAddress = options.macAddress;
    this.lookahead = device.wire.properties.maximumFrameSize;
    this.freeLists = new Int32Array(options.receiveLists);
    this.receiveBatch = new FrameBatch(imports.memory.u8, RECEIVE_BATCH);
    this.sendBatch = new FrameBatch(imports.memory.u8, SEND_BATCH);
    this.singleReceive = new FrameBatch(imports.memory.u8, 1);
    this.bufferSize = options.bufferSize;
    this.bounceBuffer = options.bounceBuffer;
    this.bounceSize = options.bounceSize;
    this.largestFrame = device.wire.properties.maximumFrameSize + VLAN_TAG_SIZE;
    const { offloads } = device.wire.properties;
    this.largestSegmented = offloads.maximumSegmentedSize;
    this.offloading = offloads.checksum || offloads.vlan;
    this.dpc = options.dpc;
    this.scaling = options.receiveScaling
      ? ReceiveScaling.create(imports, handle, (lists, count) => this.indicateScaled(lists, count))
      : null;
    this.#linkState = imports.data(NDIS_LINK_STATE.size);
  }

  /** Notes what halt has to undo. */
  onHalt(release: () => void): void {
    this.#releases.push(release);
  }

  /** The DPC: something happened on the wire. */
  service(): void {
    const events = this.device.takeEvents();
    if (events.linkChanged) this.indicateLink();
    // The driver sees for itself that its hardware is gone, before NDIS says so.
    if (!this.device.present) this.running = false;
    if (events.failure !== null) {
      this.imports.note(`${this.device.wire.name}: ${events.failure.message}`);
      this.indicateLink();
      this.failPending(NDIS_STATUS_SEND_ABORTED);
    }
    if (events.writable || this.pendingHead !== 0) sendPending(this);
    receiveFrames(this);
  }

  restart(): number {
    this.running = true;
    this.imports.ntoskrnl.KeInsertQueueDpc(this.dpc, 0, 0);
    return NDIS_STATUS_SUCCESS;
  }

  /** What a receive queue holds goes up, on its processor. */
  indicateScaled(lists: Address, count: number): void {
    if (!this.running) return returnLists(this, lists);
    const flags = NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL;
    this.imports.ndis.NdisMIndicateReceiveNetBufferLists(this.handle, lists, 0, count, flags);
  }

  /** Stops the flow; true when nothing is under way, otherwise NdisMPauseComplete follows. */
  pause(): boolean {
    this.running = false;
    this.failPending(NDIS_STATUS_SEND_ABORTED);
    const undelivered = this.scaling?.drain() ?? 0;
    if (undelivered !== 0) returnLists(this, undelivered);
    this.pausing = this.listsOut > 0;
    return !this.pausing;
  }

  /** Called when a list came back while a pause is pending. */
  completePause(): void {
    if (!this.pausing || this.listsOut > 0) return;
    this.pausing = false;
    this.imports.ndis.NdisMPauseComplete(this.handle);
  }

  /** Tells NDIS whether the link is up. */
  indicateLink(): void {
    const { imports } = this;
    const { wire } = this.device;
    const up = wire.linkUp;
    const speed = up ? BigInt(wire.properties.linkSpeedBitsPerSecond) : 0n;
    NDIS_LINK_STATE.fill(imports.memory, this.#linkState, {
      Header: {
        Type: NDIS_OBJECT_TYPE_DEFAULT,
        Revision: NDIS_LINK_STATE_REVISION_1,
        Size: NDIS_SIZEOF_LINK_STATE_REVISION_1,
      },
      MediaConnectState: up ? MediaConnectStateConnected : MediaConnectStateDisconnected,
      MediaDuplexState: MediaDuplexStateFull,
      XmitLinkSpeed: speed,
      RcvLinkSpeed: speed,
    });
    imports.ndis.NdisMIndicateStatusEx(this.handle, {
      Header: {
        Type: NDIS_OBJECT_TYPE_STATUS_INDICATION,
        Revision: NDIS_STATUS_INDICATION_REVISION_1,
        Size: NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
      },
      SourceHandle: this.handle,
      StatusCode: NDIS_STATUS_LINK_STATE,
      StatusBuffer: this.#linkState,
      StatusBufferSize: NDIS_LINK_STATE.size,
    });
  }

  /** Completes every waiting send with `status`. */
  failPending(status: number): void {
    const head = this.pendingHead;
    if (head === 0) return;
    const { i32, u32 } = this.imports.memory;
    this.pendingHead = 0;
    this.pendingTail = 0;
    this.pendingCount = 0;
    for (let list = head; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) {
      u32[(list + NBL_STATUS) >> 2] = status;
      this.counters.sendErrors++;
    }
    this.imports.ndis.NdisMSendNetBufferListsComplete(this.handle, head, 0);
  }

  /** Completes the waiting sends with this cancel id. */
  cancelSends(cancelId: Address): void {
    const { ndis, memory } = this.imports;
    let kept = 0;
    let list = this.pendingHead;
    this.pendingHead = 0;
    this.pendingTail = 0;
    while (list !== 0) {
      const next = memory.readPointer(list + NBL_NEXT);
      memory.writePointer(list + NBL_NEXT, 0);
      if (ndis.NDIS_GET_NET_BUFFER_LIST_CANCEL_ID(list) === cancelId) {
        memory.u32[(list + NBL_STATUS) >> 2] = NDIS_STATUS_SEND_ABORTED;
        ndis.NdisMSendNetBufferListsComplete(this.handle, list, 0);
      } else {
        if (kept === 0) this.pendingHead = list;
        else memory.writePointer(kept + NBL_NEXT, list);
        kept = list;
      }
      list = next;
    }
    this.pendingTail = kept;
  }

  /** The system goes down: be silent. */
  shutdown(): void {
    this.running = false;
    this.device.disconnect();
  }

  /** Undoes everything that initialization did, in reverse. */
  halt(): void {
    this.running = false;
    for (const release of this.#releases.reverse()) release();
    this.#releases.length = 0;
  }
}
