/*
 * monitor: a monitoring filter driver that copies the frames that pass it into a pcapng capture. A program opens its
 * device `\\.\Monitor`, which begins a capture, and reads it: what it reads, one read after the other, is a pcapng file;
 * a read of 0 bytes says that nothing has passed since. Parameters: `BufferBytes` (default 1 MiB), `SnapLength` (bytes
 * kept of a frame). See "Types of Filter Drivers" and "Filter Module Send and Receive Operations" (network).
 */
#include "monitor.h"

#include "../support/controlDevice.h"
#include "../support/parameters.h"

#define DEFAULT_BUFFER (1 << 20)
#define SMALLEST_BUFFER 4096
#define LARGEST_BUFFER (1 << 26)

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD MonitorUnload;
static FILTER_ATTACH MonitorAttach;
static FILTER_DETACH MonitorDetach;
static FILTER_PAUSE MonitorPause;
static FILTER_RESTART MonitorRestart;
static FILTER_SEND_NET_BUFFER_LISTS MonitorSend;
static FILTER_SEND_NET_BUFFER_LISTS_COMPLETE MonitorSendComplete;
static FILTER_RECEIVE_NET_BUFFER_LISTS MonitorReceive;
static FILTER_RETURN_NET_BUFFER_LISTS MonitorReturn;
static FILTER_STATUS MonitorStatus;

#pragma alloc_text(INIT, DriverEntry)

MONITOR_DRIVER Monitor;

static NTSTATUS ReadParameters(PUNICODE_STRING RegistryPath)
{
    HANDLE Parameters = OpenParameters(RegistryPath);

    Monitor.BufferSize = ReadNumber(Parameters, L"BufferBytes", DEFAULT_BUFFER, SMALLEST_BUFFER, LARGEST_BUFFER) & ~3u;
    Monitor.SnapLength = ReadNumber(Parameters, L"SnapLength", MONITOR_LARGEST_FRAME, 1, MONITOR_LARGEST_FRAME);
    CloseParameters(Parameters);
    Monitor.Buffer = ExAllocatePool2(POOL_FLAG_NON_PAGED, Monitor.BufferSize, MONITOR_TAG);
    return Monitor.Buffer == NULL ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS;
}

static NDIS_STATUS RegisterFilter(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    static const UNICODE_STRING FriendlyName = RTL_CONSTANT_STRING(L"ndisbox monitoring filter");
    /* What identifies the filter; an INF file for it has the same. */
    static const UNICODE_STRING UniqueName = RTL_CONSTANT_STRING(L"{A9E4B3C2-6F0D-4D0B-9E61-3B6C1D2F7A02}");
    NDIS_FILTER_DRIVER_CHARACTERISTICS Characteristics;

    RtlZeroMemory(&Characteristics, sizeof(Characteristics));
    Characteristics.Header.Type = NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS;
    Characteristics.Header.Revision = NDIS_FILTER_CHARACTERISTICS_REVISION_2;
    Characteristics.Header.Size = NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_2;
    Characteristics.MajorNdisVersion = 6;
    Characteristics.MinorNdisVersion = 30;
    Characteristics.MajorDriverVersion = 1;
    Characteristics.FriendlyName = FriendlyName;
    Characteristics.UniqueName = UniqueName;
    Characteristics.ServiceName = ServiceNameOf(RegistryPath);
    Characteristics.AttachHandler = MonitorAttach;
    Characteristics.DetachHandler = MonitorDetach;
    Characteristics.PauseHandler = MonitorPause;
    Characteristics.RestartHandler = MonitorRestart;
    Characteristics.SendNetBufferListsHandler = MonitorSend;
    Characteristics.SendNetBufferListsCompleteHandler = MonitorSendComplete;
    Characteristics.ReceiveNetBufferListsHandler = MonitorReceive;
    Characteristics.ReturnNetBufferListsHandler = MonitorReturn;
    Characteristics.StatusHandler = MonitorStatus;
    return NdisFRegisterFilterDriver(DriverObject, NULL, &Characteristics, &Monitor.Filter);
}

_Use_decl_annotations_
NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status = ReadParameters(RegistryPath);

    if (!NT_SUCCESS(Status))
        return Status;
    MonitorInitializeCapture();
    DriverObject->DriverUnload = MonitorUnload;
    Status = RegisterFilter(DriverObject, RegistryPath);
    if (Status == NDIS_STATUS_SUCCESS) {
        Status = MonitorCreateDevice();
        if (Status != NDIS_STATUS_SUCCESS)
            NdisFDeregisterFilterDriver(Monitor.Filter);
    }
    if (Status != NDIS_STATUS_SUCCESS)
        ExFreePoolWithTag(Monitor.Buffer, MONITOR_TAG);
    return Status;
}

_Use_decl_annotations_
static VOID MonitorUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    ControlDeviceDelete();
    NdisFDeregisterFilterDriver(Monitor.Filter);
    ExFreePoolWithTag(Monitor.Buffer, MONITOR_TAG);
}

