/**
 * The interrupts of cardport: what happens at DIRQL is to keep the device quiet, everything else happens in the DPC.
 * Implements "NDIS Interrupts" (network) for a line and for messages.
 */

import {
  type Address,
  NDIS_CONNECT_MESSAGE_BASED,
  NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS,
  NDIS_MINIPORT_INTERRUPT_REVISION_1,
  NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT,
  NDIS_SIZEOF_MINIPORT_INTERRUPT_CHARACTERISTICS_REVISION_1,
  NDIS_STATUS_SUCCESS,
} from '../../src/machine/index.ts';
import type { CardportAdapter } from './adapter.ts';
import { receiveFrames } from './receive.ts';
import * as r from './registers.ts';
import { completeSends } from './send.ts';

/** Registers the interrupt of an adapter; its status. */
export function registerInterrupt(adapter: CardportAdapter): number {
  const { ndis, memory, view } = adapter.imports;
  const at = adapter.imports.data(NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS.size);
  const characteristics = view(NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS, at);
  characteristics.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT;
  characteristics.Header.Revision = NDIS_MINIPORT_INTERRUPT_REVISION_1;
  characteristics.Header.Size = NDIS_SIZEOF_MINIPORT_INTERRUPT_CHARACTERISTICS_REVISION_1;
  characteristics.InterruptHandler = (_context: unknown, queueDefault: Address) => {
    const status = adapter.read(r.INTERRUPT_STATUS);
    const causes = status & adapter.read(r.INTERRUPT_ENABLE);
    // A device that is gone reads as ones; one that did not interrupt leaves the line to others.
    if (status === r.GONE || causes === 0) return false;
    adapter.disableInterrupts(r.ALL_CAUSES);
    memory.u8[queueDefault] = 1;
    return true;
  };
  characteristics.InterruptDpcHandler = () => service(adapter, r.ALL_CAUSES);
  characteristics.DisableInterruptHandler = () => adapter.disableInterrupts(r.ALL_CAUSES);
  characteristics.EnableInterruptHandler = () => adapter.enableInterrupts(r.ALL_CAUSES);
  characteristics.MsiSupported = true;
  characteristics.MessageInterruptHandler = (_context: unknown, message: number, queueDefault: Address) => {
    adapter.disableInterrupts(r.MESSAGE_CAUSES[message]);
    memory.u8[queueDefault] = 1;
    return true;
  };
  characteristics.MessageInterruptDpcHandler = (_context: unknown, message: number) =>
    service(adapter, r.MESSAGE_CAUSES[message]);
  characteristics.DisableMessageInterruptHandler = (_context: unknown, message: number) =>
    adapter.disableInterrupts(r.MESSAGE_CAUSES[message]);
  characteristics.EnableMessageInterruptHandler = (_context: unknown, message: number) =>
    adapter.enableInterrupts(r.MESSAGE_CAUSES[message]);
  const handle = adapter.imports.cell();
  const status = ndis.NdisMRegisterInterruptEx(adapter.handle, adapter, characteristics, handle);
  if (status !== NDIS_STATUS_SUCCESS) return status;
  adapter.interrupt = handle.value;
  adapter.messages = characteristics.InterruptType === NDIS_CONNECT_MESSAGE_BASED;
  adapter.onHalt(() => ndis.NdisMDeregisterInterruptEx(adapter.interrupt));
  return status;
}

/** MiniportInterruptDPC and MiniportMessageInterruptDPC: serves causes and lets them interrupt again. */
function service(adapter: CardportAdapter, causes: number): void {
  const { ndis } = adapter.imports;
  const status = adapter.read(r.INTERRUPT_STATUS);
  if (status === r.GONE) return;
  const pending = status & causes;
  // Cleared before it is served: what happens meanwhile is a new cause.
  adapter.write(r.INTERRUPT_STATUS, pending);
  if ((pending & r.CAUSE_TRANSMIT) !== 0) completeSends(adapter);
  if ((pending & r.CAUSE_RECEIVE_0) !== 0) receiveFrames(adapter, 0);
  if ((pending & r.CAUSE_RECEIVE_1) !== 0) receiveFrames(adapter, 1);
  if ((pending & r.CAUSE_OVERRUN) !== 0) adapter.counters.noBuffer++;
  if ((pending & r.CAUSE_LINK) !== 0) adapter.indicateLink();
  if (adapter.gone || adapter.interrupt === 0) return;
  // The mask is shared with MiniportInterrupt, which runs above this.
  ndis.NdisMSynchronizeWithInterruptEx(adapter.interrupt, messageOf(causes), enable, { adapter, causes });
}

interface Enabling {
  readonly adapter: CardportAdapter;
  readonly causes: number;
}

/** MiniportSynchronizeInterrupt; the type of its parameter of the DDI is a pointer to anything. */
const enable = (({ adapter, causes }: Enabling): boolean => {
  adapter.enableInterrupts(causes);
  return true;
}) as unknown as Address;

function messageOf(causes: number): number {
  return Math.max(0, r.MESSAGE_CAUSES.indexOf(causes));
}
