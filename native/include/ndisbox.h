/*
 * ndisbox.h: the network hardware of ndisbox, as a miniport driver in C sees it.
 *
 * ndisbox.sys exports these functions to drivers that run in ndisbox; real Windows has no such module. An adapter of
 * ndisbox has a wire (a TAP device, a packet socket, a capture file, a segment in memory). The wire is offered to a
 * miniport as a ring: memory that driver and device share, with one queue of descriptors for frames to send and one
 * for buffers to receive into.
 *
 * The rules of a queue:
 *   - Descriptors is an array of Count descriptors; Count is a power of two.
 *   - Produced and Consumed count descriptors and never wrap at Count: the descriptor of number N is
 *     Descriptors[N & (Count - 1)].
 *   - The driver fills descriptors and then adds to Produced. From then on they are the device's.
 *   - The device works through them in order and adds to Consumed. From then on they are the driver's again.
 *   - Produced - Consumed never exceeds Count. If it does, the device stops for good: the ring has failed.
 *   - The driver writes Produced and its own members of descriptors, nothing else of the ring.
 *
 * Frames move while NdisboxRingDoorbell runs, and only then. The device queues the driver's DPC when the doorbell is
 * worth ringing: frames arrived, the wire takes frames again, the link changed.
 */
#pragma once

#include <ndis.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef NDISBOXAPI
#define NDISBOXAPI __declspec(dllimport)
#endif

/* NDISBOX_RING.Revision */
#define NDISBOX_RING_REVISION_1 1

/* The most descriptors that a queue can have. */
#define NDISBOX_RING_LARGEST_QUEUE 4096

/* What NdisboxRingDoorbell is rung for; any of these together. */
#define NDISBOX_RING_SEND    0x00000001 /* frames in the send queue */
#define NDISBOX_RING_RECEIVE 0x00000002 /* receive buffers, to be filled with what has arrived */
#define NDISBOX_RING_FLUSH   0x00000004 /* frames of the send queue that the wire has not taken: give them back */

/* What NdisboxRingDoorbell returns; any of these together. */
#define NDISBOX_RING_LINK_CHANGED 0x00000001 /* look at LinkUp */
#define NDISBOX_RING_FAILED       0x00000002 /* the wire is dead, or the ring was misused: no frame will pass again */
#define NDISBOX_RING_MORE         0x00000004 /* no receive buffer is left, so more frames may wait for buffers */

/* NDISBOX_RING_DESCRIPTOR.Result */
#define NDISBOX_RING_DONE       0 /* the frame was sent, or a frame was received */
#define NDISBOX_RING_REFUSED    1 /* not sent: too short, too long, the link is down, or flushed */
#define NDISBOX_RING_BAD_BUFFER 2 /* Buffer is no kernel memory of that size */

/* NDISBOX_RING_DESCRIPTOR.Flags */
#define NDISBOX_RING_CHECKSUM_GOOD 0x00000001 /* received: whoever sent the frame vouches for its checksums */

typedef struct _NDISBOX_RING_DESCRIPTOR {
    PVOID Buffer;   /* driver: where the frame lies, or shall lie, in one piece */
    PVOID Context;  /* driver: whatever it likes; the device does not look */
    ULONG Size;     /* driver, receive: bytes of room at Buffer */
    ULONG Length;   /* bytes of the frame; send: by the driver, receive: by the device */
    ULONG Vlan;     /* a VLAN tag outside of the frame, TPID << 16 | TCI, or 0; only where VlanSupported */
    ULONG Flags;    /* device, receive: NDISBOX_RING_CHECKSUM_GOOD */
    ULONG Result;   /* device: one of NDISBOX_RING_DONE and the following */
    ULONG Reserved;
} NDISBOX_RING_DESCRIPTOR, *PNDISBOX_RING_DESCRIPTOR;

typedef struct _NDISBOX_RING_QUEUE {
    PNDISBOX_RING_DESCRIPTOR Descriptors;
    ULONG Count;
    volatile ULONG Produced; /* written by the driver */
    volatile ULONG Consumed; /* written by the device */
    ULONG Reserved;
} NDISBOX_RING_QUEUE, *PNDISBOX_RING_QUEUE;

