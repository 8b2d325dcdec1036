/**
 * Packet pools: what stands behind the handle of NdisAllocatePacketPool. The descriptors for normal use are one block
 * of the tagged pool, allocated with the pool; those for overflow come and go one by one. A descriptor is an
 * NDIS_PACKET, ProtocolReserved, the out-of-band data, the extension and one packet stack location.
 * Implements nf-ndis-ndisallocatepacketpoolex.
 */

import { type Driver, type Kernel, poolOf } from '../../../kernel/index.ts';
import {
  type Address,
  KERNEL_WINDOW_HIGH,
  type KernelMemory,
  type Pool,
  poolType,
} from '../../../memory/index.ts';
import { fPACKET_ALLOCATED_BY_NDIS } from '../../generated/constants/index.ts';
import { NdisObject } from '../../library.ts';
import { roundUp } from '../../netBuffer/blockPool.ts';
import {
  EXTENSION_SIZE,
  OOB_SIZE,
  PACKET_COUNT,
  PACKET_FLAGS,
  PACKET_HEAD,
  PACKET_LIST,
  PACKET_POOL,
  PACKET_PROTOCOL_RESERVED,
  PACKET_STATE,
  PACKET_STATE_FREE,
  PACKET_TAIL,
  PACKET_TRUE_POOL,
  PACKET_VALID_COUNTS,
  STACK_SIZE,
} from './offsets.ts';

/** Descriptors a pool may have, with those for overflow. */
export const PACKET_LIMIT = 0xffff;
/** `NDpk` */
const PACKET_TAG = 0x6b70_444e;
/** Free descriptors that a pool without a limit keeps. */
const KEPT_LIMIT = 4096;
/** Addresses named in a finding about packets that were not freed. */
const NAMED_PACKETS = 8;

/** A pool as its creator described it. */
export interface PacketPoolOptions {
  /** Who is charged; null for the library itself. */
  readonly driver: Driver | null;
  /** Descriptors that are there from the start. */
  readonly normal: number;
  /** Descriptors that may be allocated beside these. */
  readonly overflow: number;
  /** Bytes of ProtocolReserved. */
  readonly reservedLength: number;
  /** Bytes of the library's own behind each descriptor. */
  readonly extra?: number;
  /** Overflow descriptors are kept for reuse: for pools of the library, which what is under way bounds. */
  readonly keep?: boolean;
}

/** Bytes of a descriptor with its out-of-band data and extension. */
export function packetSize(reservedLength: number): number {
  return oobOffset(reservedLength) + OOB_SIZE + EXTENSION_SIZE;
}

function oobOffset(reservedLength: number): number {
  return (PACKET_PROTOCOL_RESERVED + reservedLength + 7) & ~7;
}

export class PacketPool extends NdisObject {
  readonly options: PacketPoolOptions;
  readonly memory: KernelMemory;
  /** From a packet to its stack location, and to the bytes of the library's own. */
  readonly stackOffset: number;
  readonly extraOffset: number;
  /** NDIS_PROTOCOL_ID_ of new packets. */
  protocolId = 0;
  readonly #pool: Pool;
  readonly #owner: number;
  readonly #blockSize: number;
  readonly #oobOffset: number;
  readonly #f64: Float64Array;
  /** ValidCounts 0, NdisPacketFlags and NdisPacketOobOffset of a new packet. */
  readonly #flagsWord: number;
  /** The descriptors for normal use, 0 for none; how many of them were ever taken. */
  #block: Address = 0;
  #fresh = 0;
  #free: Int32Array;
  #freeCount = 0;
  #outstanding = 0;
  readonly #overflow = new Set<Address>();

  constructor(kernel: Kernel, options: PacketPoolOptions) {
    super();
    this.options = options;
    this.memory = kernel.memory;
    this.#pool = poolOf(kernel);
    this.#owner = options.driver?.id ?? 0;
    this.#oobOffset = oobOffset(options.reservedLength);
    this.stackOffset = packetSize(options.reservedLength);
    this.extraOffset = roundUp(this.stackOffset + STACK_SIZE);
    this.#blockSize = roundUp(this.extraOffset + (options.extra ?? 0));
    this.#f64 = new Float64Array(kernel.memory.memory.buffer);
    this.#flagsWord = (fPACKET_ALLOCATED_BY_NDIS << 8) | (this.#oobOffset << 16);
    this.#free = new Int32Array(Math.max(options.normal, 16));
  }

  /** Takes the memory of the descriptors for normal use. @returns false when memory is short. */
  reserve(): boolean {
    const { normal } = this.options;
    if (normal === 0) return true;
    this.#block = this.#pool.allocate(poolType.nonPagedNx, normal * this.#blockSize, PACKET_TAG, this.#owner);
    return this.#block !== 0;
  }

