/**
 * One binding of a phone: its SAPs, the calls that it makes and answers, and their data.
 * Implements "Connection-Oriented Operations Performed by Clients" (network).
 */

import {
  type Address,
  type CO_ADDRESS_FAMILY,
  type CO_CALL_PARAMETERS,
  CO_SAP,
  type DriverImports,
  type NDIS_BIND_PARAMETERS,
  NDIS_RECEIVE_FLAGS_RESOURCES,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NdisMediumAtm,
  NET_BUFFER_LIST,
} from '../../src/machine/index.ts';
import { LowerBinding } from '../support/lowerBinding.ts';
import { OwnLists } from '../support/ownLists.ts';
import { bandwidthOf, createCallBlock, freeCallBlock } from './callBlock.ts';
import { CELL_FAMILY } from './callManagerHandlers.ts';
import { LARGEST_PDU } from './cell.ts';
import { frameBytes } from './frameBytes.ts';

import { type Phone, PhoneCall, type PhoneLine, type PhoneParty } from './phone.ts';

/** `Phon` as a pool tag. */
const TAG = 0x6e6f6850;
const SENDS = 64;
const TIMER_SIZE = 64;
/** A millisecond in units of 100 ns. */
const PERIOD = 1;
const NBL_NEXT = NET_BUFFER_LIST.offset.Next;
const NBL_SOURCE_HANDLE = NET_BUFFER_LIST.offset.SourceHandle;

/** A SAP of a phone. */
export interface PhoneSap {
  readonly name: string;
  readonly binding: PhoneBinding;
  readonly handle: { value: Address; readonly address: Address };
  readonly block: Address;
}

/** One binding of a phone. */
export class PhoneBinding extends LowerBinding implements PhoneLine {
  protected override readonly medium = NdisMediumAtm;
  readonly phone: Phone;
  readonly #calls = new Set<PhoneCall>();
  readonly #saps: PhoneSap[] = [];
  readonly #family: { value: Address; readonly address: Address };
  readonly #cell: { value: Address; readonly address: Address };
  #lists: OwnLists | null = null;
  #timer: Address = 0;

  constructor(imports: DriverImports, parameters: NDIS_BIND_PARAMETERS, phone: Phone) {
    super(imports, parameters);
    this.phone = phone;
    this.#family = imports.cell();
    this.#cell = imports.cell();
  }

