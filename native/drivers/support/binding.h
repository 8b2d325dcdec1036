/*
 * One binding of a protocol driver: opening and closing the adapter, requests that wait for their answer, and the
 * sends that are under way, which a pause has to wait for.
 * See "Binding to an Adapter", "OID Requests for Protocol Drivers" and "Pausing a Binding" (network).
 */
#pragma once

#include <ndis.h>

#define ETHERNET_ADDRESS_LENGTH 6
#define ETHERNET_HEADER_LENGTH 14
#define VLAN_TAG_LENGTH 4

/* Make it a member of the structure that is the driver's ProtocolBindingContext. */
typedef struct _BINDING {
    NDIS_HANDLE Handle; /* NdisBindingHandle; NULL while the adapter is not open */
    NDIS_EVENT Completed; /* opening or closing is over */
    NDIS_STATUS CompletionStatus;
    /* Each list that was sent holds it; run down while the binding is paused. */
    EX_RUNDOWN_REF Sends;
    volatile BOOLEAN Running; /* between NetEventRestart and NetEventPause */

    /* What NDIS said of the adapter when the binding was made. */
    UCHAR MacAddress[ETHERNET_ADDRESS_LENGTH];
    ULONG MtuSize;
    ULONG DataBackFillSize;
    ULONG SupportedPacketFilters;
    ULONG MaxMulticastListSize;
    ULONG64 LinkSpeed;
    NDIS_MEDIA_CONNECT_STATE MediaConnectState;
    NET_IFINDEX IfIndex;
} BINDING, *PBINDING;

/* Fills a zeroed BINDING from what ProtocolBindAdapterEx was given. */
VOID BindingInitialize(PBINDING Binding, const NDIS_BIND_PARAMETERS *Parameters);

/* Opens the adapter that is being bound and waits until it is open. PASSIVE_LEVEL. */
NDIS_STATUS BindingOpen(
    PBINDING Binding,
    NDIS_HANDLE Protocol,
    NDIS_HANDLE BindingContext,
    NDIS_HANDLE BindContext,
    const NDIS_BIND_PARAMETERS *Parameters);

/* Closes the adapter and waits until it is closed; does nothing where none is open. PASSIVE_LEVEL. */
VOID BindingClose(PBINDING Binding);

/* ProtocolOpenAdapterCompleteEx and ProtocolCloseAdapterCompleteEx. */
VOID BindingComplete(PBINDING Binding, NDIS_STATUS Status);

/* Sets an OID of the adapter and waits for the final status. PASSIVE_LEVEL. */
NDIS_STATUS BindingSet(PBINDING Binding, NDIS_OID Oid, PVOID Buffer, ULONG Length);

/* ProtocolOidRequestComplete for a request that BindingSet made. */
VOID BindingCompleteRequest(PNDIS_OID_REQUEST Request, NDIS_STATUS Status);

/* NetEventRestart: lists may be sent. */
VOID BindingRestart(PBINDING Binding);

/* NetEventPause: nothing is sent any more; waits until every list that was sent has come back. PASSIVE_LEVEL. */
VOID BindingPause(PBINDING Binding);

/* Call it before Count lists are sent; FALSE while the binding is paused, and then they must not be. */
BOOLEAN BindingAcquireSends(PBINDING Binding, ULONG Count);

/* Call it where Count lists that were sent have come back. */
VOID BindingReleaseSends(PBINDING Binding, ULONG Count);
