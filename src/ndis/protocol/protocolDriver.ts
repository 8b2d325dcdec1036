/**
 * A registered protocol driver and its bindings.
 * Implements "Binding States of a Protocol Driver" (network).
 */

import type { Driver, DriverCallback } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import type { BindingConnections } from '../condis/connections.ts';
import type { ProtocolConnections } from '../condis/handlers.ts';
import { NdisObject } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import type { MiniportDriver } from '../miniport/miniportDriver.ts';
import type {
  PROTOCOL_DIRECT_OID_REQUEST_COMPLETE,
  PROTOCOL_OID_REQUEST_COMPLETE,
} from '../oid/callbacks.ts';
import { stateTable } from '../stateTable.ts';
import type { PROTOCOL_STATUS_EX } from '../status/callbacks.ts';
import type {
  PROTOCOL_BIND_ADAPTER_EX,
  PROTOCOL_CLOSE_ADAPTER_COMPLETE_EX,
  PROTOCOL_NET_PNP_EVENT,
  PROTOCOL_OPEN_ADAPTER_COMPLETE_EX,
  PROTOCOL_RECEIVE_NET_BUFFER_LISTS,
  PROTOCOL_SEND_NET_BUFFER_LISTS_COMPLETE,
  PROTOCOL_UNBIND_ADAPTER_EX,
  PROTOCOL_UNINSTALL,
  SET_OPTIONS,
} from './callbacks.ts';

/** The handlers of a protocol driver, copied when it registers. */
export interface ProtocolHandlers {
  readonly setOptions: DriverCallback<SET_OPTIONS> | null;
  readonly bind: DriverCallback<PROTOCOL_BIND_ADAPTER_EX>;
  readonly unbind: DriverCallback<PROTOCOL_UNBIND_ADAPTER_EX>;
  readonly openComplete: DriverCallback<PROTOCOL_OPEN_ADAPTER_COMPLETE_EX>;
  readonly closeComplete: DriverCallback<PROTOCOL_CLOSE_ADAPTER_COMPLETE_EX>;
  readonly netPnPEvent: DriverCallback<PROTOCOL_NET_PNP_EVENT>;
  readonly uninstall: DriverCallback<PROTOCOL_UNINSTALL> | null;
  readonly oidRequestComplete: DriverCallback<PROTOCOL_OID_REQUEST_COMPLETE>;
  readonly directOidRequestComplete: DriverCallback<PROTOCOL_DIRECT_OID_REQUEST_COMPLETE> | null;
  readonly status: DriverCallback<PROTOCOL_STATUS_EX> | null;
  readonly receive: DriverCallback<PROTOCOL_RECEIVE_NET_BUFFER_LISTS>;
  readonly sendComplete: DriverCallback<PROTOCOL_SEND_NET_BUFFER_LISTS_COMPLETE>;
}

/** A registered protocol driver. Its handle is what NdisRegisterProtocolDriver gave. */
export class ProtocolDriver extends NdisObject {
  readonly driver: Driver;
  /** Name member of the characteristics: the service name. */
  readonly name: string;
  readonly minorVersion: number;
  /** ProtocolDriverContext as the driver gave it. */
  readonly context: unknown;
  handlers: ProtocolHandlers | null = null;
  readonly bindings = new Set<Binding>();
  /** Set once NdisDeregisterProtocolDriver or an uninstall began: no new bindings. */
  closing = false;
  /** From registration until NetEventBindsComplete is over, and the event that its end signals, or 0. */
  announcingBinds = false;
  announcedEvent: Address = 0;
  /** NDIS's copy of the characteristics, in non-paged pool. */
  copy: Address = 0;
  /** What NdisSetOptionalHandlers brought, by object type: copies in non-paged pool for those who use them. */
  readonly optionalHandlers = new Map<number, Address>();
  /** Its handlers as a connection-oriented driver; null where it registered none. */
  connections: ProtocolConnections | null = null;
  /** True while ProtocolSetOptions runs. */
  settingOptions = false;
  /** The miniport edge of the same intermediate driver (NdisIMAssociateMiniport). */
  associated: MiniportDriver | null = null;

  constructor(driver: Driver, name: string, minorVersion: number, context: unknown) {
    super();
    this.driver = driver;
    this.name = name;
    this.minorVersion = minorVersion;
    this.context = context;
  }

  get label(): string {
    return this.name;
  }

  /** Where the configuration of the protocol is kept. */
  get configurationKeyPath(): string {
    return `${this.driver.registryPath}\\Parameters`;
  }
}

export type BindingState =
  | 'Unbound'
  | 'Opening'
  | 'Running'
  | 'Closing'
  | 'Pausing'
  | 'Paused'
  | 'Restarting';
export type BindingEvent =
  | 'ProtocolBindAdapterEx'
  | 'OpenComplete'
  | 'OpenFailed'
  | 'NetEventPause'
  | 'PauseComplete'
  | 'NetEventRestart'
  | 'RestartComplete'
  | 'RestartFailed'
  | 'ProtocolUnbindAdapterEx'
  | 'UnbindComplete';

