/**
 * A Linux TAP device as a wire: the kernel's network stack is the peer. linux/Documentation/networking/tuntap.rst;
 * with offloads each frame carries a virtio_net_hdr and may have 64 KB.
 */

import { closeSync, constants, openSync } from 'node:fs';
import {
  type FrameBatch,
  OUTCOME_DEVICE_ERROR,
  OUTCOME_LINK_DOWN,
  OUTCOME_QUEUE_FULL,
  OUTCOME_SENT,
} from '../frameBatch.ts';
import type { WireOffloads } from '../wire.ts';
import { checkFrame, requireOpen, settle, VLAN_TAG_SIZE } from '../wireState.ts';
import { MAXIMUM_VECTORS, SCRATCH_SIZE, setFrameVectors, setVector, VECTOR_SIZE } from './frameVectors.ts';
import { LiveWire, type LiveWireOptions, type OpenDevice } from './liveWire.ts';
import {
  type NetworkInterface,
  parseIpv4Prefix,
  peerMacAddress,
  putInterfaceName,
  REQUEST_SIZE,
} from './networkInterface.ts';
import { NativeBlock, type SystemCalls } from './systemCalls.ts';
import { EAGAIN, EBADF, EBADFD, EINTR, EIO, ENOBUFS, systemError } from './systemErrors.ts';
import { readVirtioHeader, VIRTIO_HEADER_SIZE } from './virtioHeader.ts';

/** A TAP device. */
export interface TapWireOptions extends LiveWireOptions {
  /** The interface: created if there is none of this name, and then gone with the wire. */
  readonly interfaceName: string;
  /** Frames of up to 64 KB with checksum and segmentation left to the receiver. Default false. */
  readonly offloads?: boolean;
  /** Sets the kernel's side up. Default false; implied by `hostAddress`. */
  readonly bringUp?: boolean;
  /** IPv4 address and prefix length for the kernel's side, such as `192.0.2.1/24`. */
  readonly hostAddress?: string;
}

const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const TUNSETVNETHDRSZ = 0x400454d8;
const TUNGETIFF = 0x800454d2;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const TUN_F_CSUM = 1;
const TUN_F_TSO4 = 2;
const TUN_F_TSO6 = 4;
const TUN_F_TSO_ECN = 8;

const ETHERNET_HEADER = 14;
const MAXIMUM_SEGMENTED_SIZE = 65535 + ETHERNET_HEADER;
/** Places in the native block: iovecs to receive, to send, the scratch memory, the byte that shows overflow. */
const RECEIVE_VECTORS_AT = 0;
const SEND_VECTORS_AT = 3 * VECTOR_SIZE;
const RECEIVE_HEADER_AT = SEND_VECTORS_AT + MAXIMUM_VECTORS * VECTOR_SIZE;
const SEND_SCRATCH_AT = RECEIVE_HEADER_AT + 16;
const OVERFLOW_AT = SEND_SCRATCH_AT + SCRATCH_SIZE;
const BLOCK_SIZE = OVERFLOW_AT + 8;

/** A wire over a TAP device. */
export class TapWire extends LiveWire {
  private readonly options: TapWireOptions;
  private readonly headerSize: number;
  private block: NativeBlock | undefined;

  constructor(options: TapWireOptions) {
    super(`tap:${options.interfaceName}`, options);
    this.options = options;
    this.headerSize = options.offloads === true ? VIRTIO_HEADER_SIZE : 0;
    this.properties = { ...this.properties, offloads: tapOffloads(options.offloads === true) };
  }

