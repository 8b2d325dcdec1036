/*
 * The receive path of mux: every frame goes to the virtual miniports that it is for, in a shell: a list of our own over
 * the same data; or as a copy without its VLAN tag. The list below goes back when the last of ours came back.
 * See "Receiving Data in an Intermediate Driver with a Connectionless Lower Edge" and "Derived NET_BUFFER_LIST
 * Structures" (network).
 *
 * MiniportReserved[0] of a shell is the list that it stands for; of a copy it is NULL. ChildRefCount of a list below
 * counts the shells around it, and us while we look at it.
 */
#include "mux.h"

#include "../support/frames.h"

#define ADDRESSES (2 * ETHERNET_ADDRESS_LENGTH)
#define TAGGED_HEADER (ETHERNET_HEADER_LENGTH + VLAN_TAG_LENGTH)
/* NDIS_NET_BUFFER_LIST_8021Q_INFO as a number: user priority, then from bit 4 the VLAN id. */
#define INFO_PRIORITY 7
#define INFO_VLAN_SHIFT 4
#define TAG_VLAN 0x0fff
#define TAG_PRIORITY_SHIFT 13
#define NO_TAG 0xffffffff

#define ORIGINAL_OF(List) (*(PNET_BUFFER_LIST *)&NET_BUFFER_LIST_MINIPORT_RESERVED(List)[0])

BOOLEAN MuxCreateShells(PMUX_BINDING Binding, ULONG Count)
{
    NET_BUFFER_LIST_POOL_PARAMETERS Parameters;

    RtlZeroMemory(&Parameters, sizeof(Parameters));
    Parameters.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    Parameters.Header.Revision = NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1;
    Parameters.Header.Size = NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1;
    Parameters.fAllocateNetBuffer = TRUE;
    Parameters.PoolTag = MUX_TAG;
    Binding->ShellPool = NdisAllocateNetBufferListPool(Binding->Base.Handle, &Parameters);
    if (Binding->ShellPool == NULL)
        return FALSE;
    while (Count-- > 0) {
        PNET_BUFFER_LIST Shell = NdisAllocateNetBufferAndNetBufferList(Binding->ShellPool, 0, 0, NULL, 0, 0);

        /* MuxFreeShells frees those that there are. */
        if (Shell == NULL)
            return FALSE;
        NET_BUFFER_LIST_NEXT_NBL(Shell) = Binding->FreeShells;
        Binding->FreeShells = Shell;
    }
    return TRUE;
}

VOID MuxFreeShells(PMUX_BINDING Binding)
{
    PNET_BUFFER_LIST Shell;

    while ((Shell = Binding->FreeShells) != NULL) {
        Binding->FreeShells = NET_BUFFER_LIST_NEXT_NBL(Shell);
        NET_BUFFER_LIST_NEXT_NBL(Shell) = NULL;
        NdisFreeNetBufferList(Shell);
    }
    if (Binding->ShellPool != NULL)
        NdisFreeNetBufferListPool(Binding->ShellPool);
    Binding->ShellPool = NULL;
}

/* A shell around a list, or NULL. The caller holds the lock. */
static PNET_BUFFER_LIST Wrap(PMUX_BINDING Binding, PNET_BUFFER_LIST List)
{
    PNET_BUFFER From = NET_BUFFER_LIST_FIRST_NB(List);
    PNET_BUFFER_LIST Shell = Binding->FreeShells;
    PNET_BUFFER To;

    if (Shell == NULL)
        return NULL;
    Binding->FreeShells = NET_BUFFER_LIST_NEXT_NBL(Shell);
    To = NET_BUFFER_LIST_FIRST_NB(Shell);
    NET_BUFFER_FIRST_MDL(To) = NET_BUFFER_FIRST_MDL(From);
    NET_BUFFER_CURRENT_MDL(To) = NET_BUFFER_CURRENT_MDL(From);
    NET_BUFFER_CURRENT_MDL_OFFSET(To) = NET_BUFFER_CURRENT_MDL_OFFSET(From);
    NET_BUFFER_DATA_LENGTH(To) = NET_BUFFER_DATA_LENGTH(From);
    NET_BUFFER_DATA_OFFSET(To) = NET_BUFFER_DATA_OFFSET(From);
    Shell->ParentNetBufferList = List;
    ORIGINAL_OF(Shell) = List;
    NdisCopyReceiveNetBufferListInfo(Shell, List);
    return Shell;
}

