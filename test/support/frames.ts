/** Frames for tests, built by the book and independent of the drivers: Ethernet, ARP, IPv4, ICMP, UDP. */

/** Six bytes of `02:00:00:00:01:01`. */
export function mac(text: string): Uint8Array {
  return Uint8Array.from(text.split(':'), (part) => Number.parseInt(part, 16));
}

/** Four bytes of `192.0.2.1`. */
export function ip(text: string): Uint8Array {
  return Uint8Array.from(text.split('.'), Number);
}

export const BROADCAST = mac('ff:ff:ff:ff:ff:ff');

/** 16 bits in network byte order. */
export function word(value: number): number[] {
  return [(value >> 8) & 255, value & 255];
}

/** The Internet checksum of RFC 1071, over bytes. */
export function checksum(...parts: readonly Iterable<number>[]): number {
  let sum = 0;
  for (const part of parts) {
    const bytes = [...part];
    for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] << 8) | (bytes[i + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export function ethernet(
  to: Uint8Array,
  from: Uint8Array,
  type: number,
  payload: Iterable<number>,
): Uint8Array {
  return Uint8Array.of(...to, ...from, ...word(type), ...payload);
}

/** Puts an 802.1Q tag into a frame. */
export function tagged(frame: Uint8Array, vid: number, priority = 0): Uint8Array {
  return Uint8Array.of(
    ...frame.subarray(0, 12),
    ...word(0x8100),
    ...word((priority << 13) | vid),
    ...frame.subarray(12),
  );
}

export function arpRequest(
  from: Uint8Array,
  sender: Uint8Array,
  target: Uint8Array,
  to: Uint8Array = BROADCAST,
): Uint8Array {
  const zeros = [0, 0, 0, 0, 0, 0];
  const body = [...word(1), ...word(0x0800), 6, 4, ...word(1), ...from, ...sender, ...zeros, ...target];
  return ethernet(to, from, 0x0806, body);
}

export interface Ipv4Options {
  readonly protocol: number;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** Header options, a multiple of four bytes. */
  readonly options?: readonly number[];
  readonly flags?: number;
}

export function ipv4(given: Ipv4Options, payload: Iterable<number>): number[] {
  const body = [...payload];
  const options = given.options ?? [];
  const length = 20 + options.length;
  const header = [
    0x40 | (length >> 2),
    0,
    ...word(length + body.length),
    ...word(0x1234),
    ...word(given.flags ?? 0),
    63,
    given.protocol,
    0,
    0,
    ...given.source,
    ...given.destination,
    ...options,
  ];
  header.splice(10, 2, ...word(checksum(header)));
  return [...header, ...body];
}

export function icmpEcho(identifier: number, sequence: number, data: Iterable<number>): number[] {
  const message = [8, 0, 0, 0, ...word(identifier), ...word(sequence), ...data];
  message.splice(2, 2, ...word(checksum(message)));
  return message;
}

export function udp(
  addresses: { readonly source: Uint8Array; readonly destination: Uint8Array },
  from: number,
  to: number,
  data: Iterable<number>,
): number[] {
  const datagram = [...word(from), ...word(to), 0, 0, 0, 0, ...data];
  datagram.splice(4, 2, ...word(datagram.length));
  const pseudo = [...addresses.source, ...addresses.destination, 0, 17, ...word(datagram.length)];
  datagram.splice(6, 2, ...word(checksum(pseudo, datagram) || 0xffff));
  return datagram;
}
