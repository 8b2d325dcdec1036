/**
 * A Linux packet socket as a wire: frames of an existing interface, beside the kernel's own stack. packet(7).
 * recvmmsg and sendmmsg move a whole batch a call, straight into and out of the memory; the kernel's VLAN and
 * checksum notes come as auxiliary data and virtio_net_hdr.
 */

import { copyBytes } from '../bytes.ts';
import { completeChecksum } from '../checksum.ts';
import {
  CHECKSUM_NEEDED,
  type FrameBatch,
  OUTCOME_DEVICE_ERROR,
  OUTCOME_LINK_DOWN,
  OUTCOME_SENT,
  OUTCOME_TOO_LONG,
  SEGMENTATION_NONE,
} from '../frameBatch.ts';
import { checkFrame, requireOpen, settle } from '../wireState.ts';
import { MAXIMUM_VECTORS, SCRATCH_SIZE, setFrameVectors, setVector, VECTOR_SIZE } from './frameVectors.ts';
import { LiveWire, type LiveWireOptions, type OpenDevice } from './liveWire.ts';
import { NetworkInterface } from './networkInterface.ts';
import {
  AF_PACKET,
  MSG_DONTWAIT,
  NativeBlock,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  type SystemCalls,
} from './systemCalls.ts';
import {
  EAGAIN,
  EBADF,
  EINTR,
  EMSGSIZE,
  ENETDOWN,
  ENOBUFS,
  ENODEV,
  ENXIO,
  systemError,
} from './systemErrors.ts';
import { readVirtioHeader, VIRTIO_HEADER_SIZE } from './virtioHeader.ts';

/** A packet socket. */
export interface PacketSocketWireOptions extends LiveWireOptions {
  /** An existing interface. */
  readonly interfaceName: string;
  /** Receives frames for other stations too. Default true: the adapter has an address of its own. */
  readonly promiscuous?: boolean;
  /**
   * Lets merged frames of up to 64 KB and unfinished checksums through in both directions. Default false:
   * checksums are completed here, merged frames are dropped and counted (turn them off with
   * "ethtool -K NAME gro off tso off gso off" at the sender).
   */
  readonly offloads?: boolean;
  /** Bytes the kernel queues for the socket. Default 4 MiB. */
  readonly receiveBufferSize?: number;
}

const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_AUXDATA = 8;
const PACKET_VNET_HDR = 15;
const PACKET_IGNORE_OUTGOING = 23;
const PACKET_MR_PROMISC = 1;
const ETH_P_ALL_BIG_ENDIAN = 0x0300;
const MSG_TRUNC = 0x20;
const TP_STATUS_VLAN_VALID = 0x10;
const TP_STATUS_VLAN_TPID_VALID = 0x40;
const ETHERNET_HEADER = 14;
const MAXIMUM_SEGMENTED_SIZE = 65535 + ETHERNET_HEADER;

/** Messages a system call. */
const MESSAGES = 64;
/** Bytes of struct mmsghdr, of the control memory, and where the message length stands. */
const MESSAGE_SIZE = 64;
const CONTROL_SIZE = 64;
const MESSAGE_LENGTH_AT = 56;
const MESSAGE_FLAGS_AT = 48;
const CONTROL_LENGTH_AT = 40;
const VECTORS_AT = MESSAGES * MESSAGE_SIZE;
const SCRATCH_AT = VECTORS_AT + MESSAGES * MAXIMUM_VECTORS * VECTOR_SIZE;
const CONTROL_AT = SCRATCH_AT + MESSAGES * SCRATCH_SIZE;
const BLOCK_SIZE = CONTROL_AT + MESSAGES * CONTROL_SIZE;

/** A wire over a packet socket. */
export class PacketSocketWire extends LiveWire {
  private readonly options: PacketSocketWireOptions;
  private incoming: NativeBlock | undefined;
  private outgoing: NativeBlock | undefined;

  constructor(options: PacketSocketWireOptions) {
    super(`packet:${options.interfaceName}`, options);
    this.options = options;
    const offloads = options.offloads === true;
    this.properties = {
      ...this.properties,
      offloads: {
        checksum: offloads,
        segmentationIpv4: offloads,
        segmentationIpv6: offloads,
        segmentationUdp: false,
        vlan: true,
        maximumSegmentedSize: offloads ? MAXIMUM_SEGMENTED_SIZE : 0,
      },
    };
  }

