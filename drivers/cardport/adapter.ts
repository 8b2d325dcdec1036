/**
 * One adapter of cardport: its registers, its rings in shared memory, its state, and what starts, stops and resets it.
 * Implements "Miniport Adapter States and Operations" (network) for the teaching device.
 */

import {
  type Address,
  type DriverImports,
  MediaConnectStateConnected,
  MediaConnectStateDisconnected,
  MediaDuplexStateFull,
  NDIS_LINK_STATE,
  NDIS_LINK_STATE_REVISION_1,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_OBJECT_TYPE_STATUS_INDICATION,
  NDIS_SIZEOF_LINK_STATE_REVISION_1,
  NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
  NDIS_STATUS_INDICATION_REVISION_1,
  NDIS_STATUS_LINK_STATE,
  NDIS_STATUS_REQUEST_ABORTED,
  NDIS_STATUS_SUCCESS,
} from '../../src/machine/index.ts';
import { RECEIVE_DESCRIPTORS, TRANSMIT_DESCRIPTORS } from './limits.ts';
import { postAll } from './receive.ts';
import * as r from './registers.ts';
import { abortSends, type QueuedFrame } from './send.ts';

/** Microseconds between two looks at a device that resets, and how often it is looked at. */
const RESET_STALL = 20;
const RESET_LOOKS = 50;

/** Memory that driver and device share. */
export interface SharedMemory {
  readonly address: Address;
  readonly length: number;
  readonly physical: bigint;
}

export class CardportAdapter {
  readonly imports: DriverImports;
  readonly handle: Address;
  /** Where the registers are mapped; 0 before. */
  registers: Address = 0;
  interrupt: Address = 0;
  dma: Address = 0;
  /** Bytes that every scatter/gather list of the adapter fits in. */
  listSize = 0;
  messages = false;
  readonly macAddress = new Uint8Array(6);
  packetFilter = 0;
  lookahead = 1514;
  moderation = 0;
  multicastList: Uint8Array = new Uint8Array(0);
  readonly counters = { sent: 0, received: 0, sendErrors: 0, receiveErrors: 0, noBuffer: 0 };
  /** Rings of descriptors: transmit, then the receive queues. */
  readonly rings: SharedMemory[] = [];
  /** Frames that the device has, oldest first, and the transmit ring's next and first descriptor. */
  readonly sending: QueuedFrame[] = [];
  transmitHead = 0;
  transmitTail = 0;
  /** Net buffers that wait for room in the ring, oldest first. */
  readonly waiting: QueuedFrame[] = [];
  /** Net buffers whose scatter/gather list is being made. */
  mapping = 0;
  /** List of each receive descriptor, by queue; 0 while NDIS has it. */
  readonly receiveLists: Int32Array[] = [];
  readonly receiveNext = [0, 0];
  readonly receiveTail = [0, 0];
  /** Queue that a receive list belongs to, and lists that came back while there was no room for them. */
  readonly queueOf = new Map<Address, number>();
  readonly free: Address[][] = [[], []];
  /** Lists with NDIS that have not come back. */
  listsOut = 0;
  running = false;
  pausing = false;
  /** The device was pulled out. */
  gone = false;
  readonly #linkState: Address;
  readonly #releases: (() => void)[] = [];

  constructor(imports: DriverImports, handle: Address) {
    this.imports = imports;
    this.handle = handle;
    this.#linkState = imports.data(NDIS_LINK_STATE.size);
  }

  read(register: number): number {
    return this.imports.ntoskrnl.READ_REGISTER_ULONG(this.registers + register) >>> 0;
  }

  write(register: number, value: number): void {
    this.imports.ntoskrnl.WRITE_REGISTER_ULONG(this.registers + register, value >>> 0);
  }

  /** Notes what halt has to undo. */
  onHalt(release: () => void): void {
    this.#releases.push(release);
  }

  /** Resets the device and waits until it hears again; false where it does not, or is gone. */
  resetDevice(): boolean {
    this.write(r.CONTROL, r.CONTROL_RESET);
    for (let look = 0; look < RESET_LOOKS; look++) {
      const control = this.read(r.CONTROL);
      if (control === r.GONE) break;
      if ((control & r.CONTROL_RESET) === 0) return true;
      this.imports.ndis.NdisStallExecution(RESET_STALL);
    }
    return false;
  }