/* Takes back a shell or a copy. The caller holds the lock. */
static VOID TakeBack(PMUX_BINDING Binding, PNET_BUFFER_LIST List)
{
    PNET_BUFFER Buffer = NET_BUFFER_LIST_FIRST_NB(List);

    if (ORIGINAL_OF(List) == NULL) {
        FrameListsGive(&Binding->Copies, List);
        return;
    }
    /* The MDLs belong to whoever received the frame. */
    NET_BUFFER_FIRST_MDL(Buffer) = NULL;
    NET_BUFFER_CURRENT_MDL(Buffer) = NULL;
    List->ParentNetBufferList = NULL;
    ORIGINAL_OF(List) = NULL;
    NET_BUFFER_LIST_NEXT_NBL(List) = Binding->FreeShells;
    Binding->FreeShells = List;
}

/* A copy of a frame without the tag in it; the priority goes out of band. The caller holds the lock. */
static PNET_BUFFER_LIST CopyUntagged(PMUX_BINDING Binding, PNET_BUFFER_LIST List, ULONG Tag)
{
    PNET_BUFFER Buffer = NET_BUFFER_LIST_FIRST_NB(List);
    ULONG Length = NET_BUFFER_DATA_LENGTH(Buffer) - VLAN_TAG_LENGTH;
    PNET_BUFFER_LIST Copy = FrameListsTake(&Binding->Copies);
    PUCHAR Frame;

    if (Copy == NULL)
        return NULL;
    Frame = FrameListsBuffer(Copy);
    if (Length > Binding->Copies.BufferSize || !FrameRead(Buffer, 0, Frame, ADDRESSES) ||
        !FrameRead(Buffer, ADDRESSES + VLAN_TAG_LENGTH, Frame + ADDRESSES, Length - ADDRESSES)) {
        FrameListsGive(&Binding->Copies, Copy);
        return NULL;
    }
    FrameListsSetFrame(Copy, 0, Length);
    ORIGINAL_OF(Copy) = NULL;
    NdisCopyReceiveNetBufferListInfo(Copy, List);
    NET_BUFFER_LIST_INFO(Copy, Ieee8021QNetBufferListInfo) = (PVOID)(ULONG_PTR)(Tag >> TAG_PRIORITY_SHIFT);
    return Copy;
}

/* The tag in a frame: 16 bits of priority and VLAN id, or NO_TAG. */
static ULONG TagInFrame(PNET_BUFFER_LIST List)
{
    PNET_BUFFER Buffer = NET_BUFFER_LIST_FIRST_NB(List);
    UCHAR Tag[VLAN_TAG_LENGTH];

    if (NET_BUFFER_DATA_LENGTH(Buffer) < TAGGED_HEADER || !FrameRead(Buffer, ADDRESSES, Tag, sizeof(Tag)))
        return NO_TAG;
    return Tag[0] == 0x81 && Tag[1] == 0x00 ? (ULONG)Tag[2] << 8 | Tag[3] : NO_TAG;
}

/* What a virtual miniport of a VLAN gets of a list: a list of ours; NULL where it gets none. */
static PNET_BUFFER_LIST DescribeTagged(PMUX_MINIPORT Miniport, PNET_BUFFER_LIST List, PBOOLEAN Wanted)
{
    ULONG Info = (ULONG)(ULONG_PTR)NET_BUFFER_LIST_INFO(List, Ieee8021QNetBufferListInfo);
    ULONG Tag = NO_TAG;
    PNET_BUFFER_LIST Shell;

    /* The adapter below may have taken the tag out of the frame already. */
    if (Info >> INFO_VLAN_SHIFT == 0)
        Tag = TagInFrame(List);
    *Wanted = Miniport->VlanId == (Tag == NO_TAG ? Info >> INFO_VLAN_SHIFT & TAG_VLAN : Tag & TAG_VLAN);
    if (!*Wanted)
        return NULL;
    if (Tag != NO_TAG)
        return CopyUntagged(Miniport->Binding, List, Tag);
    Shell = Wrap(Miniport->Binding, List);
    if (Shell != NULL)
        NET_BUFFER_LIST_INFO(Shell, Ieee8021QNetBufferListInfo) = (PVOID)(ULONG_PTR)(Info & INFO_PRIORITY);
    return Shell;
}

