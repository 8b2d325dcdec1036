/*
 * The modules of vlan with the parameter `Rewrite`, and their handlers. NDIS lets a filter driver change the data of what
 * passes, as long as it undoes that on the way back; rewriteLists.c makes copies of what others read too: lists and data
 * that are flagged as read-only, data of clones, loopback frames, and receives in shared memory. A pause waits for them.
 * See "Sending Data from a Filter Driver", "Receiving Data in a Filter Driver", "Pausing a Filter Module" and "Filter
 * Driver Buffer Management" (network).
 */
#include "vlan.h"

/* Copies of one module that may be under way; lists that need one more are refused with NDIS_STATUS_RESOURCES. */
#define COPY_LIMIT 256

static FILTER_ATTACH RewriteAttach;
static FILTER_DETACH RewriteDetach;
static FILTER_PAUSE RewritePause;
static FILTER_RESTART RewriteRestart;
static FILTER_SEND_NET_BUFFER_LISTS RewriteSend;
static FILTER_SEND_NET_BUFFER_LISTS_COMPLETE RewriteSendComplete;
static FILTER_RECEIVE_NET_BUFFER_LISTS RewriteReceive;
static FILTER_RETURN_NET_BUFFER_LISTS RewriteReturn;
static FILTER_STATUS RewriteStatus;

VOID SetRewriteHandlers(PNDIS_FILTER_DRIVER_CHARACTERISTICS Characteristics)
{
    Characteristics->AttachHandler = RewriteAttach;
    Characteristics->DetachHandler = RewriteDetach;
    Characteristics->PauseHandler = RewritePause;
    Characteristics->RestartHandler = RewriteRestart;
    Characteristics->SendNetBufferListsHandler = RewriteSend;
    Characteristics->SendNetBufferListsCompleteHandler = RewriteSendComplete;
    Characteristics->ReceiveNetBufferListsHandler = RewriteReceive;
    Characteristics->ReturnNetBufferListsHandler = RewriteReturn;
    Characteristics->StatusHandler = RewriteStatus;
}

/* The modules. */

static VOID DestroyModule(PREWRITE_MODULE Module)
{
    if (Module->BufferPool != NULL)
        NdisFreeNetBufferPool(Module->BufferPool);
    if (Module->ListPool != NULL)
        NdisFreeNetBufferListPool(Module->ListPool);
    NdisFreeMemory(Module, 0, 0);
}

static PREWRITE_MODULE CreateModule(NDIS_HANDLE Handle)
{
    NET_BUFFER_LIST_POOL_PARAMETERS Lists;
    NET_BUFFER_POOL_PARAMETERS Buffers;
    PREWRITE_MODULE Module =
        NdisAllocateMemoryWithTagPriority(Handle, sizeof(REWRITE_MODULE), VLAN_TAG, NormalPoolPriority);

    if (Module == NULL)
        return NULL;
    RtlZeroMemory(Module, sizeof(*Module));
    Module->Handle = Handle;
    KeInitializeSpinLock(&Module->Lock);

    RtlZeroMemory(&Lists, sizeof(Lists));
    Lists.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    Lists.Header.Revision = NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1;
    Lists.Header.Size = NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1;
    Lists.fAllocateNetBuffer = TRUE;
    Lists.PoolTag = VLAN_TAG;
    Module->ListPool = NdisAllocateNetBufferListPool(Handle, &Lists);

    RtlZeroMemory(&Buffers, sizeof(Buffers));
    Buffers.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    Buffers.Header.Revision = NET_BUFFER_POOL_PARAMETERS_REVISION_1;
    Buffers.Header.Size = NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1;
    Buffers.PoolTag = VLAN_TAG;
    Module->BufferPool = NdisAllocateNetBufferPool(Handle, &Buffers);

    if (Module->ListPool != NULL && Module->BufferPool != NULL)
        return Module;
    DestroyModule(Module);
    return NULL;
}

_Use_decl_annotations_
static NDIS_STATUS RewriteAttach(
    NDIS_HANDLE NdisFilterHandle,
    NDIS_HANDLE FilterDriverContext,
    PNDIS_FILTER_ATTACH_PARAMETERS AttachParameters)
{
    NDIS_FILTER_ATTRIBUTES Attributes;
    NDIS_STATUS Status;
    PREWRITE_MODULE Module = CreateModule(NdisFilterHandle);

    UNREFERENCED_PARAMETER(FilterDriverContext);
    UNREFERENCED_PARAMETER(AttachParameters);
    if (Module == NULL)
        return NDIS_STATUS_RESOURCES;
    RtlZeroMemory(&Attributes, sizeof(Attributes));
    Attributes.Header.Type = NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES;
    Attributes.Header.Revision = NDIS_FILTER_ATTRIBUTES_REVISION_1;
    Attributes.Header.Size = NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1;
    Status = NdisFSetAttributes(NdisFilterHandle, Module, &Attributes);
    if (Status != NDIS_STATUS_SUCCESS)
        DestroyModule(Module);
    return Status;
}

