/*
 * vlan: a modifying filter driver that makes an adapter a port of one VLAN. What goes down gets its tag, in the frame;
 * what comes up with that tag, in the frame or in the information of the list, loses it; the frames of other VLANs and
 * untagged ones go back to the miniport driver. Senders that name another VLAN get their lists back with
 * NDIS_STATUS_INVALID_PACKET. Parameters: `VlanId` (1 to 4094, default 1), `Priority` (0 to 7, of frames that name none).
 * With the parameter `Rewrite` (`10:20,30:40`, see rewriteIds.c) it is another filter instead, for which the two above
 * mean nothing: tags stay where they are, frames sent with VLAN id 10 go out with 20, frames received with 20 come up
 * with 10, in the frame or in the information of the list; priorities stay, and everything else passes as it is. A text
 * that breaks the rules, has more than 255 characters or is no text fails DriverEntry with STATUS_INVALID_PARAMETER; a
 * blank one is none.
 * See "Modifying Send and Receive Data in Filter Modules" (network).
 */
#include "vlan.h"

#include "../support/parameters.h"

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD VlanUnload;
static FILTER_ATTACH VlanAttach;
static FILTER_DETACH VlanDetach;
static FILTER_PAUSE VlanPause;
static FILTER_RESTART VlanRestart;
static FILTER_SEND_NET_BUFFER_LISTS VlanSend;
static FILTER_SEND_NET_BUFFER_LISTS_COMPLETE VlanSendComplete;
static FILTER_RECEIVE_NET_BUFFER_LISTS VlanReceive;
static FILTER_RETURN_NET_BUFFER_LISTS VlanReturn;
static FILTER_STATUS VlanStatus;

#pragma alloc_text(INIT, DriverEntry)

VLAN_DRIVER Vlan;

static BOOLEAN IsBlank(PCWSTR Text)
{
    while (*Text == L' ')
        Text++;
    return *Text == 0;
}

static BOOLEAN IsThere(HANDLE Parameters, PCWSTR Name)
{
    UNICODE_STRING ValueName;
    ULONG Length;

    if (Parameters == NULL)
        return FALSE;
    RtlInitUnicodeString(&ValueName, Name);
    return ZwQueryValueKey(Parameters, &ValueName, KeyValuePartialInformation, NULL, 0, &Length) !=
        STATUS_OBJECT_NAME_NOT_FOUND;
}

/* FALSE where `Rewrite` makes no sense. */
static BOOLEAN ReadParameters(PUNICODE_STRING RegistryPath)
{
    WCHAR Text[PARAMETER_TEXT_LENGTH] = { 0 };
    HANDLE Parameters = OpenParameters(RegistryPath);
    BOOLEAN CanBeRead = ReadText(Parameters, L"Rewrite", Text) || !IsThere(Parameters, L"Rewrite");

    Vlan.Rewrites = !IsBlank(Text);
    Vlan.VlanId = (USHORT)ReadNumber(Parameters, L"VlanId", 1, 1, 4094);
    Vlan.Priority = (USHORT)ReadNumber(Parameters, L"Priority", 0, 0, 7);
    CloseParameters(Parameters);
    return CanBeRead && (!Vlan.Rewrites || ParseRewrite(Text));
}