  protected override openDevice(calls: SystemCalls): OpenDevice {
    const descriptor = this.openTun();
    try {
      const request = new NativeBlock(calls, REQUEST_SIZE);
      putInterfaceName(request, this.options.interfaceName);
      const withHeader = this.headerSize > 0;
      request.view.setUint16(16, IFF_TAP | IFF_NO_PI | (withHeader ? IFF_VNET_HDR : 0), true);
      this.control(calls, descriptor, TUNSETIFF, request.address, 'attach to its interface');
      if (withHeader) {
        request.view.setInt32(32, VIRTIO_HEADER_SIZE, true);
        this.control(calls, descriptor, TUNSETVNETHDRSZ, request.address + 32, 'set the header size');
        const features = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
        this.control(calls, descriptor, TUNSETOFFLOAD, features, 'set the offloads');
      }
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
    return { descriptor, interfaceName: this.options.interfaceName };
  }

  protected override prepare(calls: SystemCalls, networkInterface: NetworkInterface): void {
    const { bringUp = false, hostAddress } = this.options;
    const prefix = hostAddress === undefined ? undefined : parseIpv4Prefix(hostAddress);
    if (prefix !== undefined) networkInterface.setIpv4Address(prefix.address, prefix.prefixLength);
    if (bringUp || prefix !== undefined) networkInterface.bringUp();
    this.properties = {
      ...this.properties,
      maximumFrameSize: networkInterface.mtu() + ETHERNET_HEADER,
      macAddress: peerMacAddress(networkInterface.macAddress()),
    };
    const block = new NativeBlock(calls, BLOCK_SIZE);
    if (this.headerSize > 0) {
      setVector(block, RECEIVE_VECTORS_AT, block.address + RECEIVE_HEADER_AT, VIRTIO_HEADER_SIZE);
    }
    const frameAt = RECEIVE_VECTORS_AT + (this.headerSize > 0 ? VECTOR_SIZE : 0);
    setVector(block, frameAt + VECTOR_SIZE, block.address + OVERFLOW_AT, 1);
    this.block = block;
  }

  /** An interface that was moved into another network namespace is out of sight, but not gone. */
  protected override deviceExists(calls: SystemCalls): boolean {
    const request = new NativeBlock(calls, REQUEST_SIZE);
    return calls.ioctl(this.descriptor, TUNGETIFF, request.address) >= 0;
  }

  override receive(batch: FrameBatch): number {
    const host = requireOpen(this.host, this.name);
    const { calls, block, descriptor, headerSize } = this;
    batch.count = 0;
    this.beginReceive();
    if (calls === undefined || block === undefined || this.isDead) return 0;
    const address = this.addressOf(batch.memory);
    const now = host.now();
    const vectorsAddress = block.address + RECEIVE_VECTORS_AT;
    const frameAt = RECEIVE_VECTORS_AT + (headerSize > 0 ? VECTOR_SIZE : 0);
    const { maximumFrameSize, offloads } = this.properties;
    const wholeFrame = Math.max(maximumFrameSize + VLAN_TAG_SIZE, offloads.maximumSegmentedSize);
    const vectorCount = headerSize > 0 ? 3 : 2;
    let count = 0;
    while (count < batch.capacity && this.budget > 0) {
      const size = batch.size[count];
      this.checkRange(batch.memory, batch.offset[count], size);
      let length: number;
      if (headerSize === 0 && size > wholeFrame) {
        // No frame fills the slot, so one that does has been cut; a plain read is a good deal cheaper.
        length = calls.read(descriptor, address + batch.offset[count], size);
        if (length === size) length++;
      } else {
        setVector(block, frameAt, address + batch.offset[count], size);
        const vectors = size > wholeFrame ? vectorCount - 1 : vectorCount;
        length = calls.readv(descriptor, vectorsAddress, vectors) - headerSize;
        if (size > wholeFrame && length === size) length++;
      }
      if (length < 0) {
        const errno = calls.errno();
        if (errno === EINTR) continue;
        if (errno !== EAGAIN) this.receiveFailed(errno);
        break;
      }
      this.budget--;
      // The byte behind the slot was written: the kernel has cut the frame without saying so.
      if (length > size) {
        this.counters.receiveDropped++;
        continue;
      }
      batch.length[count] = length;
      batch.stamp[count] = now;
      if (headerSize > 0) readVirtioHeader(block.view, RECEIVE_HEADER_AT, batch, count);
      else batch.clearOffloads(count);
      this.counters.received++;
      this.counters.receivedBytes += length;
      count++;
    }
    batch.count = count;
    if (count > 0) this.setLink(true);
    return count;
  }

  override send(batch: FrameBatch, first = 0): number {
    requireOpen(this.host, this.name);
    const address = this.addressOf(batch.memory);
    let slot = first;
    for (; slot < batch.count; slot++) {
      let outcome = checkFrame(batch, slot, this.properties);
      if (this.isDead) outcome = OUTCOME_DEVICE_ERROR;
      else if (outcome === OUTCOME_SENT) {
        const errno = this.write(batch, slot, address);
        if (errno === EAGAIN) {
          this.waitWritable();
          break;
        }
        if (errno !== 0) outcome = this.sendFailed(errno);
        else this.setLink(true);
      }
      settle(batch, slot, outcome, this.counters);
    }
    return Math.max(0, slot - first);
  }

  /** Writes a frame; 0 or the error number. */
  private write(batch: FrameBatch, slot: number, address: number): number {
    const { calls, block, descriptor, headerSize } = this;
    if (calls === undefined || block === undefined) return EBADF;
    this.checkRange(batch.memory, batch.offset[slot], batch.length[slot]);
    const frameAddress = address + batch.offset[slot];
    if (headerSize === 0 && batch.vlan[slot] === 0) {
      return calls.write(descriptor, frameAddress, batch.length[slot]) < 0 ? calls.errno() : 0;
    }
    const vectors = setFrameVectors(
      block,
      SEND_VECTORS_AT,
      SEND_SCRATCH_AT,
      batch,
      slot,
      frameAddress,
      headerSize > 0,
    );
    return calls.writev(descriptor, block.address + SEND_VECTORS_AT, vectors) < 0 ? calls.errno() : 0;
  }

  private sendFailed(errno: number): number {
    if (errno === EIO) {
      this.setLink(false);
      return OUTCOME_LINK_DOWN;
    }
    if (errno === ENOBUFS) return OUTCOME_QUEUE_FULL;
    if (errno === EBADFD || errno === EBADF) this.die(errno);
    return OUTCOME_DEVICE_ERROR;
  }

  /** EIO is what a TAP gives that has been set down; everything else is the end. */
  private receiveFailed(errno: number): void {
    if (errno === EIO) this.setLink(false);
    else this.die(errno);
  }

  private openTun(): number {
    try {
      return openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK);
    } catch (error) {
      const errno = error instanceof Error && 'errno' in error ? Math.abs(Number(error.errno)) : 0;
      throw systemError(this.name, 'open /dev/net/tun', errno);
    }
  }

  private control(
    calls: SystemCalls,
    descriptor: number,
    code: number,
    argument: number,
    doing: string,
  ): void {
    if (calls.ioctl(descriptor, code, argument) < 0) throw systemError(this.name, doing, calls.errno());
  }
}

function tapOffloads(enabled: boolean): WireOffloads {
  return {
    checksum: enabled,
    segmentationIpv4: enabled,
    segmentationIpv6: enabled,
    segmentationUdp: false,
    vlan: true,
    maximumSegmentedSize: enabled ? MAXIMUM_SEGMENTED_SIZE : 0,
  };
}
