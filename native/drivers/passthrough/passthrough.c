/*
 * passthrough: a modifying filter driver that has every handler and changes nothing: what comes goes on, requests as
 * clones, and is counted. While it is bypassed it has no handlers on the data path, and NDIS goes past it. A program asks
 * its device `\\.\Passthrough` for the counts and switches the bypass. Parameter: `Bypass` (1: begin so). A model, in the
 * order in which "Writing NDIS Filter Drivers" (network) presents it.
 */
#include "passthrough.h"

#include "../support/controlDevice.h"
#include "../support/parameters.h"

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD PassthroughUnload;
static FILTER_ATTACH PassthroughAttach;
static FILTER_DETACH PassthroughDetach;
static FILTER_SET_MODULE_OPTIONS PassthroughSetModuleOptions;
static FILTER_PAUSE PassthroughPause;
static FILTER_RESTART PassthroughRestart;
static FILTER_SEND_NET_BUFFER_LISTS PassthroughSend;
static FILTER_SEND_NET_BUFFER_LISTS_COMPLETE PassthroughSendComplete;
static FILTER_CANCEL_SEND_NET_BUFFER_LISTS PassthroughCancelSend;
static FILTER_RECEIVE_NET_BUFFER_LISTS PassthroughReceive;
static FILTER_RETURN_NET_BUFFER_LISTS PassthroughReturn;
static FILTER_STATUS PassthroughStatus;
static FILTER_NET_PNP_EVENT PassthroughNetPnPEvent;
static FILTER_DEVICE_PNP_EVENT_NOTIFY PassthroughDevicePnPEventNotify;

#pragma alloc_text(INIT, DriverEntry)

PASSTHROUGH_DRIVER Passthrough;

static NDIS_STATUS RegisterFilter(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    static const UNICODE_STRING FriendlyName = RTL_CONSTANT_STRING(L"ndisbox passthrough filter");
    /* What identifies the filter; an INF file for it has the same. */
    static const UNICODE_STRING UniqueName = RTL_CONSTANT_STRING(L"{A9E4B3C2-6F0D-4D0B-9E61-3B6C1D2F7A01}");
    NDIS_FILTER_DRIVER_CHARACTERISTICS Characteristics;

    RtlZeroMemory(&Characteristics, sizeof(Characteristics));
    Characteristics.Header.Type = NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS;
    Characteristics.Header.Revision = NDIS_FILTER_CHARACTERISTICS_REVISION_3;
    Characteristics.Header.Size = NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_3;
    Characteristics.MajorNdisVersion = 6;
    Characteristics.MinorNdisVersion = 81;
    Characteristics.MajorDriverVersion = 1;
    Characteristics.FriendlyName = FriendlyName;
    Characteristics.UniqueName = UniqueName;
    Characteristics.ServiceName = ServiceNameOf(RegistryPath);
    Characteristics.AttachHandler = PassthroughAttach;
    Characteristics.DetachHandler = PassthroughDetach;
    Characteristics.SetFilterModuleOptionsHandler = PassthroughSetModuleOptions;
    Characteristics.PauseHandler = PassthroughPause;
    Characteristics.RestartHandler = PassthroughRestart;
    Characteristics.SendNetBufferListsHandler = PassthroughSend;
    Characteristics.SendNetBufferListsCompleteHandler = PassthroughSendComplete;
    Characteristics.CancelSendNetBufferListsHandler = PassthroughCancelSend;
    Characteristics.ReceiveNetBufferListsHandler = PassthroughReceive;
    Characteristics.ReturnNetBufferListsHandler = PassthroughReturn;
    Characteristics.OidRequestHandler = PassthroughOidRequest;
    Characteristics.OidRequestCompleteHandler = PassthroughOidRequestComplete;
    Characteristics.CancelOidRequestHandler = PassthroughCancelOidRequest;
    Characteristics.DirectOidRequestHandler = PassthroughDirectOidRequest;
    Characteristics.DirectOidRequestCompleteHandler = PassthroughDirectOidRequestComplete;
    Characteristics.CancelDirectOidRequestHandler = PassthroughCancelDirectOidRequest;
    Characteristics.SynchronousOidRequestHandler = PassthroughSynchronousOidRequest;
    Characteristics.SynchronousOidRequestCompleteHandler = PassthroughSynchronousOidRequestComplete;
    Characteristics.StatusHandler = PassthroughStatus;
    Characteristics.NetPnPEventHandler = PassthroughNetPnPEvent;
    Characteristics.DevicePnPEventNotifyHandler = PassthroughDevicePnPEventNotify;
    return NdisFRegisterFilterDriver(DriverObject, NULL, &Characteristics, &Passthrough.Filter);
}