  protected override openDevice(calls: SystemCalls): OpenDevice {
    const { interfaceName } = this.options;
    const found = new NetworkInterface(calls, this.name, interfaceName);
    const index = ((): number => {
      try {
        return found.index();
      } finally {
        found.close();
      }
    })();
    // Protocol 0 receives nothing until bind, so that no frame of another interface slips in.
    const descriptor = calls.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) throw systemError(this.name, 'open a packet socket', calls.errno());
    try {
      this.configure(calls, descriptor, index);
    } catch (error) {
      calls.close(descriptor);
      throw error;
    }
    return { descriptor, interfaceName };
  }

  private configure(calls: SystemCalls, descriptor: number, index: number): void {
    const block = new NativeBlock(calls, 64);
    const set = (level: number, name: number, length: number): boolean =>
      calls.setsockopt(descriptor, level, name, block.address, length) >= 0;
    const need = (name: number, length: number, doing: string): void => {
      if (!set(SOL_PACKET, name, length)) throw systemError(this.name, doing, calls.errno());
    };
    block.view.setInt32(0, this.options.receiveBufferSize ?? 4 << 20, true);
    // Beyond the system's limit only with privileges; without them as much as is allowed.
    if (!set(SOL_SOCKET, SO_RCVBUFFORCE, 4)) set(SOL_SOCKET, SO_RCVBUF, 4);
    block.view.setInt32(0, 1, true);
    need(PACKET_VNET_HDR, 4, 'ask for offload headers');
    need(PACKET_AUXDATA, 4, 'ask for VLAN tags');
    need(PACKET_IGNORE_OUTGOING, 4, 'leave out its own frames (Linux 4.20 or later)');
    block.clear();
    block.view.setUint16(0, AF_PACKET, true);
    block.view.setUint16(2, ETH_P_ALL_BIG_ENDIAN, true);
    block.view.setInt32(4, index, true);
    if (calls.bind(descriptor, block.address, 20) < 0) {
      throw systemError(this.name, 'bind to its interface', calls.errno());
    }
    if (this.options.promiscuous === false) return;
    block.clear();
    block.view.setInt32(0, index, true);
    block.view.setUint16(4, PACKET_MR_PROMISC, true);
    need(PACKET_ADD_MEMBERSHIP, 16, 'enter promiscuous mode');
  }

  protected override prepare(calls: SystemCalls, networkInterface: NetworkInterface): void {
    this.properties = {
      ...this.properties,
      maximumFrameSize: networkInterface.mtu() + ETHERNET_HEADER,
      macAddress: networkInterface.macAddress(),
    };
    this.incoming = createMessages(calls, true);
    this.outgoing = createMessages(calls, false);
  }

  protected override deviceExists(calls: SystemCalls): boolean {
    const block = new NativeBlock(calls, 16);
    block.view.setInt32(8, 4, true);
    // Reading the socket's error clears it, so that the poll can go on.
    calls.getsockopt(this.descriptor, SOL_SOCKET, SO_ERROR, block.address, block.address + 8);
    const { interfaceName } = this.options;
    const found = new NetworkInterface(calls, this.name, interfaceName);
    const exists = found.linkUp() !== undefined;
    found.close();
    return exists;
  }

  override receive(batch: FrameBatch): number {
    const host = requireOpen(this.host, this.name);
    batch.count = 0;
    this.beginReceive();
    const { calls, incoming: block } = this;
    if (calls === undefined || block === undefined || this.isDead) return 0;
    const address = this.addressOf(batch.memory);
    const now = host.now();
    while (batch.count < batch.capacity && this.budget > 0) {
      const wanted = Math.min(MESSAGES, batch.capacity - batch.count, this.budget);
      const start = batch.count;
      for (let index = 0; index < wanted; index++) {
        const slot = start + index;
        this.checkRange(batch.memory, batch.offset[slot], batch.size[slot]);
        setVector(block, vectorsOf(index) + VECTOR_SIZE, address + batch.offset[slot], batch.size[slot]);
        block.setNumber(index * MESSAGE_SIZE + CONTROL_LENGTH_AT, CONTROL_SIZE);
      }
      const came = calls.recvmmsg(this.descriptor, block.address, wanted, MSG_DONTWAIT, 0);
      if (came < 0) {
        const errno = calls.errno();
        if (errno === EINTR) continue;
        if (errno === ENETDOWN) this.setLink(false);
        else if (errno !== EAGAIN) this.die(errno);
        break;
      }
      this.budget -= came;
      for (let index = 0; index < came; index++) this.take(block, index, batch, start + index, now);
      if (came < wanted) break;
    }
    return batch.count;
  }

  /** Takes a received message over into the next slot of the batch, or drops it. */
  private take(block: NativeBlock, index: number, batch: FrameBatch, slot: number, now: number): void {
    const { view } = block;
    const messageAt = index * MESSAGE_SIZE;
    const length = view.getUint32(messageAt + MESSAGE_LENGTH_AT, true) - VIRTIO_HEADER_SIZE;
    const truncated = (view.getUint32(messageAt + MESSAGE_FLAGS_AT, true) & MSG_TRUNC) !== 0;
    const target = batch.count;
    readVirtioHeader(view, SCRATCH_AT + index * SCRATCH_SIZE, batch, target);
    if (truncated || length < ETHERNET_HEADER || !this.acceptable(batch, target, slot, length)) {
      this.counters.receiveDropped++;
      return;
    }
    const { memory, offset } = batch;
    if (target !== slot) copyBytes(memory, offset[slot], memory, offset[target], length);
    batch.length[target] = length;
    batch.stamp[target] = now;
    batch.vlan[target] = readVlan(block, messageAt, CONTROL_AT + index * CONTROL_SIZE);
    if ((batch.flags[target] & CHECKSUM_NEEDED) !== 0 && !this.properties.offloads.checksum) {
      completeChecksum(batch, target);
    }
    this.counters.received++;
    this.counters.receivedBytes += length;
    batch.count++;
  }

  private acceptable(batch: FrameBatch, target: number, slot: number, length: number): boolean {
    if (length > batch.size[target] || length > batch.size[slot]) return false;
    return (
      batch.segmentationType[target] === SEGMENTATION_NONE ||
      this.properties.offloads.maximumSegmentedSize > 0
    );
  }

  override send(batch: FrameBatch, first = 0): number {
    requireOpen(this.host, this.name);
    let slot = first;
    while (slot < batch.count) {
      const outcome = this.isDead ? OUTCOME_DEVICE_ERROR : checkFrame(batch, slot, this.properties);
      if (outcome !== OUTCOME_SENT) {
        settle(batch, slot++, outcome, this.counters);
        continue;
      }
      const sent = this.sendRun(batch, slot);
      if (sent > 0) {
        for (const end = slot + sent; slot < end; slot++) settle(batch, slot, OUTCOME_SENT, this.counters);
        continue;
      }
      const errno = this.calls?.errno() ?? EBADF;
      if (errno === EINTR) continue;
      if (errno === EAGAIN || errno === ENOBUFS) {
        this.waitWritable();
        break;
      }
      settle(batch, slot++, this.sendFailed(errno), this.counters);
    }
    return Math.max(0, slot - first);
  }

  /** Sends frames from `first` on that need no other outcome; how many went, or negative. */
  private sendRun(batch: FrameBatch, first: number): number {
    const { calls, outgoing: block } = this;
    if (calls === undefined || block === undefined) return -1;
    const address = this.addressOf(batch.memory);
    let count = 0;
    for (; count < MESSAGES && first + count < batch.count; count++) {
      const slot = first + count;
      if (count > 0 && checkFrame(batch, slot, this.properties) !== OUTCOME_SENT) break;
      this.checkRange(batch.memory, batch.offset[slot], batch.length[slot]);
      const scratchAt = SCRATCH_AT + count * SCRATCH_SIZE;
      const frameAddress = address + batch.offset[slot];
      const vectors = setFrameVectors(block, vectorsOf(count), scratchAt, batch, slot, frameAddress, true);
      block.setNumber(count * MESSAGE_SIZE + 24, vectors);
    }
    return calls.sendmmsg(this.descriptor, block.address, count, MSG_DONTWAIT);
  }

  private sendFailed(errno: number): number {
    if (errno === EMSGSIZE) return OUTCOME_TOO_LONG;
    if (errno === ENETDOWN) {
      this.setLink(false);
      return OUTCOME_LINK_DOWN;
    }
    if (errno === ENXIO || errno === ENODEV || errno === EBADF) this.die(errno);
    return OUTCOME_DEVICE_ERROR;
  }
}

