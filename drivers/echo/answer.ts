/**
 * What echo answers: ARP requests (RFC 826), ICMP echo (RFC 792) and UDP echo (RFC 862) for one IPv4 address, read
 * from a frame in kernel memory and written as a new frame beside it. Rules for what must not be answered are those of
 * RFC 1122. Everything in the frame is taken for hostile until it was checked.
 */

import type { Address, KernelMemory } from '../../src/machine/index.ts';
import { copyBytes, foldSum, sumBytes } from '../support/frameBytes.ts';

/** What became of a frame. */
export const NOT_ANSWERED = 0;
export const ANSWERED_ARP = 1;
export const ANSWERED_ICMP = 2;
export const ANSWERED_UDP = 3;
/** Meant for us, but wrong: a length that does not fit, or a checksum. */
export const MALFORMED = 4;

const ETHERNET_HEADER = 14;
const IPV4_HEADER = 20;
const ICMP_HEADER = 8;
const UDP_HEADER = 8;
const ARP_LENGTH = 28;
/** Numbers of the protocols as they stand in memory, network byte order read by a little-endian machine. */
const TYPE_ARP = 0x0608;
const TYPE_IPV4 = 0x0008;
const HARDWARE_ETHERNET = 0x0100;
const ARP_LENGTHS = 0x0406;
const ARP_REQUEST = 0x0100;
const ARP_REPLY = 0x0200;
const PORT_ECHO = 0x0700;
const PROTOCOL_ICMP = 1;
const PROTOCOL_UDP = 17;
const ICMP_ECHO_REQUEST = 8;
/** Time to live, then the protocol. */
const ANSWER_TTL = 64;
/** More-fragments bit and offset in the flags word. */
const FRAGMENT_BITS = 0xff3f;
const DONT_FRAGMENT = 0x0040;

/** One address that answers. */
export class Responder {
  readonly #memory: KernelMemory;
  /** The station's address in two and four bytes, and its IPv4 address in two times two, as they stand in memory. */
  readonly #mac0: number;
  readonly #mac1: number;
  readonly #mac2: number;
  readonly #ip0: number;
  readonly #ip1: number;
  /** NOT_ANSWERED, ANSWERED_ or MALFORMED: what became of the frame last looked at. */
  outcome = NOT_ANSWERED;

  constructor(memory: KernelMemory, macAddress: Uint8Array, ipAddress: Uint8Array) {
    this.#memory = memory;
    this.#mac0 = macAddress[0] | (macAddress[1] << 8);
    this.#mac1 = macAddress[2] | (macAddress[3] << 8);
    this.#mac2 = macAddress[4] | (macAddress[5] << 8);
    this.#ip0 = ipAddress[0] | (ipAddress[1] << 8);
    this.#ip1 = ipAddress[2] | (ipAddress[3] << 8);
  }

  /**
   * Writes the answer to the frame of `length` bytes at `from` to `to` and gives its length, or 0 where there is none.
   * Both addresses are even; the answer needs `length` bytes. `vouched`: the adapter has found the checksums good.
   */
  answer(from: Address, length: number, to: Address, vouched: boolean): number {
    this.outcome = NOT_ANSWERED;
    if (length < ETHERNET_HEADER + IPV4_HEADER) return 0;
    const { u8, u16 } = this.#memory;
    // The sender must be one station.
    if ((u8[from + 6] & 1) !== 0) return 0;
    const type = u16[(from + 12) >> 1];
    if (type === TYPE_IPV4) return this.#ipv4(from, length, to, vouched);
    return type === TYPE_ARP ? this.#arp(from, length, to) : 0;
  }

