/**
 * Following one NET_BUFFER_LIST or one OID request through its hops: every event that names its address, and those of
 * the lists that were cloned, fragmented or reassembled from it, for as long as these live. Addresses are used again;
 * a time range chooses one life.
 */

import type { TraceEvent } from './events.ts';

/** Functions whose first argument is a list and whose result is a list made from it. */
const DERIVING = new Set([
  'NdisAllocateCloneNetBufferList',
  'NdisAllocateFragmentNetBufferList',
  'NdisAllocateReassembledNetBufferList',
]);
/** Functions whose first argument is a list that is gone afterwards. */
const FREEING = new Set([
  'NdisFreeCloneNetBufferList',
  'NdisFreeFragmentNetBufferList',
  'NdisFreeReassembledNetBufferList',
]);

/** Picks out the events of one packet or request. */
export class Follower {
  readonly #addresses: Set<number>;
  /** Calls under way that derive a list, by thread and processor. */
  readonly #deriving = new Set<string>();
  /** Calls under way that name an address followed: their returns belong to it. */
  readonly #open: string[] = [];

  /** @param address of the NET_BUFFER_LIST or the NDIS_OID_REQUEST. */
  constructor(address: number) {
    this.#addresses = new Set([address]);
  }

  /** The addresses followed at the moment: the first and what was derived from it. */
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
      case 'finding':
        return this.#isNamed(event.text);
      case 'state':
      case 'wait':
      case 'resume':
      case 'bugCheck':
        return false;
    }
  }

  #takeCall(event: TraceEvent & { readonly kind: 'call' | 'callback' }): boolean {
    const { args, name } = event;
    if (!args.some((value) => typeof value === 'number' && this.#addresses.has(value))) return false;
    const [first] = args;
    const isFirst = typeof first === 'number' && this.#addresses.has(first);
    if (isFirst && DERIVING.has(name)) this.#deriving.add(key(event));
    if (isFirst && FREEING.has(name) && this.#addresses.size > 1) this.#addresses.delete(first);
    if (this.#open.length >= OPEN_LIMIT) this.#open.shift();
    this.#open.push(key(event));
    return true;
  }

  #takeReturn(event: TraceEvent & { readonly kind: 'return' | 'callbackReturn' }): boolean {
    const at = this.#open.lastIndexOf(key(event));
    if (at < 0) return false;
    this.#open.splice(at, 1);
    if (this.#deriving.delete(key(event)) && typeof event.result === 'number' && event.result !== 0) {
      this.#addresses.add(event.result);
    }
    return true;
  }

  #isNamed(text: string): boolean {
    for (const address of this.#addresses) {
      if (new RegExp(`\\b0x0*${address.toString(16)}\\b`, 'i').test(text)) return true;
    }
    return false;
  }
}

/** Calls under way that are remembered; one that never returns is forgotten beyond it. */
const OPEN_LIMIT = 1024;

function key(event: TraceEvent & { readonly driver: string; readonly name: string }): string {
  return `${event.thread} ${event.processor} ${event.driver} ${event.name}`;
}
