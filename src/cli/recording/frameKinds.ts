/** What a frame carries, by its headers: for summaries. Follows IEEE 802.3, 802.1Q, RFC 826, 791, 792 and 8200. */

const TYPE_ARP = 0x0806;
const TYPE_IPV4 = 0x0800;
const TYPE_IPV6 = 0x86dd;
const TYPE_VLAN = 0x8100;
const PROTOCOL_ICMP = 1;
const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;
const PROTOCOL_ICMPV6 = 58;

/** Names of the kinds, in the order in which summaries list them. Tagged frames follow their plain kinds. */
const PLAIN_KINDS = [
  'ARP request',
  'ARP reply',
  'ICMP echo request',
  'ICMP echo reply',
  'ICMP',
  'UDP',
  'TCP',
  'IPv4',
  'IPv6 ICMP',
  'IPv6 UDP',
  'IPv6 TCP',
  'IPv6',
  'other',
] as const;
const OTHER = 12;
export const FRAME_KINDS: readonly string[] = [...PLAIN_KINDS, ...PLAIN_KINDS.map((kind) => `VLAN ${kind}`)];

/** The number in FRAME_KINDS of the frame of `length` bytes at `offset`. */
export function frameKind(memory: Uint8Array, offset: number, length: number): number {
  if (length < 14) return OTHER;
  const end = offset + length;
  let at = offset + 12;
  let first = 0;
  let type = (memory[at] << 8) | memory[at + 1];
  if (type === TYPE_VLAN && length >= 18) {
    at += 4;
    first = PLAIN_KINDS.length;
    type = (memory[at] << 8) | memory[at + 1];
  }
  at += 2;
  if (type === TYPE_ARP) return first + (at + 8 <= end ? arpKind(memory[at + 7]) : OTHER);
  if (type === TYPE_IPV4) return first + (at + 20 <= end ? ipv4Kind(memory, at, end) : OTHER);
  if (type === TYPE_IPV6) return first + (at + 40 <= end ? ipv6Kind(memory, at, end) : OTHER);
  return first + OTHER;
}

function arpKind(operation: number): number {
  return operation === 1 ? 0 : operation === 2 ? 1 : OTHER;
}

function ipv4Kind(memory: Uint8Array, at: number, end: number): number {
  const body = at + 4 * (memory[at] & 15);
  switch (memory[at + 9]) {
    case PROTOCOL_ICMP:
      if (body >= end) return 4;
      return memory[body] === 8 ? 2 : memory[body] === 0 ? 3 : 4;
    case PROTOCOL_UDP:
      return 5;
    case PROTOCOL_TCP:
      return 6;
    default:
      return 7;
  }
}

function ipv6Kind(memory: Uint8Array, at: number, end: number): number {
  let next = memory[at + 6];
  // A hop-by-hop header ahead of ICMPv6 is usual for multicast listener reports.
  if (next === 0 && at + 41 <= end) next = memory[at + 40];
  return next === PROTOCOL_ICMPV6 ? 8 : next === PROTOCOL_UDP ? 9 : next === PROTOCOL_TCP ? 10 : 11;
}

/** Counts frames by kind. */
export class FrameCounts {
  readonly #counts = new Float64Array(FRAME_KINDS.length);

  add(memory: Uint8Array, offset: number, length: number): void {
    this.#counts[frameKind(memory, offset, length)]++;
  }

  get total(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** The kinds that were seen, with their counts. */
  byKind(): Record<string, number> {
    return Object.fromEntries(
      FRAME_KINDS.flatMap((kind, index) => (this.#counts[index] === 0 ? [] : [[kind, this.#counts[index]]])),
    );
  }
}
