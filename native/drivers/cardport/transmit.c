/*
 * The send path of cardport: a scatter/gather list for each net buffer, its elements as descriptors, and completion when
 * the device has read them. See "NDIS Scatter/Gather DMA" (network).
 */
#include "cardport.h"

static VOID Append(PFRAME_QUEUE Queue, PNET_BUFFER Frame)
{
    FRAME_NEXT(Frame) = NULL;
    if (Queue->Head == NULL)
        Queue->Head = Frame;
    else
        FRAME_NEXT(Queue->Tail) = Frame;
    Queue->Tail = Frame;
    Queue->Count++;
}

static PNET_BUFFER Take(PFRAME_QUEUE Queue)
{
    PNET_BUFFER Frame = Queue->Head;

    if (Frame == NULL)
        return NULL;
    Queue->Head = FRAME_NEXT(Frame);
    Queue->Count--;
    return Frame;
}

/* One net buffer of a list is over, or the driver's own hold on it. */
static VOID ReleaseList(PCARDPORT_ADAPTER Adapter, PNET_BUFFER_LIST List)
{
    if (InterlockedDecrement(&LIST_FRAMES_LEFT(List)) == 0)
        NdisMSendNetBufferListsComplete(Adapter->Handle, List, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL);
}

/* A net buffer is over. At DISPATCH_LEVEL, without the lock. */
static VOID FinishFrame(PCARDPORT_ADAPTER Adapter, PNET_BUFFER Frame, NDIS_STATUS Status)
{
    PNET_BUFFER_LIST List = FRAME_LIST(Frame);

    if (FRAME_SG_LIST(Frame) != NULL)
        NdisMFreeNetBufferSGList(Adapter->Dma, FRAME_SG_LIST(Frame), Frame);
    FRAME_SG_LIST(Frame) = NULL;
    if (Status == NDIS_STATUS_SUCCESS) {
        Adapter->SentFrames++;
    } else {
        Adapter->SendErrors++;
        NET_BUFFER_LIST_STATUS(List) = Status;
    }
    ReleaseList(Adapter, List);
}

/* Writes the descriptors of a frame; its data begins CurrentMdlOffset bytes into the list. The caller holds the lock. */
static VOID DescribeFrame(PCARDPORT_ADAPTER Adapter, PNET_BUFFER Frame)
{
    PCARD_DESCRIPTOR Ring = Adapter->TransmitRing.Virtual;
    PSCATTER_GATHER_LIST List = FRAME_SG_LIST(Frame);
    ULONG Skip = NET_BUFFER_CURRENT_MDL_OFFSET(Frame);
    ULONG Left = NET_BUFFER_DATA_LENGTH(Frame);
    ULONG Index;

    FRAME_DESCRIPTORS(Frame) = 0;
    for (Index = 0; Index < List->NumberOfElements && Left > 0; Index++) {
        PSCATTER_GATHER_ELEMENT Element = &List->Elements[Index];
        PCARD_DESCRIPTOR Descriptor = &Ring[Adapter->TransmitTail];
        ULONG Length;

        if (Skip >= Element->Length) {
            Skip -= Element->Length;
            continue;
        }
        Length = Element->Length - Skip < Left ? Element->Length - Skip : Left;
        Descriptor->Address = (ULONG64)Element->Address.QuadPart + Skip;
        Descriptor->Length = Length;
        Descriptor->Flags = Left == Length ? CARD_FLAG_END : 0;
        Adapter->TransmitTail = (Adapter->TransmitTail + 1) & (TRANSMIT_DESCRIPTORS - 1);
        FRAME_DESCRIPTORS(Frame)++;
        Left -= Length;
        Skip = 0;
    }
}

