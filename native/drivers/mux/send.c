/*
 * The send path of mux: the lists of the protocols above go down as they are. NDIS wants the SourceHandle of whoever
 * sends, so the one of the protocol above is kept in the context space of the list until the list is complete.
 * See "Transmitting Network Data Through an Intermediate Driver" and "NET_BUFFER_LIST Context" (network).
 */
#include "mux.h"

/* NDIS_NET_BUFFER_LIST_8021Q_INFO as a number: the user priority is in the low three bits. */
#define INFO_PRIORITY 7

/* The two bits of flags that sends and their completions have in common. */
C_ASSERT(NDIS_SEND_FLAGS_DISPATCH_LEVEL == NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL);

static PMUX_SEND_CONTEXT ContextOf(PNET_BUFFER_LIST List)
{
    return (PMUX_SEND_CONTEXT)NET_BUFFER_LIST_CONTEXT_DATA_START(List);
}

/* Puts the tag of the VLAN into every frame of a list; FALSE, and no tag, where that fails. */
static BOOLEAN TagList(PMUX_MINIPORT Miniport, PNET_BUFFER_LIST List, PMUX_SEND_CONTEXT Context)
{
    ULONG Priority = (ULONG)(ULONG_PTR)Context->VlanInfo & INFO_PRIORITY;
    PNET_BUFFER Buffer;
    PNET_BUFFER Done;

    /* Without a VLAN and a priority there is nothing to say in a tag. */
    if (Miniport->VlanId == MUX_NO_VLAN || (Miniport->VlanId == 0 && Priority == 0))
        return TRUE;
    for (Buffer = NET_BUFFER_LIST_FIRST_NB(List); Buffer != NULL; Buffer = NET_BUFFER_NEXT_NB(Buffer)) {
        if (MuxInsertTag(Buffer, (USHORT)(Priority << 13 | Miniport->VlanId)))
            continue;
        for (Done = NET_BUFFER_LIST_FIRST_NB(List); Done != Buffer; Done = NET_BUFFER_NEXT_NB(Done))
            MuxRemoveTag(Done);
        return FALSE;
    }
    Context->Tagged = 1;
    NET_BUFFER_LIST_INFO(List, Ieee8021QNetBufferListInfo) = NULL;
    return TRUE;
}

/* Makes a list ready to go down; the status with which it must go back otherwise. */
static NDIS_STATUS PrepareList(PMUX_MINIPORT Miniport, PNET_BUFFER_LIST List)
{
    NDIS_STATUS Status = NdisAllocateNetBufferListContext(List, sizeof(MUX_SEND_CONTEXT), 0, MUX_TAG);
    PMUX_SEND_CONTEXT Context;

    if (Status != NDIS_STATUS_SUCCESS)
        return NDIS_STATUS_RESOURCES;
    Context = ContextOf(List);
    Context->SourceHandle = List->SourceHandle;
    Context->Miniport = Miniport;
    Context->VlanInfo = NET_BUFFER_LIST_INFO(List, Ieee8021QNetBufferListInfo);
    Context->Tagged = 0;
    if (!TagList(Miniport, List, Context)) {
        NdisFreeNetBufferListContext(List, sizeof(MUX_SEND_CONTEXT));
        return NDIS_STATUS_INVALID_LENGTH;
    }
    List->SourceHandle = Miniport->Binding->Base.Handle;
    return NDIS_STATUS_SUCCESS;
}

/* Undoes PrepareList: the list is its sender's again as it was. */
static VOID RestoreList(PNET_BUFFER_LIST List)
{
    PMUX_SEND_CONTEXT Context = ContextOf(List);
    PNET_BUFFER Buffer;

    if (Context->Tagged) {
        for (Buffer = NET_BUFFER_LIST_FIRST_NB(List); Buffer != NULL; Buffer = NET_BUFFER_NEXT_NB(Buffer))
            MuxRemoveTag(Buffer);
        NET_BUFFER_LIST_INFO(List, Ieee8021QNetBufferListInfo) = Context->VlanInfo;
    }
    List->SourceHandle = Context->SourceHandle;
    NdisFreeNetBufferListContext(List, sizeof(MUX_SEND_CONTEXT));
}

/* Gives lists back that were not sent. */
static VOID Refuse(PMUX_MINIPORT Miniport, PNET_BUFFER_LIST Lists, NDIS_STATUS Status, ULONG Flags)
{
    PNET_BUFFER_LIST List;

    for (List = Lists; List != NULL; List = NET_BUFFER_LIST_NEXT_NBL(List)) {
        NET_BUFFER_LIST_STATUS(List) = Status;
        InterlockedIncrement64(&Miniport->SendErrors);
    }
    NdisMSendNetBufferListsComplete(Miniport->Handle, Lists, Flags & NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL);
}

