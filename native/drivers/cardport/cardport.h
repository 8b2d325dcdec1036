/*
 * cardport: an NDIS 6.30 miniport driver for the teaching device (docs/teaching-device.md); the twin of drivers/cardport.
 *   cardport.c    DriverEntry, pause, restart, halt, reset, removal, and the interrupts
 *   initialize.c  MiniportInitializeEx and its reverse; programming the device
 *   transmit.c    the send path
 *   receive.c     the receive path
 *   oids.c        OID requests and status indications
 */
#pragma once

#include <ntddk.h>
#include <ndis.h>

/* `CPrt` as a pool tag. */
#define CARDPORT_TAG 'trPC'

#define ETHERNET_ADDRESS_LENGTH 6
#define LONGEST_FRAME 1518
#define MULTICAST_LIST_SIZE 64

/* Registers and descriptors, from the data sheet. */
#define CARD_VENDOR_AND_DEVICE 0x00016e64
#define CARD_CONTROL 0x004
#define CARD_STATUS 0x008
#define CARD_INTERRUPT_STATUS 0x00c
#define CARD_INTERRUPT_ENABLE 0x010
#define CARD_INTERRUPT_DISABLE 0x014
#define CARD_MODERATION 0x018
#define CARD_LINK_SPEED 0x01c
#define CARD_MAC_LOW 0x020
#define CARD_MAC_HIGH 0x024
#define CARD_RECEIVE_FILTER 0x028
#define CARD_MULTICAST_HASH 0x030
#define CARD_TRANSMIT_RING 0x040
#define CARD_RECEIVE_RING 0x060
#define CARD_RING_STRIDE 0x20
#define CARD_RING_LOW 0x00
#define CARD_RING_HIGH 0x04
#define CARD_RING_SIZE 0x08
#define CARD_RING_TAIL 0x10
#define CARD_CONTROL_RESET 0x1
#define CARD_CONTROL_TRANSMIT 0x2
#define CARD_CONTROL_RECEIVE 0x4
#define CARD_CONTROL_TWO_QUEUES 0x8
#define CARD_STATUS_LINK_UP 0x1
#define CARD_STATUS_DMA_ERROR 0x4
#define CARD_CAUSE_TRANSMIT 0x1
#define CARD_CAUSE_RECEIVE 0x2 /* of the first queue; the bit above it is that of the second */
#define CARD_CAUSE_LINK 0x8
#define CARD_CAUSE_ERROR 0x10
#define CARD_CAUSE_OVERRUN 0x20
#define CARD_ALL_CAUSES 0x3f
#define CARD_MESSAGES 4
#define CARD_FRAME_DESCRIPTORS 32
#define CARD_GONE 0xffffffffu /* what every register of a device that is gone reads as */

#define CARD_FLAG_END 0x00000001u
#define CARD_FLAG_ERROR 0x40000000u
#define CARD_FLAG_DONE 0x80000000u
typedef struct _CARD_DESCRIPTOR {
    ULONG64 Address;
    ULONG Length;
    volatile ULONG Flags;
} CARD_DESCRIPTOR, *PCARD_DESCRIPTOR;

/* Descriptors of the rings, powers of two; one descriptor of a full ring stays empty. */
#define TRANSMIT_DESCRIPTORS 256
#define RECEIVE_DESCRIPTORS 64
#define RECEIVE_QUEUES 2
#define RECEIVE_LISTS (RECEIVE_DESCRIPTORS - 1)
#define BUFFER_SIZE 2048
/* Net buffers that may wait for the ring; later ones fail with NDIS_STATUS_RESOURCES. */
#define WAITING_LIMIT 1024

/* Memory that driver and device share. */
typedef struct _SHARED_MEMORY {
    PVOID Virtual;
    NDIS_PHYSICAL_ADDRESS Physical;
    ULONG Length;
} SHARED_MEMORY, *PSHARED_MEMORY;

typedef struct _RECEIVE_QUEUE {
    SHARED_MEMORY Ring;
    SHARED_MEMORY Buffers;
    PNET_BUFFER_LIST Posted[RECEIVE_DESCRIPTORS]; /* by descriptor; NULL where none is the device's */
    PNET_BUFFER_LIST Free[RECEIVE_LISTS];
    ULONG FreeCount;
    ULONG Next;
    ULONG Tail;
    ULONG TailRegister;
} RECEIVE_QUEUE, *PRECEIVE_QUEUE;

/* Net buffers in order, linked by their own reserved members. */
typedef struct _FRAME_QUEUE {
    PNET_BUFFER Head;
    PNET_BUFFER Tail;
    ULONG Count;
} FRAME_QUEUE, *PFRAME_QUEUE;

