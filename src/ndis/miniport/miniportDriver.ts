/** A registered miniport driver: its handlers, copied when it registers. Implements nf-ndis-ndismregisterminiportdriver. */

import type { Driver, DriverCallback } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import type { MiniportConnections } from '../condis/handlers.ts';
import { NDIS_INTERMEDIATE_DRIVER } from '../generated/constants/index.ts';
import { NdisObject } from '../library.ts';
import type {
  MINIPORT_CANCEL_DIRECT_OID_REQUEST,
  MINIPORT_CANCEL_OID_REQUEST,
  MINIPORT_DIRECT_OID_REQUEST,
  MINIPORT_OID_REQUEST,
  MINIPORT_SYNCHRONOUS_OID_REQUEST,
} from '../oid/callbacks.ts';
import type { MINIPORT_PNP_IRP } from '../pnp/startDevice.ts';
import type {
  MINIPORT_CANCEL_IDLE_NOTIFICATION,
  MINIPORT_IDLE_NOTIFICATION,
} from '../power/idleFunctions.ts';
import type { SET_OPTIONS } from '../protocol/callbacks.ts';
import type { ProtocolDriver } from '../protocol/protocolDriver.ts';
import type {
  MINIPORT_ADD_DEVICE,
  MINIPORT_CANCEL_SEND,
  MINIPORT_CHECK_FOR_HANG,
  MINIPORT_DEVICE_PNP_EVENT_NOTIFY,
  MINIPORT_HALT,
  MINIPORT_INITIALIZE,
  MINIPORT_PAUSE,
  MINIPORT_REMOVE_DEVICE,
  MINIPORT_RESET,
  MINIPORT_RESTART,
  MINIPORT_RETURN_NET_BUFFER_LISTS,
  MINIPORT_SEND_NET_BUFFER_LISTS,
  MINIPORT_SHUTDOWN,
  MINIPORT_UNLOAD,
} from './callbacks.ts';
import type { MiniportAdapter } from './miniportAdapter.ts';

/** The handlers of a miniport driver. */
export interface MiniportHandlers {
  readonly setOptions: DriverCallback<SET_OPTIONS> | null;
  readonly initialize: DriverCallback<MINIPORT_INITIALIZE>;
  readonly halt: DriverCallback<MINIPORT_HALT>;
  readonly unload: DriverCallback<MINIPORT_UNLOAD>;
  readonly pause: DriverCallback<MINIPORT_PAUSE>;
  readonly restart: DriverCallback<MINIPORT_RESTART>;
  readonly oidRequest: DriverCallback<MINIPORT_OID_REQUEST>;
  readonly send: DriverCallback<MINIPORT_SEND_NET_BUFFER_LISTS>;
  readonly returnLists: DriverCallback<MINIPORT_RETURN_NET_BUFFER_LISTS>;
  readonly cancelSend: DriverCallback<MINIPORT_CANCEL_SEND>;
  readonly checkForHang: DriverCallback<MINIPORT_CHECK_FOR_HANG> | null;
  readonly reset: DriverCallback<MINIPORT_RESET> | null;
  readonly devicePnPEventNotify: DriverCallback<MINIPORT_DEVICE_PNP_EVENT_NOTIFY>;
  readonly shutdown: DriverCallback<MINIPORT_SHUTDOWN>;
  readonly cancelOidRequest: DriverCallback<MINIPORT_CANCEL_OID_REQUEST>;
  readonly directOidRequest: DriverCallback<MINIPORT_DIRECT_OID_REQUEST> | null;
  readonly cancelDirectOidRequest: DriverCallback<MINIPORT_CANCEL_DIRECT_OID_REQUEST> | null;
  readonly synchronousOidRequest: DriverCallback<MINIPORT_SYNCHRONOUS_OID_REQUEST> | null;
}

/** A registered miniport driver. Its handle is what NdisMRegisterMiniportDriver gave. */
export class MiniportDriver extends NdisObject {
  readonly driver: Driver;
  /** 6, or less for a driver behind translations (legacy/miniport). */
  majorVersion = 6;
  readonly minorVersion: number;
  /** Flags of the characteristics. */
  readonly flags: number;
  /** MiniportDriverContext as the driver gave it. */
  readonly context: unknown;
  handlers: MiniportHandlers | null = null;
  /** NDIS's copy of the characteristics, in non-paged pool. */
  copy: Address = 0;
  /** What NdisSetOptionalHandlers brought, by object type: copies in non-paged pool for those who use them. */
  readonly optionalHandlers = new Map<number, Address>();
  /** Registered through NdisSetOptionalHandlers with NDIS_MINIPORT_PNP_CHARACTERISTICS. */
  addDevice: DriverCallback<MINIPORT_ADD_DEVICE> | null = null;
  removeDevice: DriverCallback<MINIPORT_REMOVE_DEVICE> | null = null;
  /** Its handlers as a connection-oriented driver; null where it registered none. */
  connections: MiniportConnections | null = null;
  filterResourceRequirements: DriverCallback<MINIPORT_PNP_IRP> | null = null;
  startDevice: DriverCallback<MINIPORT_PNP_IRP> | null = null;
  /** Registered with NDIS_MINIPORT_SS_CHARACTERISTICS, both or none. */
  idleNotification: DriverCallback<MINIPORT_IDLE_NOTIFICATION> | null = null;
  cancelIdleNotification: DriverCallback<MINIPORT_CANCEL_IDLE_NOTIFICATION> | null = null;
  readonly adapters = new Set<MiniportAdapter>();
  /** The protocol edge of the same intermediate driver (NdisIMAssociateMiniport). */
  associated: ProtocolDriver | null = null;
  /** True while MiniportSetOptions runs. */
  settingOptions = false;
  /** True while MiniportDriverUnload runs. */
  unloading = false;

  constructor(driver: Driver, minorVersion: number, flags: number, context: unknown) {
    super();
    this.driver = driver;
    this.minorVersion = minorVersion;
    this.flags = flags;
    this.context = context;
  }

  get label(): string {
    return this.driver.name;
  }

  /** Whether this is the upper edge of an intermediate driver. */
  get intermediate(): boolean {
    return (this.flags & NDIS_INTERMEDIATE_DRIVER) !== 0;
  }

  /** Where the configuration of the driver is kept. */
  get configurationKeyPath(): string {
    return `${this.driver.registryPath}\\Parameters`;
  }
}
