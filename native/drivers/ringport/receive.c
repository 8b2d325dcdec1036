/*
 * The receive path of ringport: each descriptor of the receive queue has the buffer of one list; the device fills it,
 * the list goes up, and when it comes back its buffer goes into the queue again.
 * See "Indicating Received Data" for miniport drivers (network).
 */
#include "ringport.h"

/* Gives the buffer of a list to the device. There is a descriptor for every list. The caller holds the lock. */
static VOID PostList(PRINGPORT_ADAPTER Adapter, PNET_BUFFER_LIST List)
{
    PNDISBOX_RING_QUEUE Queue = &Adapter->Ring->Receive;
    PNDISBOX_RING_DESCRIPTOR Descriptor = &Queue->Descriptors[Queue->Produced & (RECEIVE_DESCRIPTORS - 1)];

    Descriptor->Buffer = NET_BUFFER_LIST_MINIPORT_RESERVED(List)[0];
    Descriptor->Size = Adapter->BufferSize;
    Descriptor->Context = List;
    /* From here on the descriptor is the device's. */
    Queue->Produced++;
}

VOID PostReceiveBuffers(PRINGPORT_ADAPTER Adapter)
{
    ULONG Index;

    NdisAcquireSpinLock(&Adapter->ReceiveLock);
    for (Index = 0; Index < Adapter->ReceiveListCount; Index++)
        PostList(Adapter, Adapter->ReceiveLists[Index]);
    NdisReleaseSpinLock(&Adapter->ReceiveLock);
}

/* Describes a frame that arrived in its list. */
static VOID DescribeFrame(PNET_BUFFER_LIST List, const NDISBOX_RING_DESCRIPTOR *Descriptor)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO Checksum;
    NDIS_NET_BUFFER_LIST_8021Q_INFO Vlan;

    NET_BUFFER_DATA_LENGTH(NET_BUFFER_LIST_FIRST_NB(List)) = Descriptor->Length;
    Checksum.Value = NULL;
    if ((Descriptor->Flags & NDISBOX_RING_CHECKSUM_GOOD) != 0) {
        Checksum.Receive.TcpChecksumSucceeded = 1;
        Checksum.Receive.UdpChecksumSucceeded = 1;
    }
    NET_BUFFER_LIST_INFO(List, TcpIpChecksumNetBufferListInfo) = Checksum.Value;
    Vlan.Value = NULL;
    if (Descriptor->Vlan != 0) {
        Vlan.TagHeader.UserPriority = Descriptor->Vlan >> 13;
        Vlan.TagHeader.CanonicalFormatId = Descriptor->Vlan >> 12;
        Vlan.TagHeader.VlanId = Descriptor->Vlan;
    }
    NET_BUFFER_LIST_INFO(List, Ieee8021QNetBufferListInfo) = Vlan.Value;
}

/* Takes what the device has filled out of the queue: a chain of lists. The caller holds the lock. */
static PNET_BUFFER_LIST TakeFilled(PRINGPORT_ADAPTER Adapter, PULONG Count)
{
    PNDISBOX_RING_QUEUE Queue = &Adapter->Ring->Receive;
    ULONG Consumed = Queue->Consumed;
    PNET_BUFFER_LIST Head = NULL;
    PNET_BUFFER_LIST *Link = &Head;

    *Count = 0;
    for (; Adapter->ReceiveReaped != Consumed; Adapter->ReceiveReaped++) {
        PNDISBOX_RING_DESCRIPTOR Descriptor = &Queue->Descriptors[Adapter->ReceiveReaped & (RECEIVE_DESCRIPTORS - 1)];
        PNET_BUFFER_LIST List = Descriptor->Context;

        DescribeFrame(List, Descriptor);
        CountFrame(&Adapter->Received, Descriptor->Buffer, Descriptor->Length);
        *Link = List;
        Link = &NET_BUFFER_LIST_NEXT_NBL(List);
        ++*Count;
    }
    *Link = NULL;
    Adapter->ReceiveOutstanding += *Count;
    return Head;
}

/* Takes frames from the device and indicates them; TRUE where more may wait and there are buffers for them. */
BOOLEAN ReceiveFrames(PRINGPORT_ADAPTER Adapter)
{
    PNET_BUFFER_LIST Lists;
    ULONG Count;
    BOOLEAN More;

    NdisDprAcquireSpinLock(&Adapter->ReceiveLock);
    if (!Adapter->Running) {
        NdisDprReleaseSpinLock(&Adapter->ReceiveLock);
        return FALSE;
    }
    RingDoorbell(Adapter, NDISBOX_RING_RECEIVE);
    Adapter->Starved = (InterlockedAnd(&Adapter->Events, ~NDISBOX_RING_MORE) & NDISBOX_RING_MORE) != 0;
    More = Adapter->Starved;
    Lists = TakeFilled(Adapter, &Count);
    if (More && Count == 0)
        Adapter->ReceiveNoBuffer++;
    NdisDprReleaseSpinLock(&Adapter->ReceiveLock);
    if (Lists == NULL)
        return FALSE;
    NdisMIndicateReceiveNetBufferLists(
        Adapter->Handle, Lists, NDIS_DEFAULT_PORT_NUMBER, Count, NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL);
    return More;
}

_Use_decl_annotations_
VOID RingportReturnNetBufferLists(NDIS_HANDLE MiniportAdapterContext, PNET_BUFFER_LIST NetBufferLists, ULONG ReturnFlags)
{
    PRINGPORT_ADAPTER Adapter = MiniportAdapterContext;
    PNET_BUFFER_LIST List;
    BOOLEAN Paused = FALSE;
    BOOLEAN Starved;

    UNREFERENCED_PARAMETER(ReturnFlags);
    NdisAcquireSpinLock(&Adapter->ReceiveLock);
    while ((List = NetBufferLists) != NULL) {
        NetBufferLists = NET_BUFFER_LIST_NEXT_NBL(List);
        PostList(Adapter, List);
        Adapter->ReceiveOutstanding--;
    }
    if (Adapter->Pausing && Adapter->ReceiveOutstanding == 0) {
        Adapter->Pausing = FALSE;
        Paused = TRUE;
    }
    Starved = Adapter->Starved && Adapter->Running;
    Adapter->Starved = FALSE;
    NdisReleaseSpinLock(&Adapter->ReceiveLock);
    if (Paused)
        NdisMPauseComplete(Adapter->Handle);
    /* The wire may hold frames that found no buffer. */
    if (Starved)
        KeInsertQueueDpc(&Adapter->Dpc, NULL, NULL);
}
