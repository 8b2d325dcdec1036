/*
 * cardport: DriverEntry, what changes the state of an adapter, and the interrupts. At DIRQL the driver keeps the device
 * quiet, and does everything else in the DPC. See "NDIS Interrupts" and "Writing NDIS Miniport Drivers" (network).
 */
#include "cardport.h"

DRIVER_INITIALIZE DriverEntry;
static MINIPORT_UNLOAD CardportUnload;
static MINIPORT_HALT CardportHalt;
static MINIPORT_PAUSE CardportPause;
static MINIPORT_RESTART CardportRestart;
static MINIPORT_SHUTDOWN CardportShutdown;
static MINIPORT_CHECK_FOR_HANG CardportCheckForHang;
static MINIPORT_RESET CardportReset;
static MINIPORT_CANCEL_SEND CardportCancelSend;
static MINIPORT_DEVICE_PNP_EVENT_NOTIFY CardportDevicePnPEventNotify;
static MINIPORT_CANCEL_OID_REQUEST CardportCancelOidRequest;
static MINIPORT_ISR CardportInterrupt;
static MINIPORT_INTERRUPT_DPC CardportInterruptDpc;
static MINIPORT_DISABLE_INTERRUPT CardportDisableInterrupt;
static MINIPORT_ENABLE_INTERRUPT CardportEnableInterrupt;
static MINIPORT_MESSAGE_INTERRUPT CardportMessageInterrupt;
static MINIPORT_MESSAGE_INTERRUPT_DPC CardportMessageInterruptDpc;
static MINIPORT_DISABLE_MESSAGE_INTERRUPT CardportDisableMessageInterrupt;
static MINIPORT_ENABLE_MESSAGE_INTERRUPT CardportEnableMessageInterrupt;
static MINIPORT_SYNCHRONIZE_INTERRUPT CardportEnableCauses;

#pragma alloc_text(INIT, DriverEntry)

static NDIS_HANDLE CardportDriver;

/* Causes of each message. */
static const ULONG MessageCauses[CARD_MESSAGES] = {
    CARD_CAUSE_TRANSMIT,
    CARD_CAUSE_RECEIVE,
    CARD_CAUSE_RECEIVE << 1,
    CARD_CAUSE_LINK | CARD_CAUSE_ERROR | CARD_CAUSE_OVERRUN,
};

_Use_decl_annotations_
NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS Characteristics;

    RtlZeroMemory(&Characteristics, sizeof(Characteristics));
    Characteristics.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS;
    Characteristics.Header.Revision = NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2;
    Characteristics.Header.Size = NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2;
    Characteristics.MajorNdisVersion = 6;
    Characteristics.MinorNdisVersion = 30;
    Characteristics.MajorDriverVersion = 1;
    Characteristics.InitializeHandlerEx = CardportInitialize;
    Characteristics.HaltHandlerEx = CardportHalt;
    Characteristics.UnloadHandler = CardportUnload;
    Characteristics.PauseHandler = CardportPause;
    Characteristics.RestartHandler = CardportRestart;
    Characteristics.OidRequestHandler = CardportOidRequest;
    Characteristics.SendNetBufferListsHandler = CardportSendNetBufferLists;
    Characteristics.ReturnNetBufferListsHandler = CardportReturnNetBufferLists;
    Characteristics.CancelSendHandler = CardportCancelSend;
    Characteristics.CheckForHangHandlerEx = CardportCheckForHang;
    Characteristics.ResetHandlerEx = CardportReset;
    Characteristics.DevicePnPEventNotifyHandler = CardportDevicePnPEventNotify;
    Characteristics.ShutdownHandlerEx = CardportShutdown;
    Characteristics.CancelOidRequestHandler = CardportCancelOidRequest;
    return NdisMRegisterMiniportDriver(DriverObject, RegistryPath, NULL, &Characteristics, &CardportDriver);
}

_Use_decl_annotations_
static VOID CardportUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    NdisMDeregisterMiniportDriver(CardportDriver);
}

