/*
 * The send path of ringport: net buffers become descriptors of the send queue; lists for which there is no room wait,
 * up to a bound. See "Sending Data from a Miniport Driver" (network).
 *
 * While a list is ours, its MiniportReserved[0] counts its net buffers that are in the queue, and its Status is the
 * worst that became of one.
 */
#include "ringport.h"

/* Lists that may wait for room; later ones fail with NDIS_STATUS_RESOURCES. */
#define WAITING_LIMIT 1024

#define IN_QUEUE(List) (NET_BUFFER_LIST_MINIPORT_RESERVED(List)[0])

/* A chain of lists that are done. */
typedef struct _DONE_LISTS {
    PNET_BUFFER_LIST Head;
    PNET_BUFFER_LIST Tail;
} DONE_LISTS, *PDONE_LISTS;

static VOID AddDone(PDONE_LISTS Done, PNET_BUFFER_LIST List)
{
    NET_BUFFER_LIST_NEXT_NBL(List) = NULL;
    if (Done->Head == NULL)
        Done->Head = List;
    else
        NET_BUFFER_LIST_NEXT_NBL(Done->Tail) = List;
    Done->Tail = List;
}

/* Gives lists back to NDIS. Call it without the lock: protocols may send again at once. */
static VOID CompleteLists(PRINGPORT_ADAPTER Adapter, PNET_BUFFER_LIST Lists)
{
    if (Lists == NULL)
        return;
    NdisMSendNetBufferListsComplete(
        Adapter->Handle,
        Lists,
        KeGetCurrentIrql() == DISPATCH_LEVEL ? NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL : 0);
}

/* The 16 bits of a tag from what NDIS has out of band, behind the type 802.1Q; 0 for no tag. */
static ULONG VlanOf(PNET_BUFFER_LIST List)
{
    NDIS_NET_BUFFER_LIST_8021Q_INFO Info;

    Info.Value = NET_BUFFER_LIST_INFO(List, Ieee8021QNetBufferListInfo);
    if (Info.Value == NULL)
        return 0;
    return 0x81000000 | (ULONG)Info.TagHeader.UserPriority << 13 | (ULONG)Info.TagHeader.CanonicalFormatId << 12 |
           (ULONG)Info.TagHeader.VlanId;
}

/* Where the frame lies in one piece: in its MDL, or copied into the bounce buffer of its descriptor. */
static PVOID FrameInOnePiece(PRINGPORT_ADAPTER Adapter, PNET_BUFFER Buffer, ULONG Slot)
{
    PMDL Mdl = NET_BUFFER_CURRENT_MDL(Buffer);
    ULONG Offset = NET_BUFFER_CURRENT_MDL_OFFSET(Buffer);
    ULONG Length = NET_BUFFER_DATA_LENGTH(Buffer);

    if (Length <= MmGetMdlByteCount(Mdl) - Offset) {
        PUCHAR Start = MmGetSystemAddressForMdlSafe(Mdl, LowPagePriority | MdlMappingNoExecute);

        return Start == NULL ? NULL : Start + Offset;
    }
    return NdisGetDataBuffer(Buffer, Length, Adapter->BounceBuffers + Slot * Adapter->BufferSize, 1, 0);
}

/* Puts one frame into the queue, which has room; FALSE where it can never be sent. The caller holds the lock. */
static BOOLEAN PostFrame(PRINGPORT_ADAPTER Adapter, PNET_BUFFER_LIST List, PNET_BUFFER Buffer)
{
    PNDISBOX_RING_QUEUE Queue = &Adapter->Ring->Send;
    ULONG Slot = Queue->Produced & (SEND_DESCRIPTORS - 1);
    PNDISBOX_RING_DESCRIPTOR Descriptor = &Queue->Descriptors[Slot];
    ULONG Length = NET_BUFFER_DATA_LENGTH(Buffer);

    if (Length < ETHERNET_HEADER_LENGTH || Length > Adapter->Ring->MaximumFrameSize + VLAN_TAG_LENGTH) {
        NET_BUFFER_LIST_STATUS(List) = NDIS_STATUS_INVALID_LENGTH;
        return FALSE;
    }
    Descriptor->Buffer = FrameInOnePiece(Adapter, Buffer, Slot);
    if (Descriptor->Buffer == NULL) {
        NET_BUFFER_LIST_STATUS(List) = NDIS_STATUS_RESOURCES;
        return FALSE;
    }
    Descriptor->Length = Length;
    Descriptor->Context = List;
    Descriptor->Vlan = Adapter->Ring->VlanSupported ? VlanOf(List) : 0;
    IN_QUEUE(List) = (PVOID)((ULONG_PTR)IN_QUEUE(List) + 1);
    /* From here on the descriptor is the device's. */
    Queue->Produced++;
    return TRUE;
}

