/**
 * Signaling: how call managers agree on calls, and what they tell their clients; the same for a call manager beside the
 * miniport and one in it. Implements "Connection-Oriented Operations Performed by Call Managers" (network).
 */

import {
  type Address,
  type DriverImports,
  NDIS_STATUS_CLOSING,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_DATA,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../../src/machine/index.ts';
import {
  bandwidthOf,
  calledOf,
  createCallBlock,
  freeCallBlock,
  setBandwidth,
  setMedia,
} from './callBlock.ts';
import type { CellAddress } from './cell.ts';
import { type Message, readMessage, SIGNAL, writeMessage } from './message.ts';

/** The first channel of calls; 5 is signaling (I.361). */
const FIRST_CHANNEL = 32;
export const SIGNALING_CHANNEL = 5;

/** What differs between a call manager beside the miniport and one in it. */
export interface CallGround {
  readonly imports: DriverImports;
  /** Whose memory it is: a binding or adapter handle. */
  readonly owner: Address;
  readonly station: number;
  linkUp(): boolean;
  send(message: Uint8Array): void;
  createVc(family: Family, call: Call): Address;
  activate(call: Call, parameters: Address): number;
  deactivate(call: Call): void;
  deleteVc(call: Call): void;
  makeCallComplete(
    status: number,
    vc: Address,
    party: Address,
    context: object | null,
    parameters: Address,
  ): void;
  closeCallComplete(status: number, vc: Address, party: Address): void;
  addPartyComplete(status: number, party: Address, context: object, parameters: Address): void;
  modifyComplete(status: number, vc: Address, parameters: Address): void;
  dispatchCall(sap: Address, vc: Address, parameters: Address): number;
  dispatchConnected(vc: Address): void;
  dispatchClose(status: number, vc: Address): void;
  dispatchDrop(status: number, party: Address): void;
  dispatchQoS(vc: Address, parameters: Address): void;
}

/** Contexts of a call manager. */
export interface Family {
  readonly control: CallControl;
  readonly handle: Address;
}
export interface RegisteredSap {
  readonly family: Family;
  readonly name: string;
  readonly handle: Address;
}
/** One remote party of a call. */
export interface Leg {
  readonly call: Call;
  readonly number: number;
  readonly station: number;
  /** Where it receives; 0 until it answered. */
  channel: number;
  party: Address;
  /** The parameters of NdisClMakeCall or NdisClAddParty while it is pending, else 0. */
  pending: Address;
}
export interface Call {
  readonly family: Family;
  vc: Address;
  /** Who called, and its number for the call. */
  readonly origin: number;
  readonly reference: number;
  readonly incoming: boolean;
  readonly channel: number;
  readonly legs: Map<number, Leg>;
  /** Parameters for activation, the call manager's own. */
  block: Address;
  /** NdisClModifyCallQoS that waits for the other side, or 0. */
  modifying: Address;
  nextLeg: number;
  /** What a miniport call manager keeps of the VC. */
  ground: unknown;
}

export class CallControl {
  readonly ground: CallGround;
  readonly families = new Set<Family>();
  readonly saps = new Set<RegisteredSap>();
  readonly calls = new Set<Call>();
  #nextReference = 1;
  #nextChannel = FIRST_CHANNEL;

  constructor(ground: CallGround) {
    this.ground = ground;
  }

  openFamily(handle: Address): Family {
    const family = { control: this, handle };
    this.families.add(family);
    return family;
  }

  /** True where nothing of the family is left. */
  closeFamily(family: Family): boolean {
    for (const sap of this.saps) if (sap.family === family) return false;
    for (const call of this.calls) if (call.family === family) return false;
    return this.families.delete(family);
  }

  /** Null where another client has the SAP. */
  registerSap(family: Family, name: string, handle: Address): RegisteredSap | null {
    for (const sap of this.saps) if (sap.name === name) return null;
    const sap = { family, name, handle };
    this.saps.add(sap);
    return sap;
  }

  /** ProtocolCoCreateVc: a client will call. */
  createCall(family: Family, vc: Address): Call | null {
    return this.#create(family, vc, this.ground.station, this.#nextReference++ & 0xffff, false);
  }

  #create(family: Family, vc: Address, origin: number, reference: number, incoming: boolean): Call | null {
    const block = createCallBlock(this.ground.imports, this.ground.owner, '', 0);
    if (block === 0) return null;
    const call: Call = {
      family,
      vc,
      origin,
      reference,
      incoming,
      channel: this.#nextChannel++ & 0xffff,
      legs: new Map(),
      block,
      modifying: 0,
      nextLeg: 0,
      ground: null,
    };
    if (this.#nextChannel > 0xfff0) this.#nextChannel = FIRST_CHANNEL;
    this.calls.add(call);
    return call;
  }

  /** ProtocolCoDeleteVc, and after NdisCoDeleteVc. */
  forget(call: Call): void {
    this.calls.delete(call);
    freeCallBlock(this.ground.imports, call.block);
    call.block = 0;
    this.ground.imports.memory.objects.releaseValue(call);
  }

  /** ProtocolCmMakeCall and ProtocolCmAddParty: the leg, or the status of the refusal. */
  setUp(call: Call, parameters: Address, party: Address): Leg | number {
    const { imports } = this.ground;
    const match = /^(\d+)\/(.+)$/.exec(calledOf(imports, parameters));
    if (match === null) return NDIS_STATUS_INVALID_DATA;
    if (!this.ground.linkUp()) return NDIS_STATUS_FAILURE;
    const leg: Leg = {
      call,
      number: call.nextLeg++,
      station: Number(match[1]),
      channel: 0,
      party,
      pending: parameters,
    };
    call.legs.set(leg.number, leg);
    setBandwidth(imports, call.block, bandwidthOf(imports, parameters));
    this.#tell(SIGNAL.setUp, leg, { channel: call.channel, sap: match[2] });
    return leg;
  }

  /** ProtocolCmCloseCall: everybody is told; of an incoming call the VC goes too. */
  closeCall(call: Call, party: Address): number {
    this.#failPending(call, NDIS_STATUS_CLOSING);
    for (const leg of call.legs.values()) this.#tell(SIGNAL.release, leg);
    call.legs.clear();
    this.ground.deactivate(call);
    if (!call.incoming) return NDIS_STATUS_SUCCESS;
    this.ground.closeCallComplete(NDIS_STATUS_SUCCESS, call.vc, party);
    this.#endIncoming(call);
    return NDIS_STATUS_PENDING;
  }

  /** ProtocolCmDropParty. */
  dropLeg(leg: Leg): void {
    this.#tell(SIGNAL.release, leg);
    leg.call.legs.delete(leg.number);
    this.#reactivate(leg.call);
  }

  /** ProtocolCmModifyCallQoS: done when the other side has agreed. */
  modify(call: Call, parameters: Address): number {
    const { imports } = this.ground;
    const before = bandwidthOf(imports, call.block);
    setBandwidth(imports, call.block, bandwidthOf(imports, parameters));
    const status = this.#reactivate(call);
    if (status !== NDIS_STATUS_SUCCESS) {
      setBandwidth(imports, call.block, before);
      return NDIS_STATUS_FAILURE;
    }
    call.modifying = parameters;
    for (const leg of call.legs.values()) this.#tell(SIGNAL.change, leg);
    return NDIS_STATUS_PENDING;
  }

  /** The client has answered an offer. */
  answered(call: Call, status: number): void {
    const leg = call.legs.get(0) ?? [...call.legs.values()][0];
    if (leg === undefined) return;
    if (status === NDIS_STATUS_SUCCESS) {
      this.#tell(SIGNAL.connect, leg, { channel: call.channel });
      this.ground.dispatchConnected(call.vc);
      return;
    }
    this.#tell(SIGNAL.reject, leg, { status });
    this.ground.deactivate(call);
    this.#endIncoming(call);
  }

  /** The link is gone, and every call with it. */
  linkDown(): void {
    for (const call of this.calls) {
      this.#failPending(call, NDIS_STATUS_FAILURE);
      if (call.legs.size === 0) continue;
      this.ground.dispatchClose(NDIS_STATUS_FAILURE, call.vc);
    }
  }

  /** A message of another station. */
  received(bytes: Uint8Array, from: number): void {
    const message = readMessage(bytes);
    if (message === null || message.to !== this.ground.station) return;
    if (message.type === SIGNAL.setUp) return this.#offered(message, from);
    const leg = this.#legOf(message, from);
    if (leg === undefined) return;
    switch (message.type) {
      case SIGNAL.connect:
        return this.#connected(leg, message);
      case SIGNAL.reject:
        return this.#rejected(leg, message.status);
      case SIGNAL.release:
        return this.#released(leg);
      case SIGNAL.change:
        return this.#changed(leg, message.bandwidth);
      case SIGNAL.agreed:
        return this.#agreed(leg.call);
    }
  }

  #legOf(message: Message, from: number): Leg | undefined {
    const origin = message.toOrigin ? this.ground.station : from;
    for (const call of this.calls) {
      if (call.origin === origin && call.reference === message.reference && call.legs.has(message.leg))
        return call.legs.get(message.leg);
    }
    return undefined;
  }

  #tell(type: number, leg: Leg, fields: Partial<Message> = {}): void {
    const { call } = leg;
    const { imports, station } = this.ground;
    this.ground.send(
      writeMessage({
        type,
        from: station,
        to: leg.station,
        toOrigin: call.incoming,
        reference: call.reference,
        leg: leg.number,
        channel: 0,
        status: 0,
        bandwidth: bandwidthOf(imports, call.block),
        sap: '',
        ...fields,
      }),
    );
  }

  /** Activates a VC for the legs that have answered. */
  #reactivate(call: Call): number {
    const legs: CellAddress[] = [];
    for (const { station, channel } of call.legs.values())
      if (channel !== 0) legs.push({ path: station, channel });
    setMedia(this.ground.imports, call.block, { receiveChannel: call.channel, legs });
    return this.ground.activate(call, call.block);
  }

  #connected(leg: Leg, message: Message): void {
    const { call, pending } = leg;
    if (pending === 0) return;
    leg.channel = message.channel;
    leg.pending = 0;
    const status = this.#reactivate(call);
    if (status !== NDIS_STATUS_SUCCESS) {
      this.#tell(SIGNAL.release, leg);
      call.legs.delete(leg.number);
    }
    this.#complete(leg, status, pending);
  }

  /** Tells the client what became of a call or party. */
  #complete(leg: Leg, status: number, parameters: Address): void {
    const { call, party } = leg;
    if (leg.number > 0) this.ground.addPartyComplete(status, party, leg, parameters);
    else this.ground.makeCallComplete(status, call.vc, party, party === 0 ? null : leg, parameters);
  }

  #rejected(leg: Leg, status: number): void {
    const { pending } = leg;
    leg.call.legs.delete(leg.number);
    leg.pending = 0;
    if (pending !== 0) this.#complete(leg, status, pending);
  }

  #released(leg: Leg): void {
    const { call } = leg;
    if (leg.pending !== 0) return this.#rejected(leg, NDIS_STATUS_FAILURE);
    if (call.legs.size > 1 && leg.party !== 0)
      return this.ground.dispatchDrop(NDIS_STATUS_SUCCESS, leg.party);
    this.ground.dispatchClose(NDIS_STATUS_SUCCESS, call.vc);
  }

  #changed(leg: Leg, bandwidth: number): void {
    const { call } = leg;
    setBandwidth(this.ground.imports, call.block, bandwidth);
    if (this.#reactivate(call) !== NDIS_STATUS_SUCCESS) return;
    this.#tell(SIGNAL.agreed, leg);
    this.ground.dispatchQoS(call.vc, call.block);
  }

  #agreed(call: Call): void {
    const { modifying } = call;
    call.modifying = 0;
    if (modifying !== 0) this.ground.modifyComplete(NDIS_STATUS_SUCCESS, call.vc, modifying);
  }

  /** Completes whatever the client waits for. */
  #failPending(call: Call, status: number): void {
    for (const leg of call.legs.values()) if (leg.pending !== 0) this.#rejected(leg, status);
    const { modifying } = call;
    call.modifying = 0;
    if (modifying !== 0) this.ground.modifyComplete(status, call.vc, modifying);
  }

  #offered(message: Message, from: number): void {
    const { imports, station } = this.ground;
    const refuse = (status: number): void =>
      this.ground.send(
        writeMessage({ ...message, type: SIGNAL.reject, from: station, to: from, toOrigin: true, status }),
      );
    const sap = [...this.saps].find(({ name }) => name === message.sap);
    if (sap === undefined) return refuse(NDIS_STATUS_INVALID_DATA);
    const call = this.#create(sap.family, 0, from, message.reference, true);
    if (call === null) return refuse(NDIS_STATUS_RESOURCES);
    const leg: Leg = {
      call,
      number: message.leg,
      station: from,
      channel: message.channel,
      party: 0,
      pending: 0,
    };
    call.legs.set(leg.number, leg);
    setBandwidth(imports, call.block, message.bandwidth);
    call.vc = this.ground.createVc(sap.family, call);
    const status = call.vc === 0 ? NDIS_STATUS_RESOURCES : this.#reactivate(call);
    if (status !== NDIS_STATUS_SUCCESS) {
      if (call.vc === 0) this.forget(call);
      else this.#endIncoming(call);
      return refuse(status);
    }
    const answer = this.ground.dispatchCall(sap.handle, call.vc, call.block);
    if (answer !== NDIS_STATUS_PENDING) this.answered(call, answer);
  }

  #endIncoming(call: Call): void {
    this.ground.deleteVc(call);
    this.forget(call);
  }
}