_Use_decl_annotations_
static NDIS_STATUS CardportRestart(
    NDIS_HANDLE MiniportAdapterContext,
    PNDIS_MINIPORT_RESTART_PARAMETERS RestartParameters)
{
    PCARDPORT_ADAPTER Adapter = MiniportAdapterContext;

    UNREFERENCED_PARAMETER(RestartParameters);
    Adapter->Running = TRUE;
    WriteCard(Adapter, CARD_CONTROL, CARD_CONTROL_TRANSMIT | CARD_CONTROL_TWO_QUEUES | CARD_CONTROL_RECEIVE);
    return NDIS_STATUS_SUCCESS;
}

/* Whether nothing is under way. The caller holds the lock. */
static BOOLEAN IsIdle(PCARDPORT_ADAPTER Adapter)
{
    return Adapter->ListsOut == 0 && Adapter->Mapping == 0 && Adapter->Sending.Count == 0 &&
           Adapter->Waiting.Count == 0;
}

_Use_decl_annotations_
static NDIS_STATUS CardportPause(NDIS_HANDLE MiniportAdapterContext, PNDIS_MINIPORT_PAUSE_PARAMETERS PauseParameters)
{
    PCARDPORT_ADAPTER Adapter = MiniportAdapterContext;
    BOOLEAN Pending;

    UNREFERENCED_PARAMETER(PauseParameters);
    Adapter->Running = FALSE;
    if (Adapter->Gone)
        AbortSends(Adapter);
    else
        WriteCard(Adapter, CARD_CONTROL, CARD_CONTROL_TRANSMIT | CARD_CONTROL_TWO_QUEUES);
    NdisAcquireSpinLock(&Adapter->Lock);
    Pending = !IsIdle(Adapter);
    Adapter->Pausing = Pending;
    NdisReleaseSpinLock(&Adapter->Lock);
    return Pending ? NDIS_STATUS_PENDING : NDIS_STATUS_SUCCESS;
}

/* Called when something came to its end while a pause may be pending. */
VOID CompletePause(PCARDPORT_ADAPTER Adapter)
{
    BOOLEAN Complete;

    NdisAcquireSpinLock(&Adapter->Lock);
    Complete = Adapter->Pausing && IsIdle(Adapter);
    if (Complete)
        Adapter->Pausing = FALSE;
    NdisReleaseSpinLock(&Adapter->Lock);
    if (Complete)
        NdisMPauseComplete(Adapter->Handle);
}

_Use_decl_annotations_
static VOID CardportHalt(NDIS_HANDLE MiniportAdapterContext, NDIS_HALT_ACTION HaltAction)
{
    UNREFERENCED_PARAMETER(HaltAction);
    DestroyAdapter(MiniportAdapterContext);
}

/* The system goes down: the device must be silent. May run at any IRQL, so nothing is freed or waited for. */
_Use_decl_annotations_
static VOID CardportShutdown(NDIS_HANDLE MiniportAdapterContext, NDIS_SHUTDOWN_ACTION ShutdownAction)
{
    UNREFERENCED_PARAMETER(ShutdownAction);
    WriteCard(MiniportAdapterContext, CARD_CONTROL, CARD_CONTROL_RESET);
}

_Use_decl_annotations_
static BOOLEAN CardportCheckForHang(NDIS_HANDLE MiniportAdapterContext)
{
    ULONG Status = ReadCard(MiniportAdapterContext, CARD_STATUS);

    return Status != CARD_GONE && (Status & CARD_STATUS_DMA_ERROR) != 0;
}

_Use_decl_annotations_
static NDIS_STATUS CardportReset(NDIS_HANDLE MiniportAdapterContext, PBOOLEAN AddressingReset)
{
    *AddressingReset = FALSE;
    ResetCard(MiniportAdapterContext);
    AbortSends(MiniportAdapterContext);
    ProgramCard(MiniportAdapterContext);
    return NDIS_STATUS_SUCCESS;
}

/* Frames are with the device from the moment they are sent: there is never one to cancel. */
_Use_decl_annotations_
static VOID CardportCancelSend(NDIS_HANDLE MiniportAdapterContext, PVOID CancelId)
{
    UNREFERENCED_PARAMETER(MiniportAdapterContext);
    UNREFERENCED_PARAMETER(CancelId);
}

