/*
 * ringport: an NDIS 6.30 miniport driver for Ethernet over the ring of ndisbox.h, which stands for the shared memory of
 * a network adapter and its driver.
 *   ringport.c    DriverEntry, pause, restart, halt, and the DPC
 *   initialize.c  MiniportInitializeEx and its reverse
 *   transmit.c    the send path
 *   receive.c     the receive path
 *   oids.c        OID requests and status indications
 */
#pragma once

#include <ntddk.h>
#include <ndis.h>
#include <ndisbox.h>

/* `RPrt` as a pool tag. */
#define RINGPORT_TAG 'trPR'

#define ETHERNET_ADDRESS_LENGTH 6
#define ETHERNET_HEADER_LENGTH 14
#define VLAN_TAG_LENGTH 4

/* Descriptors of the queues, both powers of two; for each receive descriptor there is one buffer. */
#define SEND_DESCRIPTORS 256
#define RECEIVE_DESCRIPTORS 256
#define MULTICAST_LIST_SIZE 64

/* Frames in one direction; what went neither to a group nor to all was directed. */
typedef struct _FRAME_COUNTERS {
    ULONG64 Frames;
    ULONG64 Bytes;
    ULONG64 MulticastFrames;
    ULONG64 MulticastBytes;
    ULONG64 BroadcastFrames;
    ULONG64 BroadcastBytes;
} FRAME_COUNTERS, *PFRAME_COUNTERS;

/* What was acquired for an adapter: the MiniportAdapterContext. */
typedef struct _RINGPORT_ADAPTER {
    NDIS_HANDLE Handle;
    PNDISBOX_RING Ring;
    KDPC Dpc;
    UCHAR MacAddress[ETHERNET_ADDRESS_LENGTH];
    volatile BOOLEAN Running; /* between MiniportRestart and MiniportPause */
    volatile BOOLEAN Closing; /* the ring is being closed: the DPC has nothing to do any more */
    volatile LONG Events; /* what the doorbell told the send path, for the DPC */

    /* Kept for who asks; NDIS filters for each binding. */
    ULONG PacketFilter;
    ULONG Lookahead;
    ULONG MulticastLength;
    UCHAR MulticastList[MULTICAST_LIST_SIZE * ETHERNET_ADDRESS_LENGTH];

    NDIS_SPIN_LOCK SendLock; /* guards what follows */
    ULONG SendReaped; /* descriptors of the send queue whose results were looked at */
    PNET_BUFFER_LIST WaitingHead; /* lists that are not, or not wholly, in the queue, oldest first */
    PNET_BUFFER_LIST WaitingTail;
    PNET_BUFFER WaitingBuffer; /* the next net buffer of WaitingHead; NULL: its first */
    ULONG WaitingCount;
    PUCHAR BounceBuffers; /* one for each send descriptor, for frames that do not lie in one piece */
    FRAME_COUNTERS Sent;
    ULONG64 SendErrors;

    NDIS_SPIN_LOCK ReceiveLock; /* guards what follows */
    ULONG ReceiveReaped;
    ULONG ReceiveOutstanding; /* lists with NDIS that have not come back */
    BOOLEAN Starved; /* frames may wait for buffers */
    BOOLEAN Pausing; /* MiniportPause returned NDIS_STATUS_PENDING */
    FRAME_COUNTERS Received;
    ULONG64 ReceiveNoBuffer;

    /* Made once, freed at halt. */
    NDIS_HANDLE ReceivePool;
    PUCHAR ReceiveBuffers;
    ULONG BufferSize; /* bytes of each receive and bounce buffer */
    ULONG ReceiveListCount;
    PNET_BUFFER_LIST ReceiveLists[RECEIVE_DESCRIPTORS];
} RINGPORT_ADAPTER, *PRINGPORT_ADAPTER;

/* Rings the doorbell and keeps what it tells for the DPC. <= DISPATCH_LEVEL. */
VOID RingDoorbell(PRINGPORT_ADAPTER Adapter, ULONG Work);

/* Counts one frame. The caller holds the lock of its direction. */
VOID CountFrame(PFRAME_COUNTERS Counters, const UCHAR *Frame, ULONG Length);

/* initialize.c */
MINIPORT_INITIALIZE RingportInitialize;
VOID DestroyAdapter(PRINGPORT_ADAPTER Adapter);

/* transmit.c */
MINIPORT_SEND_NET_BUFFER_LISTS RingportSendNetBufferLists;
MINIPORT_CANCEL_SEND RingportCancelSend;
VOID TransmitWaiting(PRINGPORT_ADAPTER Adapter);
VOID FlushSends(PRINGPORT_ADAPTER Adapter);

/* receive.c */
MINIPORT_RETURN_NET_BUFFER_LISTS RingportReturnNetBufferLists;
VOID PostReceiveBuffers(PRINGPORT_ADAPTER Adapter);
BOOLEAN ReceiveFrames(PRINGPORT_ADAPTER Adapter);

/* oids.c */
MINIPORT_OID_REQUEST RingportOidRequest;
VOID IndicateLinkState(PRINGPORT_ADAPTER Adapter);
extern NDIS_OID RingportSupportedOids[];
extern const ULONG RingportSupportedOidsSize;
extern const ULONG RingportSupportedStatistics;
