/**
 * An adapter: one instance of a miniport driver, physical or virtual, with what it told NDIS about itself.
 * Implements "Miniport Adapter States and Operations" (network).
 */

import type { Address } from '../../memory/index.ts';
import type { FilterModule } from '../filter/filterModule.ts';
import { makeNetLuid } from '../interface/netLuid.ts';
import { NdisObject } from '../library.ts';
import type { Binding, ProtocolDriver } from '../protocol/protocolDriver.ts';
import type { StackOperation } from '../stack/operations.ts';
import { stateTable } from '../stateTable.ts';
import type { MINIPORT_RETURN_NET_BUFFER_LISTS, MINIPORT_SEND_NET_BUFFER_LISTS } from './callbacks.ts';
import type { MiniportDriver } from './miniportDriver.ts';

export type AdapterState =
  | 'Halted'
  | 'Shutdown'
  | 'Initializing'
  | 'Paused'
  | 'Restarting'
  | 'Running'
  | 'Pausing';
export type AdapterEvent =
  | 'MiniportInitializeEx'
  | 'InitializeComplete'
  | 'InitializeFailed'
  | 'MiniportShutdownEx'
  | 'MiniportHaltEx'
  | 'MiniportRestart'
  | 'RestartComplete'
  | 'RestartFailed'
  | 'MiniportPause'
  | 'PauseComplete';

/** The documented states of an adapter. */
export const adapterStates = stateTable<AdapterState, AdapterEvent>(
  'adapter',
  'network/miniport-adapter-states-and-operations',
  {
    MiniportInitializeEx: { Halted: 'Initializing' },
    InitializeComplete: { Initializing: 'Paused' },
    InitializeFailed: { Initializing: 'Halted' },
    MiniportShutdownEx: {
      Paused: 'Shutdown',
      Restarting: 'Shutdown',
      Running: 'Shutdown',
      Pausing: 'Shutdown',
    },
    MiniportHaltEx: { Paused: 'Halted' },
    MiniportRestart: { Paused: 'Restarting' },
    RestartComplete: { Restarting: 'Running' },
    RestartFailed: { Restarting: 'Paused' },
    MiniportPause: { Running: 'Pausing' },
    PauseComplete: { Pausing: 'Paused' },
  },
);

/** What MiniportInitializeEx said in its registration attributes. */
export interface RegistrationAttributes {
  readonly flags: number;
  /** 0 stands for the default of 2 seconds. */
  readonly checkForHangSeconds: number;
  readonly interfaceType: number;
}

/** What MiniportInitializeEx said in its general attributes, and what changed since. */
export interface GeneralAttributes {
  readonly flags: number;
  readonly mediaType: number;
  readonly physicalMediumType: number;
  mtuSize: number;
  readonly maxXmitLinkSpeed: bigint;
  readonly maxRcvLinkSpeed: bigint;
  lookaheadSize: number;
  readonly macOptions: number;
  readonly supportedPacketFilters: number;
  readonly maxMulticastListSize: number;
  readonly permanentMacAddress: Uint8Array;
  readonly currentMacAddress: Uint8Array;
  readonly accessType: number;
  readonly directionType: number;
  readonly connectionType: number;
  readonly ifType: number;
  readonly ifConnectorPresent: boolean;
  readonly supportedStatistics: number;
  readonly supportedPauseFunctions: number;
  readonly dataBackFillSize: number;
  readonly contextBackFillSize: number;
  readonly supportedOids: readonly number[];
  readonly autoNegotiationFlags: number;
}

/** The link as last indicated; kept by NDIS, which answers queries from it. */
export interface LinkState {
  mediaConnectState: number;
  mediaDuplexState: number;
  xmitLinkSpeed: bigint;
  rcvLinkSpeed: bigint;
  pauseFunctions: number;
  autoNegotiationFlags: number;
}

/** An operation that the miniport driver may complete later. */
export interface PendingOperation {
  readonly kind: 'pause' | 'restart' | 'reset';
  /** Event that its completion signals. */
  readonly event: Address;
  /** The status that completed it. */
  status: number;
  /** Nobody completed it and NDIS went on. */
  stalled: boolean;
  /** The completion call came. */
  completed: boolean;
}

/** What identifies the network interface of an adapter. */
export interface AdapterIdentity {
  readonly ifIndex: number;
  readonly ifType: number;
  readonly netLuidIndex: number;
  /** Where its configuration is kept; without one the key with its interface index. */
  readonly configurationKeyPath?: string;
}

/** The key of the network class that holds the configuration of the adapter with this index. */
export function adapterKeyPath(ifIndex: number): string {
  return `\\Registry\\Machine\\System\\CurrentControlSet\\Control\\Class\\{4D36E972-E325-11CE-BFC1-08002BE10318}\\${String(ifIndex).padStart(4, '0')}`;
}