_Use_decl_annotations_
static VOID CardportDevicePnPEventNotify(NDIS_HANDLE MiniportAdapterContext, PNET_DEVICE_PNP_EVENT NetDevicePnPEvent)
{
    PCARDPORT_ADAPTER Adapter = MiniportAdapterContext;

    if (NetDevicePnPEvent->DevicePnPEvent != NdisDevicePnPEventSurpriseRemoved)
        return;
    /* Nothing that the device had comes back by itself. */
    Adapter->Gone = TRUE;
    AbortSends(Adapter);
}

/* Requests are answered before CardportOidRequest returns, so there is never one to cancel. */
_Use_decl_annotations_
static VOID CardportCancelOidRequest(NDIS_HANDLE MiniportAdapterContext, PVOID RequestId)
{
    UNREFERENCED_PARAMETER(MiniportAdapterContext);
    UNREFERENCED_PARAMETER(RequestId);
}

_Use_decl_annotations_
static BOOLEAN CardportInterrupt(
    NDIS_HANDLE MiniportInterruptContext,
    PBOOLEAN QueueDefaultInterruptDpc,
    PULONG TargetProcessors)
{
    PCARDPORT_ADAPTER Adapter = MiniportInterruptContext;
    ULONG Status = ReadCard(Adapter, CARD_INTERRUPT_STATUS);

    *TargetProcessors = 0;
    /* A device that is gone reads as ones; one that did not interrupt leaves the line to others. */
    if (Status == CARD_GONE || (Status & ReadCard(Adapter, CARD_INTERRUPT_ENABLE)) == 0)
        return FALSE;
    WriteCard(Adapter, CARD_INTERRUPT_DISABLE, CARD_ALL_CAUSES);
    *QueueDefaultInterruptDpc = TRUE;
    return TRUE;
}

_Use_decl_annotations_
static BOOLEAN CardportMessageInterrupt(
    NDIS_HANDLE MiniportInterruptContext,
    ULONG MessageId,
    PBOOLEAN QueueDefaultInterruptDpc,
    PULONG TargetProcessors)
{
    *TargetProcessors = 0;
    WriteCard(MiniportInterruptContext, CARD_INTERRUPT_DISABLE, MessageCauses[MessageId]);
    *QueueDefaultInterruptDpc = TRUE;
    return TRUE;
}

typedef struct _ENABLE_CONTEXT {
    PCARDPORT_ADAPTER Adapter;
    ULONG Causes;
} ENABLE_CONTEXT, *PENABLE_CONTEXT;

/* Runs at DIRQL: the mask is shared with the routines above. */
_Use_decl_annotations_
static BOOLEAN CardportEnableCauses(NDIS_HANDLE SynchronizeContext)
{
    PENABLE_CONTEXT Context = SynchronizeContext;

    WriteCard(Context->Adapter, CARD_INTERRUPT_ENABLE, Context->Causes);
    return TRUE;
}

/* Serves causes and lets them interrupt again. */
static VOID Serve(PCARDPORT_ADAPTER Adapter, ULONG Message, ULONG Causes)
{
    ULONG Status = ReadCard(Adapter, CARD_INTERRUPT_STATUS);
    ENABLE_CONTEXT Enable;
    ULONG Pending;
    ULONG Queue;

    if (Status == CARD_GONE)
        return;
    Pending = Status & Causes;
    /* Cleared before it is served: what happens meanwhile is a new cause. */
    WriteCard(Adapter, CARD_INTERRUPT_STATUS, Pending);
    if ((Pending & CARD_CAUSE_TRANSMIT) != 0)
        CompleteSends(Adapter);
    for (Queue = 0; Queue < RECEIVE_QUEUES; Queue++) {
        if ((Pending & (CARD_CAUSE_RECEIVE << Queue)) != 0)
            ReceiveFrames(Adapter, Queue);
    }
    if ((Pending & CARD_CAUSE_OVERRUN) != 0)
        Adapter->ReceiveNoBuffer++;
    if ((Pending & CARD_CAUSE_LINK) != 0)
        IndicateLinkState(Adapter);
    if (Adapter->Gone || Adapter->Interrupt == NULL)
        return;
    Enable.Adapter = Adapter;
    Enable.Causes = Causes;
    NdisMSynchronizeWithInterruptEx(Adapter->Interrupt, Message, (PVOID)CardportEnableCauses, &Enable);
}

