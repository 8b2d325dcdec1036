/*
 * The frames of cardport51. A packet to send goes into descriptors by its SCATTER_GATHER_LIST, or copied into shared
 * memory; it waits, up to a bound, while the ring is full. Each receive buffer is that of one packet, which goes up and
 * comes back. See "Bus-Master DMA Support" and "NDIS 5.1 Miniport Drivers" (network).
 */
#include "cardport51.h"

#define NEXT_PACKET(Packet) (*(PNDIS_PACKET *)(Packet)->MiniportReserved)
/* Of a packet for receiving: where its buffer is for the device. */
#define PACKET_PHYSICAL(Packet) (*(ULONG64 *)(Packet)->MiniportReserved)
/* With fewer buffers left for the device, protocols have to copy and the packets stay here. */
#define FEW_BUFFERS 8

static VOID Append(PPACKET_QUEUE Queue, PNDIS_PACKET Packet)
{
    NEXT_PACKET(Packet) = NULL;
    if (Queue->Head == NULL)
        Queue->Head = Packet;
    else
        NEXT_PACKET(Queue->Tail) = Packet;
    Queue->Tail = Packet;
    Queue->Count++;
}

static PNDIS_PACKET Take(PPACKET_QUEUE Queue)
{
    PNDIS_PACKET Packet = Queue->Head;

    if (Packet != NULL) {
        Queue->Head = NEXT_PACKET(Packet);
        Queue->Count--;
    }
    return Packet;
}

/* Completes packets. Call it without the lock: protocols may send again at once. */
static VOID Complete(PCARDPORT51_ADAPTER Adapter, PPACKET_QUEUE Queue, NDIS_STATUS Status)
{
    PNDIS_PACKET Packet;

    while ((Packet = Take(Queue)) != NULL)
        NdisMSendComplete(Adapter->Handle, Packet, Status);
}

/* The list that NDIS made of a packet; NULL where the frame has to be copied. */
static PSCATTER_GATHER_LIST ListOf(PCARDPORT51_ADAPTER Adapter, PNDIS_PACKET Packet)
{
    PSCATTER_GATHER_LIST List;

    if (!Adapter->ScatterGather)
        return NULL;
    List = NDIS_PER_PACKET_INFO_FROM_PACKET(Packet, ScatterGatherListPacketInfo);
    return List != NULL && List->NumberOfElements <= CARD_FRAME_DESCRIPTORS ? List : NULL;
}

/* Copies the buffers of a packet into one; the bytes, or 0 where they are no frame. */
static ULONG CopyFrame(PNDIS_PACKET Packet, PUCHAR Target)
{
    PNDIS_BUFFER Buffer;
    PVOID Address;
    ULONG Length = 0;
    UINT Piece;
    UINT Total;

    NdisQueryPacket(Packet, NULL, NULL, &Buffer, &Total);
    if (Total > BUFFER_SIZE)
        return 0;
    while (Buffer != NULL) {
        NdisQueryBufferSafe(Buffer, &Address, &Piece, NormalPagePriority);
        if (Address == NULL)
            return 0;
        NdisMoveMemory(Target + Length, Address, Piece);
        Length += Piece;
        NdisGetNextBuffer(Buffer, &Buffer);
    }
    return Length;
}

static VOID Describe(PCARDPORT51_ADAPTER Adapter, ULONG64 Address, ULONG Length, ULONG Flags)
{
    PCARD_DESCRIPTOR Descriptor = (PCARD_DESCRIPTOR)Adapter->TransmitRing.Virtual + Adapter->TransmitTail;

    Descriptor->Address = Address;
    Descriptor->Length = Length;
    Descriptor->Flags = Flags;
    Adapter->TransmitTail = (Adapter->TransmitTail + 1) & (TRANSMIT_DESCRIPTORS - 1);
}

