/*
 * sniff: a protocol driver in promiscuous mode that keeps copies of the frames it sees and gives them to a program
 * that reads its device `\\.\Sniff`. Parameters: `BufferBytes` (default 1 MiB, in all), `SnapLength` (bytes kept of a
 * frame, default 65549). See "Writing NDIS Protocol Drivers" (network).
 */
#include "sniff.h"

#include "../support/parameters.h"

#define DEFAULT_BUFFER (1 << 20)
#define SMALLEST_BUFFER 4096
#define LARGEST_BUFFER (1 << 26)

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD SniffUnload;
static PROTOCOL_BIND_ADAPTER_EX SniffBindAdapter;
static PROTOCOL_UNBIND_ADAPTER_EX SniffUnbindAdapter;
static PROTOCOL_OPEN_ADAPTER_COMPLETE_EX SniffOpenAdapterComplete;
static PROTOCOL_CLOSE_ADAPTER_COMPLETE_EX SniffCloseAdapterComplete;
static PROTOCOL_OID_REQUEST_COMPLETE SniffOidRequestComplete;
static PROTOCOL_STATUS_EX SniffStatus;
static PROTOCOL_NET_PNP_EVENT SniffNetPnPEvent;
static PROTOCOL_RECEIVE_NET_BUFFER_LISTS SniffReceiveNetBufferLists;
static PROTOCOL_SEND_NET_BUFFER_LISTS_COMPLETE SniffSendNetBufferListsComplete;

#pragma alloc_text(INIT, DriverEntry)

SNIFF_DRIVER Sniff;

static NTSTATUS ReadParameters(PUNICODE_STRING RegistryPath)
{
    HANDLE Parameters = OpenParameters(RegistryPath);

    Sniff.Records.Size = ReadNumber(Parameters, L"BufferBytes", DEFAULT_BUFFER, SMALLEST_BUFFER, LARGEST_BUFFER) & ~7u;
    Sniff.SnapLength = ReadNumber(Parameters, L"SnapLength", SNIFF_LARGEST_FRAME, 1, SNIFF_LARGEST_FRAME);
    CloseParameters(Parameters);
    Sniff.Records.Bytes = ExAllocatePool2(POOL_FLAG_NON_PAGED, Sniff.Records.Size, SNIFF_TAG);
    return Sniff.Records.Bytes == NULL ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS;
}

static NDIS_STATUS RegisterProtocol(PUNICODE_STRING RegistryPath)
{
    NDIS_PROTOCOL_DRIVER_CHARACTERISTICS Characteristics;

    RtlZeroMemory(&Characteristics, sizeof(Characteristics));
    Characteristics.Header.Type = NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS;
    Characteristics.Header.Revision = NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2;
    Characteristics.Header.Size = NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2;
    Characteristics.MajorNdisVersion = 6;
    Characteristics.MinorNdisVersion = 30;
    Characteristics.MajorDriverVersion = 1;
    Characteristics.Name = ServiceNameOf(RegistryPath);
    Characteristics.BindAdapterHandlerEx = SniffBindAdapter;
    Characteristics.UnbindAdapterHandlerEx = SniffUnbindAdapter;
    Characteristics.OpenAdapterCompleteHandlerEx = SniffOpenAdapterComplete;
    Characteristics.CloseAdapterCompleteHandlerEx = SniffCloseAdapterComplete;
    Characteristics.NetPnPEventHandler = SniffNetPnPEvent;
    Characteristics.OidRequestCompleteHandler = SniffOidRequestComplete;
    Characteristics.StatusHandlerEx = SniffStatus;
    Characteristics.ReceiveNetBufferListsHandler = SniffReceiveNetBufferLists;
    Characteristics.SendNetBufferListsCompleteHandler = SniffSendNetBufferListsComplete;
    return NdisRegisterProtocolDriver(NULL, &Characteristics, &Sniff.Protocol);
}

_Use_decl_annotations_
NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status = ReadParameters(RegistryPath);

    if (!NT_SUCCESS(Status))
        return Status;
    KeInitializeSpinLock(&Sniff.Records.Lock);
    KeInitializeEvent(&Sniff.BindingsTurn, SynchronizationEvent, TRUE);
    InitializeListHead(&Sniff.Bindings);
    Sniff.PacketFilter = NDIS_PACKET_TYPE_PROMISCUOUS;
    DriverObject->DriverUnload = SniffUnload;

    Status = SniffCreateDevice(DriverObject);
    if (NT_SUCCESS(Status)) {
        Status = RegisterProtocol(RegistryPath);
        if (Status != NDIS_STATUS_SUCCESS)
            SniffDeleteDevice();
    }
    if (!NT_SUCCESS(Status))
        ExFreePoolWithTag(Sniff.Records.Bytes, SNIFF_TAG);
    return Status;
}

