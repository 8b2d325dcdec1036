/** The Toeplitz hash and what of a frame is hashed. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
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
  ReceiveHash,
  TOEPLITZ_INPUT_LIMIT,
  TOEPLITZ_KEY_SIZE,
  Toeplitz,
} from '../index.ts';

/** The key of "Verifying the RSS Hash Calculation" (network). */
const KEY = Uint8Array.from(
  '6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa'.match(/../g) ?? [],
  (text) => Number.parseInt(text, 16),
);

type Vector = readonly [
  destination: string,
  destinationPort: number,
  source: string,
  sourcePort: number,
  addresses: number,
  withPorts: number,
];

const IPV4: readonly Vector[] = [
  ['161.142.100.80', 1766, '66.9.149.187', 2794, 0x323e8fc2, 0x51ccc178],
  ['65.69.140.83', 4739, '199.92.111.2', 14230, 0xd718262a, 0xc626b0ea],
  ['12.22.207.184', 38024, '24.19.198.95', 12898, 0xd2d0a5de, 0x5c2b394a],
  ['209.142.163.6', 2217, '38.27.205.30', 48228, 0x82989176, 0xafc7327f],
  ['202.188.127.2', 1303, '153.39.163.191', 44251, 0x5d1809c5, 0x10e828a2],
];
const IPV6: readonly Vector[] = [
  ['3ffe:2501:200:3::1', 1766, '3ffe:2501:200:1fff::7', 2794, 0x2cc18cd5, 0x40207d3d],
  ['ff02::1', 4739, '3ffe:501:8::260:97ff:fe40:efab', 14230, 0x0f0c461c, 0xdde51bbf],
  ['fe80::200:f8ff:fe21:67cf', 38024, '3ffe:1900:4545:3:200:f8ff:fe21:67cf', 44251, 0x4b61e985, 0x02d1feef],
];

function address(text: string): number[] {
  if (text.includes('.')) return text.split('.').map(Number);
  const [head, tail] = text.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const groups = [
    ...head,
    ...Array<string>(8 - head.length - (tail?.length ?? 0)).fill('0'),
    ...(tail ?? []),
  ];
  return groups.flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 255];
  });
}

const word = (value: number): number[] => [value >> 8, value & 255];
const ETHERNET = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
const TCP = 6;
const UDP = 17;

function ipv4(
  [destination, destinationPort, source, sourcePort]: Vector,
  protocol = TCP,
  fragment = 0,
): number[] {
  const header = [0x45, 0, 0, 40, 0, 0, ...word(fragment), 64, protocol, 0, 0];
  const ports = [...word(sourcePort), ...word(destinationPort)];
  return [...ETHERNET, 8, 0, ...header, ...address(source), ...address(destination), ...ports, 0, 0, 0, 0];
}

function ipv6(
  [destination, destinationPort, source, sourcePort]: Vector,
  protocol = TCP,
  extensions: readonly (readonly [header: number, bytes: readonly number[]])[] = [],
): number[] {
  const chain = [...extensions.map(([header]) => header), protocol];
  const headers = extensions.flatMap(([, bytes], index) => [chain[index + 1], ...bytes]);
  const ports = [...word(sourcePort), ...word(destinationPort)];
  const fixed = [0x60, 0, 0, 0, 0, 40, chain[0], 64, ...address(source), ...address(destination)];
  return [...ETHERNET, 0x86, 0xdd, ...fixed, ...headers, ...ports, 0, 0, 0, 0];
}

function hash(types: number, frame: readonly number[]): readonly [type: number, value: number] {
  const receiveHash = new ReceiveHash(types, KEY);
  const bytes = Uint8Array.from([9, 9, 9, ...frame]);
  const type = receiveHash.compute(bytes, 3, frame.length);
  return [type, receiveHash.value];
}