_Use_decl_annotations_
static VOID RewriteDetach(NDIS_HANDLE FilterModuleContext)
{
    DestroyModule(FilterModuleContext);
}

BOOLEAN TakeCopy(PREWRITE_MODULE Module)
{
    BOOLEAN Taken;
    KIRQL Irql;

    KeAcquireSpinLock(&Module->Lock, &Irql);
    Taken = Module->Running && Module->Copies < COPY_LIMIT;
    if (Taken)
        Module->Copies++;
    KeReleaseSpinLock(&Module->Lock, Irql);
    return Taken;
}

VOID GiveCopies(PREWRITE_MODULE Module, ULONG Count)
{
    BOOLEAN Paused;
    KIRQL Irql;

    if (Count == 0)
        return;
    KeAcquireSpinLock(&Module->Lock, &Irql);
    Module->Copies -= Count;
    Paused = Module->Pausing && Module->Copies == 0;
    if (Paused)
        Module->Pausing = FALSE;
    KeReleaseSpinLock(&Module->Lock, Irql);
    if (Paused)
        NdisFPauseComplete(Module->Handle);
}

_Use_decl_annotations_
static NDIS_STATUS RewritePause(NDIS_HANDLE FilterModuleContext, PNDIS_FILTER_PAUSE_PARAMETERS PauseParameters)
{
    PREWRITE_MODULE Module = FilterModuleContext;
    BOOLEAN Pausing;
    KIRQL Irql;

    UNREFERENCED_PARAMETER(PauseParameters);
    KeAcquireSpinLock(&Module->Lock, &Irql);
    Module->Running = FALSE;
    Pausing = Module->Copies > 0;
    Module->Pausing = Pausing;
    KeReleaseSpinLock(&Module->Lock, Irql);
    return Pausing ? NDIS_STATUS_PENDING : NDIS_STATUS_SUCCESS;
}

_Use_decl_annotations_
static NDIS_STATUS RewriteRestart(NDIS_HANDLE FilterModuleContext, PNDIS_FILTER_RESTART_PARAMETERS RestartParameters)
{
    UNREFERENCED_PARAMETER(RestartParameters);
    ((PREWRITE_MODULE)FilterModuleContext)->Running = TRUE;
    return NDIS_STATUS_SUCCESS;
}

/* The data path. */

/* Undoes a chain that came back, and counts the lists that had copies. */
static PNET_BUFFER_LIST UndoChain(PREWRITE_MODULE Module, PNET_BUFFER_LIST Lists, PULONG Copies)
{
    CHAIN Owned = { 0 };
    PNET_BUFFER_LIST List;
    PNET_BUFFER_LIST Next;

    *Copies = 0;
    for (List = Lists; List != NULL; List = Next) {
        PNET_BUFFER_LIST Original;

        Next = NET_BUFFER_LIST_NEXT_NBL(List);
        Original = UndoRewrite(Module, List);
        if (Original != List)
            ++*Copies;
        AddToChain(&Owned, Original);
    }
    return Owned.First;
}

static WRITABLE WritableSend(PNET_BUFFER_LIST List)
{
    if ((List->NblFlags & NDIS_NBL_FLAGS_SEND_READ_ONLY) != 0)
        return WriteNothing;
    return List->ParentNetBufferList == NULL ? WriteAll : WriteInformation;
}

_Use_decl_annotations_
static VOID RewriteSend(
    NDIS_HANDLE FilterModuleContext,
    PNET_BUFFER_LIST NetBufferList,
    NDIS_PORT_NUMBER PortNumber,
    ULONG SendFlags)
{
    PREWRITE_MODULE Module = FilterModuleContext;
    CHAIN Good = { 0 };
    CHAIN Refused = { 0 };
    PNET_BUFFER_LIST List;
    PNET_BUFFER_LIST Next;

    for (List = NetBufferList; List != NULL; List = Next) {
        NDIS_STATUS Refusal = NDIS_STATUS_PAUSED;
        PNET_BUFFER_LIST Sent = NULL;

        Next = NET_BUFFER_LIST_NEXT_NBL(List);
        if (Module->Running)
            Sent = RewriteList(Module, List, Vlan.IdsDown, WritableSend(List), NdisCopySendNetBufferListInfo, &Refusal);
        if (Sent == NULL)
            NET_BUFFER_LIST_STATUS(List) = Refusal;
        AddToChain(Sent == NULL ? &Refused : &Good, Sent == NULL ? List : Sent);
    }
    if (Refused.Count > 0) {
        NdisFSendNetBufferListsComplete(
            Module->Handle,
            Refused.First,
            (SendFlags & NDIS_SEND_FLAGS_DISPATCH_LEVEL) != 0 ? NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL : 0);
    }
    if (Good.Count > 0)
        NdisFSendNetBufferLists(Module->Handle, Good.First, PortNumber, SendFlags);
}