_Use_decl_annotations_
static VOID SniffUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    NdisDeregisterProtocolDriver(Sniff.Protocol);
    SniffDeleteDevice();
    ExFreePoolWithTag(Sniff.Records.Bytes, SNIFF_TAG);
}

/* Whoever looks at the bindings must be able to wait meanwhile, so that an event and no lock keeps others away. */
static VOID TakeTurn(VOID)
{
    KeWaitForSingleObject(&Sniff.BindingsTurn, Executive, KernelMode, FALSE, NULL);
}

static VOID EndTurn(VOID)
{
    KeSetEvent(&Sniff.BindingsTurn, IO_NO_INCREMENT, FALSE);
}

NTSTATUS SniffSetFilter(const SNIFF_FILTER *Filter)
{
    NTSTATUS Result = STATUS_SUCCESS;
    PLIST_ENTRY Entry;

    TakeTurn();
    Sniff.PacketFilter = Filter->PacketFilter;
    Sniff.SnapLength = Filter->SnapLength == 0 ? SNIFF_LARGEST_FRAME : Filter->SnapLength;
    for (Entry = Sniff.Bindings.Flink; Entry != &Sniff.Bindings; Entry = Entry->Flink) {
        PSNIFF_BINDING Binding = CONTAINING_RECORD(Entry, SNIFF_BINDING, Link);
        ULONG PacketFilter = Sniff.PacketFilter;
        NDIS_STATUS Status =
            BindingSet(&Binding->Base, OID_GEN_CURRENT_PACKET_FILTER, &PacketFilter, sizeof(PacketFilter));

        if (Status != NDIS_STATUS_SUCCESS)
            Result = Status;
    }
    EndTurn();
    return Result;
}

VOID SniffQueryStatistics(PSNIFF_STATISTICS Statistics)
{
    Statistics->Captured = Sniff.Captured;
    Statistics->Dropped = Sniff.Dropped;
    Statistics->Bindings = Sniff.BindingCount;
    Statistics->Waiting = Sniff.Records.Count;
}

static VOID DestroyBinding(PSNIFF_BINDING Binding)
{
    BindingClose(&Binding->Base);
    ExFreePoolWithTag(Binding, SNIFF_TAG);
}

_Use_decl_annotations_
static NDIS_STATUS SniffBindAdapter(
    NDIS_HANDLE ProtocolDriverContext,
    NDIS_HANDLE BindContext,
    PNDIS_BIND_PARAMETERS BindParameters)
{
    PSNIFF_BINDING Binding = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*Binding), SNIFF_TAG);
    NDIS_STATUS Status;
    ULONG PacketFilter;

    UNREFERENCED_PARAMETER(ProtocolDriverContext);
    if (Binding == NULL)
        return NDIS_STATUS_RESOURCES;
    BindingInitialize(&Binding->Base, BindParameters);
    TakeTurn();
    Status = BindingOpen(&Binding->Base, Sniff.Protocol, Binding, BindContext, BindParameters);
    if (Status == NDIS_STATUS_SUCCESS) {
        PacketFilter = Sniff.PacketFilter;
        Status = BindingSet(&Binding->Base, OID_GEN_CURRENT_PACKET_FILTER, &PacketFilter, sizeof(PacketFilter));
    }
    if (Status == NDIS_STATUS_SUCCESS) {
        InsertTailList(&Sniff.Bindings, &Binding->Link);
        Sniff.BindingCount++;
    }
    EndTurn();
    if (Status != NDIS_STATUS_SUCCESS)
        DestroyBinding(Binding);
    return Status;
}

_Use_decl_annotations_
static NDIS_STATUS SniffUnbindAdapter(NDIS_HANDLE UnbindContext, NDIS_HANDLE ProtocolBindingContext)
{
    PSNIFF_BINDING Binding = ProtocolBindingContext;

    UNREFERENCED_PARAMETER(UnbindContext);
    TakeTurn();
    RemoveEntryList(&Binding->Link);
    Sniff.BindingCount--;
    EndTurn();
    DestroyBinding(Binding);
    return NDIS_STATUS_SUCCESS;
}

_Use_decl_annotations_
static VOID SniffOpenAdapterComplete(NDIS_HANDLE ProtocolBindingContext, NDIS_STATUS Status)
{
    BindingComplete(&((PSNIFF_BINDING)ProtocolBindingContext)->Base, Status);
}