describe('NdisHashFunctionToeplitz (network/verifying-the-rss-hash-calculation)', () => {
  test.each(IPV4)('IPv4 to %s:%i from %s:%i', (...vector) => {
    expect(hash(NDIS_HASH_IPV4, ipv4(vector))).toEqual([NDIS_HASH_IPV4, vector[4]]);
    expect(hash(NDIS_HASH_TCP_IPV4, ipv4(vector))).toEqual([NDIS_HASH_TCP_IPV4, vector[5]]);
  });

  test.each(IPV6)('IPv6 to %s (%i) from %s (%i)', (...vector) => {
    expect(hash(NDIS_HASH_IPV6, ipv6(vector))).toEqual([NDIS_HASH_IPV6, vector[4]]);
    expect(hash(NDIS_HASH_TCP_IPV6, ipv6(vector))).toEqual([NDIS_HASH_TCP_IPV6, vector[5]]);
  });

  /** Bit by bit, as the page describes it. */
  function slowly(key: Uint8Array, input: Uint8Array): number {
    let bits = [...key].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    let result = 0;
    for (const byte of input) {
      for (let bit = 7; bit >= 0; bit--) {
        if ((byte >> bit) & 1) result ^= Number.parseInt(bits.slice(0, 32), 2);
        bits = bits.slice(1);
      }
    }
    return result >>> 0;
  }

  test('any key and input give what the definition bit by bit gives', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: TOEPLITZ_KEY_SIZE, maxLength: TOEPLITZ_KEY_SIZE }),
        fc.uint8Array({ maxLength: TOEPLITZ_INPUT_LIMIT }),
        (key, input) => {
          expect(new Toeplitz(key).hash(input)).toBe(slowly(key, input));
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('what is hashed (network/rss-hashing-types)', () => {
  const [v4] = IPV4;
  const [v6] = IPV6;

  test('with a type for the transport and one for addresses, each frame is hashed as far as it goes', () => {
    const types = NDIS_HASH_TCP_IPV4 | NDIS_HASH_IPV4;
    expect(hash(types, ipv4(v4))[0]).toBe(NDIS_HASH_TCP_IPV4);
    expect(hash(types, ipv4(v4, UDP))).toEqual([NDIS_HASH_IPV4, v4[4]]);
    expect(hash(types | NDIS_HASH_UDP_IPV4, ipv4(v4, UDP))).toEqual([NDIS_HASH_UDP_IPV4, v4[5]]);
  });

  test('a fragment is hashed by its addresses alone, the first one too', () => {
    const types = NDIS_HASH_TCP_IPV4 | NDIS_HASH_IPV4;
    expect(hash(types, ipv4(v4, TCP, 0x2000))).toEqual([NDIS_HASH_IPV4, v4[4]]);
    expect(hash(types, ipv4(v4, TCP, 0x0010))).toEqual([NDIS_HASH_IPV4, v4[4]]);
    const fragment = [44, [0, 0, 1, 0, 0, 0, 0]] as const;
    const types6 = NDIS_HASH_TCP_IPV6 | NDIS_HASH_IPV6;
    expect(hash(types6, ipv6(v6, TCP, [fragment]))).toEqual([NDIS_HASH_IPV6, v6[4]]);
  });

  test('a frame that no type fits has no hash', () => {
    expect(hash(NDIS_HASH_IPV4, ipv6(v6))).toEqual([0, 0]);
    expect(hash(NDIS_HASH_TCP_IPV4, ipv4(v4, UDP))).toEqual([0, 0]);
    expect(hash(NDIS_HASH_IPV4, [...ETHERNET, 8, 6, ...Array<number>(28).fill(1)])).toEqual([0, 0]);
  });

  test('a VLAN tag is looked through, IPv4 options are skipped', () => {
    const plain = ipv4(v4);
    const tagged = [...plain.slice(0, 12), 0x81, 0, 0, 5, ...plain.slice(12)];
    expect(hash(NDIS_HASH_TCP_IPV4, tagged)[1]).toBe(v4[5]);
    const options = [...plain.slice(0, 14), 0x46, ...plain.slice(15, 34), 1, 1, 1, 1, ...plain.slice(34)];
    expect(hash(NDIS_HASH_TCP_IPV4, options)[1]).toBe(v4[5]);
  });

  test('extension headers are skipped; the EX types take the home address and the type 2 routing address', () => {
    const padding = [60, [0, 1, 4, 0, 0, 0, 0]] as const;
    expect(hash(NDIS_HASH_TCP_IPV6, ipv6(v6, TCP, [padding]))[1]).toBe(v6[5]);
    expect(hash(NDIS_HASH_UDP_IPV6, ipv6(v6, UDP, [padding]))).toEqual([NDIS_HASH_UDP_IPV6, v6[5]]);
    // The frame names other addresses; the real ones stand in its extension headers.
    const other = ['::1', v6[1], '::2', v6[3], 0, 0] as const;
    const home = [60, [2, 1, 2, 0, 0, 0xc9, 16, ...address(v6[2])]] as const;
    const routing = [43, [2, 2, 1, 0, 0, 0, 0, ...address(v6[0])]] as const;
    const frame = ipv6(other, TCP, [home, routing]);
    expect(hash(NDIS_HASH_TCP_IPV6_EX, frame)).toEqual([NDIS_HASH_TCP_IPV6_EX, v6[5]]);
    expect(hash(NDIS_HASH_IPV6_EX, frame)).toEqual([NDIS_HASH_IPV6_EX, v6[4]]);
    expect(hash(NDIS_HASH_UDP_IPV6_EX | NDIS_HASH_IPV6_EX, ipv6(other, UDP, [home, routing]))[0]).toBe(
      NDIS_HASH_UDP_IPV6_EX,
    );
    expect(hash(NDIS_HASH_TCP_IPV6, frame)[1]).not.toBe(v6[5]);
  });

  test('any bytes give a hash or none, and nothing is read behind the frame', () => {
    const all = 0x1ff00;
    fc.assert(
      fc.property(
        fc.constantFrom([8, 0], [0x86, 0xdd], [0x81, 0]),
        fc.uint8Array({ maxLength: 120 }),
        (type, rest) => {
          const frame = Uint8Array.from([...ETHERNET, ...type, ...rest]);
          const [short, long] = [new ReceiveHash(all, KEY), new ReceiveHash(all, KEY)];
          const behind = Uint8Array.from([...frame, ...Array<number>(64).fill(0xff)]);
          expect(long.compute(behind, 0, frame.length)).toBe(short.compute(frame, 0, frame.length));
          expect(long.value).toBe(short.value);
        },
      ),
      { numRuns: 300 },
    );
  });
});