/* Writes the descriptors of a frame, for which there is room. FALSE where it can never be sent. */
static BOOLEAN DescribeFrame(PCARDPORT51_ADAPTER Adapter, PNDIS_PACKET Packet, PSCATTER_GATHER_LIST List)
{
    PSENT_FRAME Sent = &Adapter->Sent[Adapter->TransmitTail];
    ULONG Offset = Adapter->TransmitTail * BUFFER_SIZE;
    ULONG Length;
    ULONG Index;

    Sent->Packet = Packet;
    if (List != NULL) {
        for (Index = 0; Index < List->NumberOfElements; Index++)
            Describe(
                Adapter,
                (ULONG64)List->Elements[Index].Address.QuadPart,
                List->Elements[Index].Length,
                Index + 1 == List->NumberOfElements ? CARD_FLAG_END : 0);
        Sent->Descriptors = List->NumberOfElements;
        return List->NumberOfElements > 0;
    }
    Length = CopyFrame(Packet, (PUCHAR)Adapter->TransmitBuffers.Virtual + Offset);
    if (Length == 0)
        return FALSE;
    Describe(Adapter, (ULONG64)Adapter->TransmitBuffers.Physical.QuadPart + Offset, Length, CARD_FLAG_END);
    Sent->Descriptors = 1;
    return TRUE;
}

/* Gives the device what waits, as far as there is room. The caller holds the lock. */
static VOID Submit(PCARDPORT51_ADAPTER Adapter, PPACKET_QUEUE Failed)
{
    ULONG Before = Adapter->TransmitTail;

    if (Adapter->Resetting || Adapter->Gone)
        return;
    while (Adapter->Waiting.Head != NULL) {
        PNDIS_PACKET Packet = Adapter->Waiting.Head;
        PSCATTER_GATHER_LIST List = ListOf(Adapter, Packet);
        ULONG Used = (Adapter->TransmitTail - Adapter->TransmitHead) & (TRANSMIT_DESCRIPTORS - 1);

        if (TRANSMIT_DESCRIPTORS - 1 - Used < (List == NULL ? 1 : List->NumberOfElements))
            break;
        Take(&Adapter->Waiting);
        if (!DescribeFrame(Adapter, Packet, List)) {
            Adapter->SendErrors++;
            Append(Failed, Packet);
        }
    }
    if (Adapter->TransmitTail != Before)
        WriteCard(Adapter, CARD_TRANSMIT_RING + CARD_RING_TAIL, Adapter->TransmitTail);
}

/* Takes the frames that the device is done with. The caller holds the lock. */
static VOID Reap(PCARDPORT51_ADAPTER Adapter, PPACKET_QUEUE Done, PPACKET_QUEUE Failed)
{
    PCARD_DESCRIPTOR Ring = Adapter->TransmitRing.Virtual;

    while (Adapter->TransmitHead != Adapter->TransmitTail) {
        PSENT_FRAME Sent = &Adapter->Sent[Adapter->TransmitHead];
        ULONG Next = (Adapter->TransmitHead + Sent->Descriptors) & (TRANSMIT_DESCRIPTORS - 1);
        ULONG Flags = Ring[(Next - 1) & (TRANSMIT_DESCRIPTORS - 1)].Flags;

        if ((Flags & CARD_FLAG_DONE) == 0)
            return;
        if ((Flags & CARD_FLAG_ERROR) == 0) {
            Adapter->FramesSent++;
            Append(Done, Sent->Packet);
        } else {
            Adapter->SendErrors++;
            Append(Failed, Sent->Packet);
        }
        Adapter->TransmitHead = Next;
    }
}

/* Completes what the device has sent, and gives it more. IRQL <= DISPATCH_LEVEL. */
VOID CompleteSends(PCARDPORT51_ADAPTER Adapter)
{
    PACKET_QUEUE Done = {NULL, NULL, 0};
    PACKET_QUEUE Failed = {NULL, NULL, 0};

    NdisAcquireSpinLock(&Adapter->Lock);
    Reap(Adapter, &Done, &Failed);
    Submit(Adapter, &Failed);
    NdisReleaseSpinLock(&Adapter->Lock);
    Complete(Adapter, &Done, NDIS_STATUS_SUCCESS);
    Complete(Adapter, &Failed, NDIS_STATUS_FAILURE);
}