/* Gives the device what waits, as far as there is room in the ring. The caller holds the lock. */
static VOID Submit(PCARDPORT_ADAPTER Adapter)
{
    ULONG Before = Adapter->TransmitTail;

    while (Adapter->Waiting.Head != NULL) {
        ULONG Used = (Adapter->TransmitTail - Adapter->TransmitHead) & (TRANSMIT_DESCRIPTORS - 1);
        PNET_BUFFER Frame;

        if (TRANSMIT_DESCRIPTORS - 1 - Used < CARD_FRAME_DESCRIPTORS)
            break;
        Frame = Take(&Adapter->Waiting);
        DescribeFrame(Adapter, Frame);
        Append(&Adapter->Sending, Frame);
    }
    if (Adapter->TransmitTail != Before)
        WriteCard(Adapter, CARD_TRANSMIT_RING + CARD_RING_TAIL, Adapter->TransmitTail);
}

_Use_decl_annotations_
VOID CardportProcessSGList(PDEVICE_OBJECT pDO, PVOID Reserved, PSCATTER_GATHER_LIST pSGL, PVOID Context)
{
    PNET_BUFFER Frame = Context;
    PCARDPORT_ADAPTER Adapter = FRAME_LIST(Frame)->MiniportReserved[1];
    NDIS_STATUS Status = NDIS_STATUS_SUCCESS;

    UNREFERENCED_PARAMETER(pDO);
    UNREFERENCED_PARAMETER(Reserved);
    FRAME_SG_LIST(Frame) = pSGL;
    NdisDprAcquireSpinLock(&Adapter->Lock);
    Adapter->Mapping--;
    if (Adapter->Gone)
        Status = NDIS_STATUS_REQUEST_ABORTED;
    else if (pSGL->NumberOfElements > CARD_FRAME_DESCRIPTORS)
        Status = NDIS_STATUS_RESOURCES;
    else {
        Append(&Adapter->Waiting, Frame);
        Submit(Adapter);
    }
    NdisDprReleaseSpinLock(&Adapter->Lock);
    if (Status != NDIS_STATUS_SUCCESS)
        FinishFrame(Adapter, Frame, Status);
}

/* Begins to send one net buffer. At DISPATCH_LEVEL. */
static VOID BeginFrame(PCARDPORT_ADAPTER Adapter, PNET_BUFFER Frame)
{
    NDIS_STATUS Status = NDIS_STATUS_SUCCESS;

    NdisDprAcquireSpinLock(&Adapter->Lock);
    if (!Adapter->Running || Adapter->Gone)
        Status = NDIS_STATUS_PAUSED;
    else if (Adapter->Waiting.Count >= WAITING_LIMIT)
        Status = NDIS_STATUS_RESOURCES;
    else
        Adapter->Mapping++;
    NdisDprReleaseSpinLock(&Adapter->Lock);
    if (Status == NDIS_STATUS_SUCCESS) {
        Status = NdisMAllocateNetBufferSGList(Adapter->Dma, Frame, Frame, NDIS_SG_LIST_WRITE_TO_DEVICE, NULL, 0);
        if (Status == NDIS_STATUS_SUCCESS)
            return;
        NdisDprAcquireSpinLock(&Adapter->Lock);
        Adapter->Mapping--;
        NdisDprReleaseSpinLock(&Adapter->Lock);
    }
    FinishFrame(Adapter, Frame, Status);
}

static VOID SendList(PCARDPORT_ADAPTER Adapter, PNET_BUFFER_LIST List)
{
    PNET_BUFFER Frame;
    PNET_BUFFER Next;

    NET_BUFFER_LIST_STATUS(List) = NDIS_STATUS_SUCCESS;
    List->MiniportReserved[1] = Adapter;
    /* One more than there are, so that the list is not over before all were begun. */
    LIST_FRAMES_LEFT(List) = 1;
    for (Frame = NET_BUFFER_LIST_FIRST_NB(List); Frame != NULL; Frame = Next) {
        Next = NET_BUFFER_NEXT_NB(Frame);
        FRAME_LIST(Frame) = List;
        FRAME_SG_LIST(Frame) = NULL;
        InterlockedIncrement(&LIST_FRAMES_LEFT(List));
        BeginFrame(Adapter, Frame);
    }
    ReleaseList(Adapter, List);
}

