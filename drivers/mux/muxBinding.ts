/**
 * One adapter below mux: the binding, the virtual miniports above it, and what these want of it together.
 * Implements "Intermediate Driver Binding Operations" and "Intermediate Driver Unbinding Operations" (network).
 */

import {
  type Address,
  type Cell,
  type DriverImports,
  MediaConnectStateConnected,
  type NDIS_BIND_PARAMETERS,
  NDIS_LINK_STATE,
  NDIS_PACKET_TYPE_ALL_MULTICAST,
  NDIS_PACKET_TYPE_DIRECTED,
  NDIS_PACKET_TYPE_MULTICAST,
  NDIS_PACKET_TYPE_PROMISCUOUS,
  type NDIS_STATUS_INDICATION,
  NDIS_STATUS_LINK_STATE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NdisDeviceStateD0,
} from '../../src/machine/index.ts';
import { LowerBinding } from '../support/lowerBinding.ts';
import { OwnLists } from '../support/ownLists.ts';
import { VLAN_TAG } from '../support/vlanTag.ts';
import type { ForwardedRequest } from './oids.ts';
import { ShellLists } from './shellLists.ts';
import { VirtualMiniport } from './virtualMiniport.ts';

/** `MuxB` as a pool tag. */
const TAG = 0x4278754d;
const ETHERNET_HEADER = 14;
const ADDRESS_LENGTH = 6;
/** Received frames that may be with protocols above, and frames to all for each virtual miniport of a network. */
const SHELLS = 512;
const SHELLS_PER_MINIPORT = 256;
/** The same for frames whose tag was taken out. */
const COPIES = 512;
/** Microseconds between two looks at an initialization that is under way. */
const INITIALIZATION_POLL_MICROSECONDS = 100;

/** What the whole driver shares. */
export interface MuxDriver {
  readonly serviceName: string;
  /** The handles of both edges. */
  readonly miniportDriver: Cell;
  readonly protocol: Cell;
  /** One entry a virtual miniport of each adapter: its VLAN id, 0 without a tag, null to leave tags alone. */
  readonly vlanIds: readonly (number | null)[];
  /** Where the OIDs of the general attributes lie. */
  readonly oidList: Address;
  /** Where NDIS writes the address of a cloned request. */
  readonly clone: Cell;
}

export class MuxBinding extends LowerBinding {
  readonly driver: MuxDriver;
  readonly miniports: readonly VirtualMiniport[];
  /** Several virtual miniports with addresses of their own in one network. */
  readonly sharesNetwork: boolean;
  /** NDIS_DEVICE_POWER_STATE of the adapter below. */
  powerState = NdisDeviceStateD0;
  /** Link of the adapter below, as last indicated. */
  mediaConnectState: number;
  linkSpeedBitsPerSecond: bigint;
  /** Requests passed on, by the address of their clone. */
  readonly forwarded = new Map<Address, ForwardedRequest>();
  copies: OwnLists | null = null;
  #shells: ShellLists | null = null;
  #filterDeferred = false;

  constructor(imports: DriverImports, parameters: NDIS_BIND_PARAMETERS, driver: MuxDriver) {
    super(imports, parameters);
    this.driver = driver;
    this.mediaConnectState = this.adapter.mediaConnectState;
    this.linkSpeedBitsPerSecond = this.adapter.linkSpeedBitsPerSecond;
    this.sharesNetwork = driver.vlanIds.length > 1 && driver.vlanIds[0] === null;
    this.miniports = driver.vlanIds.map(
      (vlanId, index) =>
        new VirtualMiniport(this, {
          index,
          vlanId,
          name: instanceName(driver.serviceName, this.adapter.ifIndex, vlanId, index),
          macAddress:
            vlanId === null ? localAddress(this.adapter.macAddress, index) : this.adapter.macAddress,
        }),
    );
  }

  /** ProtocolBindAdapterEx: opens the adapter, then asks NDIS to start the virtual miniports. */
  async bind(bindContext: Address, parameters: NDIS_BIND_PARAMETERS): Promise<number> {
    const { imports, driver } = this;
    const status = await this.open(driver.protocol, bindContext, parameters);
    if (status !== NDIS_STATUS_SUCCESS) return status;
    const tagged = this.miniports.some(({ vlanId }) => vlanId !== null);
    const shells = SHELLS + (this.sharesNetwork ? SHELLS_PER_MINIPORT * this.miniports.length : 0);
    this.#shells = ShellLists.create(imports, this.handle, TAG, shells);
    const size = this.adapter.mtuBytes + ETHERNET_HEADER + VLAN_TAG;
    this.copies = tagged ? OwnLists.create(imports, this.handle, TAG, COPIES, size) : null;
    if (this.#shells === null || (tagged && this.copies === null)) {
      await this.unbind();
      return NDIS_STATUS_RESOURCES;
    }
    for (const miniport of this.miniports) {
      const started = await imports.ndis.NdisIMInitializeDeviceInstanceEx(
        driver.miniportDriver.value,
        `\\Device\\${miniport.name}`,
        miniport,
      );
      if (started === NDIS_STATUS_SUCCESS) continue;
      miniport.state = 'gone';
      imports.note(`the virtual miniport ${miniport.name} could not be started: 0x${started.toString(16)}`);
    }
    return NDIS_STATUS_SUCCESS;
  }