/** An adapter. Its handle is the one MiniportInitializeEx gets. */
export class MiniportAdapter extends NdisObject {
  readonly miniport: MiniportDriver;
  /** `{GUID}`, or the instance name of a virtual miniport. */
  readonly name: string;
  /** What people read, `Ethernet 1`. */
  readonly instanceName: string;
  readonly ifIndex: number;
  /** The interface type (IANA) and the index of that type: together they make the NET_LUID. */
  readonly ifType: number;
  readonly netLuidIndex: number;
  /** Where the configuration of the adapter is kept. */
  readonly configurationKeyPath: string;
  state: AdapterState = 'Halted';
  /** MiniportAdapterContext as the driver gave it in its registration attributes. */
  context: unknown = 0;
  registration: RegistrationAttributes | null = null;
  general: GeneralAttributes | null = null;
  /** The NDIS_RECEIVE_SCALE_CAPABILITIES of its general attributes; null for an adapter that cannot scale receives. */
  receiveScaleCapabilities: Uint8Array | null = null;
  /** Attributes of other kinds by NDIS object type: copies of what the driver handed over. */
  readonly otherAttributes = new Map<number, Uint8Array>();
  link: LinkState = {
    mediaConnectState: 0,
    mediaDuplexState: 0,
    xmitLinkSpeed: 0n,
    rcvLinkSpeed: 0n,
    pauseFunctions: 0,
    autoNegotiationFlags: 0,
  };
  /** The modules over the miniport; index 0 is nearest the protocols. */
  readonly filters: FilterModule[] = [];
  /** Slots (filter/order.ts) whose module did not attach or restart: not tried again. */
  readonly failedFilters = new Set<string>();
  /** A mandatory filter that the stack lacks: no protocol is bound until it is there. */
  blockedBy: string | null = null;
  /** List of NDIS_RESTART_ATTRIBUTES while the stack restarts, handed from the miniport up; else 0. */
  restartAttributes: Address = 0;
  readonly bindings: Binding[] = [];
  /** Protocols that are to bind at the next reconfiguration. */
  readonly bindRequests: ProtocolDriver[] = [];
  /** Why no protocol may be bound at present (pnp/bindsAbove.ts). */
  readonly bindingsHeldBy = new Set<'inhibited' | 'default port'>();
  /** The miniport driver demanded that the stack stays paused (NetEventRequirePause). */
  pauseRequired = false;
  /** Union of the bindings' packet filters, as the miniport was told. */
  packetFilter = 0;
  /** Resolved for the data path; set when the adapter was initialized. */
  send: MINIPORT_SEND_NET_BUFFER_LISTS = refuse;
  returnLists: MINIPORT_RETURN_NET_BUFFER_LISTS = refuse;
  /** Where lists enter the modules (filter/links.ts): from above and from below; null where no module has the handler. */
  topSend: FilterModule | null = null;
  topReturn: FilterModule | null = null;
  topCancel: FilterModule | null = null;
  bottomComplete: FilterModule | null = null;
  bottomReceive: FilterModule | null = null;
  /** True in Running: the data path looks at this alone. */
  running = false;
  /** Lists handed to the miniport and not completed; lists it indicated and has not got back. */
  sendsOutstanding = 0;
  receivesOutstanding = 0;
  /** Copies of frames that NDIS indicated as loopback and has not got back. */
  loopedOutstanding = 0;
  /** Whether a send that asks for it can be looped back to some binding. */
  loopbackWanted = false;
  /** Device context of a virtual miniport (NdisIMInitializeDeviceInstanceEx). */
  deviceContext: Address = 0;
  /** MiniportAddDeviceContext of NDIS_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES. */
  addDeviceContext: Address = 0;
  /** Work on the stack of this adapter, one at a time, oldest first. */
  readonly operations: StackOperation[] = [];
  /** True while a thread works on `operations`. */
  working = false;
  /** The pause or restart in progress. */
  pending: PendingOperation | null = null;
  /** The reset in progress, which may overlap a pause. */
  pendingReset: PendingOperation | null = null;
  /** The reset lost settings that NDIS sets again. */
  restoreAddressing = false;
  /** Timer entry of the next MiniportCheckForHangEx, 0 for none. */
  hangTimer = 0;
  /** True while MiniportInitializeEx runs: attributes may be set. */
  initializing = false;
  /** MiniportAddDevice succeeded: MiniportRemoveDevice is due. */
  deviceAdded = false;
  /** True while MiniportAddDevice runs: its attributes may be set. */
  addingDevice = false;
  /** The adapter was taken down and is no more part of the library. */
  halted = false;
  /** Its device is in D0; without power no request but that for power reaches its driver, and its stack stays paused. */
  powered = true;
  /** Its driver has an idle notification: sends and requests wait until the adapter is back in D0. */
  suspended = false;
  /** Its device is gone: nothing more is bound to it, and its stack is not restarted. */
  removing = false;
  /** Why MiniportInitializeEx or MiniportAddDevice failed, NDIS_STATUS_SUCCESS while it did not. */
  startStatus = 0;
  /** Bindings that receive now, and the only one where there is one and it is promiscuous (dataPath/receivers.ts). */
  receivers: readonly Binding[] = [];
  soleReceiver: Binding | null = null;

  constructor(miniport: MiniportDriver, name: string, instanceName: string, identity: AdapterIdentity) {
    super();
    this.miniport = miniport;
    this.name = name;
    this.instanceName = instanceName;
    this.ifIndex = identity.ifIndex;
    this.ifType = identity.ifType;
    this.netLuidIndex = identity.netLuidIndex;
    this.configurationKeyPath = identity.configurationKeyPath ?? adapterKeyPath(identity.ifIndex);
  }

  /** What identifies its network interface as long as it is installed. */
  get netLuid(): bigint {
    return makeNetLuid(this.ifType, this.netLuidIndex);
  }

  get label(): string {
    return this.instanceName;
  }

  /** The name that protocols open, `\Device\{GUID}`. */
  get deviceName(): string {
    return `\\Device\\${this.name}`;
  }

  /** Whether this is a virtual miniport of an intermediate driver. */
  get virtual(): boolean {
    return this.miniport.intermediate;
  }
}

function refuse(): void {
  throw new Error('the adapter is not initialized');
}
