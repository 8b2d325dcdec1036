/**
 * The hash of a received frame: which of its fields are hashed depends on the hash types that are set and on what the
 * frame is. For miniport drivers and device models that do in software what a network card does.
 * Implements "RSS Hashing Types" (network).
 */

import {
  NDIS_HASH_IPV4,
  NDIS_HASH_IPV6,
  NDIS_HASH_IPV6_EX,
  NDIS_HASH_TCP_IPV4,
  NDIS_HASH_TCP_IPV6,
  NDIS_HASH_TCP_IPV6_EX,
  NDIS_HASH_UDP_IPV4,
  NDIS_HASH_UDP_IPV6,
  NDIS_HASH_UDP_IPV6_EX,
} from '../generated/constants/index.ts';
import { TOEPLITZ_INPUT_LIMIT, Toeplitz } from './toeplitz.ts';

const ETHERNET_TYPE = 12;
const VLAN_TAG = 0x8100;
const PROVIDER_TAG = 0x88a8;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const TCP = 6;
const UDP = 17;
/** IPv6 extension headers (RFC 8200, RFC 6275). */
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const DESTINATION_OPTIONS = 60;
const HOME_ADDRESS_OPTION = 0xc9;
/** Extension headers that are skipped; a frame with more has no hash. */
const EXTENSION_LIMIT = 16;

/** Hashes frames with one key and one set of hash types. Without an allocation per frame. */
export class ReceiveHash {
  readonly #toeplitz: Toeplitz;
  readonly #types: number;
  readonly #input = new Uint8Array(TOEPLITZ_INPUT_LIMIT);
  /** The hash of the last frame. */
  value = 0;

  /** @param types NDIS_HASH_* flags. @param key the 40 bytes of the secret key. */
  constructor(types: number, key: Uint8Array) {
    this.#types = types;
    this.#toeplitz = new Toeplitz(key);
  }

  /**
   * Hashes the Ethernet frame of `length` bytes at `start` of `bytes`. Gives the NDIS_HASH_* type that fits it and leaves
   * the hash in `value`; 0 for a frame that has no hash.
   */
  compute(bytes: Uint8Array, start: number, length: number): number {
    this.value = 0;
    const end = start + length;
    let at = start + ETHERNET_TYPE;
    if (at + 2 > end) return 0;
    let type = (bytes[at] << 8) | bytes[at + 1];
    if (type === VLAN_TAG || type === PROVIDER_TAG) {
      at += 4;
      if (at + 2 > end) return 0;
      type = (bytes[at] << 8) | bytes[at + 1];
    }
    if (type === IPV4) return this.#ipv4(bytes, at + 2, end);
    return type === IPV6 ? this.#ipv6(bytes, at + 2, end) : 0;
  }

  #ipv4(bytes: Uint8Array, at: number, end: number): number {
    const headerLength = (bytes[at] & 15) * 4;
    if (at + 20 > end || bytes[at] >> 4 !== 4 || headerLength < 20 || at + headerLength > end) return 0;
    const fragmented = (((bytes[at + 6] & 0x3f) << 8) | bytes[at + 7]) !== 0;
    const transport = fragmented ? 0 : bytes[at + 9];
    this.#input.set(bytes.subarray(at + 12, at + 20));
    const ports = at + headerLength;
    const hasPorts = ports + 4 <= end;
    if (transport === TCP && hasPorts && (this.#types & NDIS_HASH_TCP_IPV4) !== 0)
      return this.#withPorts(bytes, ports, 8, NDIS_HASH_TCP_IPV4);
    if (transport === UDP && hasPorts && (this.#types & NDIS_HASH_UDP_IPV4) !== 0)
      return this.#withPorts(bytes, ports, 8, NDIS_HASH_UDP_IPV4);
    return (this.#types & NDIS_HASH_IPV4) === 0 ? 0 : this.#finish(8, NDIS_HASH_IPV4);
  }

  #ipv6(bytes: Uint8Array, at: number, end: number): number {
    if (at + 40 > end || bytes[at] >> 4 !== 6) return 0;
    const extended = this.#types & (NDIS_HASH_IPV6_EX | NDIS_HASH_TCP_IPV6_EX | NDIS_HASH_UDP_IPV6_EX);
    const input = this.#input;
    input.set(bytes.subarray(at + 8, at + 40));
    let next = bytes[at + 6];
    let header = at + 40;
    let fragmented = false;
    for (let count = 0; isExtension(next); count++) {
      if (count === EXTENSION_LIMIT || header + 8 > end) return 0;
      const size = next === FRAGMENT ? 8 : 8 + bytes[header + 1] * 8;
      if (header + size > end) return 0;
      if (next === FRAGMENT) fragmented = true;
      else if (extended !== 0) takeAddress(input, bytes, next, header, size);
      next = bytes[header];
      header += size;
    }
    const transport = !fragmented && header + 4 <= end ? next : 0;
    if (transport === TCP) {
      const type = this.#types & (NDIS_HASH_TCP_IPV6_EX | NDIS_HASH_TCP_IPV6);
      if (type !== 0) return this.#withPorts(bytes, header, 32, preferred(type, NDIS_HASH_TCP_IPV6_EX));
    }
    if (transport === UDP) {
      const type = this.#types & (NDIS_HASH_UDP_IPV6_EX | NDIS_HASH_UDP_IPV6);
      if (type !== 0) return this.#withPorts(bytes, header, 32, preferred(type, NDIS_HASH_UDP_IPV6_EX));
    }
    const type = this.#types & (NDIS_HASH_IPV6_EX | NDIS_HASH_IPV6);
    return type === 0 ? 0 : this.#finish(32, preferred(type, NDIS_HASH_IPV6_EX));
  }

  #withPorts(bytes: Uint8Array, ports: number, length: number, type: number): number {
    for (let index = 0; index < 4; index++) this.#input[length + index] = bytes[ports + index];
    return this.#finish(length + 4, type);
  }

  #finish(length: number, type: number): number {
    this.value = this.#toeplitz.hash(this.#input, length);
    return type;
  }
}

function isExtension(header: number): boolean {
  return header === HOP_BY_HOP || header === ROUTING || header === FRAGMENT || header === DESTINATION_OPTIONS;
}

/** With extension headers that set goes before the other. */
function preferred(types: number, extended: number): number {
  return (types & extended) === 0 ? types : extended;
}

/** Takes over the home address, which stands for the source, and that of a type 2 routing header, for the destination. */
function takeAddress(input: Uint8Array, bytes: Uint8Array, header: number, at: number, size: number): void {
  if (header === ROUTING && bytes[at + 2] === 2 && size >= 24) input.set(bytes.subarray(at + 8, at + 24), 16);
  if (header !== DESTINATION_OPTIONS) return;
  for (let option = at + 2; option < at + size; ) {
    // A byte of padding is an option without a length.
    if (bytes[option] === 0) {
      option++;
      continue;
    }
    const length = bytes[option + 1];
    if (bytes[option] === HOME_ADDRESS_OPTION && length === 16 && option + 18 <= at + size)
      return input.set(bytes.subarray(option + 2, option + 18), 0);
    option += 2 + length;
  }
}
