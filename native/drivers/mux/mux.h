/*
 * mux: an NDIS 6.30 intermediate driver with virtual miniports above each adapter that it binds to.
 *   mux.c      DriverEntry, parameters and the two edges
 *   binding.c  one adapter below and what the virtual miniports above want of it together
 *   miniport.c one virtual miniport: its life
 *   oids.c     requests to virtual miniports
 *   send.c     the send path
 *   receive.c  the receive path
 *   tags.c     VLAN tags in frames
 */
#pragma once

#include <ntddk.h>
#include <ndis.h>

#include "../support/binding.h"
#include "../support/frameLists.h"

/* `MuxB` as a pool tag. */
#define MUX_TAG 'BxuM'

/* Virtual miniports above one adapter. */
#define MUX_MINIPORT_LIMIT 64
#define MUX_MULTICAST_LIMIT 64
/* Characters of the name of the service, and of a virtual miniport, `\Device\mux2.4094`, with the zero behind it. */
#define MUX_SERVICE_NAME_LENGTH 64
#define MUX_NAME_LENGTH 112

#define MUX_HIGHEST_VLAN 4094
/* MUX_MINIPORT.VlanId of a virtual miniport that leaves tags alone. VLAN 0 stands for frames without a tag. */
#define MUX_NO_VLAN 0xffffffff

typedef struct _MUX_BINDING MUX_BINDING, *PMUX_BINDING;

typedef enum _MUX_STATE {
    MuxGone,
    MuxRequested, /* MiniportInitializeEx will be called */
    MuxInitialized
} MUX_STATE;

/* One virtual miniport: the MiniportAdapterContext. */
typedef struct _MUX_MINIPORT {
    PMUX_BINDING Binding;
    ULONG VlanId;
    UNICODE_STRING Name;
    WCHAR NameBuffer[MUX_NAME_LENGTH];
    UCHAR MacAddress[ETHERNET_ADDRESS_LENGTH];
    volatile LONG State; /* MUX_STATE */
    NDIS_HANDLE Handle; /* from MiniportInitializeEx to MiniportHaltEx */
    EX_RUNDOWN_REF HandleUse; /* held by whoever uses Handle without a list under way */
    volatile BOOLEAN Running; /* between MiniportRestart and MiniportPause */
    /* Its own; what is below sleeps and wakes in its own time. */
    volatile NDIS_DEVICE_POWER_STATE PowerState;
    /* 0 while paused; else 1, and 1 for each list below that was not completed and each above that is not back. */
    volatile LONG Outstanding;

    /* What the protocols above asked for. */
    ULONG PacketFilter;
    ULONG Lookahead;
    ULONG MulticastCount;
    UCHAR MulticastList[MUX_MULTICAST_LIMIT][ETHERNET_ADDRESS_LENGTH];

    volatile LONG64 FramesSent;
    volatile LONG64 BytesSent;
    volatile LONG64 SendErrors;
    volatile LONG64 FramesReceived;
    volatile LONG64 BytesReceived;
    volatile LONG64 ReceiveNoBuffer;
} MUX_MINIPORT, *PMUX_MINIPORT;

/* One adapter below: the ProtocolBindingContext. */
struct _MUX_BINDING {
    BINDING Base;
    /* Several virtual miniports with addresses of their own in one network. */
    BOOLEAN SharesNetwork;
    /* Link of the adapter below, as last indicated. */
    NDIS_MEDIA_CONNECT_STATE MediaConnectState;
    ULONG64 LinkSpeed;
    KEVENT RequestTurn; /* signalled while nobody changes the filters below */
    volatile NDIS_DEVICE_POWER_STATE PowerState; /* of the adapter below */
    BOOLEAN FiltersDeferred; /* what the virtual miniports want is to be set when it is back in D0 */

    NDIS_SPIN_LOCK Lock; /* guards the free lists */
    PNET_BUFFER_LIST FreeShells; /* lists without buffers, around the frames of others */
    FRAME_LISTS Copies; /* for frames whose tag was taken out; empty without VLANs */
    NDIS_HANDLE ShellPool;

