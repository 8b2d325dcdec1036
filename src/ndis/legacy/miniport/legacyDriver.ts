/**
 * A miniport driver for NDIS 4.0 to 5.1 beside its MiniportDriver, which the rest of the library works with.
 * Implements NDIS_MINIPORT_CHARACTERISTICS (ddk/ndis.h).
 */

import type { DRIVER_UNLOAD, Driver, DriverCallback } from '../../../kernel/index.ts';
import type {
  MINIPORT_CO_ACTIVATE_VC,
  MINIPORT_CO_CREATE_VC,
  MINIPORT_CO_DEACTIVATE_VC,
  MINIPORT_CO_DELETE_VC,
} from '../../condis/miniportCallbacks.ts';
import { NdisObject, perNdis } from '../../library.ts';
import type { MiniportDriver } from '../../miniport/miniportDriver.ts';
import type { W_CO_REQUEST_HANDLER, W_CO_SEND_PACKETS_HANDLER } from '../condis/callbacks.ts';
import type {
  W_ALLOCATE_COMPLETE_HANDLER,
  W_CANCEL_SEND_PACKETS_HANDLER,
  W_CHECK_FOR_HANG_HANDLER,
  W_DISABLE_INTERRUPT_HANDLER,
  W_ENABLE_INTERRUPT_HANDLER,
  W_HALT_HANDLER,
  W_HANDLE_INTERRUPT_HANDLER,
  W_INITIALIZE_HANDLER,
  W_ISR_HANDLER,
  W_MINIPORT_SHUTDOWN_HANDLER,
  W_PNP_EVENT_NOTIFY_HANDLER,
  W_QUERY_INFORMATION_HANDLER,
  W_RESET_HANDLER,
  W_RETURN_PACKET_HANDLER,
  W_SEND_HANDLER,
  W_SEND_PACKETS_HANDLER,
  W_SET_INFORMATION_HANDLER,
  W_TRANSFER_DATA_HANDLER,
} from './callbacks.ts';

/** The handlers of a driver; null where it registered none. */
export interface LegacyHandlers {
  readonly initialize: DriverCallback<W_INITIALIZE_HANDLER>;
  readonly halt: DriverCallback<W_HALT_HANDLER>;
  readonly queryInformation: DriverCallback<W_QUERY_INFORMATION_HANDLER>;
  readonly setInformation: DriverCallback<W_SET_INFORMATION_HANDLER>;
  readonly reset: DriverCallback<W_RESET_HANDLER> | null;
  readonly checkForHang: DriverCallback<W_CHECK_FOR_HANG_HANDLER> | null;
  readonly send: DriverCallback<W_SEND_HANDLER> | null;
  readonly sendPackets: DriverCallback<W_SEND_PACKETS_HANDLER> | null;
  readonly transferData: DriverCallback<W_TRANSFER_DATA_HANDLER> | null;
  readonly returnPacket: DriverCallback<W_RETURN_PACKET_HANDLER> | null;
  readonly allocateComplete: DriverCallback<W_ALLOCATE_COMPLETE_HANDLER> | null;
  readonly isr: DriverCallback<W_ISR_HANDLER> | null;
  readonly handleInterrupt: DriverCallback<W_HANDLE_INTERRUPT_HANDLER> | null;
  readonly disableInterrupt: DriverCallback<W_DISABLE_INTERRUPT_HANDLER> | null;
  readonly enableInterrupt: DriverCallback<W_ENABLE_INTERRUPT_HANDLER> | null;
  readonly cancelSendPackets: DriverCallback<W_CANCEL_SEND_PACKETS_HANDLER> | null;
  readonly pnpEventNotify: DriverCallback<W_PNP_EVENT_NOTIFY_HANDLER> | null;
  readonly shutdown: DriverCallback<W_MINIPORT_SHUTDOWN_HANDLER> | null;
  /** The handlers of a connection-oriented driver. */
  readonly co: LegacyCoHandlers | null;
}

/** The connection-oriented handlers of a driver; a miniport call manager has none for the life of VCs. */
export interface LegacyCoHandlers {
  readonly createVc: DriverCallback<MINIPORT_CO_CREATE_VC> | null;
  readonly deleteVc: DriverCallback<MINIPORT_CO_DELETE_VC> | null;
  readonly activateVc: DriverCallback<MINIPORT_CO_ACTIVATE_VC> | null;
  readonly deactivateVc: DriverCallback<MINIPORT_CO_DEACTIVATE_VC> | null;
  readonly sendPackets: DriverCallback<W_CO_SEND_PACKETS_HANDLER>;
  readonly request: DriverCallback<W_CO_REQUEST_HANDLER>;
}

/** What NdisInitializeWrapper made: the library's record of a driver that is about to register. */
export class LegacyWrapper extends NdisObject {
  readonly driver: Driver;
  /** The driver's Unload as NdisMRegisterUnloadHandler named it. */
  unload: DriverCallback<DRIVER_UNLOAD> | null = null;
  miniport: MiniportDriver | null = null;

  constructor(driver: Driver) {
    super();
    this.driver = driver;
  }
}

/** What the library keeps of a driver for NDIS 5 beside its MiniportDriver. */
export interface LegacyDriver {
  readonly wrapper: LegacyWrapper;
  /** 40, 50 or 51. */
  readonly version: number;
  readonly handlers: LegacyHandlers;
}

/** The drivers for NDIS 5 by their MiniportDriver. */
export const legacyDriversOf = perNdis(
  'drivers for NDIS 5',
  () => new WeakMap<MiniportDriver, LegacyDriver>(),
);

/** What a driver's last registration returned: its DriverEntry has to return the same. */
export const registrationStatusOf = perNdis(
  'registrations for NDIS 5',
  () => new WeakMap<Driver, { readonly call: string; readonly status: number }>(),
);
