/**
 * Following one NET_BUFFER_LIST or one OID request through its hops: every event that names its address, and those of
 * what was made from it: clones, fragments, reassembled lists, and requests that go on as others. Addresses are used
 * again, so what happens to one is cut into lives: from the driver that hands it out until that driver has it back.
 */

import type { TraceEvent } from './events.ts';

/** Functions whose first argument is a list and whose result is a list made from it. */
const DERIVING = new Set([
  'NdisAllocateCloneNetBufferList',
  'NdisAllocateFragmentNetBufferList',
  'NdisAllocateReassembledNetBufferList',
]);
/** Functions through which a list or a request goes to another driver. */
const HANDING_OVER =
  /(SendNetBufferLists|IndicateReceiveNetBufferLists|ReturnNetBufferLists|SendNetBufferListsComplete|OidRequest|OidRequestComplete)$/;
const OID_REQUEST = /OidRequest$/;
const STATUS_PENDING = 0x103;
const RECEIVE_FLAGS_RESOURCES = 2;
/** The note of the library that a request goes on as another. */
const SUCCESSOR = /^0x([0-9a-f]+) goes on as 0x([0-9a-f]+)$/;
/** Calls under way that are remembered; the oldest is forgotten beyond it. */
const OPEN_LIMIT = 1024;

type CallEvent = TraceEvent & { readonly kind: 'call' | 'callback' };
type ReturnEvent = TraceEvent & { readonly kind: 'return' | 'callbackReturn' };

/** A call under way that names what is followed. */
interface OpenCall {
  readonly key: string;
  readonly derives: boolean;
  /** Whether the caller has it back when the call returns with this result. */
  readonly givesBack: (result: unknown) => boolean;
}

/** Picks out the events of one packet or request. */
export class Follower {
  readonly #first: number;
  readonly #addresses = new Set<number>();
  readonly #open: OpenCall[] = [];
  /** Who first handed it out, and who has it now; empty between two lives, and while the library has it. */
  #origin = '';
  #holder = '';
  #alive = false;
  /** Number of the life that the last event taken belongs to, from 1. */
  life = 0;

  /** @param address of the NET_BUFFER_LIST or the NDIS_OID_REQUEST. */
  constructor(address: number) {
    this.#first = address;
    this.#addresses.add(address);
  }

  /** The addresses followed at the moment: the first and what was made from it. */
  get addresses(): ReadonlySet<number> {
    return this.#addresses;
  }

  /** Whether the event belongs to what is followed. Give every event, in order. */
  take(event: TraceEvent): boolean {
    switch (event.kind) {
      case 'hop':
        return this.#addresses.has(event.list);
      case 'call':
      case 'callback':
        return this.#takeCall(event);
      case 'return':
      case 'callbackReturn':
        return this.#takeReturn(event);
      case 'note':
        return this.#takeNote(event.text);
      case 'finding':
        return this.#isNamed(event.text);
      case 'state':
      case 'wait':
      case 'resume':
      case 'bugCheck':
        return false;
    }
  }

  #takeCall(event: CallEvent): boolean {
    const { args, name, driver } = event;
    if (!args.some((value) => typeof value === 'number' && this.#addresses.has(value))) return false;
    if (!this.#alive) this.#begin(driver);
    const handsOver = event.kind === 'call' && HANDING_OVER.test(name);
    if (event.kind === 'callback') this.#holder = driver;
    else if (handsOver) this.#holder = '';
    if (this.#open.length >= OPEN_LIMIT) this.#open.shift();
    const [first, , , , flags] = args;
    const lent =
      name.endsWith('IndicateReceiveNetBufferLists') &&
      typeof flags === 'number' &&
      (flags & RECEIVE_FLAGS_RESOURCES) !== 0;
    this.#open.push({
      key: keyOf(event),
      derives: DERIVING.has(name) && typeof first === 'number' && this.#addresses.has(first),
      givesBack: (result) => handsOver && (lent || (OID_REQUEST.test(name) && result !== STATUS_PENDING)),
    });
    return true;
  }

  #takeReturn(event: ReturnEvent): boolean {
    const key = keyOf(event);
    const at = this.#open.findLastIndex((call) => call.key === key);
    if (at < 0) return false;
    const [{ derives, givesBack }] = this.#open.splice(at, 1);
    const { result } = event;
    if (derives && typeof result === 'number' && result !== 0) this.#addresses.add(result);
    if (event.kind === 'return' && givesBack(result)) this.#holder = event.driver;
    if (this.#open.length === 0 && this.#holder === this.#origin) this.#end();
    return true;
  }

  #takeNote(text: string): boolean {
    const match = SUCCESSOR.exec(text);
    if (match === null) return this.#isNamed(text);
    if (!this.#addresses.has(Number.parseInt(match[1], 16))) return false;
    this.#addresses.add(Number.parseInt(match[2], 16));
    return true;
  }

  #begin(origin: string): void {
    this.#alive = true;
    this.life++;
    this.#origin = origin;
    this.#holder = origin;
  }

  /** The next event that names the address begins a new life; what was made from it is over. */
  #end(): void {
    this.#alive = false;
    this.#addresses.clear();
    this.#addresses.add(this.#first);
  }

  #isNamed(text: string): boolean {
    for (const address of this.#addresses) {
      if (new RegExp(`\\b0x0*${address.toString(16)}\\b`, 'i').test(text)) return true;
    }
    return false;
  }
}

function keyOf(event: CallEvent | ReturnEvent): string {
  return `${event.thread} ${event.processor} ${event.driver} ${event.name}`;
}