  #arp(from: Address, length: number, to: Address): number {
    const { u8, u16 } = this.#memory;
    if (length < ETHERNET_HEADER + ARP_LENGTH) return 0;
    const request = (from + ETHERNET_HEADER) >> 1;
    if (
      u16[request] !== HARDWARE_ETHERNET ||
      u16[request + 1] !== TYPE_IPV4 ||
      u16[request + 2] !== ARP_LENGTHS ||
      u16[request + 3] !== ARP_REQUEST ||
      u16[request + 12] !== this.#ip0 ||
      u16[request + 13] !== this.#ip1 ||
      (u8[from + ETHERNET_HEADER + 8] & 1) !== 0 ||
      // Somebody else who claims our address gets no help.
      (u16[request + 7] === this.#ip0 && u16[request + 8] === this.#ip1)
    ) {
      return 0;
    }
    const reply = (to + ETHERNET_HEADER) >> 1;
    // The answer goes to the hardware address in the request, which is also its link-layer destination.
    for (let word = 0; word < 3; word++) u16[(to >> 1) + word] = u16[request + 4 + word];
    this.#writeSource(to, TYPE_ARP);
    u16[reply] = HARDWARE_ETHERNET;
    u16[reply + 1] = TYPE_IPV4;
    u16[reply + 2] = ARP_LENGTHS;
    u16[reply + 3] = ARP_REPLY;
    u16[reply + 4] = this.#mac0;
    u16[reply + 5] = this.#mac1;
    u16[reply + 6] = this.#mac2;
    u16[reply + 7] = this.#ip0;
    u16[reply + 8] = this.#ip1;
    for (let word = 0; word < 5; word++) u16[reply + 9 + word] = u16[request + 4 + word];
    this.outcome = ANSWERED_ARP;
    return ETHERNET_HEADER + ARP_LENGTH;
  }

