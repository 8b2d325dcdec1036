/**
 * A miniport driver for NDIS 4.0 to 5.1 beside its MiniportDriver, which the rest of the library works with.
 * Implements NDIS_MINIPORT_CHARACTERISTICS (ddk/ndis.h).
 */

import type { DRIVER_UNLOAD, Driver, DriverCallback } from '../../../kernel/index.ts';
import { NdisObject, perNdis } from '../../library.ts';
import type { MiniportDriver } from '../../miniport/miniportDriver.ts';
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