/* Whether a virtual miniport of a shared network gets a frame. */
static BOOLEAN IsFor(const MUX_MINIPORT *Miniport, PNET_BUFFER_LIST List)
{
    PNET_BUFFER Buffer = NET_BUFFER_LIST_FIRST_NB(List);
    UCHAR Addresses[ADDRESSES];

    if (!Miniport->Binding->SharesNetwork)
        return TRUE;
    if (NET_BUFFER_DATA_LENGTH(Buffer) < ADDRESSES || !FrameRead(Buffer, 0, Addresses, sizeof(Addresses)))
        return FALSE;
    /* Its own frames come back to the binding by loopback, but not to their sender. */
    if (RtlEqualMemory(Addresses + ETHERNET_ADDRESS_LENGTH, Miniport->MacAddress, ETHERNET_ADDRESS_LENGTH))
        return FALSE;
    return (Addresses[0] & 1) != 0 || (Miniport->PacketFilter & NDIS_PACKET_TYPE_PROMISCUOUS) != 0 ||
           RtlEqualMemory(Addresses, Miniport->MacAddress, ETHERNET_ADDRESS_LENGTH);
}

/* A list of ours with the frame as the protocols above shall see it; NULL where they see none. */
static PNET_BUFFER_LIST Describe(PMUX_MINIPORT Miniport, PNET_BUFFER_LIST List)
{
    PNET_BUFFER_LIST Own = NULL;
    BOOLEAN Wanted;

    if (Miniport->VlanId != MUX_NO_VLAN) {
        Own = DescribeTagged(Miniport, List, &Wanted);
    } else {
        Wanted = IsFor(Miniport, List);
        if (Wanted)
            Own = Wrap(Miniport->Binding, List);
    }
    if (Wanted && Own == NULL)
        InterlockedIncrement64(&Miniport->ReceiveNoBuffer);
    return Own;
}

/* A chain of ours with everything that is for one virtual miniport. */
static PNET_BUFFER_LIST DescribeLists(PMUX_MINIPORT Miniport, PNET_BUFFER_LIST Lists, BOOLEAN Lent, PULONG Count)
{
    PMUX_BINDING Binding = Miniport->Binding;
    PNET_BUFFER_LIST First = NULL;
    PNET_BUFFER_LIST *Link = &First;
    PNET_BUFFER_LIST List;
    LONG64 Bytes = 0;

    *Count = 0;
    NdisAcquireSpinLock(&Binding->Lock);
    for (List = Lists; List != NULL; List = NET_BUFFER_LIST_NEXT_NBL(List)) {
        PNET_BUFFER_LIST Own = Describe(Miniport, List);

        if (Own == NULL)
            continue;
        Own->SourceHandle = Miniport->Handle;
        if (!Lent && ORIGINAL_OF(Own) != NULL)
            InterlockedIncrement(&List->ChildRefCount);
        Bytes += NET_BUFFER_DATA_LENGTH(NET_BUFFER_LIST_FIRST_NB(Own));
        *Link = Own;
        Link = &NET_BUFFER_LIST_NEXT_NBL(Own);
        ++*Count;
    }
    *Link = NULL;
    NdisReleaseSpinLock(&Binding->Lock);
    InterlockedExchangeAdd64(&Miniport->FramesReceived, *Count);
    InterlockedExchangeAdd64(&Miniport->BytesReceived, Bytes);
    return First;
}

static VOID TakeBackLists(PMUX_BINDING Binding, PNET_BUFFER_LIST Lists)
{
    PNET_BUFFER_LIST List;

    NdisAcquireSpinLock(&Binding->Lock);
    while ((List = Lists) != NULL) {
        Lists = NET_BUFFER_LIST_NEXT_NBL(List);
        TakeBack(Binding, List);
    }
    NdisReleaseSpinLock(&Binding->Lock);
}