/* Takes every list that cannot be sent out of a chain and gives it back; counts the others. */
static PNET_BUFFER_LIST PrepareLists(PMUX_MINIPORT Miniport, PNET_BUFFER_LIST Lists, ULONG Flags, PULONG Count)
{
    PNET_BUFFER_LIST First = NULL;
    PNET_BUFFER_LIST *Link = &First;
    PNET_BUFFER_LIST List;

    *Count = 0;
    while ((List = Lists) != NULL) {
        NDIS_STATUS Status = PrepareList(Miniport, List);

        Lists = NET_BUFFER_LIST_NEXT_NBL(List);
        NET_BUFFER_LIST_NEXT_NBL(List) = NULL;
        if (Status != NDIS_STATUS_SUCCESS) {
            Refuse(Miniport, List, Status, Flags);
            continue;
        }
        *Link = List;
        Link = &NET_BUFFER_LIST_NEXT_NBL(List);
        ++*Count;
    }
    return First;
}

_Use_decl_annotations_
VOID MuxSendNetBufferLists(
    NDIS_HANDLE MiniportAdapterContext,
    PNET_BUFFER_LIST NetBufferList,
    NDIS_PORT_NUMBER PortNumber,
    ULONG SendFlags)
{
    PMUX_MINIPORT Miniport = MiniportAdapterContext;
    PMUX_BINDING Binding = Miniport->Binding;
    PNET_BUFFER_LIST Lists;
    PNET_BUFFER_LIST List;
    ULONG Count;

    UNREFERENCED_PARAMETER(PortNumber);
    /* Until the lists are counted one hold for all of them keeps the pause waiting. */
    if (!MuxAcquire(Miniport, 1)) {
        Refuse(Miniport, NetBufferList, NDIS_STATUS_PAUSED, SendFlags);
        return;
    }
    Lists = PrepareLists(Miniport, NetBufferList, SendFlags, &Count);
    if (Lists != NULL && !BindingAcquireSends(&Binding->Base, Count)) {
        for (List = Lists; List != NULL; List = NET_BUFFER_LIST_NEXT_NBL(List))
            RestoreList(List);
        Refuse(Miniport, Lists, NDIS_STATUS_PAUSED, SendFlags);
    } else if (Lists != NULL) {
        InterlockedExchangeAdd(&Miniport->Outstanding, (LONG)Count);
        /* Virtual miniports of one network hear each other: NDIS loops the frames back below. */
        SendFlags &= ~NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK;
        if (Binding->SharesNetwork)
            SendFlags |= NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK;
        NdisSendNetBufferLists(Binding->Base.Handle, Lists, NDIS_DEFAULT_PORT_NUMBER, SendFlags);
    }
    MuxRelease(Miniport, 1);
}

_Use_decl_annotations_
VOID MuxCancelSend(NDIS_HANDLE MiniportAdapterContext, PVOID CancelId)
{
    NdisCancelSendNetBufferLists(((PMUX_MINIPORT)MiniportAdapterContext)->Binding->Base.Handle, CancelId);
}

/* Counts what became of a list below. */
static VOID CountList(PMUX_MINIPORT Miniport, PNET_BUFFER_LIST List)
{
    PNET_BUFFER Buffer;

    if (NET_BUFFER_LIST_STATUS(List) != NDIS_STATUS_SUCCESS) {
        InterlockedIncrement64(&Miniport->SendErrors);
        return;
    }
    for (Buffer = NET_BUFFER_LIST_FIRST_NB(List); Buffer != NULL; Buffer = NET_BUFFER_NEXT_NB(Buffer)) {
        InterlockedIncrement64(&Miniport->FramesSent);
        InterlockedExchangeAdd64(&Miniport->BytesSent, NET_BUFFER_DATA_LENGTH(Buffer));
    }
}

/* The lists go back to the protocols above, run by run of those with one virtual miniport. */
_Use_decl_annotations_
VOID MuxSendNetBufferListsComplete(
    NDIS_HANDLE ProtocolBindingContext,
    PNET_BUFFER_LIST NetBufferList,
    ULONG SendCompleteFlags)
{
    PMUX_BINDING Binding = ProtocolBindingContext;

    while (NetBufferList != NULL) {
        PMUX_MINIPORT Miniport = ContextOf(NetBufferList)->Miniport;
        PNET_BUFFER_LIST Run = NetBufferList;
        PNET_BUFFER_LIST Last = NULL;
        ULONG Count = 0;

        while (NetBufferList != NULL && ContextOf(NetBufferList)->Miniport == Miniport) {
            RestoreList(NetBufferList);
            CountList(Miniport, NetBufferList);
            Last = NetBufferList;
            NetBufferList = NET_BUFFER_LIST_NEXT_NBL(NetBufferList);
            Count++;
        }
        NET_BUFFER_LIST_NEXT_NBL(Last) = NULL;
        NdisMSendNetBufferListsComplete(Miniport->Handle, Run, SendCompleteFlags);
        MuxRelease(Miniport, (LONG)Count);
        BindingReleaseSends(&Binding->Base, Count);
    }
}