    ULONG MiniportCount;
    MUX_MINIPORT Miniports[ANYSIZE_ARRAY];
};

/* What the parameters say: a VLAN for each virtual miniport, or MUX_NO_VLAN. */
typedef struct _MUX_DRIVER {
    NDIS_HANDLE MiniportDriver;
    NDIS_HANDLE Protocol;
    UNICODE_STRING ServiceName;
    WCHAR ServiceNameBuffer[MUX_SERVICE_NAME_LENGTH];
    ULONG VlanCount;
    ULONG VlanIds[MUX_MINIPORT_LIMIT];
} MUX_DRIVER;

extern MUX_DRIVER Mux;

/* What mux keeps in the context space of a list on its way down. */
typedef struct DECLSPEC_ALIGN(MEMORY_ALLOCATION_ALIGNMENT) _MUX_SEND_CONTEXT {
    NDIS_HANDLE SourceHandle;
    PMUX_MINIPORT Miniport;
    PVOID VlanInfo; /* what the protocol above had said out of band */
    ULONG Tagged; /* not 0: a tag was put into every frame */
} MUX_SEND_CONTEXT, *PMUX_SEND_CONTEXT;

/* binding.c */
PROTOCOL_BIND_ADAPTER_EX MuxBindAdapter;
PROTOCOL_UNBIND_ADAPTER_EX MuxUnbindAdapter;
PROTOCOL_STATUS_EX MuxStatus;
VOID MuxSetPower(PMUX_BINDING Binding, NDIS_DEVICE_POWER_STATE State);
BOOLEAN MuxStandingBy(const MUX_MINIPORT *Miniport);
NDIS_STATUS MuxUpdatePacketFilter(PMUX_BINDING Binding);
NDIS_STATUS MuxUpdateMulticastList(PMUX_BINDING Binding);

/* miniport.c */
VOID MuxPrepareMiniport(PMUX_BINDING Binding, ULONG Index);
ULONG MuxMtu(const MUX_MINIPORT *Miniport);
VOID MuxIndicateStatus(PMUX_MINIPORT Miniport, const NDIS_STATUS_INDICATION *Status);
MINIPORT_INITIALIZE MuxInitialize;
MINIPORT_HALT MuxHalt;
MINIPORT_PAUSE MuxPause;
MINIPORT_RESTART MuxRestart;

/* Call it before Count lists pass; FALSE while the virtual miniport is paused, and then they must not. */
BOOLEAN MuxAcquire(PMUX_MINIPORT Miniport, LONG Count);
/* Call it where Count lists have come back. */
VOID MuxRelease(PMUX_MINIPORT Miniport, LONG Count);

/* oids.c */
MINIPORT_OID_REQUEST MuxOidRequest;
MINIPORT_CANCEL_OID_REQUEST MuxCancelOidRequest;
PROTOCOL_OID_REQUEST_COMPLETE MuxOidRequestComplete;
extern NDIS_OID MuxSupportedOids[];
extern const ULONG MuxSupportedOidsSize;

/* send.c */
MINIPORT_SEND_NET_BUFFER_LISTS MuxSendNetBufferLists;
MINIPORT_CANCEL_SEND MuxCancelSend;
PROTOCOL_SEND_NET_BUFFER_LISTS_COMPLETE MuxSendNetBufferListsComplete;

/* receive.c */
BOOLEAN MuxCreateShells(PMUX_BINDING Binding, ULONG Count);
VOID MuxFreeShells(PMUX_BINDING Binding);
PROTOCOL_RECEIVE_NET_BUFFER_LISTS MuxReceiveNetBufferLists;
MINIPORT_RETURN_NET_BUFFER_LISTS MuxReturnNetBufferLists;

/* tags.c */
BOOLEAN MuxInsertTag(PNET_BUFFER Buffer, USHORT Tag);
VOID MuxRemoveTag(PNET_BUFFER Buffer);