_Use_decl_annotations_
static VOID RewriteSendComplete(
    NDIS_HANDLE FilterModuleContext,
    PNET_BUFFER_LIST NetBufferList,
    ULONG SendCompleteFlags)
{
    PREWRITE_MODULE Module = FilterModuleContext;
    ULONG Copies;

    NetBufferList = UndoChain(Module, NetBufferList, &Copies);
    NdisFSendNetBufferListsComplete(Module->Handle, NetBufferList, SendCompleteFlags);
    GiveCopies(Module, Copies);
}

static WRITABLE WritableReceive(PNET_BUFFER_LIST List, ULONG ReceiveFlags)
{
    if ((List->NblFlags & NDIS_NBL_FLAGS_RECV_READ_ONLY) != 0)
        return WriteNothing;
    if (List->ParentNetBufferList != NULL || (List->NblFlags & NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET) != 0)
        return WriteInformation;
    return (ReceiveFlags & NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID) != 0 ? WriteInformation : WriteAll;
}

static PNET_BUFFER_LIST RewriteReceived(PREWRITE_MODULE Module, PNET_BUFFER_LIST List, ULONG ReceiveFlags)
{
    NDIS_STATUS Refusal;

    if (!Module->Running)
        return NULL;
    return RewriteList(
        Module, List, Vlan.IdsUp, WritableReceive(List, ReceiveFlags), NdisCopyReceiveNetBufferListInfo, &Refusal);
}

/* Lends each list to the drivers above and undoes what was done to it: they are the miniport driver's again then. */
static VOID Lend(PREWRITE_MODULE Module, PNET_BUFFER_LIST Lists, NDIS_PORT_NUMBER PortNumber, ULONG ReceiveFlags)
{
    PNET_BUFFER_LIST List;
    PNET_BUFFER_LIST Next;

    for (List = Lists; List != NULL; List = Next) {
        PNET_BUFFER_LIST Given = RewriteReceived(Module, List, ReceiveFlags);

        Next = NET_BUFFER_LIST_NEXT_NBL(List);
        if (Given == NULL)
            continue;
        NET_BUFFER_LIST_NEXT_NBL(Given) = NULL;
        NdisFIndicateReceiveNetBufferLists(Module->Handle, Given, PortNumber, 1, ReceiveFlags);
        UndoRewrite(Module, Given);
        NET_BUFFER_LIST_NEXT_NBL(List) = Next;
        if (Given != List)
            GiveCopies(Module, 1);
    }
}

_Use_decl_annotations_
static VOID RewriteReceive(
    NDIS_HANDLE FilterModuleContext,
    PNET_BUFFER_LIST NetBufferLists,
    NDIS_PORT_NUMBER PortNumber,
    ULONG NumberOfNetBufferLists,
    ULONG ReceiveFlags)
{
    PREWRITE_MODULE Module = FilterModuleContext;
    CHAIN Good = { 0 };
    CHAIN Refused = { 0 };
    PNET_BUFFER_LIST List;
    PNET_BUFFER_LIST Next;

    UNREFERENCED_PARAMETER(NumberOfNetBufferLists);
    if ((ReceiveFlags & NDIS_RECEIVE_FLAGS_RESOURCES) != 0) {
        Lend(Module, NetBufferLists, PortNumber, ReceiveFlags);
        return;
    }
    for (List = NetBufferLists; List != NULL; List = Next) {
        PNET_BUFFER_LIST Given = RewriteReceived(Module, List, ReceiveFlags);

        Next = NET_BUFFER_LIST_NEXT_NBL(List);
        AddToChain(Given == NULL ? &Refused : &Good, Given == NULL ? List : Given);
    }
    if (Refused.Count > 0) {
        NdisFReturnNetBufferLists(
            Module->Handle,
            Refused.First,
            (ReceiveFlags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL) != 0 ? NDIS_RETURN_FLAGS_DISPATCH_LEVEL : 0);
    }
    if (Good.Count > 0)
        NdisFIndicateReceiveNetBufferLists(Module->Handle, Good.First, PortNumber, Good.Count, ReceiveFlags);
}

_Use_decl_annotations_
static VOID RewriteReturn(NDIS_HANDLE FilterModuleContext, PNET_BUFFER_LIST NetBufferLists, ULONG ReturnFlags)
{
    PREWRITE_MODULE Module = FilterModuleContext;
    ULONG Copies;

    NetBufferLists = UndoChain(Module, NetBufferLists, &Copies);
    NdisFReturnNetBufferLists(Module->Handle, NetBufferLists, ReturnFlags);
    GiveCopies(Module, Copies);
}

/* Who has receive handlers has to have this one. */
_Use_decl_annotations_
static VOID RewriteStatus(NDIS_HANDLE FilterModuleContext, PNDIS_STATUS_INDICATION StatusIndication)
{
    NdisFIndicateStatus(((PREWRITE_MODULE)FilterModuleContext)->Handle, StatusIndication);
}