typedef struct _NDISBOX_RING {
    ULONG Revision;          /* NDISBOX_RING_REVISION_1 */
    ULONG Size;              /* sizeof(NDISBOX_RING) */
    ULONG64 LinkSpeed;       /* bits per second */
    ULONG MaximumFrameSize;  /* bytes of Ethernet header and payload; a VLAN tag may add four */
    ULONG ReceiveBufferSize; /* bytes that a receive buffer must have so that no frame is lost */
    UCHAR MacAddress[6];     /* the station address of the wire */
    UCHAR MacAddressLength;  /* 6, or 0 where the wire has no address */
    UCHAR VlanSupported;     /* not 0: descriptors carry VLAN tags */
    volatile ULONG LinkUp;   /* not 0: frames pass */
    ULONG Reserved;
    NDISBOX_RING_QUEUE Send;
    NDISBOX_RING_QUEUE Receive;
} NDISBOX_RING, *PNDISBOX_RING;

/* src/machine/ring/ringLayout.ts has the same numbers. */
C_ASSERT(sizeof(NDISBOX_RING_DESCRIPTOR) == 40);
C_ASSERT(sizeof(NDISBOX_RING_QUEUE) == 24);
C_ASSERT(sizeof(NDISBOX_RING) == 88);
C_ASSERT(FIELD_OFFSET(NDISBOX_RING_DESCRIPTOR, Result) == 32);
C_ASSERT(FIELD_OFFSET(NDISBOX_RING_QUEUE, Consumed) == 16);
C_ASSERT(FIELD_OFFSET(NDISBOX_RING, MacAddress) == 24);
C_ASSERT(FIELD_OFFSET(NDISBOX_RING, LinkUp) == 32);
C_ASSERT(FIELD_OFFSET(NDISBOX_RING, Send) == 40);
C_ASSERT(FIELD_OFFSET(NDISBOX_RING, Receive) == 64);

/*
 * Opens the wire of an adapter and makes its ring. Call it in MiniportInitializeEx.
 *   MiniportAdapterHandle  what MiniportInitializeEx was given
 *   Dpc                    initialized with KeInitializeDpc; must stay valid until the ring is closed
 *   SendCount              descriptors of the send queue: a power of two, at most NDISBOX_RING_LARGEST_QUEUE
 *   ReceiveCount           the same for the receive queue
 *   Ring                   receives the ring
 * IRQL: PASSIVE_LEVEL.
 * STATUS_SUCCESS, STATUS_INVALID_PARAMETER, STATUS_NOT_FOUND (the adapter has no wire), STATUS_SHARING_VIOLATION (its
 * ring is open), STATUS_INSUFFICIENT_RESOURCES, STATUS_IO_DEVICE_ERROR (the wire cannot be had; a note says why).
 */
NDISBOXAPI NTSTATUS NTAPI
NdisboxOpenRing(NDIS_HANDLE MiniportAdapterHandle, PKDPC Dpc, ULONG SendCount, ULONG ReceiveCount, PNDISBOX_RING *Ring);

/*
 * Closes the wire and frees the ring. The device does not touch buffers any more and does not queue the DPC again; a
 * DPC that is queued already still runs, unless KeRemoveQueueDpc or KeFlushQueuedDpcs sees to it first.
 * IRQL: PASSIVE_LEVEL.
 */
NDISBOXAPI VOID NTAPI
NdisboxCloseRing(PNDISBOX_RING Ring);

/*
 * Lets the device work, at most on all descriptors once. With NDISBOX_RING_SEND it sends what Send.Produced says, as
 * far as the wire takes it; with NDISBOX_RING_RECEIVE it fills receive buffers with the frames that have arrived. It
 * returns what has happened since the last call: NDISBOX_RING_LINK_CHANGED and its like.
 * IRQL: <= DISPATCH_LEVEL.
 */
NDISBOXAPI ULONG NTAPI
NdisboxRingDoorbell(PNDISBOX_RING Ring, ULONG Work);

#ifdef __cplusplus
}
#endif