/* What the driver keeps in a net buffer on its way, and in its list. */
#define FRAME_SG_LIST(Frame) (*(PSCATTER_GATHER_LIST *)&NET_BUFFER_MINIPORT_RESERVED(Frame)[0])
#define FRAME_DESCRIPTORS(Frame) (*(ULONG_PTR *)&NET_BUFFER_MINIPORT_RESERVED(Frame)[1])
#define FRAME_LIST(Frame) (*(PNET_BUFFER_LIST *)&NET_BUFFER_MINIPORT_RESERVED(Frame)[2])
#define FRAME_NEXT(Frame) (*(PNET_BUFFER *)&NET_BUFFER_MINIPORT_RESERVED(Frame)[3])
#define LIST_FRAMES_LEFT(List) (*(volatile LONG *)&NET_BUFFER_LIST_MINIPORT_RESERVED(List)[0])
#define LIST_QUEUE(List) (*(PRECEIVE_QUEUE *)&NET_BUFFER_LIST_MINIPORT_RESERVED(List)[0])
#define LIST_PHYSICAL(List) (*(ULONG64 *)&NET_BUFFER_LIST_MINIPORT_RESERVED(List)[1])

/* What was acquired for an adapter: the MiniportAdapterContext. */
typedef struct _CARDPORT_ADAPTER {
    NDIS_HANDLE Handle;
    PUCHAR Registers;
    ULONG RegistersLength;
    NDIS_HANDLE Interrupt;
    NDIS_HANDLE Dma;
    BOOLEAN Messages;
    volatile BOOLEAN Running;
    volatile BOOLEAN Gone; /* the device was pulled out */
    UCHAR MacAddress[ETHERNET_ADDRESS_LENGTH];
    ULONG PacketFilter;
    ULONG Lookahead;
    ULONG Moderation;
    ULONG MulticastLength;
    UCHAR MulticastList[MULTICAST_LIST_SIZE * ETHERNET_ADDRESS_LENGTH];

    NDIS_SPIN_LOCK Lock; /* guards what follows */
    SHARED_MEMORY TransmitRing;
    ULONG TransmitHead;
    ULONG TransmitTail;
    FRAME_QUEUE Sending; /* with the device, oldest first */
    FRAME_QUEUE Waiting; /* for room in the ring */
    ULONG Mapping; /* frames whose scatter/gather list is being made */
    RECEIVE_QUEUE Queues[RECEIVE_QUEUES];
    ULONG ListsOut; /* lists with NDIS that have not come back */
    BOOLEAN Pausing; /* MiniportPause returned NDIS_STATUS_PENDING */
    ULONG SentFrames;
    ULONG SendErrors;
    ULONG ReceivedFrames;
    ULONG ReceiveErrors;
    ULONG ReceiveNoBuffer;

    NDIS_HANDLE ReceivePool;
    PNET_BUFFER_LIST Lists[RECEIVE_QUEUES * RECEIVE_LISTS]; /* made once, freed at halt */
    ULONG ListCount;
} CARDPORT_ADAPTER, *PCARDPORT_ADAPTER;

FORCEINLINE ULONG ReadCard(PCARDPORT_ADAPTER Adapter, ULONG Register)
{
    ULONG Value;

    NdisReadRegisterUlong((PULONG)(Adapter->Registers + Register), &Value);
    return Value;
}

FORCEINLINE VOID WriteCard(PCARDPORT_ADAPTER Adapter, ULONG Register, ULONG Value)
{
    NdisWriteRegisterUlong((PULONG)(Adapter->Registers + Register), Value);
}

/* cardport.c */
NDIS_STATUS RegisterInterrupt(PCARDPORT_ADAPTER Adapter);
VOID CompletePause(PCARDPORT_ADAPTER Adapter);

/* initialize.c */
MINIPORT_INITIALIZE CardportInitialize;
VOID DestroyAdapter(PCARDPORT_ADAPTER Adapter);
BOOLEAN ResetCard(PCARDPORT_ADAPTER Adapter);
VOID ProgramCard(PCARDPORT_ADAPTER Adapter);
VOID ProgramFilter(PCARDPORT_ADAPTER Adapter);

/* transmit.c */
MINIPORT_SEND_NET_BUFFER_LISTS CardportSendNetBufferLists;
MINIPORT_PROCESS_SG_LIST CardportProcessSGList;
VOID CompleteSends(PCARDPORT_ADAPTER Adapter);
VOID AbortSends(PCARDPORT_ADAPTER Adapter);

/* receive.c */
MINIPORT_RETURN_NET_BUFFER_LISTS CardportReturnNetBufferLists;
VOID PostAll(PCARDPORT_ADAPTER Adapter);
VOID ReceiveFrames(PCARDPORT_ADAPTER Adapter, ULONG Queue);

/* oids.c */
MINIPORT_OID_REQUEST CardportOidRequest;
VOID IndicateLinkState(PCARDPORT_ADAPTER Adapter);
extern NDIS_OID CardportSupportedOids[];
extern const ULONG CardportSupportedOidsSize;
