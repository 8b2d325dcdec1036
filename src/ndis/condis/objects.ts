/**
 * What connection-oriented drivers share through handles: opened address families, SAPs, VCs and parties, and the two
 * ends between which they lie. Plain data. Implements "Using AFs, VCs, SAPs, and Parties" (network).
 */

import type { Driver } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { NdisObject } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import type { Binding } from '../protocol/protocolDriver.ts';
import type { CallManagerHandlers, ClientHandlers } from './handlers.ts';
import type { MINIPORT_CO_SEND_NET_BUFFER_LISTS } from './miniportCallbacks.ts';
import type {
  PROTOCOL_CO_RECEIVE_NET_BUFFER_LISTS,
  PROTOCOL_CO_SEND_NET_BUFFER_LISTS_COMPLETE,
} from './protocolCallbacks.ts';
import type { ActivationState, CallState, FamilyState, PartyState, SapState } from './states.ts';

/** A client on one binding. */
export interface ClientEnd {
  readonly driver: Driver;
  readonly binding: Binding;
  readonly handlers: ClientHandlers;
  /** It closed the binding or was unloaded: it is called no more, and NDIS takes down what it left. */
  gone: boolean;
}

/** A call manager on one binding, or that of a miniport (binding null). */
export interface CallManagerEnd {
  readonly driver: Driver;
  readonly adapter: MiniportAdapter;
  readonly binding: Binding | null;
  readonly handlers: CallManagerHandlers;
  /** Like `ClientEnd.gone`; NDIS answers for it. */
  gone: boolean;
}

/** Who uses a handle. */
export type Side = 'client' | 'callManager' | 'miniport';

/** What is asked of a driver that may answer later. */
export type PendingName =
  | 'open'
  | 'close'
  | 'notifyClose'
  | 'register'
  | 'deregister'
  | 'makeCall'
  | 'modifyCallQoS'
  | 'incomingCall'
  | 'closeCall'
  | 'activate'
  | 'deactivate'
  | 'addParty'
  | 'dropParty';

/** Something behind a handle that two or three drivers share. */
export abstract class ConnectionObject extends NdisObject {
  /** What NDIS took from the pool for it; its first bytes are where a driver writes its context. */
  block: Address = 0;
  /** What some driver has to complete. */
  readonly pending = new Set<PendingName>();

  abstract readonly label: string;
  /** The driver on `side`, or null where there is none. */
  abstract driverOf(side: Side): Driver | null;
  /** Whether the driver on `side` may use the handle now. */
  abstract usableBy(side: Side): boolean;
}

/** A context of a driver: the address it gave, and what it is called back with. */
export interface HeldContext {
  readonly address: Address;
  readonly value: unknown;
}

export const NO_CONTEXT: HeldContext = { address: 0, value: 0 };

/** An address family that a call manager offers on an adapter. */
export interface OfferedFamily {
  readonly manager: CallManagerEnd;
  readonly addressFamily: number;
  readonly majorVersion: number;
  readonly minorVersion: number;
  /** Bindings that were told of it. */
  readonly told: Set<Binding>;
}

/** An address family that a client opened: NdisAfHandle. */
export class AddressFamily extends ConnectionObject {
  readonly client: ClientEnd;
  readonly manager: CallManagerEnd;
  readonly number: number;
  readonly clientContext: HeldContext;
  managerContext: HeldContext = NO_CONTEXT;
  state: FamilyState = 'Closed';
  readonly saps = new Set<Sap>();
  readonly connections = new Set<VirtualConnection>();

  constructor(client: ClientEnd, manager: CallManagerEnd, number: number, clientContext: HeldContext) {
    super();
    this.client = client;
    this.manager = manager;
    this.number = number;
    this.clientContext = clientContext;
  }

  get label(): string {
    return `${this.client.binding.protocol.name} -> ${this.manager.driver.name} (0x${this.number.toString(16)})`;
  }

  driverOf(side: Side): Driver | null {
    if (side === 'client') return this.client.driver;
    return side === 'callManager' ? this.manager.driver : null;
  }

  usableBy(side: Side): boolean {
    if (side === 'client') return this.state === 'Open' || this.pending.has('notifyClose');
    return side === 'callManager' && (this.state !== 'Closed' || this.pending.has('notifyClose'));
  }
}