/* The name that the capture has for the interface: that of the adapter, as far as it is ASCII. */
static VOID SetName(PMONITOR_MODULE Module, PCUNICODE_STRING Name)
{
    ULONG Index;

    Module->NameLength = min(Name->Length / sizeof(WCHAR), MONITOR_NAME_LENGTH);
    for (Index = 0; Index < Module->NameLength; Index++) {
        WCHAR Character = Name->Buffer[Index];

        Module->Name[Index] = Character >= L' ' && Character <= L'~' ? (CHAR)Character : '?';
    }
}

_Use_decl_annotations_
static NDIS_STATUS MonitorAttach(
    NDIS_HANDLE NdisFilterHandle,
    NDIS_HANDLE FilterDriverContext,
    PNDIS_FILTER_ATTACH_PARAMETERS AttachParameters)
{
    PMONITOR_MODULE Module = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*Module), MONITOR_TAG);
    NDIS_FILTER_ATTRIBUTES Attributes;
    NDIS_STATUS Status;

    UNREFERENCED_PARAMETER(FilterDriverContext);
    if (Module == NULL)
        return NDIS_STATUS_RESOURCES;
    Module->Handle = NdisFilterHandle;
    SetName(Module, AttachParameters->BaseMiniportInstanceName);
    RtlZeroMemory(&Attributes, sizeof(Attributes));
    Attributes.Header.Type = NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES;
    Attributes.Header.Revision = NDIS_FILTER_ATTRIBUTES_REVISION_1;
    Attributes.Header.Size = NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1;
    Status = NdisFSetAttributes(NdisFilterHandle, Module, &Attributes);
    if (Status == NDIS_STATUS_SUCCESS)
        MonitorAddModule(Module);
    else
        ExFreePoolWithTag(Module, MONITOR_TAG);
    return Status;
}

_Use_decl_annotations_
static VOID MonitorDetach(NDIS_HANDLE FilterModuleContext)
{
    MonitorRemoveModule(FilterModuleContext);
    ExFreePoolWithTag(FilterModuleContext, MONITOR_TAG);
}

/* It holds nothing, so there is nothing to wait for. */
_Use_decl_annotations_
static NDIS_STATUS MonitorPause(NDIS_HANDLE FilterModuleContext, PNDIS_FILTER_PAUSE_PARAMETERS PauseParameters)
{
    UNREFERENCED_PARAMETER(FilterModuleContext);
    UNREFERENCED_PARAMETER(PauseParameters);
    return NDIS_STATUS_SUCCESS;
}

_Use_decl_annotations_
static NDIS_STATUS MonitorRestart(NDIS_HANDLE FilterModuleContext, PNDIS_FILTER_RESTART_PARAMETERS RestartParameters)
{
    UNREFERENCED_PARAMETER(FilterModuleContext);
    UNREFERENCED_PARAMETER(RestartParameters);
    return NDIS_STATUS_SUCCESS;
}

_Use_decl_annotations_
static VOID MonitorSend(
    NDIS_HANDLE FilterModuleContext,
    PNET_BUFFER_LIST NetBufferList,
    NDIS_PORT_NUMBER PortNumber,
    ULONG SendFlags)
{
    PMONITOR_MODULE Module = FilterModuleContext;

    MonitorCapture(Module, NetBufferList, MONITOR_OUTBOUND);
    NdisFSendNetBufferLists(Module->Handle, NetBufferList, PortNumber, SendFlags);
}

_Use_decl_annotations_
static VOID MonitorSendComplete(NDIS_HANDLE FilterModuleContext, PNET_BUFFER_LIST NetBufferList, ULONG SendCompleteFlags)
{
    NdisFSendNetBufferListsComplete(((PMONITOR_MODULE)FilterModuleContext)->Handle, NetBufferList, SendCompleteFlags);
}

_Use_decl_annotations_
static VOID MonitorReceive(
    NDIS_HANDLE FilterModuleContext,
    PNET_BUFFER_LIST NetBufferLists,
    NDIS_PORT_NUMBER PortNumber,
    ULONG NumberOfNetBufferLists,
    ULONG ReceiveFlags)
{
    PMONITOR_MODULE Module = FilterModuleContext;

    MonitorCapture(Module, NetBufferLists, MONITOR_INBOUND);
    NdisFIndicateReceiveNetBufferLists(Module->Handle, NetBufferLists, PortNumber, NumberOfNetBufferLists, ReceiveFlags);
}

_Use_decl_annotations_
static VOID MonitorReturn(NDIS_HANDLE FilterModuleContext, PNET_BUFFER_LIST NetBufferLists, ULONG ReturnFlags)
{
    NdisFReturnNetBufferLists(((PMONITOR_MODULE)FilterModuleContext)->Handle, NetBufferLists, ReturnFlags);
}

/* Who has receive handlers has to have this one. */
_Use_decl_annotations_
static VOID MonitorStatus(NDIS_HANDLE FilterModuleContext, PNDIS_STATUS_INDICATION StatusIndication)
{
    NdisFIndicateStatus(((PMONITOR_MODULE)FilterModuleContext)->Handle, StatusIndication);
}