_Use_decl_annotations_
NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    static const UNICODE_STRING FriendlyName = RTL_CONSTANT_STRING(L"ndisbox VLAN filter");
    /* What identifies the filter; an INF file for it has the same. */
    static const UNICODE_STRING UniqueName = RTL_CONSTANT_STRING(L"{A9E4B3C2-6F0D-4D0B-9E61-3B6C1D2F7A03}");
    NDIS_FILTER_DRIVER_CHARACTERISTICS Characteristics;

    if (!ReadParameters(RegistryPath)) {
        DbgPrint(
            "vlan: Rewrite takes pairs of VLAN ids such as 10:20,30:40: numbers from 1 to 4094, none twice on one side, "
            "at most 16 pairs and 255 characters\n");
        return STATUS_INVALID_PARAMETER;
    }
    DriverObject->DriverUnload = VlanUnload;

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
    Characteristics.AttachHandler = VlanAttach;
    Characteristics.DetachHandler = VlanDetach;
    Characteristics.PauseHandler = VlanPause;
    Characteristics.RestartHandler = VlanRestart;
    Characteristics.SendNetBufferListsHandler = VlanSend;
    Characteristics.SendNetBufferListsCompleteHandler = VlanSendComplete;
    Characteristics.ReceiveNetBufferListsHandler = VlanReceive;
    Characteristics.ReturnNetBufferListsHandler = VlanReturn;
    Characteristics.StatusHandler = VlanStatus;
    if (Vlan.Rewrites)
        SetRewriteHandlers(&Characteristics);
    return NdisFRegisterFilterDriver(DriverObject, NULL, &Characteristics, &Vlan.Filter);
}

_Use_decl_annotations_
static VOID VlanUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    NdisFDeregisterFilterDriver(Vlan.Filter);
}

/* Modules of a port have no state, so that the handle of each is its context. */
_Use_decl_annotations_
static NDIS_STATUS VlanAttach(
    NDIS_HANDLE NdisFilterHandle,
    NDIS_HANDLE FilterDriverContext,
    PNDIS_FILTER_ATTACH_PARAMETERS AttachParameters)
{
    NDIS_FILTER_ATTRIBUTES Attributes;

    UNREFERENCED_PARAMETER(FilterDriverContext);
    UNREFERENCED_PARAMETER(AttachParameters);
    RtlZeroMemory(&Attributes, sizeof(Attributes));
    Attributes.Header.Type = NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES;
    Attributes.Header.Revision = NDIS_FILTER_ATTRIBUTES_REVISION_1;
    Attributes.Header.Size = NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1;
    return NdisFSetAttributes(NdisFilterHandle, NdisFilterHandle, &Attributes);
}

_Use_decl_annotations_
static VOID VlanDetach(NDIS_HANDLE FilterModuleContext)
{
    UNREFERENCED_PARAMETER(FilterModuleContext);
}

/* It passes everything on at once, so there is nothing to wait for. */
_Use_decl_annotations_
static NDIS_STATUS VlanPause(NDIS_HANDLE FilterModuleContext, PNDIS_FILTER_PAUSE_PARAMETERS PauseParameters)
{
    UNREFERENCED_PARAMETER(FilterModuleContext);
    UNREFERENCED_PARAMETER(PauseParameters);
    return NDIS_STATUS_SUCCESS;
}

_Use_decl_annotations_
static NDIS_STATUS VlanRestart(NDIS_HANDLE FilterModuleContext, PNDIS_FILTER_RESTART_PARAMETERS RestartParameters)
{
    UNREFERENCED_PARAMETER(FilterModuleContext);
    UNREFERENCED_PARAMETER(RestartParameters);
    return NDIS_STATUS_SUCCESS;
}

_Use_decl_annotations_
static VOID VlanSend(
    NDIS_HANDLE FilterModuleContext,
    PNET_BUFFER_LIST NetBufferList,
    NDIS_PORT_NUMBER PortNumber,
    ULONG SendFlags)
{
    CHAIN Good = { 0 };
    CHAIN Refused = { 0 };
    PNET_BUFFER_LIST List;
    PNET_BUFFER_LIST Next;

    for (List = NetBufferList; List != NULL; List = Next) {
        NDIS_STATUS Status = VlanTagList(List);

        Next = NET_BUFFER_LIST_NEXT_NBL(List);
        if (Status != NDIS_STATUS_SUCCESS)
            NET_BUFFER_LIST_STATUS(List) = Status;
        AddToChain(Status == NDIS_STATUS_SUCCESS ? &Good : &Refused, List);
    }
    if (Refused.Count > 0) {
        NdisFSendNetBufferListsComplete(
            FilterModuleContext,
            Refused.First,
            (SendFlags & NDIS_SEND_FLAGS_DISPATCH_LEVEL) != 0 ? NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL : 0);
    }
    if (Good.Count > 0)
        NdisFSendNetBufferLists(FilterModuleContext, Good.First, PortNumber, SendFlags);
}