/** A service access point: NdisSapHandle. */
export class Sap extends ConnectionObject {
  readonly family: AddressFamily;
  readonly clientContext: HeldContext;
  managerContext: HeldContext = NO_CONTEXT;
  /** The CO_SAP that the client gave. */
  readonly specification: Address;
  state: SapState = 'Deregistered';

  constructor(family: AddressFamily, clientContext: HeldContext, specification: Address) {
    super();
    this.family = family;
    this.clientContext = clientContext;
    this.specification = specification;
  }

  get label(): string {
    return `of ${this.family.label}`;
  }

  driverOf(side: Side): Driver | null {
    return this.family.driverOf(side);
  }

  usableBy(side: Side): boolean {
    return side !== 'client' || this.state === 'Registering' || this.state === 'Registered';
  }
}

/** Whether data may flow on a VC, with the label that findings need. */
export interface Activation {
  state: ActivationState;
  readonly label: string;
}

/** A virtual connection: NdisVcHandle. */
export class VirtualConnection extends ConnectionObject {
  readonly adapter: MiniportAdapter;
  /** Null for a VC of a call manager's own, to a switch for example. */
  readonly family: AddressFamily | null;
  readonly manager: CallManagerEnd;
  readonly creator: 'client' | 'callManager';
  clientContext: HeldContext = NO_CONTEXT;
  managerContext: HeldContext = NO_CONTEXT;
  miniportContext: HeldContext = NO_CONTEXT;
  /** The call on it. */
  state: CallState = 'Idle';
  readonly activation: Activation;
  /** Parties of a multipoint call, the first first. */
  readonly parties = new Set<Party>();
  /** The party with which the pending call or close of a multipoint call goes along. */
  callParty: Party | null = null;
  multipoint = false;
  /** It is being deleted. */
  deleting = false;
  /** NdisCoAssignInstanceName; empty while it has none. */
  instanceName = '';
  readonly number: number;
  /** The binding over which its data flows: the client's, or that of a call manager for its own. Null for an MCM. */
  readonly owner: Binding | null;
  /** Resolved for the data path. */
  send: MINIPORT_CO_SEND_NET_BUFFER_LISTS;
  receive: PROTOCOL_CO_RECEIVE_NET_BUFFER_LISTS | null = null;
  sendComplete: PROTOCOL_CO_SEND_NET_BUFFER_LISTS_COMPLETE | null = null;
  /** The context with which its owner is called. */
  ownerContext: unknown = 0;
  sendsOutstanding = 0;

  constructor(
    manager: CallManagerEnd,
    family: AddressFamily | null,
    creator: 'client' | 'callManager',
    number: number,
    send: MINIPORT_CO_SEND_NET_BUFFER_LISTS,
  ) {
    super();
    this.manager = manager;
    this.adapter = manager.adapter;
    this.family = family;
    this.creator = creator;
    this.number = number;
    this.owner = family === null ? manager.binding : family.client.binding;
    this.send = send;
    this.activation = { state: 'Inactive', label: this.label };
  }

  get label(): string {
    const whose = this.family === null ? this.manager.driver.name : this.family.label;
    return `${this.number} of ${whose}`;
  }

  get client(): ClientEnd | null {
    return this.family?.client ?? null;
  }

  driverOf(side: Side): Driver | null {
    if (side === 'client') return this.client?.driver ?? null;
    return side === 'callManager' ? this.manager.driver : this.adapter.miniport.driver;
  }

  usableBy(side: Side): boolean {
    return side !== 'client' || this.family !== null;
  }
}

/** A party of a multipoint call: NdisPartyHandle. */
export class Party extends ConnectionObject {
  readonly connection: VirtualConnection;
  readonly clientContext: HeldContext;
  managerContext: HeldContext = NO_CONTEXT;
  state: PartyState = 'Gone';

  constructor(connection: VirtualConnection, clientContext: HeldContext) {
    super();
    this.connection = connection;
    this.clientContext = clientContext;
  }

  get label(): string {
    return `of VC ${this.connection.label}`;
  }

  driverOf(side: Side): Driver | null {
    return this.connection.driverOf(side);
  }

  usableBy(side: Side): boolean {
    return side !== 'client' || this.state === 'Adding' || this.state === 'Active';
  }
}