_Use_decl_annotations_
NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    HANDLE Parameters = OpenParameters(RegistryPath);
    NDIS_STATUS Status;

    Passthrough.Bypass = (BOOLEAN)ReadNumber(Parameters, L"Bypass", 0, 0, 1);
    CloseParameters(Parameters);
    KeInitializeSpinLock(&Passthrough.ModulesLock);
    InitializeListHead(&Passthrough.Modules);
    DriverObject->DriverUnload = PassthroughUnload;

    Status = RegisterFilter(DriverObject, RegistryPath);
    if (Status != NDIS_STATUS_SUCCESS)
        return Status;
    Status = PassthroughCreateDevice();
    if (Status != NDIS_STATUS_SUCCESS)
        NdisFDeregisterFilterDriver(Passthrough.Filter);
    return Status;
}

_Use_decl_annotations_
static VOID PassthroughUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    ControlDeviceDelete();
    NdisFDeregisterFilterDriver(Passthrough.Filter);
}

_Use_decl_annotations_
static NDIS_STATUS PassthroughAttach(
    NDIS_HANDLE NdisFilterHandle,
    NDIS_HANDLE FilterDriverContext,
    PNDIS_FILTER_ATTACH_PARAMETERS AttachParameters)
{
    PPASSTHROUGH_MODULE Module = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*Module), PASSTHROUGH_TAG);
    NDIS_FILTER_ATTRIBUTES Attributes;
    NDIS_STATUS Status;
    KIRQL Irql;

    UNREFERENCED_PARAMETER(FilterDriverContext);
    UNREFERENCED_PARAMETER(AttachParameters);
    if (Module == NULL)
        return NDIS_STATUS_RESOURCES;
    Module->Handle = NdisFilterHandle;
    RtlZeroMemory(&Attributes, sizeof(Attributes));
    Attributes.Header.Type = NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES;
    Attributes.Header.Revision = NDIS_FILTER_ATTRIBUTES_REVISION_1;
    Attributes.Header.Size = NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1;
    Status = NdisFSetAttributes(NdisFilterHandle, Module, &Attributes);
    if (Status != NDIS_STATUS_SUCCESS) {
        ExFreePoolWithTag(Module, PASSTHROUGH_TAG);
        return Status;
    }
    KeAcquireSpinLock(&Passthrough.ModulesLock, &Irql);
    InsertTailList(&Passthrough.Modules, &Module->Link);
    Passthrough.ModuleCount++;
    KeReleaseSpinLock(&Passthrough.ModulesLock, Irql);
    return NDIS_STATUS_SUCCESS;
}

_Use_decl_annotations_
static VOID PassthroughDetach(NDIS_HANDLE FilterModuleContext)
{
    PPASSTHROUGH_MODULE Module = FilterModuleContext;
    KIRQL Irql;

    KeAcquireSpinLock(&Passthrough.ModulesLock, &Irql);
    RemoveEntryList(&Module->Link);
    Passthrough.ModuleCount--;
    KeReleaseSpinLock(&Passthrough.ModulesLock, Irql);
    ExFreePoolWithTag(Module, PASSTHROUGH_TAG);
}

/* NDIS asks before each restart: what the module has on the data path from then on. */
_Use_decl_annotations_
static NDIS_STATUS PassthroughSetModuleOptions(NDIS_HANDLE FilterModuleContext)
{
    PPASSTHROUGH_MODULE Module = FilterModuleContext;
    NDIS_FILTER_PARTIAL_CHARACTERISTICS Handlers;

    RtlZeroMemory(&Handlers, sizeof(Handlers));
    Handlers.Header.Type = NDIS_OBJECT_TYPE_FILTER_PARTIAL_CHARACTERISTICS;
    Handlers.Header.Revision = NDIS_FILTER_PARTIAL_CHARACTERISTICS_REVISION_1;
    Handlers.Header.Size = NDIS_SIZEOF_FILTER_PARTIAL_CHARACTERISTICS_REVISION_1;
    if (!Passthrough.Bypass) {
        Handlers.SendNetBufferListsHandler = PassthroughSend;
        Handlers.SendNetBufferListsCompleteHandler = PassthroughSendComplete;
        Handlers.CancelSendNetBufferListsHandler = PassthroughCancelSend;
        Handlers.ReceiveNetBufferListsHandler = PassthroughReceive;
        Handlers.ReturnNetBufferListsHandler = PassthroughReturn;
    }
    return NdisSetOptionalHandlers(Module->Handle, (PNDIS_DRIVER_OPTIONAL_HANDLERS)&Handlers);
}

