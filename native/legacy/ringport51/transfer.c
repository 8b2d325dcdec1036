/*
 * The frames of ringport51: packets to send are copied into the buffers of the send queue, and wait, up to a bound,
 * while that is full; each descriptor of the receive queue has the buffer of one packet, which goes up and comes back.
 * A deserialized driver completes every send by NdisMSendComplete. See nf-ndis-ndismsetattributesex, remarks.
 */
#include "ringport51.h"

/* The packet behind one that is ours: a deserialized driver queues what it cannot send at once. */
#define NEXT_PACKET(Packet) (*(PNDIS_PACKET *)(Packet)->MiniportReserved)

/* Completes a chain of packets. Call it without the lock: protocols may send again at once. */
static VOID CompleteChain(PRINGPORT51_ADAPTER Adapter, PNDIS_PACKET Packet, NDIS_STATUS Status)
{
    while (Packet != NULL) {
        PNDIS_PACKET Next = NEXT_PACKET(Packet);

        NdisMSendComplete(Adapter->Handle, Packet, Status);
        Packet = Next;
    }
}

/* Copies the buffers of a packet into one; the bytes, or 0 where they are no frame. */
static ULONG GatherFrame(PNDIS_PACKET Packet, PUCHAR Target, ULONG Room)
{
    PNDIS_BUFFER Buffer;
    PVOID Address;
    ULONG Length = 0;
    UINT Piece;
    UINT Total;

    NdisQueryPacket(Packet, NULL, NULL, &Buffer, &Total);
    if (Total < ETHERNET_HEADER_LENGTH || Total > Room)
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

/* Puts a packet into the queue, which has room. FALSE where it can never be sent. The caller holds the lock. */
static BOOLEAN PostFrame(PRINGPORT51_ADAPTER Adapter, PNDIS_PACKET Packet)
{
    PNDISBOX_RING_QUEUE Queue = &Adapter->Ring->Send;
    ULONG Slot = Queue->Produced & (SEND_DESCRIPTORS - 1);
    PNDISBOX_RING_DESCRIPTOR Descriptor = &Queue->Descriptors[Slot];

    Descriptor->Buffer = Adapter->SendBuffers + Slot * Adapter->BufferSize;
    Descriptor->Length = GatherFrame(Packet, Descriptor->Buffer, Adapter->BufferSize);
    Descriptor->Vlan = 0;
    Descriptor->Context = Packet;
    if (Descriptor->Length == 0)
        return FALSE;
    /* From here on the descriptor is the device's. */
    Queue->Produced++;
    return TRUE;
}

/* Sends what waits, as far as the wire takes it. The chains get what is done. The caller holds the lock. */
static VOID Transmit(PRINGPORT51_ADAPTER Adapter, PNDIS_PACKET *Sent, PNDIS_PACKET *Failed)
{
    PNDISBOX_RING_QUEUE Queue = &Adapter->Ring->Send;
    ULONG Reaped;

    do {
        while (Adapter->WaitingHead != NULL && Queue->Produced - Adapter->SendReaped < SEND_DESCRIPTORS) {
            PNDIS_PACKET Packet = Adapter->WaitingHead;

            Adapter->WaitingHead = NEXT_PACKET(Packet);
            Adapter->WaitingCount--;
            if (!PostFrame(Adapter, Packet)) {
                Adapter->SendErrors++;
                NEXT_PACKET(Packet) = *Failed;
                *Failed = Packet;
            }
        }
        Reaped = Adapter->SendReaped;
        if (Queue->Produced != Queue->Consumed)
            NdisboxRingDoorbell(Adapter->Ring, NDISBOX_RING_SEND);
        for (; Adapter->SendReaped != Queue->Consumed; Adapter->SendReaped++) {
            PNDISBOX_RING_DESCRIPTOR Descriptor = &Queue->Descriptors[Adapter->SendReaped & (SEND_DESCRIPTORS - 1)];
            PNDIS_PACKET Packet = Descriptor->Context;
            PNDIS_PACKET *Chain = Descriptor->Result == NDISBOX_RING_DONE ? Sent : Failed;

            if (Descriptor->Result == NDISBOX_RING_DONE)
                Adapter->FramesSent++;
            else
                Adapter->SendErrors++;
            NEXT_PACKET(Packet) = *Chain;
            *Chain = Packet;
        }
    } while (Adapter->WaitingHead != NULL && Adapter->SendReaped != Reaped);
}

VOID TransmitWaiting(PRINGPORT51_ADAPTER Adapter)
{
    PNDIS_PACKET Sent = NULL;
    PNDIS_PACKET Failed = NULL;

    NdisAcquireSpinLock(&Adapter->SendLock);
    Transmit(Adapter, &Sent, &Failed);
    NdisReleaseSpinLock(&Adapter->SendLock);
    CompleteChain(Adapter, Sent, NDIS_STATUS_SUCCESS);
    CompleteChain(Adapter, Failed, NDIS_STATUS_FAILURE);
}

VOID NTAPI Ringport51SendPackets(NDIS_HANDLE MiniportAdapterContext, PPNDIS_PACKET PacketArray, UINT NumberOfPackets)
{
    PRINGPORT51_ADAPTER Adapter = MiniportAdapterContext;
    PNDIS_PACKET Refused = NULL;
    UINT Index;

    NdisAcquireSpinLock(&Adapter->SendLock);
    for (Index = 0; Index < NumberOfPackets; Index++) {
        PNDIS_PACKET Packet = PacketArray[Index];

        if (Adapter->WaitingCount >= WAITING_LIMIT) {
            NEXT_PACKET(Packet) = Refused;
            Refused = Packet;
            continue;
        }
        NEXT_PACKET(Packet) = NULL;
        if (Adapter->WaitingHead == NULL)
            Adapter->WaitingHead = Packet;
        else
            NEXT_PACKET(Adapter->WaitingTail) = Packet;
        Adapter->WaitingTail = Packet;
        Adapter->WaitingCount++;
    }
    NdisReleaseSpinLock(&Adapter->SendLock);
    CompleteChain(Adapter, Refused, NDIS_STATUS_RESOURCES);
    TransmitWaiting(Adapter);
}

VOID AbortSends(PRINGPORT51_ADAPTER Adapter, NDIS_STATUS Status)
{
    PNDIS_PACKET Sent = NULL;
    PNDIS_PACKET Failed = NULL;
    PNDIS_PACKET Waiting;

    NdisAcquireSpinLock(&Adapter->SendLock);
    Waiting = Adapter->WaitingHead;
    Adapter->WaitingHead = NULL;
    Adapter->WaitingCount = 0;
    NdisboxRingDoorbell(Adapter->Ring, NDISBOX_RING_FLUSH);
    Transmit(Adapter, &Sent, &Failed);
    NdisReleaseSpinLock(&Adapter->SendLock);
    CompleteChain(Adapter, Sent, NDIS_STATUS_SUCCESS);
    CompleteChain(Adapter, Failed, Status);
    CompleteChain(Adapter, Waiting, Status);
}

VOID NTAPI Ringport51CancelSendPackets(NDIS_HANDLE MiniportAdapterContext, PVOID CancelId)
{
    PRINGPORT51_ADAPTER Adapter = MiniportAdapterContext;
    PNDIS_PACKET Cancelled = NULL;
    PNDIS_PACKET Last = NULL;
    PNDIS_PACKET *Link = &Adapter->WaitingHead;
    PNDIS_PACKET Packet;

    NdisAcquireSpinLock(&Adapter->SendLock);
    while ((Packet = *Link) != NULL) {
        if (NDIS_GET_PACKET_CANCEL_ID(Packet) == CancelId) {
            *Link = NEXT_PACKET(Packet);
            Adapter->WaitingCount--;
            NEXT_PACKET(Packet) = Cancelled;
            Cancelled = Packet;
        } else {
            Last = Packet;
            Link = &NEXT_PACKET(Packet);
        }
    }
    Adapter->WaitingTail = Last;
    NdisReleaseSpinLock(&Adapter->SendLock);
    CompleteChain(Adapter, Cancelled, NDIS_STATUS_REQUEST_ABORTED);
}

/* Gives the buffer of a packet to the device. There is a descriptor for each. The caller holds the lock. */
static VOID PostPacket(PRINGPORT51_ADAPTER Adapter, PNDIS_PACKET Packet)
{
    PNDISBOX_RING_QUEUE Queue = &Adapter->Ring->Receive;
    PNDISBOX_RING_DESCRIPTOR Descriptor = &Queue->Descriptors[Queue->Produced & (RECEIVE_DESCRIPTORS - 1)];
    PNDIS_BUFFER Buffer;
    UINT Length;

    NdisQueryPacket(Packet, NULL, NULL, &Buffer, NULL);
    NdisAdjustBufferLength(Buffer, Adapter->BufferSize);
    NdisQueryBufferSafe(Buffer, &Descriptor->Buffer, &Length, NormalPagePriority);
    Descriptor->Size = Adapter->BufferSize;
    Descriptor->Context = Packet;
    Queue->Produced++;
}

VOID PostPackets(PRINGPORT51_ADAPTER Adapter)
{
    ULONG Index;

    NdisAcquireSpinLock(&Adapter->ReceiveLock);
    for (Index = 0; Index < Adapter->PacketCount; Index++)
        PostPacket(Adapter, Adapter->Packets[Index]);
    NdisReleaseSpinLock(&Adapter->ReceiveLock);
}

/* Takes frames from the device and indicates them; TRUE where more may wait and there are buffers for them. */
BOOLEAN ReceiveFrames(PRINGPORT51_ADAPTER Adapter)
{
    PNDISBOX_RING_QUEUE Queue = &Adapter->Ring->Receive;
    PNDIS_PACKET Array[RECEIVE_DESCRIPTORS];
    UINT Count = 0;
    BOOLEAN More;

    NdisDprAcquireSpinLock(&Adapter->ReceiveLock);
    More = (NdisboxRingDoorbell(Adapter->Ring, NDISBOX_RING_RECEIVE) & NDISBOX_RING_MORE) != 0;
    Adapter->Starved = More;
    for (; Adapter->ReceiveReaped != Queue->Consumed; Adapter->ReceiveReaped++) {
        PNDISBOX_RING_DESCRIPTOR Descriptor = &Queue->Descriptors[Adapter->ReceiveReaped & (RECEIVE_DESCRIPTORS - 1)];
        PNDIS_PACKET Packet = Descriptor->Context;
        PNDIS_BUFFER Buffer;

        NdisQueryPacket(Packet, NULL, NULL, &Buffer, NULL);
        NdisAdjustBufferLength(Buffer, Descriptor->Length);
        NdisRecalculatePacketCounts(Packet);
        NDIS_SET_PACKET_STATUS(Packet, NDIS_STATUS_SUCCESS);
        Adapter->FramesReceived++;
        Array[Count++] = Packet;
    }
    if (More && Count == 0)
        Adapter->ReceiveNoBuffer++;
    NdisDprReleaseSpinLock(&Adapter->ReceiveLock);
    if (Count == 0)
        return FALSE;
    NdisMIndicateReceivePacket(Adapter->Handle, Array, Count);
    return More;
}

VOID NTAPI Ringport51ReturnPacket(NDIS_HANDLE MiniportAdapterContext, PNDIS_PACKET Packet)
{
    PRINGPORT51_ADAPTER Adapter = MiniportAdapterContext;
    BOOLEAN Starved;

    NdisAcquireSpinLock(&Adapter->ReceiveLock);
    PostPacket(Adapter, Packet);
    Starved = Adapter->Starved;
    Adapter->Starved = FALSE;
    NdisReleaseSpinLock(&Adapter->ReceiveLock);
    /* The wire may hold frames that found no buffer. */
    if (Starved && !Adapter->Closing)
        KeInsertQueueDpc(&Adapter->Dpc, NULL, NULL);
}