_Use_decl_annotations_
static VOID SniffCloseAdapterComplete(NDIS_HANDLE ProtocolBindingContext)
{
    BindingComplete(&((PSNIFF_BINDING)ProtocolBindingContext)->Base, NDIS_STATUS_SUCCESS);
}

_Use_decl_annotations_
static VOID SniffOidRequestComplete(NDIS_HANDLE ProtocolBindingContext, PNDIS_OID_REQUEST OidRequest, NDIS_STATUS Status)
{
    UNREFERENCED_PARAMETER(ProtocolBindingContext);
    BindingCompleteRequest(OidRequest, Status);
}

_Use_decl_annotations_
static VOID SniffStatus(NDIS_HANDLE ProtocolBindingContext, PNDIS_STATUS_INDICATION StatusIndication)
{
    UNREFERENCED_PARAMETER(ProtocolBindingContext);
    UNREFERENCED_PARAMETER(StatusIndication);
}

_Use_decl_annotations_
static NDIS_STATUS SniffNetPnPEvent(
    NDIS_HANDLE ProtocolBindingContext,
    PNET_PNP_EVENT_NOTIFICATION NetPnPEventNotification)
{
    PSNIFF_BINDING Binding = ProtocolBindingContext;

    switch (NetPnPEventNotification->NetPnPEvent.NetEvent) {
    case NetEventPause:
        BindingPause(&Binding->Base);
        return NDIS_STATUS_SUCCESS;
    case NetEventRestart:
        BindingRestart(&Binding->Base);
        return NDIS_STATUS_SUCCESS;
    default:
        /* Nothing else needs an answer; a driver of NDIS 6 refuses nothing with NDIS_STATUS_NOT_SUPPORTED. */
        return NDIS_STATUS_SUCCESS;
    }
}

/* Keeps copies of the frames of a chain. */
static VOID CaptureLists(PSNIFF_BINDING Binding, PNET_BUFFER_LIST Lists)
{
    PNET_BUFFER_LIST List;
    PNET_BUFFER Buffer;
    SNIFF_RECORD Record;
    KIRQL Irql;

    RtlZeroMemory(&Record, sizeof(Record));
    Record.InterfaceIndex = Binding->Base.IfIndex;
    NdisGetCurrentSystemTime(&Record.SystemTime);
    KeAcquireSpinLock(&Sniff.Records.Lock, &Irql);
    for (List = Lists; List != NULL; List = NET_BUFFER_LIST_NEXT_NBL(List)) {
        Record.VlanInfo = (ULONG)(ULONG_PTR)NET_BUFFER_LIST_INFO(List, Ieee8021QNetBufferListInfo);
        for (Buffer = NET_BUFFER_LIST_FIRST_NB(List); Buffer != NULL; Buffer = NET_BUFFER_NEXT_NB(Buffer)) {
            if (RecordsPush(&Sniff.Records, Buffer, &Record, Sniff.SnapLength))
                Sniff.Captured++;
            else
                Sniff.Dropped++;
        }
    }
    KeReleaseSpinLock(&Sniff.Records.Lock, Irql);
}

/* The frames are copied; the lists go back at once. */
_Use_decl_annotations_
static VOID SniffReceiveNetBufferLists(
    NDIS_HANDLE ProtocolBindingContext,
    PNET_BUFFER_LIST NetBufferLists,
    NDIS_PORT_NUMBER PortNumber,
    ULONG NumberOfNetBufferLists,
    ULONG ReceiveFlags)
{
    PSNIFF_BINDING Binding = ProtocolBindingContext;

    UNREFERENCED_PARAMETER(PortNumber);
    UNREFERENCED_PARAMETER(NumberOfNetBufferLists);
    if (Sniff.OpenFiles > 0 && Binding->Base.Running)
        CaptureLists(Binding, NetBufferLists);
    if ((ReceiveFlags & NDIS_RECEIVE_FLAGS_RESOURCES) == 0) {
        NdisReturnNetBufferLists(
            Binding->Base.Handle,
            NetBufferLists,
            (ReceiveFlags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL) != 0 ? NDIS_RETURN_FLAGS_DISPATCH_LEVEL : 0);
    }
    SniffServeReads();
}

/* It never sends. */
_Use_decl_annotations_
static VOID SniffSendNetBufferListsComplete(
    NDIS_HANDLE ProtocolBindingContext,
    PNET_BUFFER_LIST NetBufferList,
    ULONG SendCompleteFlags)
{
    UNREFERENCED_PARAMETER(ProtocolBindingContext);
    UNREFERENCED_PARAMETER(NetBufferList);
    UNREFERENCED_PARAMETER(SendCompleteFlags);
}