_Use_decl_annotations_
static VOID VlanSendComplete(NDIS_HANDLE FilterModuleContext, PNET_BUFFER_LIST NetBufferList, ULONG SendCompleteFlags)
{
    PNET_BUFFER_LIST List;

    for (List = NetBufferList; List != NULL; List = NET_BUFFER_LIST_NEXT_NBL(List))
        VlanRestoreList(List);
    NdisFSendNetBufferListsComplete(FilterModuleContext, NetBufferList, SendCompleteFlags);
}

/* Lends each list to the drivers above and undoes what was done to it: they are the miniport driver's again then. */
static VOID Lend(NDIS_HANDLE Module, PNET_BUFFER_LIST Lists, NDIS_PORT_NUMBER PortNumber, ULONG ReceiveFlags)
{
    PNET_BUFFER_LIST List;
    PNET_BUFFER_LIST Next;

    for (List = Lists; List != NULL; List = Next) {
        Next = NET_BUFFER_LIST_NEXT_NBL(List);
        if (!VlanUntagList(List))
            continue;
        NET_BUFFER_LIST_NEXT_NBL(List) = NULL;
        NdisFIndicateReceiveNetBufferLists(Module, List, PortNumber, 1, ReceiveFlags);
        VlanRestoreList(List);
        NET_BUFFER_LIST_NEXT_NBL(List) = Next;
    }
}

_Use_decl_annotations_
static VOID VlanReceive(
    NDIS_HANDLE FilterModuleContext,
    PNET_BUFFER_LIST NetBufferLists,
    NDIS_PORT_NUMBER PortNumber,
    ULONG NumberOfNetBufferLists,
    ULONG ReceiveFlags)
{
    CHAIN Own = { 0 };
    CHAIN Others = { 0 };
    PNET_BUFFER_LIST List;
    PNET_BUFFER_LIST Next;

    UNREFERENCED_PARAMETER(NumberOfNetBufferLists);
    if ((ReceiveFlags & NDIS_RECEIVE_FLAGS_RESOURCES) != 0) {
        Lend(FilterModuleContext, NetBufferLists, PortNumber, ReceiveFlags);
        return;
    }
    for (List = NetBufferLists; List != NULL; List = Next) {
        Next = NET_BUFFER_LIST_NEXT_NBL(List);
        AddToChain(VlanUntagList(List) ? &Own : &Others, List);
    }
    if (Others.Count > 0) {
        NdisFReturnNetBufferLists(
            FilterModuleContext,
            Others.First,
            (ReceiveFlags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL) != 0 ? NDIS_RETURN_FLAGS_DISPATCH_LEVEL : 0);
    }
    if (Own.Count > 0)
        NdisFIndicateReceiveNetBufferLists(FilterModuleContext, Own.First, PortNumber, Own.Count, ReceiveFlags);
}

_Use_decl_annotations_
static VOID VlanReturn(NDIS_HANDLE FilterModuleContext, PNET_BUFFER_LIST NetBufferLists, ULONG ReturnFlags)
{
    PNET_BUFFER_LIST List;

    for (List = NetBufferLists; List != NULL; List = NET_BUFFER_LIST_NEXT_NBL(List))
        VlanRestoreList(List);
    NdisFReturnNetBufferLists(FilterModuleContext, NetBufferLists, ReturnFlags);
}

/* Who has receive handlers has to have this one. */
_Use_decl_annotations_
static VOID VlanStatus(NDIS_HANDLE FilterModuleContext, PNDIS_STATUS_INDICATION StatusIndication)
{
    NdisFIndicateStatus(FilterModuleContext, StatusIndication);
}
