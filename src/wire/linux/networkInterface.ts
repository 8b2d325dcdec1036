/** Questions about a Linux network interface and changes to it: netdevice(7). */

import type { WireError } from '../wireError.ts';
import { AF_INET, NativeBlock, SOCK_CLOEXEC, SOCK_DGRAM, type SystemCalls } from './systemCalls.ts';
import { systemError } from './systemErrors.ts';

/** Bytes of an interface name, its terminating zero included. */
export const INTERFACE_NAME_SIZE = 16;
/** Bytes of struct ifreq. */
export const REQUEST_SIZE = 40;

const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const SIOCSIFADDR = 0x8916;
const SIOCSIFNETMASK = 0x891c;
const SIOCGIFMTU = 0x8921;
const SIOCGIFHWADDR = 0x8927;
const SIOCGIFINDEX = 0x8933;
const IFF_UP = 1;
const IFF_RUNNING = 0x40;

/** Writes an interface name into the start of a struct ifreq that is otherwise cleared. */
export function putInterfaceName(request: NativeBlock, interfaceName: string): void {
  request.clear();
  new TextEncoder().encodeInto(interfaceName, request.bytes.subarray(0, INTERFACE_NAME_SIZE - 1));
}

/** One interface, by name, through a socket of its own. */
export class NetworkInterface {
  private readonly calls: SystemCalls;
  private readonly wireName: string;
  private readonly interfaceName: string;
  private readonly request: NativeBlock;
  private readonly descriptor: number;

  /** @throws WireError if there is no socket to be had. */
  constructor(calls: SystemCalls, wireName: string, interfaceName: string) {
    this.calls = calls;
    this.wireName = wireName;
    this.interfaceName = interfaceName;
    this.request = new NativeBlock(calls, REQUEST_SIZE);
    this.descriptor = calls.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (this.descriptor < 0) throw this.error('open a control socket');
  }

  /** The number of the interface. */
  index(): number {
    this.ask(SIOCGIFINDEX, 'find its interface');
    return this.request.view.getInt32(16, true);
  }

  /** Bytes of payload of a frame. */
  mtu(): number {
    this.ask(SIOCGIFMTU, 'read the MTU');
    return this.request.view.getInt32(16, true);
  }

  macAddress(): Uint8Array {
    this.ask(SIOCGIFHWADDR, 'read the MAC address');
    return this.request.bytes.slice(18, 24);
  }

  /** Whether the interface is up and its peer is there; undefined if the interface is gone. */
  linkUp(): boolean | undefined {
    putInterfaceName(this.request, this.interfaceName);
    if (this.calls.ioctl(this.descriptor, SIOCGIFFLAGS, this.request.address) < 0) return undefined;
    const flags = this.request.view.getUint16(16, true);
    return (flags & IFF_UP) !== 0 && (flags & IFF_RUNNING) !== 0;
  }

  /** Sets the interface up. */
  bringUp(): void {
    this.ask(SIOCGIFFLAGS, 'read the interface flags');
    const flags = this.request.view.getUint16(16, true);
    this.request.view.setUint16(16, flags | IFF_UP, true);
    this.apply(SIOCSIFFLAGS, 'set the interface up');
  }

  /** Gives the interface an IPv4 address. `address` is four bytes, `prefixLength` 0 to 32. */
  setIpv4Address(address: Uint8Array, prefixLength: number): void {
    this.putSocketAddress(address);
    this.apply(SIOCSIFADDR, 'set the IPv4 address');
    const mask = prefixLength === 0 ? 0 : (0xffff_ffff << (32 - prefixLength)) >>> 0;
    this.putSocketAddress(Uint8Array.of(mask >>> 24, mask >>> 16, mask >>> 8, mask));
    this.apply(SIOCSIFNETMASK, 'set the IPv4 netmask');
  }

  close(): void {
    this.calls.close(this.descriptor);
  }

  private putSocketAddress(address: Uint8Array): void {
    putInterfaceName(this.request, this.interfaceName);
    this.request.view.setUint16(16, AF_INET, true);
    this.request.bytes.set(address, 20);
  }

  private ask(code: number, doing: string): void {
    putInterfaceName(this.request, this.interfaceName);
    this.apply(code, doing);
  }

  private apply(code: number, doing: string): void {
    if (this.calls.ioctl(this.descriptor, code, this.request.address) < 0) throw this.error(doing);
  }

  private error(doing: string): WireError {
    return systemError(this.wireName, `${doing} ("${this.interfaceName}")`, this.calls.errno());
  }
}

/**
 * The address of the station at the other end of a TAP: the interface's own is the kernel's, so the last byte
 * differs, and the address is marked as locally administered.
 */
export function peerMacAddress(interfaceAddress: Uint8Array): Uint8Array {
  const address = interfaceAddress.slice(0, 6);
  address[0] = (address[0] | 2) & ~1;
  address[5] ^= 1;
  return address;
}

/** Reads `192.0.2.1/24`; undefined if it is no IPv4 address with a prefix length. */
export function parseIpv4Prefix(text: string): { address: Uint8Array; prefixLength: number } | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (match === null) return undefined;
  const numbers = match.slice(1).map(Number);
  if (numbers.slice(0, 4).some((part) => part > 255) || numbers[4] > 32) return undefined;
  return { address: Uint8Array.from(numbers.slice(0, 4)), prefixLength: numbers[4] };
}
