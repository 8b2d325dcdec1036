/*
 * echo: a protocol driver that answers ARP requests, pings and UDP echo for one IPv4 address.
 *   echo.c     DriverEntry and the protocol's handlers
 *   receive.c  from a received frame to an answer that is sent
 *   answer.c   the answers themselves
 */
#pragma once

#include <ntddk.h>
#include <ndis.h>

#include "../support/binding.h"
#include "../support/frameLists.h"

/* `Echo` as a pool tag. */
#define ECHO_TAG 'ohcE'

/* What became of a frame. */
typedef enum _ECHO_OUTCOME {
    EchoNotAnswered,
    EchoAnsweredArp,
    EchoAnsweredIcmp,
    EchoAnsweredUdp,
    EchoMalformed, /* meant for us, but wrong: a length that does not fit, or a checksum */
    EchoDropped,   /* no answer was free, or the frame was longer than an answer can be */
    EchoOutcomes
} ECHO_OUTCOME;

/* One address that answers. */
typedef struct _ECHO_RESPONDER {
    UCHAR MacAddress[ETHERNET_ADDRESS_LENGTH];
    ULONG IpAddress; /* in network byte order, as are all numbers that are taken from frames */
} ECHO_RESPONDER, *PECHO_RESPONDER;

/* A binding to an adapter: the ProtocolBindingContext. */
typedef struct _ECHO_BINDING {
    BINDING Base;
    ECHO_RESPONDER Responder;

    NDIS_SPIN_LOCK Lock; /* guards what follows */
    FRAME_LISTS Answers;
    PUCHAR Scratch; /* where a frame that lies in several pieces is put together */
    ULONG AnswerOffset; /* where in its buffer an answer begins: behind the room that drivers below want */
    ULONG Counters[EchoOutcomes];
    ULONG SendErrors;
} ECHO_BINDING, *PECHO_BINDING;

/* receive.c */
BOOLEAN EchoPrepareAnswers(PECHO_BINDING Binding);
VOID EchoFreeAnswers(PECHO_BINDING Binding);
PROTOCOL_RECEIVE_NET_BUFFER_LISTS EchoReceiveNetBufferLists;
PROTOCOL_SEND_NET_BUFFER_LISTS_COMPLETE EchoSendNetBufferListsComplete;

/*
 * answer.c: writes the answer to the frame of Length bytes at Frame to Answer, which has room for as many, and gives
 * the answer's length, or 0 where there is none. Vouched: the adapter has found the checksums good.
 */
ULONG EchoAnswer(
    const ECHO_RESPONDER *Responder,
    const UCHAR *Frame,
    ULONG Length,
    PUCHAR Answer,
    BOOLEAN Vouched,
    ECHO_OUTCOME *Outcome);