  /** Gives the device everything that a reset took: rings, addresses, filter, moderation, interrupts. */
  programDevice(): void {
    const sizes = [TRANSMIT_DESCRIPTORS, RECEIVE_DESCRIPTORS, RECEIVE_DESCRIPTORS];
    this.rings.forEach(({ physical }, index) => {
      const ring = r.TRANSMIT_RING + index * r.RING_STRIDE;
      this.write(ring + r.RING_LOW, Number(physical & 0xffff_ffffn));
      this.write(ring + r.RING_HIGH, Number(physical >> 32n));
      this.write(ring + r.RING_SIZE, sizes[index]);
    });
    this.transmitHead = 0;
    this.transmitTail = 0;
    const [a0, a1, a2, a3, a4, a5] = this.macAddress;
    this.write(r.MAC_LOW, a0 | (a1 << 8) | (a2 << 16) | (a3 << 24));
    this.write(r.MAC_HIGH, a4 | (a5 << 8));
    this.write(r.MODERATION, this.moderation);
    this.programFilter();
    postAll(this);
    this.enableInterrupts(r.ALL_CAUSES);
    this.write(r.CONTROL, r.CONTROL_TRANSMIT | r.CONTROL_TWO_QUEUES | (this.running ? r.CONTROL_RECEIVE : 0));
  }

  /** Tells the device which frames are wanted. */
  programFilter(): void {
    const hash = [0, 0];
    for (let at = 0; at + 6 <= this.multicastList.length; at += 6) {
      const bit = this.multicastList.subarray(at, at + 6).reduce((sum, byte) => sum ^ byte, 0) & 63;
      hash[bit >> 5] |= 1 << (bit & 31);
    }
    this.write(r.MULTICAST_HASH_LOW, hash[0]);
    this.write(r.MULTICAST_HASH_HIGH, hash[1]);
    // NDIS_PACKET_TYPE_DIRECTED, MULTICAST, ALL_MULTICAST, BROADCAST and PROMISCUOUS.
    const filter = this.packetFilter;
    this.write(
      r.RECEIVE_FILTER,
      ((filter & 0x01) !== 0 ? r.FILTER_UNICAST : 0) |
        ((filter & 0x02) !== 0 ? r.FILTER_MULTICAST : 0) |
        ((filter & 0x04) !== 0 ? r.FILTER_ALL_MULTICAST : 0) |
        ((filter & 0x08) !== 0 ? r.FILTER_BROADCAST : 0) |
        ((filter & 0x20) !== 0 ? r.FILTER_PROMISCUOUS : 0),
    );
  }

  enableInterrupts(causes: number): void {
    this.write(r.INTERRUPT_ENABLE, causes);
  }

  disableInterrupts(causes: number): void {
    this.write(r.INTERRUPT_DISABLE, causes);
  }

  restart(): number {
    this.running = true;
    this.write(r.CONTROL, r.CONTROL_TRANSMIT | r.CONTROL_TWO_QUEUES | r.CONTROL_RECEIVE);
    return NDIS_STATUS_SUCCESS;
  }

  /** Stops the flow; true when nothing is under way, otherwise NdisMPauseComplete follows. */
  pause(): boolean {
    this.running = false;
    if (this.gone) abortSends(this, NDIS_STATUS_REQUEST_ABORTED);
    else this.write(r.CONTROL, r.CONTROL_TRANSMIT | r.CONTROL_TWO_QUEUES);
    this.pausing = !this.isIdle;
    return !this.pausing;
  }

  get isIdle(): boolean {
    return this.listsOut === 0 && this.sending.length + this.waiting.length + this.mapping === 0;
  }

  /** Called when something came to its end while a pause may be pending. */
  completePause(): void {
    if (!this.pausing || !this.isIdle) return;
    this.pausing = false;
    this.imports.ndis.NdisMPauseComplete(this.handle);
  }

  /** MiniportResetEx: sends are aborted, the device begins anew. */
  reset(): number {
    this.resetDevice();
    abortSends(this, NDIS_STATUS_REQUEST_ABORTED);
    this.programDevice();
    return NDIS_STATUS_SUCCESS;
  }

  /** MiniportCheckForHangEx: whether the device stopped. */
  isHung(): boolean {
    const status = this.read(r.STATUS);
    return status !== r.GONE && (status & r.STATUS_DMA_ERROR) !== 0;
  }

  /** The device was pulled out: nothing that it had comes back by itself. */
  pulledOut(): void {
    this.gone = true;
    abortSends(this, NDIS_STATUS_REQUEST_ABORTED);
  }

  /** Tells NDIS whether the link is up. */
  indicateLink(): void {
    const { imports } = this;
    const up = (this.read(r.STATUS) & r.STATUS_LINK_UP) !== 0;
    const speed = up ? BigInt(this.read(r.LINK_SPEED)) * 1_000_000n : 0n;
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

  /** Undoes everything that initialization did, in reverse. */
  halt(): void {
    this.running = false;
    for (const release of this.#releases.reverse()) release();
    this.#releases.length = 0;
  }
}