  /** ProtocolUnbindAdapterEx: takes the virtual miniports down, then closes the adapter. */
  async unbind(): Promise<void> {
    for (const miniport of this.miniports) await this.#takeDown(miniport);
    await this.close();
    this.#shells?.destroy();
    this.#shells = null;
    this.copies?.destroy();
    this.copies = null;
  }

  async #takeDown(miniport: VirtualMiniport): Promise<void> {
    const { ndis } = this.imports;
    const { miniportDriver } = this.driver;
    while (miniport.state === 'requested' && this.#shells !== null) {
      const name = `\\Device\\${miniport.name}`;
      const cancelled = ndis.NdisIMCancelInitializeDeviceInstance(miniportDriver.value, name);
      if (cancelled === NDIS_STATUS_SUCCESS) miniport.state = 'gone';
      // Too late to cancel: MiniportInitializeEx is about to run.
      else await ndis.NdisMSleep(INITIALIZATION_POLL_MICROSECONDS);
    }
    if (miniport.state === 'initialized') await ndis.NdisIMDeInitializeDeviceInstance(miniport.handle);
    miniport.state = 'gone';
  }

  /** A list of ours around the frame of a received one, or 0. */
  wrap(list: Address): Address {
    return this.#shells === null ? 0 : this.#shells.wrap(list);
  }

  /** The received list that a list of ours is around; 0 for one that holds a copy. */
  originalOf(list: Address): Address {
    return this.#shells === null ? 0 : this.#shells.originalOf(list);
  }

  /** Takes back what `wrap` gave. */
  unwrap(shell: Address): void {
    this.#shells?.give(shell);
  }

  /** Sets the packet filter below to what the virtual miniports want together. */
  async updatePacketFilter(): Promise<number> {
    if (this.#defer()) return NDIS_STATUS_SUCCESS;
    let union = 0;
    for (const { packetFilter } of this.miniports) union |= packetFilter;
    // The adapter below knows one address; frames for the others come only when it takes all.
    if (this.sharesNetwork && (union & NDIS_PACKET_TYPE_DIRECTED) !== 0)
      union |= NDIS_PACKET_TYPE_PROMISCUOUS;
    if ((union & NDIS_PACKET_TYPE_MULTICAST) !== 0 && this.#multicastUnion() === null)
      union |= NDIS_PACKET_TYPE_ALL_MULTICAST;
    return this.setPacketFilter(union & this.adapter.supportedPacketFilters);
  }

  /** Sets the multicast addresses below to those of all virtual miniports; more than fit mean all multicast frames. */
  async updateMulticastList(): Promise<number> {
    if (this.#defer()) return NDIS_STATUS_SUCCESS;
    const union = this.#multicastUnion();
    const status = union === null ? NDIS_STATUS_SUCCESS : await this.setMulticastList(union);
    return status === NDIS_STATUS_SUCCESS ? this.updatePacketFilter() : status;
  }

  /** The adapter below sleeps: what the virtual miniports want reaches it when it is back. */
  #defer(): boolean {
    if (this.powerState !== NdisDeviceStateD0) this.#filterDeferred = true;
    return this.#filterDeferred;
  }

  /** Every multicast address once, or null where the adapter below cannot take so many. */
  #multicastUnion(): Uint8Array | null {
    const addresses = new Map<string, Uint8Array>();
    for (const { multicastList: list } of this.miniports) {
      for (let at = 0; at < list.length; at += ADDRESS_LENGTH) {
        const address = list.subarray(at, at + ADDRESS_LENGTH);
        addresses.set(address.join('.'), address);
      }
    }
    if (addresses.size > this.adapter.maximumMulticastListSize) return null;
    return Uint8Array.from([...addresses.values()].flatMap((address) => [...address]));
  }

  /** NetEventSetPower: no requests and no sends reach the adapter below until it is back in D0. */
  async setPower(state: Address): Promise<void> {
    this.powerState = this.imports.memory.u32[state >> 2];
    if (this.powerState !== NdisDeviceStateD0 || !this.#filterDeferred) return;
    this.#filterDeferred = false;
    await this.updateMulticastList();
  }

  /** ProtocolStatusEx: what concerns the virtual miniports is passed on. */
  status(indication: NDIS_STATUS_INDICATION): void {
    if (indication.StatusCode !== NDIS_STATUS_LINK_STATE) return;
    const state = this.imports.view(NDIS_LINK_STATE, indication.StatusBuffer);
    this.mediaConnectState = state.MediaConnectState;
    this.linkSpeedBitsPerSecond =
      state.MediaConnectState === MediaConnectStateConnected ? state.XmitLinkSpeed : 0n;
    for (const miniport of this.miniports) miniport.indicateStatus(indication);
  }
}

/** `mux2` above the interface with index 2; `mux2.10` for its VLAN 10, `mux2-2` for a second one in the same network. */
function instanceName(service: string, ifIndex: number, vlanId: number | null, index: number): string {
  const base = `${service}${ifIndex}`;
  if (vlanId !== null) return `${base}.${vlanId}`;
  return index === 0 ? base : `${base}-${index + 1}`;
}

/** The first virtual miniport has the address of the adapter, the others have locally administered ones. */
function localAddress(macAddress: Uint8Array, index: number): Uint8Array {
  if (index === 0) return macAddress;
  const address = macAddress.slice();
  address[0] = (address[0] & 0xfc) | 2;
  address[1] ^= index;
  return address;
}