/* Gives up every frame; the device has stopped, or is gone. IRQL <= DISPATCH_LEVEL. */
VOID AbortSends(PCARDPORT51_ADAPTER Adapter)
{
    PACKET_QUEUE Aborted = {NULL, NULL, 0};
    PNDIS_PACKET Packet;

    NdisAcquireSpinLock(&Adapter->Lock);
    while (Adapter->TransmitHead != Adapter->TransmitTail) {
        PSENT_FRAME Sent = &Adapter->Sent[Adapter->TransmitHead];

        Append(&Aborted, Sent->Packet);
        Adapter->TransmitHead = (Adapter->TransmitHead + Sent->Descriptors) & (TRANSMIT_DESCRIPTORS - 1);
    }
    while ((Packet = Take(&Adapter->Waiting)) != NULL)
        Append(&Aborted, Packet);
    Adapter->SendErrors += Aborted.Count;
    NdisReleaseSpinLock(&Adapter->Lock);
    Complete(Adapter, &Aborted, NDIS_STATUS_REQUEST_ABORTED);
}

VOID NTAPI Cardport51SendPackets(NDIS_HANDLE MiniportAdapterContext, PPNDIS_PACKET PacketArray, UINT NumberOfPackets)
{
    PCARDPORT51_ADAPTER Adapter = MiniportAdapterContext;
    PACKET_QUEUE Refused = {NULL, NULL, 0};
    PACKET_QUEUE Failed = {NULL, NULL, 0};
    UINT Index;

    NdisAcquireSpinLock(&Adapter->Lock);
    for (Index = 0; Index < NumberOfPackets; Index++) {
        if (Adapter->Gone)
            Append(&Failed, PacketArray[Index]);
        else if (Adapter->Waiting.Count >= WAITING_LIMIT)
            Append(&Refused, PacketArray[Index]);
        else
            Append(&Adapter->Waiting, PacketArray[Index]);
    }
    Submit(Adapter, &Failed);
    NdisReleaseSpinLock(&Adapter->Lock);
    Complete(Adapter, &Refused, NDIS_STATUS_RESOURCES);
    Complete(Adapter, &Failed, NDIS_STATUS_FAILURE);
}

VOID NTAPI Cardport51CancelSendPackets(NDIS_HANDLE MiniportAdapterContext, PVOID CancelId)
{
    PCARDPORT51_ADAPTER Adapter = MiniportAdapterContext;
    PACKET_QUEUE Cancelled = {NULL, NULL, 0};
    PACKET_QUEUE Kept = {NULL, NULL, 0};
    PNDIS_PACKET Packet;

    NdisAcquireSpinLock(&Adapter->Lock);
    while ((Packet = Take(&Adapter->Waiting)) != NULL)
        Append(NDIS_GET_PACKET_CANCEL_ID(Packet) == CancelId ? &Cancelled : &Kept, Packet);
    Adapter->Waiting = Kept;
    NdisReleaseSpinLock(&Adapter->Lock);
    Complete(Adapter, &Cancelled, NDIS_STATUS_REQUEST_ABORTED);
}

VOID PreparePacket(PNDIS_PACKET Packet, ULONG64 Physical)
{
    PACKET_PHYSICAL(Packet) = Physical;
    NDIS_SET_PACKET_HEADER_SIZE(Packet, ETHERNET_HEADER_LENGTH);
}

/* Gives the device the buffer of every free packet; there are fewer than descriptors. The caller holds the lock. */
static VOID PostFree(PCARDPORT51_ADAPTER Adapter)
{
    if (Adapter->FreeCount == 0 || Adapter->Gone)
        return;
    while (Adapter->FreeCount > 0) {
        PCARD_DESCRIPTOR Descriptor = (PCARD_DESCRIPTOR)Adapter->ReceiveRing.Virtual + Adapter->ReceiveTail;
        PNDIS_PACKET Packet = Adapter->Free[--Adapter->FreeCount];

        Descriptor->Address = PACKET_PHYSICAL(Packet);
        Descriptor->Length = BUFFER_SIZE;
        Descriptor->Flags = 0;
        Adapter->Posted[Adapter->ReceiveTail] = Packet;
        Adapter->ReceiveTail = (Adapter->ReceiveTail + 1) & (RECEIVE_DESCRIPTORS - 1);
    }
    WriteCard(Adapter, CARD_RECEIVE_RING + CARD_RING_TAIL, Adapter->ReceiveTail);
}