  #ipv4(from: Address, length: number, to: Address, vouched: boolean): number {
    const { u8, u16 } = this.#memory;
    const ip = from + ETHERNET_HEADER;
    // Ours, from one host, in a frame to one station.
    if (u16[(ip + 16) >> 1] !== this.#ip0 || u16[(ip + 18) >> 1] !== this.#ip1) return 0;
    if ((u8[from] & 1) !== 0 || !this.#isHost(ip + 12)) return 0;
    const protocol = u8[ip + 9];
    if (protocol !== PROTOCOL_ICMP && protocol !== PROTOCOL_UDP) return 0;
    const version = u8[ip];
    const headerLength = (version & 15) << 2;
    const totalLength = (u8[ip + 2] << 8) | u8[ip + 3];
    if (
      version >> 4 !== 4 ||
      headerLength < IPV4_HEADER ||
      totalLength > length - ETHERNET_HEADER ||
      totalLength < headerLength + UDP_HEADER ||
      foldSum(sumBytes(this.#memory, ip, headerLength)) !== 0xffff
    ) {
      return this.#malformed();
    }
    if ((u16[(ip + 6) >> 1] & FRAGMENT_BITS) !== 0) return 0;
    const payload = ip + headerLength;
    const room = totalLength - headerLength;
    const target = to + ETHERNET_HEADER + IPV4_HEADER;
    const answered =
      protocol === PROTOCOL_ICMP
        ? this.#icmp(payload, room, target)
        : this.#udp(ip, payload, room, target, vouched);
    if (answered === 0) return 0;
    this.#writeHeaders(from, to, protocol, IPV4_HEADER + answered);
    return ETHERNET_HEADER + IPV4_HEADER + answered;
  }

  /** Whether an IPv4 address can be one host's: not 0/8, not 127/8, not multicast or above, and not ours. */
  #isHost(at: Address): boolean {
    const { u8, u16 } = this.#memory;
    const first = u8[at];
    if (first === 0 || first === 127 || first >= 224) return false;
    return u16[at >> 1] !== this.#ip0 || u16[(at + 2) >> 1] !== this.#ip1;
  }

  #icmp(message: Address, length: number, target: Address): number {
    const { u8, u16 } = this.#memory;
    if (length < ICMP_HEADER || u8[message] !== ICMP_ECHO_REQUEST || u8[message + 1] !== 0) return 0;
    if (foldSum(sumBytes(this.#memory, message, length)) !== 0xffff) return this.#malformed();
    copyBytes(this.#memory, target, message, length);
    u8[target] = 0;
    // The type went from 8 to 0: the checksum grows by 8 (RFC 1624).
    u16[(target + 2) >> 1] = foldSum(u16[(message + 2) >> 1] + ICMP_ECHO_REQUEST);
    this.outcome = ANSWERED_ICMP;
    return length;
  }

  #udp(ip: Address, datagram: Address, room: number, target: Address, vouched: boolean): number {
    const { u8, u16 } = this.#memory;
    const sourcePort = u16[datagram >> 1];
    if (u16[(datagram + 2) >> 1] !== PORT_ECHO) return 0;
    // Two echo services would keep a datagram going for ever.
    if (sourcePort === PORT_ECHO || sourcePort === 0) return 0;
    const length = (u8[datagram + 4] << 8) | u8[datagram + 5];
    if (length < UDP_HEADER || length > room) return this.#malformed();
    const given = u16[(datagram + 6) >> 1];
    let checksum = given;
    if (given !== 0) {
      const pseudoHeader =
        sumBytes(this.#memory, ip + 12, 8) + (PROTOCOL_UDP << 8) + u16[(datagram + 4) >> 1];
      const sum = foldSum(sumBytes(this.#memory, datagram, length) - given + pseudoHeader);
      checksum = ~sum & 0xffff || 0xffff;
      // An adapter that vouches may have left the field incomplete; what is written is complete.
      if (checksum !== given && !vouched) return this.#malformed();
    }
    copyBytes(this.#memory, target, datagram, length);
    u16[target >> 1] = PORT_ECHO;
    u16[(target + 2) >> 1] = sourcePort;
    // Exchanging addresses and ports leaves the sum as it is.
    u16[(target + 6) >> 1] = checksum;
    this.outcome = ANSWERED_UDP;
    return length;
  }

  #malformed(): number {
    this.outcome = MALFORMED;
    return 0;
  }

  /** Ethernet and IPv4 headers of an answer of `totalLength` bytes to the frame at `from`. */
  #writeHeaders(from: Address, to: Address, protocol: number, totalLength: number): void {
    const { u8, u16 } = this.#memory;
    const source = from >> 1;
    const target = to >> 1;
    u16[target] = u16[source + 3];
    u16[target + 1] = u16[source + 4];
    u16[target + 2] = u16[source + 5];
    this.#writeSource(to, TYPE_IPV4);
    const ip = to + ETHERNET_HEADER;
    u8[ip] = 0x45;
    u8[ip + 1] = u8[from + ETHERNET_HEADER + 1];
    u8[ip + 2] = totalLength >> 8;
    u8[ip + 3] = totalLength & 0xff;
    u16[(ip + 4) >> 1] = 0;
    // A datagram that is never cut needs no identification (RFC 6864).
    u16[(ip + 6) >> 1] = DONT_FRAGMENT;
    u8[ip + 8] = ANSWER_TTL;
    u8[ip + 9] = protocol;
    u16[(ip + 10) >> 1] = 0;
    u16[(ip + 12) >> 1] = this.#ip0;
    u16[(ip + 14) >> 1] = this.#ip1;
    u16[(ip + 16) >> 1] = u16[(from + ETHERNET_HEADER + 12) >> 1];
    u16[(ip + 18) >> 1] = u16[(from + ETHERNET_HEADER + 14) >> 1];
    u16[(ip + 10) >> 1] = ~foldSum(sumBytes(this.#memory, ip, IPV4_HEADER)) & 0xffff;
  }

  #writeSource(to: Address, type: number): void {
    const { u16 } = this.#memory;
    const target = to >> 1;
    u16[target + 3] = this.#mac0;
    u16[target + 4] = this.#mac1;
    u16[target + 5] = this.#mac2;
    u16[target + 6] = type;
  }
}

/** The four bytes of `192.0.2.2`, or null where the text is no IPv4 address. */
export function parseIpv4(text: string): Uint8Array | null {
  const parts = text.trim().split('.');
  if (parts.length !== 4 || parts.some((part) => !/^\d{1,3}$/.test(part) || Number(part) > 255)) return null;
  return Uint8Array.from(parts, Number);
}