/* Moves waiting lists into the queue while there is room. Lists of which no frame got there are done. */
static VOID PostWaiting(PRINGPORT_ADAPTER Adapter, PDONE_LISTS Done)
{
    PNDISBOX_RING_QUEUE Queue = &Adapter->Ring->Send;

    while (Adapter->WaitingHead != NULL) {
        PNET_BUFFER_LIST List = Adapter->WaitingHead;
        PNET_BUFFER Buffer = Adapter->WaitingBuffer;

        if (Buffer == NULL)
            Buffer = NET_BUFFER_LIST_FIRST_NB(List);
        for (; Buffer != NULL; Buffer = NET_BUFFER_NEXT_NB(Buffer)) {
            /* Descriptors are free again when their results were looked at, not before. */
            if (Queue->Produced - Adapter->SendReaped == SEND_DESCRIPTORS) {
                Adapter->WaitingBuffer = Buffer;
                return;
            }
            if (!PostFrame(Adapter, List, Buffer))
                Adapter->SendErrors++;
        }
        Adapter->WaitingBuffer = NULL;
        Adapter->WaitingHead = NET_BUFFER_LIST_NEXT_NBL(List);
        Adapter->WaitingCount--;
        NET_BUFFER_LIST_NEXT_NBL(List) = NULL;
        if (IN_QUEUE(List) == NULL)
            AddDone(Done, List);
    }
}

/* Looks at the results of the descriptors that the device is done with. */
static VOID Reap(PRINGPORT_ADAPTER Adapter, PDONE_LISTS Done)
{
    PNDISBOX_RING_QUEUE Queue = &Adapter->Ring->Send;
    ULONG Consumed = Queue->Consumed;

    for (; Adapter->SendReaped != Consumed; Adapter->SendReaped++) {
        PNDISBOX_RING_DESCRIPTOR Descriptor = &Queue->Descriptors[Adapter->SendReaped & (SEND_DESCRIPTORS - 1)];
        PNET_BUFFER_LIST List = Descriptor->Context;

        if (Descriptor->Result == NDISBOX_RING_DONE) {
            CountFrame(&Adapter->Sent, Descriptor->Buffer, Descriptor->Length);
        } else {
            Adapter->SendErrors++;
            NET_BUFFER_LIST_STATUS(List) = Adapter->Running ? NDIS_STATUS_FAILURE : NDIS_STATUS_SEND_ABORTED;
        }
        IN_QUEUE(List) = (PVOID)((ULONG_PTR)IN_QUEUE(List) - 1);
        /* A list that waits with more of its frames is not done. */
        if (IN_QUEUE(List) == NULL && List != Adapter->WaitingHead)
            AddDone(Done, List);
    }
}

/* Sends what waits, as far as the wire takes it. The caller holds the lock. */
static VOID Transmit(PRINGPORT_ADAPTER Adapter, PDONE_LISTS Done)
{
    ULONG Reaped;

    do {
        PostWaiting(Adapter, Done);
        Reaped = Adapter->SendReaped;
        if (Adapter->Ring->Send.Produced != Adapter->Ring->Send.Consumed)
            RingDoorbell(Adapter, NDISBOX_RING_SEND);
        Reap(Adapter, Done);
    } while (Adapter->WaitingHead != NULL && Adapter->SendReaped != Reaped);
}

VOID TransmitWaiting(PRINGPORT_ADAPTER Adapter)
{
    DONE_LISTS Done = {NULL, NULL};

    NdisAcquireSpinLock(&Adapter->SendLock);
    if (Adapter->Running)
        Transmit(Adapter, &Done);
    NdisReleaseSpinLock(&Adapter->SendLock);
    CompleteLists(Adapter, Done.Head);
}

static VOID FailLists(PRINGPORT_ADAPTER Adapter, PNET_BUFFER_LIST Lists, NDIS_STATUS Status)
{
    PNET_BUFFER_LIST List;

    for (List = Lists; List != NULL; List = NET_BUFFER_LIST_NEXT_NBL(List)) {
        NET_BUFFER_LIST_STATUS(List) = Status;
        Adapter->SendErrors++;
    }
}

