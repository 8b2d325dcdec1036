/** The interrupt handlers of miniport drivers for NDIS 6. Implements the nc-ndis-miniport_*interrupt* pages (ndis). */

import { declareCallback } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';

const common = { irql: 'any', waits: 'never', since: '6.0' } as const;

/** MiniportInterrupt: says at DIRQL whether its device interrupted, and dismisses the interrupt. */
export type MINIPORT_ISR = (
  MiniportInterruptContext: unknown,
  QueueDefaultInterruptDpc: Address,
  TargetProcessors: Address,
) => number | boolean;
export const MINIPORT_ISR = declareCallback<MINIPORT_ISR>({
  ...common,
  prototype:
    'BOOLEAN MINIPORT_ISR(NDIS_HANDLE MiniportInterruptContext, PBOOLEAN QueueDefaultInterruptDpc, PULONG TargetProcessors)',
  role: 'MiniportInterrupt',
  page: 'ndis/nc-ndis-miniport_isr',
});

/** MiniportInterruptDPC: the deferred part, at DISPATCH_LEVEL on the processor that it was queued for. */
export type MINIPORT_INTERRUPT_DPC = (
  MiniportInterruptContext: unknown,
  MiniportDpcContext: unknown,
  ReceiveThrottleParameters: Address,
  NdisReserved2: Address,
) => void;
export const MINIPORT_INTERRUPT_DPC = declareCallback<MINIPORT_INTERRUPT_DPC>({
  ...common,
  prototype:
    'VOID MINIPORT_INTERRUPT_DPC(NDIS_HANDLE MiniportInterruptContext, PVOID MiniportDpcContext, PVOID ReceiveThrottleParameters, PVOID NdisReserved2)',
  role: 'MiniportInterruptDPC',
  irql: 'DISPATCH_LEVEL',
  page: 'ndis/nc-ndis-miniport_interrupt_dpc',
});

/** MiniportMessageInterrupt: MiniportInterrupt for one message; nobody else shares it. */
export type MINIPORT_MESSAGE_INTERRUPT = (
  MiniportInterruptContext: unknown,
  MessageId: number,
  QueueDefaultInterruptDpc: Address,
  TargetProcessors: Address,
) => number | boolean;
export const MINIPORT_MESSAGE_INTERRUPT = declareCallback<MINIPORT_MESSAGE_INTERRUPT>({
  ...common,
  prototype:
    'BOOLEAN MINIPORT_MESSAGE_INTERRUPT(NDIS_HANDLE MiniportInterruptContext, ULONG MessageId, PBOOLEAN QueueDefaultInterruptDpc, PULONG TargetProcessors)',
  role: 'MiniportMessageInterrupt',
  page: 'ndis/nc-ndis-miniport_message_interrupt',
});

/** MiniportMessageInterruptDPC: the deferred part of one message. */
export type MINIPORT_MESSAGE_INTERRUPT_DPC = (
  MiniportInterruptContext: unknown,
  MessageId: number,
  MiniportDpcContext: unknown,
  ReceiveThrottleParameters: Address,
  NdisReserved2: Address,
) => void;
export const MINIPORT_MESSAGE_INTERRUPT_DPC = declareCallback<MINIPORT_MESSAGE_INTERRUPT_DPC>({
  ...common,
  prototype:
    'VOID MINIPORT_MESSAGE_INTERRUPT_DPC(NDIS_HANDLE MiniportInterruptContext, ULONG MessageId, PVOID MiniportDpcContext, PVOID ReceiveThrottleParameters, PVOID NdisReserved2)',
  role: 'MiniportMessageInterruptDPC',
  irql: 'DISPATCH_LEVEL',
  page: 'ndis/nc-ndis-miniport_message_interrupt_dpc',
});

/** MiniportDisableInterruptEx: keeps the device from interrupting, at DIRQL. */
export type MINIPORT_DISABLE_INTERRUPT = (MiniportInterruptContext: unknown) => void;
export const MINIPORT_DISABLE_INTERRUPT = declareCallback<MINIPORT_DISABLE_INTERRUPT>({
  ...common,
  prototype: 'VOID MINIPORT_DISABLE_INTERRUPT(NDIS_HANDLE MiniportInterruptContext)',
  role: 'MiniportDisableInterruptEx',
  page: 'ndis/nc-ndis-miniport_disable_interrupt',
});

/** MiniportEnableInterruptEx: lets the device interrupt, at DIRQL. */
export type MINIPORT_ENABLE_INTERRUPT = (MiniportInterruptContext: unknown) => void;
export const MINIPORT_ENABLE_INTERRUPT = declareCallback<MINIPORT_ENABLE_INTERRUPT>({
  ...common,
  prototype: 'VOID MINIPORT_ENABLE_INTERRUPT(NDIS_HANDLE MiniportInterruptContext)',
  role: 'MiniportEnableInterruptEx',
  page: 'ndis/nc-ndis-miniport_enable_interrupt',
});

/** MiniportDisableMessageInterrupt: keeps the device from sending one message, at DIRQL. */
export type MINIPORT_DISABLE_MESSAGE_INTERRUPT = (
  MiniportInterruptContext: unknown,
  MessageId: number,
) => void;
export const MINIPORT_DISABLE_MESSAGE_INTERRUPT = declareCallback<MINIPORT_DISABLE_MESSAGE_INTERRUPT>({
  ...common,
  prototype: 'VOID MINIPORT_DISABLE_MESSAGE_INTERRUPT(NDIS_HANDLE MiniportInterruptContext, ULONG MessageId)',
  role: 'MiniportDisableMessageInterrupt',
  page: 'ndis/nc-ndis-miniport_disable_message_interrupt',
});

/** MiniportEnableMessageInterrupt: lets the device send one message, at DIRQL. */
export type MINIPORT_ENABLE_MESSAGE_INTERRUPT = (
  MiniportInterruptContext: unknown,
  MessageId: number,
) => void;
export const MINIPORT_ENABLE_MESSAGE_INTERRUPT = declareCallback<MINIPORT_ENABLE_MESSAGE_INTERRUPT>({
  ...common,
  prototype: 'VOID MINIPORT_ENABLE_MESSAGE_INTERRUPT(NDIS_HANDLE MiniportInterruptContext, ULONG MessageId)',
  role: 'MiniportEnableMessageInterrupt',
  page: 'ndis/nc-ndis-miniport_enable_message_interrupt',
});

/** MiniportSynchronizeInterrupt: runs at DIRQL while the interrupt is held back. */
export type MINIPORT_SYNCHRONIZE_INTERRUPT = (SynchronizeContext: unknown) => number | boolean;
export const MINIPORT_SYNCHRONIZE_INTERRUPT = declareCallback<MINIPORT_SYNCHRONIZE_INTERRUPT>({
  ...common,
  prototype: 'BOOLEAN MINIPORT_SYNCHRONIZE_INTERRUPT(NDIS_HANDLE SynchronizeContext)',
  role: 'MiniportSynchronizeInterrupt',
  page: 'ndis/nc-ndis-miniport_synchronize_interrupt',
});