/* Indicates to one virtual miniport what is for it. */
static VOID Indicate(PMUX_MINIPORT Miniport, PNET_BUFFER_LIST Lists, ULONG Flags)
{
    BOOLEAN Lent = (Flags & NDIS_RECEIVE_FLAGS_RESOURCES) != 0;
    PNET_BUFFER_LIST Own;
    ULONG Count;

    /* Until the lists are counted one hold for all of them keeps the pause waiting. */
    if (!MuxAcquire(Miniport, 1))
        return;
    Own = DescribeLists(Miniport, Lists, Lent, &Count);
    if (Own != NULL) {
        if (!Lent)
            InterlockedExchangeAdd(&Miniport->Outstanding, (LONG)Count);
        NdisMIndicateReceiveNetBufferLists(Miniport->Handle, Own, NDIS_DEFAULT_PORT_NUMBER, Count, Flags);
        /* With NDIS_RECEIVE_FLAGS_RESOURCES the lists are ours again; those below go back by themselves. */
        if (Lent)
            TakeBackLists(Miniport->Binding, Own);
    }
    MuxRelease(Miniport, 1);
}

/* Lets go of lists below, one count each; those that nobody uses any more go back. */
static VOID ReleaseOriginals(PMUX_BINDING Binding, PNET_BUFFER_LIST Lists, ULONG ReturnFlags)
{
    PNET_BUFFER_LIST Unused = NULL;
    PNET_BUFFER_LIST *Link = &Unused;
    PNET_BUFFER_LIST List;

    while ((List = Lists) != NULL) {
        Lists = NET_BUFFER_LIST_NEXT_NBL(List);
        if (InterlockedDecrement(&List->ChildRefCount) > 0)
            continue;
        *Link = List;
        Link = &NET_BUFFER_LIST_NEXT_NBL(List);
    }
    *Link = NULL;
    if (Unused != NULL)
        NdisReturnNetBufferLists(Binding->Base.Handle, Unused, ReturnFlags);
}

_Use_decl_annotations_
VOID MuxReceiveNetBufferLists(
    NDIS_HANDLE ProtocolBindingContext,
    PNET_BUFFER_LIST NetBufferLists,
    NDIS_PORT_NUMBER PortNumber,
    ULONG NumberOfNetBufferLists,
    ULONG ReceiveFlags)
{
    PMUX_BINDING Binding = ProtocolBindingContext;
    PNET_BUFFER_LIST List;
    ULONG Index;

    UNREFERENCED_PARAMETER(PortNumber);
    UNREFERENCED_PARAMETER(NumberOfNetBufferLists);
    /* Our own hold on each list, so that none goes back while we look at it. */
    for (List = NetBufferLists; List != NULL; List = NET_BUFFER_LIST_NEXT_NBL(List))
        List->ChildRefCount = 1;
    for (Index = 0; Index < Binding->MiniportCount; Index++)
        Indicate(&Binding->Miniports[Index], NetBufferLists, ReceiveFlags);
    if ((ReceiveFlags & NDIS_RECEIVE_FLAGS_RESOURCES) == 0) {
        ReleaseOriginals(
            Binding,
            NetBufferLists,
            (ReceiveFlags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL) != 0 ? NDIS_RETURN_FLAGS_DISPATCH_LEVEL : 0);
    }
}

_Use_decl_annotations_
VOID MuxReturnNetBufferLists(NDIS_HANDLE MiniportAdapterContext, PNET_BUFFER_LIST NetBufferLists, ULONG ReturnFlags)
{
    PMUX_MINIPORT Miniport = MiniportAdapterContext;
    PMUX_BINDING Binding = Miniport->Binding;
    PNET_BUFFER_LIST Unused = NULL;
    PNET_BUFFER_LIST *Link = &Unused;
    PNET_BUFFER_LIST List;
    LONG Count = 0;

    NdisAcquireSpinLock(&Binding->Lock);
    while ((List = NetBufferLists) != NULL) {
        PNET_BUFFER_LIST Original = ORIGINAL_OF(List);

        NetBufferLists = NET_BUFFER_LIST_NEXT_NBL(List);
        TakeBack(Binding, List);
        Count++;
        /* The last one to let go may link the list into a chain: nobody else looks at it any more. */
        if (Original == NULL || InterlockedDecrement(&Original->ChildRefCount) > 0)
            continue;
        *Link = Original;
        Link = &NET_BUFFER_LIST_NEXT_NBL(Original);
    }
    *Link = NULL;
    NdisReleaseSpinLock(&Binding->Lock);
    if (Unused != NULL)
        NdisReturnNetBufferLists(Binding->Base.Handle, Unused, ReturnFlags);
    MuxRelease(Miniport, Count);
}