_Use_decl_annotations_
VOID CardportSendNetBufferLists(
    NDIS_HANDLE MiniportAdapterContext,
    PNET_BUFFER_LIST NetBufferLists,
    NDIS_PORT_NUMBER PortNumber,
    ULONG SendFlags)
{
    BOOLEAN AtDispatch = NDIS_TEST_SEND_AT_DISPATCH_LEVEL(SendFlags) != 0;
    KIRQL OldIrql = DISPATCH_LEVEL;
    PNET_BUFFER_LIST List;
    PNET_BUFFER_LIST Next;

    UNREFERENCED_PARAMETER(PortNumber);
    /* Scatter/gather lists are made at DISPATCH_LEVEL. */
    if (!AtDispatch)
        KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    for (List = NetBufferLists; List != NULL; List = Next) {
        Next = NET_BUFFER_LIST_NEXT_NBL(List);
        NET_BUFFER_LIST_NEXT_NBL(List) = NULL;
        SendList(MiniportAdapterContext, List);
    }
    if (!AtDispatch)
        KeLowerIrql(OldIrql);
}

/* Takes the oldest frame if the device is done with it; its status. The caller holds the lock. */
static PNET_BUFFER TakeSent(PCARDPORT_ADAPTER Adapter, NDIS_STATUS *Status)
{
    PCARD_DESCRIPTOR Ring = Adapter->TransmitRing.Virtual;
    PNET_BUFFER Frame = Adapter->Sending.Head;
    ULONG Flags;

    if (Frame == NULL)
        return NULL;
    Flags = Ring[(Adapter->TransmitHead + (ULONG)FRAME_DESCRIPTORS(Frame) - 1) & (TRANSMIT_DESCRIPTORS - 1)].Flags;
    if ((Flags & CARD_FLAG_DONE) == 0)
        return NULL;
    *Status = (Flags & CARD_FLAG_ERROR) == 0 ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE;
    Adapter->TransmitHead = (Adapter->TransmitHead + (ULONG)FRAME_DESCRIPTORS(Frame)) & (TRANSMIT_DESCRIPTORS - 1);
    return Take(&Adapter->Sending);
}

/* Completes what the device has sent. At DISPATCH_LEVEL. */
VOID CompleteSends(PCARDPORT_ADAPTER Adapter)
{
    NDIS_STATUS Status = NDIS_STATUS_SUCCESS;
    PNET_BUFFER Frame;

    for (;;) {
        NdisDprAcquireSpinLock(&Adapter->Lock);
        Frame = TakeSent(Adapter, &Status);
        if (Frame == NULL)
            Submit(Adapter);
        NdisDprReleaseSpinLock(&Adapter->Lock);
        if (Frame == NULL)
            break;
        FinishFrame(Adapter, Frame, Status);
    }
    CompletePause(Adapter);
}

/* Gives up every frame; the device has stopped, or is gone. IRQL <= DISPATCH_LEVEL. */
VOID AbortSends(PCARDPORT_ADAPTER Adapter)
{
    KIRQL OldIrql;
    PNET_BUFFER Frame;

    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    for (;;) {
        NdisDprAcquireSpinLock(&Adapter->Lock);
        Adapter->TransmitHead = Adapter->TransmitTail;
        Frame = Take(&Adapter->Sending);
        if (Frame == NULL)
            Frame = Take(&Adapter->Waiting);
        NdisDprReleaseSpinLock(&Adapter->Lock);
        if (Frame == NULL)
            break;
        FinishFrame(Adapter, Frame, NDIS_STATUS_REQUEST_ABORTED);
    }
    CompletePause(Adapter);
    KeLowerIrql(OldIrql);
}
