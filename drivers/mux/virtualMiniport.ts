/**
 * One virtual miniport of mux: its life, and the state that its send and receive paths share.
 * Implements "Initializing Virtual Miniports" and "Miniport Adapter States and Operations" (network).
 */

import {
  type Address,
  type DriverImports,
  MediaDuplexStateFull,
  NDIS_MAC_OPTION_COPY_LOOKAHEAD_DATA,
  NDIS_MAC_OPTION_NO_LOOPBACK,
  NDIS_MAC_OPTION_TRANSFERS_NOT_PEND,
  NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
  NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
  NDIS_MINIPORT_ATTRIBUTES_NDIS_WDM,
  NDIS_MINIPORT_ATTRIBUTES_NO_HALT_ON_SUSPEND,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
  NDIS_OBJECT_TYPE_STATUS_INDICATION,
  NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
  NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
  NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
  type NDIS_STATUS_INDICATION,
  NDIS_STATUS_INDICATION_REVISION_1,
  NDIS_STATUS_SUCCESS,
  NdisDeviceStateD0,
  NdisMedium802_3,
  NdisPhysicalMediumUnspecified,
  NET_IF_ACCESS_BROADCAST,
  NET_IF_CONNECTION_DEDICATED,
  NET_IF_DIRECTION_SENDRECEIVE,
} from '../../src/machine/index.ts';
import { VLAN_TAG } from '../support/vlanTag.ts';
import type { MuxBinding } from './muxBinding.ts';
import { SUPPORTED_OIDS } from './oids.ts';

const ETHERNET_HEADER = 14;
/** IF_TYPE_ETHERNET_CSMACD of the interface MIB. */
const ETHERNET_INTERFACE = 6;
/** Bytes of list context that a send takes; see send.ts. */
export const CONTEXT_SIZE = 32;

/** What a virtual miniport is told by its parameters. */
export interface VirtualMiniportOptions {
  /** Position among the virtual miniports of its binding. */
  readonly index: number;
  /** Name of its instance, unique in the machine. */
  readonly name: string;
  /** Its VLAN: 1 to 4094, 0 for frames without a tag, null where tags are left alone. */
  readonly vlanId: number | null;
  readonly macAddress: Uint8Array;
}

/** Counters for OID_GEN_STATISTICS and its kin. */
export interface MuxCounters {
  framesSent: number;
  bytesSent: number;
  sendErrors: number;
  framesReceived: number;
  bytesReceived: number;
  /** Frames for which no list was free. */
  receiveNoBuffer: number;
}

export class VirtualMiniport {
  readonly imports: DriverImports;
  readonly binding: MuxBinding;
  readonly index: number;
  readonly name: string;
  readonly vlanId: number | null;
  readonly macAddress: Uint8Array;
  readonly counters: MuxCounters = {
    framesSent: 0,
    bytesSent: 0,
    sendErrors: 0,
    framesReceived: 0,
    bytesReceived: 0,
    receiveNoBuffer: 0,
  };
  /** NdisMiniportHandle from MiniportInitializeEx to MiniportHaltEx, else 0. */
  handle: Address = 0;
  /** `requested`: MiniportInitializeEx will be called. */
  state: 'requested' | 'initialized' | 'gone' = 'requested';
  /** Between MiniportRestart and MiniportPause. */
  running = false;
  /** NDIS_DEVICE_POWER_STATE of its own; what is below sleeps and wakes in its own time. */
  powerState = NdisDeviceStateD0;
  packetFilter = 0;
  lookahead: number;
  multicastList: Uint8Array = new Uint8Array(0);
  /** Lists below that were not completed, and lists above that are not back. */
  sendsOutstanding = 0;
  receivesOutstanding = 0;
  /** MiniportPause returned NDIS_STATUS_PENDING. */
  #pausing = false;

  constructor(binding: MuxBinding, options: VirtualMiniportOptions) {
    this.imports = binding.imports;
    this.binding = binding;
    this.index = options.index;
    this.name = options.name;
    this.vlanId = options.vlanId;
    this.macAddress = options.macAddress;
    this.lookahead = binding.adapter.mtuBytes;
  }

  /** Whether it or the adapter below is out of D0: then nothing is sent, asked or indicated. */
  get standingBy(): boolean {
    return this.powerState !== NdisDeviceStateD0 || this.binding.powerState !== NdisDeviceStateD0;
  }

  /** Bytes of the longest payload: a tag takes room in the frame below. */
  get mtuBytes(): number {
    const tagged = this.vlanId !== null && this.vlanId !== 0;
    return this.binding.adapter.mtuBytes - (tagged ? VLAN_TAG : 0);
  }

