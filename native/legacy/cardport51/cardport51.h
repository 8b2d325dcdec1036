/*
 * cardport51: an NDIS 5.1 miniport driver for the teaching device (docs/teaching-device.md), deserialized, with the
 * headers of mingw-w64; the elder of native/drivers/cardport. What its files share.
 *   cardport51.c  DriverEntry, the interrupt, reset, halt and removal
 *   initialize.c  MiniportInitialize and its reverse; programming the device
 *   transfer.c    packets to the device and from it
 *   oids.c        queries and sets
 */
#pragma once

#include "../support/ndis5.h"

#define CARDPORT51_TAG 0x31355043u

#define ETHERNET_ADDRESS_LENGTH 6
#define ETHERNET_HEADER_LENGTH 14
#define LONGEST_FRAME 1518
#define MTU 1500
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
#define CARD_RING_LOW 0x00
#define CARD_RING_HIGH 0x04
#define CARD_RING_SIZE 0x08
#define CARD_RING_TAIL 0x10
#define CARD_CONTROL_RESET 0x1
#define CARD_CONTROL_TRANSMIT 0x2
#define CARD_CONTROL_RECEIVE 0x4
#define CARD_STATUS_LINK_UP 0x1
#define CARD_STATUS_DMA_ERROR 0x4
#define CARD_CAUSE_TRANSMIT 0x1
#define CARD_CAUSE_RECEIVE 0x2
#define CARD_CAUSE_LINK 0x8
#define CARD_CAUSE_OVERRUN 0x20
#define CARD_ALL_CAUSES 0x3f
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
#define TRANSMIT_DESCRIPTORS 64
#define RECEIVE_DESCRIPTORS 64
#define RECEIVE_PACKETS (RECEIVE_DESCRIPTORS - 1)
#define BUFFER_SIZE 2048
/* Packets that may wait for room in the ring; later ones fail with NDIS_STATUS_RESOURCES. */
#define WAITING_LIMIT 1024

/* Memory that driver and device share. */
typedef struct _SHARED_MEMORY {
    PVOID Virtual;
    NDIS_PHYSICAL_ADDRESS Physical;
    ULONG Length;
} SHARED_MEMORY, *PSHARED_MEMORY;

/* Packets in order, linked by MiniportReserved. */
typedef struct _PACKET_QUEUE {
    PNDIS_PACKET Head;
    PNDIS_PACKET Tail;
    ULONG Count;
} PACKET_QUEUE, *PPACKET_QUEUE;

/* A frame in the ring, at its first descriptor. */
typedef struct _SENT_FRAME {
    PNDIS_PACKET Packet;
    ULONG Descriptors;
} SENT_FRAME, *PSENT_FRAME;

