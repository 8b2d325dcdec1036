/**
 * A phone as its owner, the host, sees it: what it is told to do, its calls and what was heard on them. Its driver is in
 * phoneDriver.ts.
 */

import { type Address, NDIS_STATUS_SUCCESS } from '../../src/machine/index.ts';

/** What the driver of a phone does on one adapter. */
export interface PhoneLine {
  makeCall(call: PhoneCall, multipoint: boolean): void;
  send(call: PhoneCall, text: string): void;
  addParty(call: PhoneCall, to: string): void;
  dropParty(call: PhoneCall, to: string): void;
  modify(call: PhoneCall, bandwidth: number): void;
  hangUp(call: PhoneCall): void;
  made(call: PhoneCall, status: number, party: Address): void;
  modified(call: PhoneCall, status: number): void;
  closed(call: PhoneCall): void;
  added(party: PhoneParty, status: number, handle: Address): void;
  deleted(call: PhoneCall): void;
  sent(lists: Address): void;
}

/** A remote party of an outgoing call. */
export interface PhoneParty {
  readonly call: PhoneCall;
  readonly to: string;
  state: 'adding' | 'present' | 'gone';
  handle: Address;
  block: Address;
}

/** A call as the owner of the phone sees it. */
export class PhoneCall {
  to: string;
  readonly incoming: boolean;
  state: 'calling' | 'offered' | 'connected' | 'closing' | 'ended' = 'calling';
  /** The status with which it could not be made, or with which it ended. */
  status = NDIS_STATUS_SUCCESS as number;
  bandwidth: number;
  readonly parties: PhoneParty[] = [];
  /** Frames that were received, as texts. */
  readonly heard: string[] = [];
  vc: Address = 0;
  block: Address = 0;
  change: Address = 0;
  /** Of the driver. */
  binding: PhoneLine | null = null;

  constructor(to: string, incoming: boolean, bandwidth: number) {
    this.to = to;
    this.incoming = incoming;
    this.bandwidth = bandwidth;
  }
}

/** What the host does with a phone, and sees of it. */
export class Phone {
  readonly saps: readonly string[];
  /** Whether a call to a SAP is accepted. */
  answer: (sap: string) => boolean = () => true;
  readonly calls: PhoneCall[] = [];
  readonly log: string[] = [];
  readonly #orders: ((binding: PhoneLine) => void)[] = [];

  constructor(saps: readonly string[]) {
    this.saps = saps;
  }

  /** Calls `station/SAP`; with `parties` more may be added. */
  call(to: string, options: { readonly bandwidth?: number; readonly multipoint?: boolean } = {}): PhoneCall {
    const call = new PhoneCall(to, false, options.bandwidth ?? 1_000_000);
    this.calls.push(call);
    this.#orders.push((binding) => binding.makeCall(call, options.multipoint === true));
    return call;
  }

  say(call: PhoneCall, text: string): void {
    this.#orders.push((binding) => binding.send(call, text));
  }

  add(call: PhoneCall, to: string): void {
    this.#orders.push((binding) => binding.addParty(call, to));
  }

  drop(call: PhoneCall, to: string): void {
    this.#orders.push((binding) => binding.dropParty(call, to));
  }

  change(call: PhoneCall, bandwidth: number): void {
    this.#orders.push((binding) => binding.modify(call, bandwidth));
  }

  hangUp(call: PhoneCall): void {
    this.#orders.push((binding) => binding.hangUp(call));
  }

  /** Used by the driver. */
  obey(binding: PhoneLine): void {
    for (const order of this.#orders.splice(0)) order(binding);
  }
}
