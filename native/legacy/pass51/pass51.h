/*
 * pass51: an NDIS 5.1 intermediate driver that passes everything through, with the headers of mingw-w64: a protocol
 * edge over each adapter, and above each binding a virtual miniport. What its files share.
 */
#pragma once

#include "../support/ndis5.h"

#define PASS51_TAG 0x31355350u
/* Packets of its own for what is under way, in each direction. */
#define PACKET_COUNT 64
#define OVERFLOW_COUNT 1024
/* WCHARs of the name of a virtual miniport. */
#define NAME_LENGTH 128

/* One binding and the virtual miniport above it. */
typedef struct _PASS51_ADAPTER {
    NDIS_HANDLE BindingHandle;
    /* MiniportAdapterHandle of the virtual miniport, NULL while there is none. */
    NDIS_HANDLE MiniportHandle;
    NDIS_HANDLE SendPool;
    NDIS_HANDLE ReceivePool;
    NDIS_MEDIUM Medium;
    NDIS_EVENT Event;
    NDIS_STATUS Status;
    /* The request of the virtual miniport that was passed on: NDIS gives it one at a time. */
    NDIS_REQUEST Request;
    PULONG BytesDone;
    PULONG BytesNeeded;
    NDIS_DEVICE_POWER_STATE PowerState; /* of the virtual miniport */
    /* Frames were indicated by header and lookahead since ProtocolReceiveComplete. */
    BOOLEAN Indicated;
    WCHAR Name[NAME_LENGTH];
} PASS51_ADAPTER, *PPASS51_ADAPTER;

/* In ProtocolReserved of a packet that was sent on: the packet that it stands for. */
#define SENT_PACKET(Packet) (*(PNDIS_PACKET *)(Packet)->ProtocolReserved)
/* In MiniportReserved of a packet that was indicated on: the packet that it stands for. */
#define RECEIVED_PACKET(Packet) (*(PNDIS_PACKET *)(Packet)->MiniportReserved)

extern NDIS_HANDLE Pass51Driver;
extern NDIS_HANDLE Pass51Protocol;

/* miniport.c */
VOID FillMiniport(NDIS_MINIPORT_CHARACTERISTICS *Characteristics);
VOID CompleteRequest(PPASS51_ADAPTER Adapter, NDIS_STATUS Status);

/* protocol.c */
VOID FillProtocol(NDIS_PROTOCOL_CHARACTERISTICS *Characteristics);