function vectorsOf(index: number): number {
  return VECTORS_AT + index * MAXIMUM_VECTORS * VECTOR_SIZE;
}

/** An array of struct mmsghdr with everything in place that does not change from call to call. */
function createMessages(calls: SystemCalls, incoming: boolean): NativeBlock {
  const block = new NativeBlock(calls, BLOCK_SIZE);
  for (let index = 0; index < MESSAGES; index++) {
    const at = index * MESSAGE_SIZE;
    block.setNumber(at + 16, block.address + vectorsOf(index));
    block.setNumber(at + 24, 2);
    if (!incoming) continue;
    block.setNumber(at + 32, block.address + CONTROL_AT + index * CONTROL_SIZE);
    setVector(block, vectorsOf(index), block.address + SCRATCH_AT + index * SCRATCH_SIZE, VIRTIO_HEADER_SIZE);
  }
  return block;
}

/** The VLAN tag that the kernel took out of a frame, from struct tpacket_auxdata; 0 if none. */
function readVlan(block: NativeBlock, messageAt: number, controlAt: number): number {
  const { view } = block;
  if (view.getUint32(messageAt + CONTROL_LENGTH_AT, true) < 36) return 0;
  if (
    view.getInt32(controlAt + 8, true) !== SOL_PACKET ||
    view.getInt32(controlAt + 12, true) !== PACKET_AUXDATA
  )
    return 0;
  const status = view.getUint32(controlAt + 16, true);
  if ((status & TP_STATUS_VLAN_VALID) === 0) return 0;
  const protocol = (status & TP_STATUS_VLAN_TPID_VALID) !== 0 ? view.getUint16(controlAt + 34, true) : 0x8100;
  return ((protocol << 16) | view.getUint16(controlAt + 32, true)) >>> 0;
}