/** The documented states of a binding. */
export const bindingStates = stateTable<BindingState, BindingEvent>(
  'binding',
  'network/binding-states-of-a-protocol-driver',
  {
    ProtocolBindAdapterEx: { Unbound: 'Opening' },
    OpenComplete: { Opening: 'Paused' },
    OpenFailed: { Opening: 'Unbound', Paused: 'Unbound' },
    NetEventPause: { Running: 'Pausing' },
    PauseComplete: { Pausing: 'Paused' },
    NetEventRestart: { Paused: 'Restarting' },
    RestartComplete: { Restarting: 'Running' },
    RestartFailed: { Restarting: 'Paused' },
    ProtocolUnbindAdapterEx: { Paused: 'Closing' },
    UnbindComplete: { Closing: 'Unbound' },
  },
);

/** What NdisOpenAdapterEx made of a binding. */
export type OpenState = 'none' | 'opening' | 'open' | 'closing' | 'closed';

/**
 * A binding of a protocol driver to an adapter. Its handle is NdisBindingHandle; the bind and unbind contexts are
 * handles of their own.
 */
export class Binding extends NdisObject {
  readonly protocol: ProtocolDriver;
  readonly adapter: MiniportAdapter;
  state: BindingState = 'Unbound';
  openState: OpenState = 'none';
  /** What NdisOpenAdapterEx took from the pool for it. */
  block: Address = 0;
  /** ProtocolBindingContext as the driver gave it. */
  context: unknown = 0;
  readonly bindContext: OperationContext;
  readonly unbindContext: OperationContext;
  /** Resolved for the data path; set when the binding is open. */
  receive: PROTOCOL_RECEIVE_NET_BUFFER_LISTS;
  sendComplete: PROTOCOL_SEND_NET_BUFFER_LISTS_COMPLETE;
  /** Lists sent and not completed, lists received and not returned, requests made and not completed. */
  sendsOutstanding = 0;
  receivesOutstanding = 0;
  requestsOutstanding = 0;
  /** NDIS_PACKET_TYPE_* bits; 0 receives nothing. */
  packetFilter = 0;
  lookahead = 0;
  /** Multicast addresses, six bytes each. */
  multicastList: Uint8Array = new Uint8Array(0);
  /** Event to signal when everything outstanding is back, 0 while nobody waits. */
  drainEvent: Address = 0;
  /** Event that a completed close signals while an unbind waits for it, else 0. */
  closeEvent: Address = 0;
  /** NetEventRestart failed: the binding stays paused until the next restart of the stack. */
  restartFailed = false;
  /** Whether lists may be indicated to it: open, and Running or Restarting. */
  get receiving(): boolean {
    return (this.state === 'Running' || this.state === 'Restarting') && this.openState === 'open';
  }
  /** What it has of address families and VCs; null until it uses the first. */
  connections: BindingConnections | null = null;
  /** An unbind was asked for and is queued. */
  unbindQueued = false;

  constructor(protocol: ProtocolDriver, adapter: MiniportAdapter, handlers: ProtocolHandlers) {
    super();
    this.protocol = protocol;
    this.adapter = adapter;
    this.bindContext = new OperationContext(this, 'bind');
    this.unbindContext = new OperationContext(this, 'unbind');
    this.receive = handlers.receive.invoke;
    this.sendComplete = handlers.sendComplete.invoke;
  }

  get label(): string {
    return `${this.protocol.name} -> ${this.adapter.label}`;
  }

  /** From NdisCloseAdapterEx on the driver may not use the handle, but what is outstanding comes back by it. */
  override get usable(): boolean {
    return this.openState !== 'closing' && this.openState !== 'closed';
  }

  /** Where the configuration of the binding is kept. */
  get configurationKeyPath(): string {
    return `${this.protocol.driver.registryPath}\\Parameters\\Adapters\\${this.adapter.name}`;
  }

  /** Whether nothing is outstanding. */
  get drained(): boolean {
    if (this.sendsOutstanding > 0 || this.receivesOutstanding > 0 || this.requestsOutstanding > 0)
      return false;
    return this.connections === null || this.connections.drained;
  }
}

/** What BindContext and UnbindContext stand for: one bind or unbind that may be completed later. */
export class OperationContext extends NdisObject {
  readonly binding: Binding;
  readonly kind: 'bind' | 'unbind';
  /** The status that completed it, or null while it is pending. */
  status: number | null = null;
  /** Event that completion signals. */
  event: Address = 0;
  /** True while the handler may still complete it. */
  active = false;

  constructor(binding: Binding, kind: 'bind' | 'unbind') {
    super();
    this.binding = binding;
    this.kind = kind;
  }

  /** ProtocolBindAdapterEx may give the context to NdisOpenConfigurationEx. */
  get configurationKeyPath(): string {
    return this.binding.adapter.configurationKeyPath;
  }
}