  /** Packets that are not freed. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** Addresses of packets that are not freed, for a message. */
  describeOutstanding(): string {
    const names: string[] = [];
    const add = (packet: Address): void => {
      if (this.memory.i32[(packet + PACKET_STATE) >> 2] !== PACKET_STATE_FREE)
        names.push(`0x${packet.toString(16)}`);
    };
    for (let index = 0; index < this.#fresh && names.length <= NAMED_PACKETS; index++) {
      add(this.#block + index * this.#blockSize);
    }
    for (const packet of this.#overflow) if (names.length <= NAMED_PACKETS) add(packet);
    return names.length > NAMED_PACKETS
      ? `${names.slice(0, NAMED_PACKETS).join(', ')}, ...`
      : names.join(', ');
  }

  /** An empty packet in the given state, or 0 when the pool has no more or memory is short. */
  allocate(state: number): Address {
    const packet = this.#freeCount > 0 ? this.#free[--this.#freeCount] : this.#another();
    if (packet === 0) return 0;
    this.#outstanding++;
    const { i32 } = this.memory;
    const { handle } = this;
    const index = packet >> 2;
    clearPacket(this.#f64, packet >> 3, (packet + this.#oobOffset) >> 3);
    i32[index + (PACKET_POOL >> 2)] = handle;
    i32[index + (PACKET_POOL >> 2) + 1] = KERNEL_WINDOW_HIGH;
    i32[index + (PACKET_FLAGS >> 2)] = this.protocolId;
    i32[index + (PACKET_VALID_COUNTS >> 2)] = this.#flagsWord;
    i32[index + (PACKET_STATE >> 2)] = state;
    i32[index + (PACKET_TRUE_POOL >> 2)] = handle;
    return packet;
  }

  /** Takes back a packet whose state the caller has checked. */
  free(packet: Address): void {
    this.#outstanding--;
    this.memory.i32[(packet + PACKET_STATE) >> 2] = PACKET_STATE_FREE;
    const full = this.options.keep === true ? this.#freeCount >= KEPT_LIMIT : this.#overflow.size > 0;
    if (full && this.#overflow.delete(packet)) {
      this.#pool.free(packet, PACKET_TAG);
      return;
    }
    if (this.#freeCount === this.#free.length) {
      const longer = new Int32Array(this.#free.length * 2);
      longer.set(this.#free);
      this.#free = longer;
    }
    this.#free[this.#freeCount++] = packet;
  }

  /** Gives the memory back; the pool is over. Overflow packets that are outstanding stay with their owner. */
  destroy(): void {
    for (const packet of this.#overflow) {
      if (this.memory.i32[(packet + PACKET_STATE) >> 2] === PACKET_STATE_FREE)
        this.#pool.free(packet, PACKET_TAG);
    }
    this.#overflow.clear();
    this.#freeCount = 0;
    this.#fresh = 0;
    // What is still used of the one block keeps it: the driver may go on to use it.
    if (this.#block !== 0 && this.#outstanding === 0) this.#pool.free(this.#block, PACKET_TAG);
    this.#block = 0;
  }

  /** A descriptor that was not used before, zeroed. */
  #another(): Address {
    let packet: Address = 0;
    if (this.#fresh < this.options.normal && this.#block !== 0) {
      packet = this.#block + this.#fresh++ * this.#blockSize;
    } else if (this.#overflow.size < this.options.overflow) {
      packet = this.#pool.allocate(poolType.nonPagedNx, this.#blockSize, PACKET_TAG, this.#owner);
      if (packet === 0) return 0;
      this.#overflow.add(packet);
    }
    if (packet !== 0) this.memory.u8.fill(0, packet, packet + this.#blockSize);
    return packet;
  }
}

/**
 * Zeroes a packet from the double `first` on, and its out-of-band data and extension from the double `oob` on; the areas
 * reserved for drivers and the stack location stay as they are. Written out, because that costs half of a loop.
 */
function clearPacket(f64: Float64Array, first: number, oob: number): void {
  f64[first] = 0;
  f64[first + (PACKET_HEAD >> 3)] = 0;
  f64[first + (PACKET_TAIL >> 3)] = 0;
  f64[first + (PACKET_COUNT >> 3)] = 0;
  f64[first + (PACKET_LIST >> 3)] = 0;
  f64[oob] = 0;
  f64[oob + 1] = 0;
  f64[oob + 2] = 0;
  f64[oob + 3] = 0;
  f64[oob + 4] = 0;
  f64[oob + 5] = 0;
  f64[oob + 6] = 0;
  f64[oob + 7] = 0;
  f64[oob + 8] = 0;
  f64[oob + 9] = 0;
  f64[oob + 10] = 0;
  f64[oob + 11] = 0;
  f64[oob + 12] = 0;
  f64[oob + 13] = 0;
  f64[oob + 14] = 0;
  f64[oob + 15] = 0;
  f64[oob + 16] = 0;
}