_Use_decl_annotations_
VOID RingportSendNetBufferLists(
    NDIS_HANDLE MiniportAdapterContext,
    PNET_BUFFER_LIST NetBufferList,
    NDIS_PORT_NUMBER PortNumber,
    ULONG SendFlags)
{
    PRINGPORT_ADAPTER Adapter = MiniportAdapterContext;
    DONE_LISTS Done = {NULL, NULL};
    PNET_BUFFER_LIST Refused = NULL;
    PNET_BUFFER_LIST List;

    UNREFERENCED_PARAMETER(PortNumber);
    UNREFERENCED_PARAMETER(SendFlags);
    NdisAcquireSpinLock(&Adapter->SendLock);
    if (!Adapter->Running || Adapter->WaitingCount >= WAITING_LIMIT) {
        Refused = NetBufferList;
        FailLists(Adapter, Refused, Adapter->Running ? NDIS_STATUS_RESOURCES : NDIS_STATUS_PAUSED);
    } else {
        if (Adapter->WaitingHead == NULL)
            Adapter->WaitingHead = NetBufferList;
        else
            NET_BUFFER_LIST_NEXT_NBL(Adapter->WaitingTail) = NetBufferList;
        for (List = NetBufferList; List != NULL; List = NET_BUFFER_LIST_NEXT_NBL(List)) {
            NET_BUFFER_LIST_STATUS(List) = NDIS_STATUS_SUCCESS;
            IN_QUEUE(List) = NULL;
            Adapter->WaitingTail = List;
            Adapter->WaitingCount++;
        }
        Transmit(Adapter, &Done);
    }
    NdisReleaseSpinLock(&Adapter->SendLock);
    CompleteLists(Adapter, Refused);
    CompleteLists(Adapter, Done.Head);
    /* The doorbell may have told what the DPC has to look after. */
    if (Adapter->Events != 0)
        KeInsertQueueDpc(&Adapter->Dpc, NULL, NULL);
}

/* Takes everything back that was not sent: the adapter pauses, or its wire is dead. */
VOID FlushSends(PRINGPORT_ADAPTER Adapter)
{
    DONE_LISTS Done = {NULL, NULL};
    PNET_BUFFER_LIST List;

    NdisAcquireSpinLock(&Adapter->SendLock);
    RingDoorbell(Adapter, NDISBOX_RING_FLUSH);
    List = Adapter->WaitingHead;
    Adapter->WaitingHead = NULL;
    Adapter->WaitingBuffer = NULL;
    Adapter->WaitingCount = 0;
    FailLists(Adapter, List, NDIS_STATUS_SEND_ABORTED);
    while (List != NULL) {
        PNET_BUFFER_LIST Next = NET_BUFFER_LIST_NEXT_NBL(List);

        NET_BUFFER_LIST_NEXT_NBL(List) = NULL;
        /* Reap finishes the one that is in the queue with some of its frames. */
        if (IN_QUEUE(List) == NULL)
            AddDone(&Done, List);
        List = Next;
    }
    Reap(Adapter, &Done);
    NdisReleaseSpinLock(&Adapter->SendLock);
    CompleteLists(Adapter, Done.Head);
}

_Use_decl_annotations_
VOID RingportCancelSend(NDIS_HANDLE MiniportAdapterContext, PVOID CancelId)
{
    PRINGPORT_ADAPTER Adapter = MiniportAdapterContext;
    DONE_LISTS Done = {NULL, NULL};
    PNET_BUFFER_LIST *Link = &Adapter->WaitingHead;
    PNET_BUFFER_LIST List;

    NdisAcquireSpinLock(&Adapter->SendLock);
    Adapter->WaitingTail = NULL;
    while ((List = *Link) != NULL) {
        /* A list with frames in the queue is past cancelling. */
        BOOLEAN Begun = List == Adapter->WaitingHead && Adapter->WaitingBuffer != NULL;

        if (!Begun && NDIS_GET_NET_BUFFER_LIST_CANCEL_ID(List) == CancelId) {
            *Link = NET_BUFFER_LIST_NEXT_NBL(List);
            Adapter->WaitingCount--;
            NET_BUFFER_LIST_STATUS(List) = NDIS_STATUS_SEND_ABORTED;
            AddDone(&Done, List);
        } else {
            Adapter->WaitingTail = List;
            Link = &NET_BUFFER_LIST_NEXT_NBL(List);
        }
    }
    NdisReleaseSpinLock(&Adapter->SendLock);
    CompleteLists(Adapter, Done.Head);
}