/* After a reset every packet that is here goes to the device again. The caller holds the lock. */
VOID PostAll(PCARDPORT51_ADAPTER Adapter)
{
    ULONG Index;

    for (Index = 0; Index < RECEIVE_DESCRIPTORS; Index++) {
        if (Adapter->Posted[Index] != NULL)
            Adapter->Free[Adapter->FreeCount++] = Adapter->Posted[Index];
        Adapter->Posted[Index] = NULL;
    }
    Adapter->ReceiveNext = 0;
    Adapter->ReceiveTail = 0;
    PostFree(Adapter);
}

/* The next packet that the device has filled; NULL when there is none. The caller holds the lock. */
static PNDIS_PACKET TakeFilled(PCARDPORT51_ADAPTER Adapter)
{
    for (;;) {
        PCARD_DESCRIPTOR Descriptor = (PCARD_DESCRIPTOR)Adapter->ReceiveRing.Virtual + Adapter->ReceiveNext;
        PNDIS_PACKET Packet = Adapter->Posted[Adapter->ReceiveNext];
        ULONG Flags = Descriptor->Flags;
        PNDIS_BUFFER Buffer;

        if (Packet == NULL || (Flags & CARD_FLAG_DONE) == 0)
            return NULL;
        Adapter->Posted[Adapter->ReceiveNext] = NULL;
        Adapter->ReceiveNext = (Adapter->ReceiveNext + 1) & (RECEIVE_DESCRIPTORS - 1);
        if ((Flags & CARD_FLAG_ERROR) == 0) {
            NdisQueryPacket(Packet, NULL, NULL, &Buffer, NULL);
            NdisAdjustBufferLength(Buffer, Descriptor->Length);
            NdisRecalculatePacketCounts(Packet);
            return Packet;
        }
        Adapter->ReceiveErrors++;
        Adapter->Free[Adapter->FreeCount++] = Packet;
    }
}

/* Indicates what the device has received. At DISPATCH_LEVEL. */
VOID ReceiveFrames(PCARDPORT51_ADAPTER Adapter)
{
    PNDIS_PACKET Array[RECEIVE_PACKETS];
    PNDIS_PACKET Packet;
    UINT Count = 0;
    UINT Lent = 0;

    NdisDprAcquireSpinLock(&Adapter->Lock);
    while (Count < RECEIVE_PACKETS && (Packet = TakeFilled(Adapter)) != NULL) {
        ULONG Left = (Adapter->ReceiveTail - Adapter->ReceiveNext) & (RECEIVE_DESCRIPTORS - 1);

        if (Left >= FEW_BUFFERS)
            Lent++;
        NDIS_SET_PACKET_STATUS(Packet, Left >= FEW_BUFFERS ? NDIS_STATUS_SUCCESS : NDIS_STATUS_RESOURCES);
        Array[Count++] = Packet;
    }
    Adapter->FramesReceived += Count;
    NdisDprReleaseSpinLock(&Adapter->Lock);
    if (Count > 0)
        NdisMIndicateReceivePacket(Adapter->Handle, Array, Count);
    NdisDprAcquireSpinLock(&Adapter->Lock);
    /* Packets with NDIS_STATUS_RESOURCES are here again; the others come back by MiniportReturnPacket. */
    for (; Lent < Count; Lent++)
        Adapter->Free[Adapter->FreeCount++] = Array[Lent];
    PostFree(Adapter);
    NdisDprReleaseSpinLock(&Adapter->Lock);
}

VOID NTAPI Cardport51ReturnPacket(NDIS_HANDLE MiniportAdapterContext, PNDIS_PACKET Packet)
{
    PCARDPORT51_ADAPTER Adapter = MiniportAdapterContext;

    NdisAcquireSpinLock(&Adapter->Lock);
    Adapter->Free[Adapter->FreeCount++] = Packet;
    PostFree(Adapter);
    NdisReleaseSpinLock(&Adapter->Lock);
}