_Use_decl_annotations_
static VOID CardportInterruptDpc(
    NDIS_HANDLE MiniportInterruptContext,
    PVOID MiniportDpcContext,
    PVOID ReceiveThrottleParameters,
    PVOID NdisReserved2)
{
    UNREFERENCED_PARAMETER(MiniportDpcContext);
    UNREFERENCED_PARAMETER(ReceiveThrottleParameters);
    UNREFERENCED_PARAMETER(NdisReserved2);
    Serve(MiniportInterruptContext, 0, CARD_ALL_CAUSES);
}

_Use_decl_annotations_
static VOID CardportMessageInterruptDpc(
    NDIS_HANDLE MiniportInterruptContext,
    ULONG MessageId,
    PVOID MiniportDpcContext,
    PVOID ReceiveThrottleParameters,
    PVOID NdisReserved2)
{
    UNREFERENCED_PARAMETER(MiniportDpcContext);
    UNREFERENCED_PARAMETER(ReceiveThrottleParameters);
    UNREFERENCED_PARAMETER(NdisReserved2);
    Serve(MiniportInterruptContext, MessageId, MessageCauses[MessageId]);
}

_Use_decl_annotations_
static VOID CardportDisableInterrupt(NDIS_HANDLE MiniportInterruptContext)
{
    WriteCard(MiniportInterruptContext, CARD_INTERRUPT_DISABLE, CARD_ALL_CAUSES);
}

_Use_decl_annotations_
static VOID CardportEnableInterrupt(NDIS_HANDLE MiniportInterruptContext)
{
    WriteCard(MiniportInterruptContext, CARD_INTERRUPT_ENABLE, CARD_ALL_CAUSES);
}

_Use_decl_annotations_
static VOID CardportDisableMessageInterrupt(NDIS_HANDLE MiniportInterruptContext, ULONG MessageId)
{
    WriteCard(MiniportInterruptContext, CARD_INTERRUPT_DISABLE, MessageCauses[MessageId]);
}

_Use_decl_annotations_
static VOID CardportEnableMessageInterrupt(NDIS_HANDLE MiniportInterruptContext, ULONG MessageId)
{
    WriteCard(MiniportInterruptContext, CARD_INTERRUPT_ENABLE, MessageCauses[MessageId]);
}

NDIS_STATUS RegisterInterrupt(PCARDPORT_ADAPTER Adapter)
{
    NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS Characteristics;
    NDIS_STATUS Status;

    RtlZeroMemory(&Characteristics, sizeof(Characteristics));
    Characteristics.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT;
    Characteristics.Header.Revision = NDIS_MINIPORT_INTERRUPT_REVISION_1;
    Characteristics.Header.Size = NDIS_SIZEOF_MINIPORT_INTERRUPT_CHARACTERISTICS_REVISION_1;
    Characteristics.InterruptHandler = CardportInterrupt;
    Characteristics.InterruptDpcHandler = CardportInterruptDpc;
    Characteristics.DisableInterruptHandler = CardportDisableInterrupt;
    Characteristics.EnableInterruptHandler = CardportEnableInterrupt;
    Characteristics.MsiSupported = TRUE;
    Characteristics.MessageInterruptHandler = CardportMessageInterrupt;
    Characteristics.MessageInterruptDpcHandler = CardportMessageInterruptDpc;
    Characteristics.DisableMessageInterruptHandler = CardportDisableMessageInterrupt;
    Characteristics.EnableMessageInterruptHandler = CardportEnableMessageInterrupt;
    Status = NdisMRegisterInterruptEx(Adapter->Handle, Adapter, &Characteristics, &Adapter->Interrupt);
    Adapter->Messages = Status == NDIS_STATUS_SUCCESS && Characteristics.InterruptType == NDIS_CONNECT_MESSAGE_BASED;
    return Status;
}