/* What was acquired for an adapter: the MiniportAdapterContext. */
typedef struct _CARDPORT51_ADAPTER {
    /* MiniportAdapterHandle: the address of the NDIS_MINIPORT_BLOCK that the NdisM macros call through. */
    NDIS_HANDLE Handle;
    PUCHAR Registers;
    ULONG RegistersLength;
    NDIS_MINIPORT_INTERRUPT Interrupt;
    BOOLEAN InterruptRegistered;
    ULONG InterruptVector;
    ULONG InterruptLevel;
    /* NDIS puts a SCATTER_GATHER_LIST into each packet; else frames are copied into shared memory. */
    BOOLEAN ScatterGather;
    UCHAR MacAddress[ETHERNET_ADDRESS_LENGTH];
    /* Microseconds between two interrupts; 0 for no moderation. */
    ULONG Moderation;

    NDIS_SPIN_LOCK Lock; /* guards what follows */
    BOOLEAN Gone;        /* the device was pulled out */
    BOOLEAN Resetting;   /* the device loses what is written to it */
    ULONG PacketFilter;
    ULONG Lookahead;
    UCHAR MulticastList[MULTICAST_LIST_SIZE * ETHERNET_ADDRESS_LENGTH];
    ULONG MulticastLength;

    SHARED_MEMORY TransmitRing;
    SHARED_MEMORY TransmitBuffers; /* one for each descriptor */
    SENT_FRAME Sent[TRANSMIT_DESCRIPTORS];
    ULONG TransmitHead;
    ULONG TransmitTail;
    PACKET_QUEUE Waiting; /* for room in the ring */

    SHARED_MEMORY ReceiveRing;
    SHARED_MEMORY ReceiveBuffers;
    PNDIS_PACKET Posted[RECEIVE_DESCRIPTORS]; /* by descriptor; NULL where none is the device's */
    PNDIS_PACKET Free[RECEIVE_PACKETS];
    ULONG FreeCount;
    ULONG ReceiveNext;
    ULONG ReceiveTail;
    NDIS_HANDLE PacketPool;
    NDIS_HANDLE BufferPool;
    PNDIS_PACKET Packets[RECEIVE_PACKETS]; /* made once, freed at halt */
    ULONG PacketCount;

    ULONG FramesSent;
    ULONG SendErrors;
    ULONG FramesReceived;
    ULONG ReceiveErrors;
    ULONG ReceiveNoBuffer;
} CARDPORT51_ADAPTER, *PCARDPORT51_ADAPTER;

static inline ULONG ReadCard(PCARDPORT51_ADAPTER Adapter, ULONG Register)
{
    ULONG Value;

    NdisReadRegisterUlong((volatile ULONG *)(Adapter->Registers + Register), &Value);
    return Value;
}

static inline VOID WriteCard(PCARDPORT51_ADAPTER Adapter, ULONG Register, ULONG Value)
{
    NdisWriteRegisterUlong((PULONG)(Adapter->Registers + Register), Value);
}

/* initialize.c */
NDIS_STATUS NTAPI Cardport51Initialize(
    PNDIS_STATUS OpenErrorStatus, PUINT SelectedMediumIndex, PNDIS_MEDIUM MediumArray, UINT MediumArraySize,
    NDIS_HANDLE MiniportAdapterHandle, NDIS_HANDLE WrapperConfigurationContext);
VOID DestroyAdapter(PCARDPORT51_ADAPTER Adapter);
BOOLEAN ResetCard(PCARDPORT51_ADAPTER Adapter);
VOID ProgramCard(PCARDPORT51_ADAPTER Adapter);
VOID ProgramFilter(PCARDPORT51_ADAPTER Adapter);

/* transfer.c */
VOID NTAPI Cardport51SendPackets(NDIS_HANDLE MiniportAdapterContext, PPNDIS_PACKET PacketArray, UINT NumberOfPackets);
VOID NTAPI Cardport51CancelSendPackets(NDIS_HANDLE MiniportAdapterContext, PVOID CancelId);
VOID NTAPI Cardport51ReturnPacket(NDIS_HANDLE MiniportAdapterContext, PNDIS_PACKET Packet);
VOID CompleteSends(PCARDPORT51_ADAPTER Adapter);
VOID AbortSends(PCARDPORT51_ADAPTER Adapter);
VOID PreparePacket(PNDIS_PACKET Packet, ULONG64 Physical);
VOID PostAll(PCARDPORT51_ADAPTER Adapter);
VOID ReceiveFrames(PCARDPORT51_ADAPTER Adapter);

/* oids.c */
NDIS_STATUS NTAPI Cardport51QueryInformation(
    NDIS_HANDLE MiniportAdapterContext, NDIS_OID Oid, PVOID InformationBuffer, ULONG InformationBufferLength,
    PULONG BytesWritten, PULONG BytesNeeded);
NDIS_STATUS NTAPI Cardport51SetInformation(
    NDIS_HANDLE MiniportAdapterContext, NDIS_OID Oid, PVOID InformationBuffer, ULONG InformationBufferLength,
    PULONG BytesRead, PULONG BytesNeeded);
