/*
 * The receive path of cardport: two rings of buffers in shared memory, each with a list of its own; what the device
 * filled is indicated, what comes back is given to the device again. See "Indicating Received Data" (network).
 */
#include "cardport.h"

/* Gives the device the buffer of a list. The caller holds the lock and writes the tail register. */
static VOID PostList(PRECEIVE_QUEUE Queue, PNET_BUFFER_LIST List)
{
    PCARD_DESCRIPTOR Descriptor = (PCARD_DESCRIPTOR)Queue->Ring.Virtual + Queue->Tail;

    Descriptor->Address = LIST_PHYSICAL(List);
    Descriptor->Length = BUFFER_SIZE;
    Descriptor->Flags = 0;
    Queue->Posted[Queue->Tail] = List;
    Queue->Tail = (Queue->Tail + 1) & (RECEIVE_DESCRIPTORS - 1);
}

/* Gives the device every free list of a queue; there are fewer lists than descriptors. The caller holds the lock. */
static VOID PostFree(PCARDPORT_ADAPTER Adapter, PRECEIVE_QUEUE Queue)
{
    if (Queue->FreeCount == 0)
        return;
    while (Queue->FreeCount > 0)
        PostList(Queue, Queue->Free[--Queue->FreeCount]);
    WriteCard(Adapter, Queue->TailRegister, Queue->Tail);
}

/* After a reset: every list that is here goes to the device again. */
VOID PostAll(PCARDPORT_ADAPTER Adapter)
{
    ULONG Number;
    ULONG Index;

    NdisAcquireSpinLock(&Adapter->Lock);
    for (Number = 0; Number < RECEIVE_QUEUES; Number++) {
        PRECEIVE_QUEUE Queue = &Adapter->Queues[Number];

        for (Index = 0; Index < RECEIVE_DESCRIPTORS; Index++) {
            if (Queue->Posted[Index] != NULL)
                Queue->Free[Queue->FreeCount++] = Queue->Posted[Index];
            Queue->Posted[Index] = NULL;
        }
        Queue->Next = 0;
        Queue->Tail = 0;
        PostFree(Adapter, Queue);
    }
    NdisReleaseSpinLock(&Adapter->Lock);
}

/* Takes the next list that the device has filled; NULL when there is none. The caller holds the lock. */
static PNET_BUFFER_LIST TakeFilled(PCARDPORT_ADAPTER Adapter, PRECEIVE_QUEUE Queue)
{
    for (;;) {
        PCARD_DESCRIPTOR Descriptor = (PCARD_DESCRIPTOR)Queue->Ring.Virtual + Queue->Next;
        PNET_BUFFER_LIST List = Queue->Posted[Queue->Next];
        ULONG Flags = Descriptor->Flags;

        if (List == NULL || (Flags & CARD_FLAG_DONE) == 0)
            return NULL;
        Queue->Posted[Queue->Next] = NULL;
        Queue->Next = (Queue->Next + 1) & (RECEIVE_DESCRIPTORS - 1);
        if ((Flags & CARD_FLAG_ERROR) == 0 && Adapter->Running) {
            NET_BUFFER_DATA_LENGTH(NET_BUFFER_LIST_FIRST_NB(List)) = Descriptor->Length;
            NET_BUFFER_LIST_NEXT_NBL(List) = NULL;
            return List;
        }
        Adapter->ReceiveErrors++;
        Queue->Free[Queue->FreeCount++] = List;
    }
}

/* Indicates what the device has put into the buffers of a queue. At DISPATCH_LEVEL. */
VOID ReceiveFrames(PCARDPORT_ADAPTER Adapter, ULONG Queue)
{
    PRECEIVE_QUEUE From = &Adapter->Queues[Queue];
    PNET_BUFFER_LIST First = NULL;
    PNET_BUFFER_LIST *Link = &First;
    PNET_BUFFER_LIST List;
    ULONG Count = 0;

    NdisDprAcquireSpinLock(&Adapter->Lock);
    while ((List = TakeFilled(Adapter, From)) != NULL) {
        *Link = List;
        Link = &NET_BUFFER_LIST_NEXT_NBL(List);
        Count++;
    }
    Adapter->ListsOut += Count;
    Adapter->ReceivedFrames += Count;
    PostFree(Adapter, From);
    NdisDprReleaseSpinLock(&Adapter->Lock);
    if (Count > 0)
        NdisMIndicateReceiveNetBufferLists(
            Adapter->Handle, First, NDIS_DEFAULT_PORT_NUMBER, Count, NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL);
}

_Use_decl_annotations_
VOID CardportReturnNetBufferLists(NDIS_HANDLE MiniportAdapterContext, PNET_BUFFER_LIST NetBufferLists, ULONG ReturnFlags)
{
    PCARDPORT_ADAPTER Adapter = MiniportAdapterContext;
    PNET_BUFFER_LIST List;
    ULONG Queue;

    UNREFERENCED_PARAMETER(ReturnFlags);
    NdisAcquireSpinLock(&Adapter->Lock);
    for (List = NetBufferLists; List != NULL; List = NET_BUFFER_LIST_NEXT_NBL(List)) {
        PRECEIVE_QUEUE Of = LIST_QUEUE(List);

        Of->Free[Of->FreeCount++] = List;
        Adapter->ListsOut--;
    }
    for (Queue = 0; Queue < RECEIVE_QUEUES; Queue++)
        PostFree(Adapter, &Adapter->Queues[Queue]);
    NdisReleaseSpinLock(&Adapter->Lock);
    CompletePause(Adapter);
}