  /** MiniportInitializeEx. */
  initialize(handle: Address): number {
    const status = this.#setAttributes(handle);
    if (status === NDIS_STATUS_SUCCESS) this.handle = handle;
    this.state = status === NDIS_STATUS_SUCCESS ? 'initialized' : 'gone';
    return status;
  }

  #setAttributes(handle: Address): number {
    const { ndis } = this.imports;
    const registered = ndis.NdisMSetMiniportAttributes(handle, {
      RegistrationAttributes: {
        Header: {
          Type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
          Revision: NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
          Size: NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
        },
        MiniportAdapterContext: this,
        AttributeFlags: NDIS_MINIPORT_ATTRIBUTES_NDIS_WDM | NDIS_MINIPORT_ATTRIBUTES_NO_HALT_ON_SUSPEND,
      },
    });
    if (registered !== NDIS_STATUS_SUCCESS) return registered;
    return this.#setGeneralAttributes(handle);
  }

  #setGeneralAttributes(handle: Address): number {
    const { ndis, memory } = this.imports;
    const { adapter, mediaConnectState, linkSpeedBitsPerSecond: speed } = this.binding;
    const { oidList: oids } = this.binding.driver;
    memory.u32.set(SUPPORTED_OIDS, oids >> 2);
    const mtu = this.mtuBytes;
    return ndis.NdisMSetMiniportAttributes(handle, {
      GeneralAttributes: {
        Header: {
          Type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
          Revision: NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
          Size: NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
        },
        MediaType: NdisMedium802_3,
        PhysicalMediumType: NdisPhysicalMediumUnspecified,
        MtuSize: mtu,
        MaxXmitLinkSpeed: adapter.linkSpeedBitsPerSecond,
        XmitLinkSpeed: speed,
        MaxRcvLinkSpeed: adapter.linkSpeedBitsPerSecond,
        RcvLinkSpeed: speed,
        MediaConnectState: mediaConnectState,
        MediaDuplexState: MediaDuplexStateFull,
        LookaheadSize: mtu + ETHERNET_HEADER,
        MacOptions:
          NDIS_MAC_OPTION_COPY_LOOKAHEAD_DATA |
          NDIS_MAC_OPTION_TRANSFERS_NOT_PEND |
          NDIS_MAC_OPTION_NO_LOOPBACK,
        SupportedPacketFilters: adapter.supportedPacketFilters,
        MaxMulticastListSize: adapter.maximumMulticastListSize,
        MacAddressLength: this.macAddress.length,
        PermanentMacAddress: this.macAddress,
        CurrentMacAddress: this.macAddress,
        AccessType: NET_IF_ACCESS_BROADCAST,
        DirectionType: NET_IF_DIRECTION_SENDRECEIVE,
        ConnectionType: NET_IF_CONNECTION_DEDICATED,
        IfType: ETHERNET_INTERFACE,
        IfConnectorPresent: false,
        // Protocols that leave this much room spare the send path an allocation.
        DataBackFillSize: adapter.dataBackFillBytes + (this.vlanId === null ? 0 : VLAN_TAG),
        ContextBackFillSize: CONTEXT_SIZE,
        SupportedOidList: oids,
        SupportedOidListLength: 4 * SUPPORTED_OIDS.length,
      },
    });
  }

  /** MiniportHaltEx: everything that could be outstanding came back before the pause was complete. */
  halt(): void {
    this.handle = 0;
    this.state = 'gone';
    this.running = false;
    this.packetFilter = 0;
    this.multicastList = new Uint8Array(0);
  }

  /** MiniportPause; true when nothing is under way, otherwise NdisMPauseComplete follows. */
  pause(): boolean {
    this.running = false;
    this.#pausing = this.sendsOutstanding > 0 || this.receivesOutstanding > 0;
    return !this.#pausing;
  }

  /** Call where a list came back. */
  listsCameBack(): void {
    if (!this.#pausing || this.sendsOutstanding > 0 || this.receivesOutstanding > 0) return;
    this.#pausing = false;
    this.imports.ndis.NdisMPauseComplete(this.handle);
  }

  /** Passes a status of the adapter below on to the protocols above. */
  indicateStatus(status: NDIS_STATUS_INDICATION): void {
    if (this.handle === 0 || this.standingBy) return;
    this.imports.ndis.NdisMIndicateStatusEx(this.handle, {
      Header: {
        Type: NDIS_OBJECT_TYPE_STATUS_INDICATION,
        Revision: NDIS_STATUS_INDICATION_REVISION_1,
        Size: NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
      },
      SourceHandle: this.handle,
      StatusCode: status.StatusCode,
      StatusBuffer: status.StatusBuffer,
      StatusBufferSize: status.StatusBufferSize,
    });
  }
}
