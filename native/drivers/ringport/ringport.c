/*
 * ringport: an NDIS 6.30 miniport driver over the ring of ndisbox.h. It does what the documentation asks of an Ethernet
 * miniport, in the order in which "Writing NDIS Miniport Drivers" (network) presents it. This file: DriverEntry, what
 * changes the state of an adapter, and the DPC. One adapter is RINGPORT_ADAPTER.
 */
#include "ringport.h"

/* Rounds of receiving in one DPC; what is left comes with the next, so that one busy wire does not starve the others. */
#define ROUNDS_PER_DPC 4

DRIVER_INITIALIZE DriverEntry;
static MINIPORT_UNLOAD RingportUnload;
static MINIPORT_HALT RingportHalt;
static MINIPORT_PAUSE RingportPause;
static MINIPORT_RESTART RingportRestart;
static MINIPORT_SHUTDOWN RingportShutdown;
static MINIPORT_DEVICE_PNP_EVENT_NOTIFY RingportDevicePnPEventNotify;
static MINIPORT_CANCEL_OID_REQUEST RingportCancelOidRequest;

#pragma alloc_text(INIT, DriverEntry)

static NDIS_HANDLE RingportDriver;

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
    Characteristics.InitializeHandlerEx = RingportInitialize;
    Characteristics.HaltHandlerEx = RingportHalt;
    Characteristics.UnloadHandler = RingportUnload;
    Characteristics.PauseHandler = RingportPause;
    Characteristics.RestartHandler = RingportRestart;
    Characteristics.OidRequestHandler = RingportOidRequest;
    Characteristics.SendNetBufferListsHandler = RingportSendNetBufferLists;
    Characteristics.ReturnNetBufferListsHandler = RingportReturnNetBufferLists;
    Characteristics.CancelSendHandler = RingportCancelSend;
    Characteristics.DevicePnPEventNotifyHandler = RingportDevicePnPEventNotify;
    Characteristics.ShutdownHandlerEx = RingportShutdown;
    Characteristics.CancelOidRequestHandler = RingportCancelOidRequest;
    return NdisMRegisterMiniportDriver(DriverObject, RegistryPath, NULL, &Characteristics, &RingportDriver);
}

_Use_decl_annotations_
static VOID RingportUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    NdisMDeregisterMiniportDriver(RingportDriver);
}

VOID RingDoorbell(PRINGPORT_ADAPTER Adapter, ULONG Work)
{
    ULONG Events = NdisboxRingDoorbell(Adapter->Ring, Work);

    if (Events != 0)
        InterlockedOr(&Adapter->Events, (LONG)Events);
}

VOID CountFrame(PFRAME_COUNTERS Counters, const UCHAR *Frame, ULONG Length)
{
    static const UCHAR Broadcast[ETHERNET_ADDRESS_LENGTH] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    Counters->Frames++;
    Counters->Bytes += Length;
    if ((Frame[0] & 1) == 0)
        return;
    if (RtlEqualMemory(Frame, Broadcast, sizeof(Broadcast))) {
        Counters->BroadcastFrames++;
        Counters->BroadcastBytes += Length;
    } else {
        Counters->MulticastFrames++;
        Counters->MulticastBytes += Length;
    }
}

/* The DPC that the device queues, as it would be queued by the interrupt of real hardware. */
KDEFERRED_ROUTINE RingportDpc;

_Use_decl_annotations_
VOID RingportDpc(PKDPC Dpc, PVOID DeferredContext, PVOID SystemArgument1, PVOID SystemArgument2)
{
    PRINGPORT_ADAPTER Adapter = DeferredContext;
    ULONG Round;
    LONG Events;

    UNREFERENCED_PARAMETER(SystemArgument1);
    UNREFERENCED_PARAMETER(SystemArgument2);
    if (Adapter->Closing)
        return;
    RingDoorbell(Adapter, 0);
    Events = InterlockedExchange(&Adapter->Events, 0);
    if ((Events & NDISBOX_RING_LINK_CHANGED) != 0)
        IndicateLinkState(Adapter);
    if ((Events & NDISBOX_RING_FAILED) != 0)
        FlushSends(Adapter);
    TransmitWaiting(Adapter);
    for (Round = 0; Round < ROUNDS_PER_DPC; Round++) {
        if (!ReceiveFrames(Adapter))
            return;
    }
    /* More frames may wait: come back after what else is due. */
    KeInsertQueueDpc(Dpc, NULL, NULL);
}

_Use_decl_annotations_
static NDIS_STATUS RingportRestart(
    NDIS_HANDLE MiniportAdapterContext,
    PNDIS_MINIPORT_RESTART_PARAMETERS RestartParameters)
{
    PRINGPORT_ADAPTER Adapter = MiniportAdapterContext;

    UNREFERENCED_PARAMETER(RestartParameters);
    Adapter->Running = TRUE;
    /* Frames may have come while nobody looked. */
    KeInsertQueueDpc(&Adapter->Dpc, NULL, NULL);
    return NDIS_STATUS_SUCCESS;
}

_Use_decl_annotations_
static NDIS_STATUS RingportPause(NDIS_HANDLE MiniportAdapterContext, PNDIS_MINIPORT_PAUSE_PARAMETERS PauseParameters)
{
    PRINGPORT_ADAPTER Adapter = MiniportAdapterContext;
    BOOLEAN Pending;

    UNREFERENCED_PARAMETER(PauseParameters);
    Adapter->Running = FALSE;
    FlushSends(Adapter);
    NdisAcquireSpinLock(&Adapter->ReceiveLock);
    Pending = Adapter->ReceiveOutstanding > 0;
    Adapter->Pausing = Pending;
    NdisReleaseSpinLock(&Adapter->ReceiveLock);
    /* RingportReturnNetBufferLists calls NdisMPauseComplete. */
    return Pending ? NDIS_STATUS_PENDING : NDIS_STATUS_SUCCESS;
}

_Use_decl_annotations_
static VOID RingportHalt(NDIS_HANDLE MiniportAdapterContext, NDIS_HALT_ACTION HaltAction)
{
    UNREFERENCED_PARAMETER(HaltAction);
    DestroyAdapter(MiniportAdapterContext);
}

/* The system goes down: be silent. May run at any IRQL, so nothing is freed. */
_Use_decl_annotations_
static VOID RingportShutdown(NDIS_HANDLE MiniportAdapterContext, NDIS_SHUTDOWN_ACTION ShutdownAction)
{
    UNREFERENCED_PARAMETER(ShutdownAction);
    ((PRINGPORT_ADAPTER)MiniportAdapterContext)->Running = FALSE;
}

_Use_decl_annotations_
static VOID RingportDevicePnPEventNotify(NDIS_HANDLE MiniportAdapterContext, PNET_DEVICE_PNP_EVENT NetDevicePnPEvent)
{
    UNREFERENCED_PARAMETER(MiniportAdapterContext);
    UNREFERENCED_PARAMETER(NetDevicePnPEvent);
}

/* Requests are answered before RingportOidRequest returns, so there is never one to cancel. */
_Use_decl_annotations_
static VOID RingportCancelOidRequest(NDIS_HANDLE MiniportAdapterContext, PVOID RequestId)
{
    UNREFERENCED_PARAMETER(MiniportAdapterContext);
    UNREFERENCED_PARAMETER(RequestId);
}