  async bind(
    protocol: { value: Address; address: Address },
    context: Address,
    parameters: NDIS_BIND_PARAMETERS,
  ): Promise<number> {
    const { ndis, ntoskrnl } = this.imports;
    const status = await this.open(protocol, context, parameters);
    if (status !== NDIS_STATUS_SUCCESS) return status;
    this.#lists = OwnLists.create(this.imports, this.handle, TAG, SENDS, LARGEST_PDU);
    this.#timer = ndis.NdisAllocateMemoryWithTagPriority(this.handle, 2 * TIMER_SIZE, TAG, 0);
    if (this.#lists === null || this.#timer === 0) {
      await this.unbind();
      return NDIS_STATUS_RESOURCES;
    }
    ntoskrnl.KeInitializeTimer(this.#timer);
    ntoskrnl.KeInitializeDpc(this.#timer + TIMER_SIZE, () => this.#tick(), null);
    ntoskrnl.KeSetTimerEx(this.#timer, -10_000n as never, PERIOD, this.#timer + TIMER_SIZE);
    return NDIS_STATUS_SUCCESS;
  }

  async unbind(): Promise<void> {
    const { ndis, ntoskrnl } = this.imports;
    if (this.#timer !== 0) {
      ntoskrnl.KeCancelTimer(this.#timer);
      ntoskrnl.KeRemoveQueueDpc(this.#timer + TIMER_SIZE);
      ndis.NdisFreeMemory(this.#timer, 0, 0);
      this.#timer = 0;
    }
    this.leave();
    await this.close();
    this.#lists?.destroy();
    this.#lists = null;
  }

  /** ProtocolCoAfRegisterNotify. */
  offered(family: CO_ADDRESS_FAMILY): void {
    if (family.AddressFamily !== CELL_FAMILY || this.#family.value !== 0) return;
    const { ndis } = this.imports;
    const status = ndis.NdisClOpenAddressFamilyEx(this.handle, family, this, this.#family);
    if (status !== NDIS_STATUS_PENDING) this.opened(this.#family.value, status);
  }

  /** ProtocolClOpenAfCompleteEx. */
  opened(family: Address, status: number): void {
    const { ndis, memory } = this.imports;
    this.#family.value = status === NDIS_STATUS_SUCCESS ? family : 0;
    if (status !== NDIS_STATUS_SUCCESS) return;
    for (const name of this.phone.saps) {
      const block = ndis.NdisAllocateMemoryWithTagPriority(this.handle, CO_SAP.size + 16, TAG, 0);
      if (block === 0) return;
      memory.u8.fill(0, block, block + CO_SAP.size + 16);
      memory.u32[(block + CO_SAP.offset.SapLength) >> 2] = name.length;
      for (let i = 0; i < name.length; i++) memory.u8[block + CO_SAP.offset.Sap + i] = name.charCodeAt(i);
      const sap: PhoneSap = { name, binding: this, handle: this.imports.cell(), block };
      const registered = ndis.NdisClRegisterSap(this.#family.value, sap, block, sap.handle);
      if (registered === NDIS_STATUS_SUCCESS) this.#saps.push(sap);
      else ndis.NdisFreeMemory(block, 0, 0);
    }
  }

  /** ProtocolClNotifyCloseAf, and before the binding is closed: everything goes. */
  leave(): void {
    const { ndis } = this.imports;
    for (const call of this.#calls) this.hangUp(call);
    for (const sap of this.#saps.splice(0)) {
      ndis.NdisClDeregisterSap(sap.handle.value);
      ndis.NdisFreeMemory(sap.block, 0, 0);
    }
    if (this.#family.value !== 0) ndis.NdisClCloseAddressFamily(this.#family.value);
    this.#family.value = 0;
  }

  makeCall(call: PhoneCall, multipoint: boolean): void {
    const { imports } = this;
    const { ndis } = imports;
    call.binding = this;
    call.block = createCallBlock(imports, this.handle, call.to, call.bandwidth);
    this.#cell.value = 0;
    const created =
      call.block === 0 || this.#family.value === 0
        ? NDIS_STATUS_FAILURE
        : ndis.NdisCoCreateVc(this.handle, this.#family.value, call, this.#cell);
    if (created !== NDIS_STATUS_SUCCESS) return this.#ended(call, created);
    call.vc = this.#cell.value;
    this.#calls.add(call);
    const party = multipoint ? this.#party(call, call.to, 0) : null;
    const status = ndis.NdisClMakeCall(call.vc, call.block, party, this.#cell);
    if (party !== null) party.handle = this.#cell.value;
    if (status !== NDIS_STATUS_PENDING) this.made(call, status, party?.handle ?? 0);
  }

  #party(call: PhoneCall, to: string, block: Address): PhoneParty {
    const party: PhoneParty = { call, to, state: 'adding', handle: 0, block };
    call.parties.push(party);
    return party;
  }

  /** ProtocolClMakeCallComplete. */
  made(call: PhoneCall, status: number, party: Address): void {
    if (status === NDIS_STATUS_SUCCESS) {
      call.state = 'connected';
      call.bandwidth = bandwidthOf(this.imports, call.block);
      for (const first of call.parties) {
        first.state = 'present';
        first.handle = party;
      }
      this.phone.log.push(`${call.to} answered`);
      return;
    }
    call.status = status;
    if (call.state !== 'closing') this.#delete(call);
  }

  send(call: PhoneCall, text: string): void {
    const lists = this.#lists;
    const list = call.state === 'connected' ? (lists?.take() ?? 0) : 0;
    if (lists === null || list === 0) return;
    const { memory, ndis } = this.imports;
    const bytes = new TextEncoder().encode(text).subarray(0, LARGEST_PDU);
    memory.u8.set(bytes, lists.bufferOf(list));
    lists.setFrame(list, 0, bytes.length);
    memory.writePointer(list + NBL_NEXT, 0);
    memory.writePointer(list + NBL_SOURCE_HANDLE, call.vc);
    this.sendsOutstanding++;
    ndis.NdisCoSendNetBufferLists(call.vc, list, 0);
  }

  /** ProtocolCoSendNetBufferListsComplete. */
  sent(lists: Address): void {
    for (let list = lists; list !== 0; ) {
      const next = this.imports.memory.readPointer(list + NBL_NEXT);
      this.#lists?.give(list);
      this.sendsOutstanding--;
      list = next;
    }
    this.sendsCompleted();
  }

  /** ProtocolCoReceiveNetBufferLists. */
  receive(call: PhoneCall, lists: Address, flags: number): void {
    for (const frame of frameBytes(this.imports.memory, lists))
      call.heard.push(new TextDecoder().decode(frame));
    if ((flags & NDIS_RECEIVE_FLAGS_RESOURCES) === 0)
      this.imports.ndis.NdisReturnNetBufferLists(this.handle, lists, flags & 1);
  }

  addParty(call: PhoneCall, to: string): void {
    if (call.state !== 'connected') return;
    const block = createCallBlock(this.imports, this.handle, to, call.bandwidth);
    if (block === 0) return;
    const party = this.#party(call, to, block);
    const status = this.imports.ndis.NdisClAddParty(call.vc, party, block, this.#cell);
    party.handle = this.#cell.value;
    if (status !== NDIS_STATUS_PENDING) this.added(party, status, party.handle);
  }

  /** ProtocolClAddPartyComplete. */
  added(party: PhoneParty, status: number, handle: Address): void {
    freeCallBlock(this.imports, party.block);
    party.block = 0;
    party.handle = handle;
    party.state = status === NDIS_STATUS_SUCCESS ? 'present' : 'gone';
    this.phone.log.push(`${party.to} ${party.state === 'present' ? 'joined' : 'did not join'}`);
  }

  dropParty(call: PhoneCall, to: string): void {
    const party = call.parties.find((one) => one.to === to && one.state === 'present');
    if (party === undefined) return;
    const present = call.parties.filter(({ state }) => state === 'present').length;
    if (present === 1) return this.hangUp(call);
    party.state = 'gone';
    this.imports.ndis.NdisClDropParty(party.handle, 0, 0);
    this.phone.log.push(`${party.to} left`);
  }

  modify(call: PhoneCall, bandwidth: number): void {
    if (call.state !== 'connected' || call.change !== 0) return;
    call.change = createCallBlock(this.imports, this.handle, call.to, bandwidth);
    if (call.change === 0) return;
    const status = this.imports.ndis.NdisClModifyCallQoS(call.vc, call.change);
    if (status !== NDIS_STATUS_PENDING) this.modified(call, status);
  }

  /** ProtocolClModifyCallQoSComplete. */
  modified(call: PhoneCall, status: number): void {
    if (status === NDIS_STATUS_SUCCESS) call.bandwidth = bandwidthOf(this.imports, call.change);
    freeCallBlock(this.imports, call.change);
    call.change = 0;
    this.phone.log.push(
      `${call.to}: bandwidth ${status === NDIS_STATUS_SUCCESS ? call.bandwidth : 'unchanged'}`,
    );
  }

  hangUp(call: PhoneCall): void {
    if (call.state === 'closing' || call.state === 'ended' || call.vc === 0) return;
    const { ndis } = this.imports;
    const present = call.parties.filter(({ state }) => state === 'present');
    for (const party of present.slice(1)) {
      party.state = 'gone';
      ndis.NdisClDropParty(party.handle, 0, 0);
    }
    call.state = 'closing';
    const status = ndis.NdisClCloseCall(call.vc, present[0]?.handle ?? 0, 0, 0);
    if (status !== NDIS_STATUS_PENDING) this.closed(call);
  }

  /** ProtocolClCloseCallComplete. */
  closed(call: PhoneCall): void {
    if (!call.incoming) this.#delete(call);
  }

  #delete(call: PhoneCall): void {
    const { ndis } = this.imports;
    if (call.vc !== 0) ndis.NdisCoDeleteVc(call.vc);
    this.#ended(call, call.status);
  }

  /** The VC is gone; ProtocolCoDeleteVc for an incoming call. */
  #ended(call: PhoneCall, status: number): void {
    call.state = 'ended';
    call.status = status;
    call.vc = 0;
    for (const party of call.parties) party.state = 'gone';
    freeCallBlock(this.imports, call.block);
    call.block = 0;
    this.#calls.delete(call);
    this.imports.memory.objects.releaseValue(call);
    this.phone.log.push(`${call.to} ended`);
  }

  deleted(call: PhoneCall): void {
    this.#ended(call, call.status);
  }

  /** ProtocolCoCreateVc: somebody calls. */
  incomingVc(vc: Address): PhoneCall {
    const call = new PhoneCall('?', true, 0);
    call.binding = this;
    call.state = 'offered';
    call.vc = vc;
    this.#calls.add(call);
    return call;
  }

  /** ProtocolClIncomingCall. */
  incoming(sap: PhoneSap, call: PhoneCall, parameters: CO_CALL_PARAMETERS): number {
    call.to = sap.name;
    call.bandwidth = bandwidthOf(this.imports, parameters.address);
    this.phone.calls.push(call);
    if (this.phone.answer(sap.name)) return NDIS_STATUS_SUCCESS;
    this.phone.log.push(`${sap.name} refused a call`);
    return NDIS_STATUS_FAILURE;
  }

  #tick(): void {
    if (this.running) this.phone.obey(this);
  }
}
