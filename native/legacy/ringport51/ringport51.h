/*
 * ringport51: an NDIS 5.1 miniport driver over the ring of ndisbox.h, deserialized, with the headers of mingw-w64.
 * What its files share.
 */
#pragma once

#include "../support/ndis5.h"
#include <ndisbox.h>

/* Of Windows XP; wdm.h of mingw-w64 has it for later versions only. */
NTKERNELAPI VOID NTAPI KeFlushQueuedDpcs(VOID);

#define RINGPORT51_TAG 0x31355052u
#define SEND_DESCRIPTORS 64
#define RECEIVE_DESCRIPTORS 64
#define ETHERNET_ADDRESS_LENGTH 6
#define ETHERNET_HEADER_LENGTH 14
#define MULTICAST_LIST_SIZE 32
/* Packets that may wait for room in the ring; later ones fail with NDIS_STATUS_RESOURCES. */
#define WAITING_LIMIT 1024

typedef struct _RINGPORT51_ADAPTER {
    /* MiniportAdapterHandle: the address of the NDIS_MINIPORT_BLOCK that the NdisM macros call through. */
    NDIS_HANDLE Handle;
    PNDISBOX_RING Ring;
    KDPC Dpc;
    NDIS_SPIN_LOCK SendLock;
    NDIS_SPIN_LOCK ReceiveLock;
    UCHAR MacAddress[ETHERNET_ADDRESS_LENGTH];
    ULONG PacketFilter;
    ULONG Lookahead;
    UCHAR MulticastList[MULTICAST_LIST_SIZE * ETHERNET_ADDRESS_LENGTH];
    ULONG MulticastLength;
    BOOLEAN Closing;

    /* Bytes of each buffer, and the buffers of both queues. */
    ULONG BufferSize;
    PUCHAR SendBuffers;
    PUCHAR ReceiveBuffers;
    /* Descriptors whose results were looked at. */
    ULONG SendReaped;
    ULONG ReceiveReaped;
    /* Packets that wait for room, linked by MiniportReserved. */
    PNDIS_PACKET WaitingHead;
    PNDIS_PACKET WaitingTail;
    ULONG WaitingCount;

    NDIS_HANDLE PacketPool;
    NDIS_HANDLE BufferPool;
    PNDIS_PACKET Packets[RECEIVE_DESCRIPTORS];
    ULONG PacketCount;
    BOOLEAN Starved;

    ULONG FramesSent;
    ULONG FramesReceived;
    ULONG SendErrors;
    ULONG ReceiveNoBuffer;
} RINGPORT51_ADAPTER, *PRINGPORT51_ADAPTER;

/* oids.c */
NDIS_STATUS NTAPI Ringport51QueryInformation(
    NDIS_HANDLE MiniportAdapterContext, NDIS_OID Oid, PVOID InformationBuffer, ULONG InformationBufferLength,
    PULONG BytesWritten, PULONG BytesNeeded);
NDIS_STATUS NTAPI Ringport51SetInformation(
    NDIS_HANDLE MiniportAdapterContext, NDIS_OID Oid, PVOID InformationBuffer, ULONG InformationBufferLength,
    PULONG BytesRead, PULONG BytesNeeded);

/* transfer.c */
VOID NTAPI Ringport51SendPackets(NDIS_HANDLE MiniportAdapterContext, PPNDIS_PACKET PacketArray, UINT NumberOfPackets);
VOID NTAPI Ringport51ReturnPacket(NDIS_HANDLE MiniportAdapterContext, PNDIS_PACKET Packet);
VOID NTAPI Ringport51CancelSendPackets(NDIS_HANDLE MiniportAdapterContext, PVOID CancelId);
VOID PostPackets(PRINGPORT51_ADAPTER Adapter);
VOID TransmitWaiting(PRINGPORT51_ADAPTER Adapter);
VOID AbortSends(PRINGPORT51_ADAPTER Adapter, NDIS_STATUS Status);
BOOLEAN ReceiveFrames(PRINGPORT51_ADAPTER Adapter);