/* It holds nothing, so there is nothing to wait for. */
_Use_decl_annotations_
static NDIS_STATUS PassthroughPause(NDIS_HANDLE FilterModuleContext, PNDIS_FILTER_PAUSE_PARAMETERS PauseParameters)
{
    UNREFERENCED_PARAMETER(FilterModuleContext);
    UNREFERENCED_PARAMETER(PauseParameters);
    return NDIS_STATUS_SUCCESS;
}

_Use_decl_annotations_
static NDIS_STATUS PassthroughRestart(NDIS_HANDLE FilterModuleContext, PNDIS_FILTER_RESTART_PARAMETERS RestartParameters)
{
    UNREFERENCED_PARAMETER(FilterModuleContext);
    UNREFERENCED_PARAMETER(RestartParameters);
    return NDIS_STATUS_SUCCESS;
}

/* The data path. */

_Use_decl_annotations_
static VOID PassthroughSend(
    NDIS_HANDLE FilterModuleContext,
    PNET_BUFFER_LIST NetBufferList,
    NDIS_PORT_NUMBER PortNumber,
    ULONG SendFlags)
{
    PPASSTHROUGH_MODULE Module = FilterModuleContext;
    PNET_BUFFER_LIST List;

    for (List = NetBufferList; List != NULL; List = NET_BUFFER_LIST_NEXT_NBL(List))
        InterlockedIncrement64(&Module->Counts.Sent);
    NdisFSendNetBufferLists(Module->Handle, NetBufferList, PortNumber, SendFlags);
}

_Use_decl_annotations_
static VOID PassthroughSendComplete(
    NDIS_HANDLE FilterModuleContext,
    PNET_BUFFER_LIST NetBufferList,
    ULONG SendCompleteFlags)
{
    NdisFSendNetBufferListsComplete(
        ((PPASSTHROUGH_MODULE)FilterModuleContext)->Handle, NetBufferList, SendCompleteFlags);
}

_Use_decl_annotations_
static VOID PassthroughCancelSend(NDIS_HANDLE FilterModuleContext, PVOID CancelId)
{
    NdisFCancelSendNetBufferLists(((PPASSTHROUGH_MODULE)FilterModuleContext)->Handle, CancelId);
}

_Use_decl_annotations_
static VOID PassthroughReceive(
    NDIS_HANDLE FilterModuleContext,
    PNET_BUFFER_LIST NetBufferLists,
    NDIS_PORT_NUMBER PortNumber,
    ULONG NumberOfNetBufferLists,
    ULONG ReceiveFlags)
{
    PPASSTHROUGH_MODULE Module = FilterModuleContext;

    InterlockedExchangeAdd64(&Module->Counts.Received, NumberOfNetBufferLists);
    NdisFIndicateReceiveNetBufferLists(
        Module->Handle, NetBufferLists, PortNumber, NumberOfNetBufferLists, ReceiveFlags);
}

_Use_decl_annotations_
static VOID PassthroughReturn(NDIS_HANDLE FilterModuleContext, PNET_BUFFER_LIST NetBufferLists, ULONG ReturnFlags)
{
    NdisFReturnNetBufferLists(((PPASSTHROUGH_MODULE)FilterModuleContext)->Handle, NetBufferLists, ReturnFlags);
}

/* Status indications and events. */

_Use_decl_annotations_
static VOID PassthroughStatus(NDIS_HANDLE FilterModuleContext, PNDIS_STATUS_INDICATION StatusIndication)
{
    PPASSTHROUGH_MODULE Module = FilterModuleContext;

    InterlockedIncrement64(&Module->Counts.Statuses);
    NdisFIndicateStatus(Module->Handle, StatusIndication);
}

_Use_decl_annotations_
static NDIS_STATUS PassthroughNetPnPEvent(
    NDIS_HANDLE FilterModuleContext,
    PNET_PNP_EVENT_NOTIFICATION NetPnPEventNotification)
{
    PPASSTHROUGH_MODULE Module = FilterModuleContext;

    InterlockedIncrement64(&Module->Counts.Events);
    return NdisFNetPnPEvent(Module->Handle, NetPnPEventNotification);
}

_Use_decl_annotations_
static VOID PassthroughDevicePnPEventNotify(NDIS_HANDLE FilterModuleContext, PNET_DEVICE_PNP_EVENT NetDevicePnPEvent)
{
    PPASSTHROUGH_MODULE Module = FilterModuleContext;

    InterlockedIncrement64(&Module->Counts.Events);
    NdisFDevicePnPEventNotify(Module->Handle, NetDevicePnPEvent);
}
