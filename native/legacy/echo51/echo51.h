/*
 * echo51: a protocol driver for NDIS 5.1 that answers ARP requests, pings and UDP echo for one IPv4 address, its
 * parameter Address (default 192.0.2.2); the C twin of drivers/echo51.
 *   echo51.c      DriverEntry and the protocol's handlers
 *   parameters.c  the parameter
 *   answer.c      the answers themselves
 */
#pragma once

#include "../support/ndis5.h"

/* `Ec51` as a pool tag. */
#define ECHO51_TAG 0x31356345
/* Answers that may be with NDIS at a time; what comes beyond gets no answer. */
#define ANSWER_COUNT 256
/* Bytes of the longest frame, with a VLAN tag. */
#define FRAME_SIZE 1536

/* A binding to an adapter: the ProtocolBindingContext. */
typedef struct _ECHO51_BINDING {
    NDIS_HANDLE Handle;
    NDIS_HANDLE PacketPool;
    NDIS_HANDLE BufferPool;
    NDIS_EVENT Event; /* an open, a close or a request is complete */
    NDIS_STATUS Status;
    NDIS_REQUEST Request;
    ULONG PacketFilter;
    UCHAR MacAddress[6];
    PNDIS_PACKET TransferPacket; /* what NdisTransferData fills */
    UINT Before;                 /* bytes of the frame in Frame that lie before these */
    UCHAR Frame[FRAME_SIZE];     /* where a frame that does not lie in one piece is put together */
} ECHO51_BINDING, *PECHO51_BINDING;

/* parameters.c: the address that is answered for, and how it is read. */
extern UCHAR Echo51Own[4];
NTSTATUS Echo51ReadParameters(PUNICODE_STRING RegistryPath);

/*
 * answer.c: writes the answer to the frame of Length bytes at Frame to Answer, which has room for FRAME_SIZE, and gives
 * the answer's length, or 0 where there is none.
 */
UINT Echo51Answer(const UCHAR *MacAddress, const UCHAR *Frame, UINT Length, PUCHAR Answer);
