/**
 * A registered filter driver: its handlers, copied when it registers, and its modules.
 * Implements nf-ndis-ndisfregisterfilterdriver.
 */

import type { Driver, DriverCallback } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { NdisObject } from '../library.ts';
import type { SET_OPTIONS } from '../protocol/callbacks.ts';
import type {
  FILTER_ATTACH,
  FILTER_DETACH,
  FILTER_PAUSE,
  FILTER_RESTART,
  FILTER_SET_MODULE_OPTIONS,
} from './callbacks.ts';
import type {
  FILTER_CANCEL_SEND_NET_BUFFER_LISTS,
  FILTER_RECEIVE_NET_BUFFER_LISTS,
  FILTER_RETURN_NET_BUFFER_LISTS,
  FILTER_SEND_NET_BUFFER_LISTS,
  FILTER_SEND_NET_BUFFER_LISTS_COMPLETE,
} from './dataCallbacks.ts';
import type { FilterModule } from './filterModule.ts';
import type {
  FILTER_CANCEL_DIRECT_OID_REQUEST,
  FILTER_CANCEL_OID_REQUEST,
  FILTER_DEVICE_PNP_EVENT_NOTIFY,
  FILTER_DIRECT_OID_REQUEST,
  FILTER_DIRECT_OID_REQUEST_COMPLETE,
  FILTER_NET_PNP_EVENT,
  FILTER_OID_REQUEST,
  FILTER_OID_REQUEST_COMPLETE,
  FILTER_STATUS,
  FILTER_SYNCHRONOUS_OID_REQUEST,
  FILTER_SYNCHRONOUS_OID_REQUEST_COMPLETE,
} from './requestCallbacks.ts';

/** The handlers on the data path, which each module may change (NDIS_FILTER_PARTIAL_CHARACTERISTICS). */
export interface FilterDataHandlers {
  readonly send: DriverCallback<FILTER_SEND_NET_BUFFER_LISTS> | null;
  readonly sendComplete: DriverCallback<FILTER_SEND_NET_BUFFER_LISTS_COMPLETE> | null;
  readonly cancelSend: DriverCallback<FILTER_CANCEL_SEND_NET_BUFFER_LISTS> | null;
  readonly receive: DriverCallback<FILTER_RECEIVE_NET_BUFFER_LISTS> | null;
  readonly returnLists: DriverCallback<FILTER_RETURN_NET_BUFFER_LISTS> | null;
}

/** The handlers of a filter driver; those on the data path are the defaults of its modules. */
export interface FilterHandlers extends FilterDataHandlers {
  readonly setOptions: DriverCallback<SET_OPTIONS> | null;
  readonly setModuleOptions: DriverCallback<FILTER_SET_MODULE_OPTIONS> | null;
  readonly attach: DriverCallback<FILTER_ATTACH>;
  readonly detach: DriverCallback<FILTER_DETACH>;
  readonly restart: DriverCallback<FILTER_RESTART>;
  readonly pause: DriverCallback<FILTER_PAUSE>;
  readonly oidRequest: DriverCallback<FILTER_OID_REQUEST> | null;
  readonly oidRequestComplete: DriverCallback<FILTER_OID_REQUEST_COMPLETE> | null;
  readonly cancelOidRequest: DriverCallback<FILTER_CANCEL_OID_REQUEST> | null;
  readonly directOidRequest: DriverCallback<FILTER_DIRECT_OID_REQUEST> | null;
  readonly directOidRequestComplete: DriverCallback<FILTER_DIRECT_OID_REQUEST_COMPLETE> | null;
  readonly cancelDirectOidRequest: DriverCallback<FILTER_CANCEL_DIRECT_OID_REQUEST> | null;
  readonly synchronousOidRequest: DriverCallback<FILTER_SYNCHRONOUS_OID_REQUEST> | null;
  readonly synchronousOidRequestComplete: DriverCallback<FILTER_SYNCHRONOUS_OID_REQUEST_COMPLETE> | null;
  readonly status: DriverCallback<FILTER_STATUS> | null;
  readonly netPnPEvent: DriverCallback<FILTER_NET_PNP_EVENT> | null;
  readonly devicePnPEventNotify: DriverCallback<FILTER_DEVICE_PNP_EVENT_NOTIFY> | null;
}

/** A registered filter driver. Its handle is what NdisFRegisterFilterDriver gave. */
export class FilterDriver extends NdisObject {
  readonly driver: Driver;
  readonly minorVersion: number;
  /** Flags of the characteristics. */
  readonly flags: number;
  /** ServiceName, UniqueName (a GUID) and FriendlyName of the characteristics. */
  readonly name: string;
  readonly uniqueName: string;
  readonly friendlyName: string;
  /** FilterDriverContext as the driver gave it. */
  readonly context: unknown;
  /** Null once the driver is gone: nothing of it is called any more. */
  handlers: FilterHandlers | null = null;
  /** Its modules in all stacks. */
  readonly modules = new Set<FilterModule>();
  /** NDIS's copy of the characteristics, in non-paged pool. */
  copy: Address = 0;
  /** What NdisSetOptionalHandlers brought, by object type: copies in non-paged pool. */
  readonly optionalHandlers = new Map<number, Address>();
  /** True while FilterSetOptions runs. */
  settingOptions = false;
  /** No module is attached any more: before FilterSetOptions returned, and from NdisFDeregisterFilterDriver on. */
  closing = true;

  constructor(
    driver: Driver,
    names: { readonly name: string; readonly uniqueName: string; readonly friendlyName: string },
    minorVersion: number,
    flags: number,
    context: unknown,
  ) {
    super();
    this.driver = driver;
    this.name = names.name;
    this.uniqueName = names.uniqueName;
    this.friendlyName = names.friendlyName;
    this.minorVersion = minorVersion;
    this.flags = flags;
    this.context = context;
  }

  get label(): string {
    return this.name;
  }

  /** Where the configuration of the driver is kept. */
  get configurationKeyPath(): string {
    return `${this.driver.registryPath}\\Parameters`;
  }
}
