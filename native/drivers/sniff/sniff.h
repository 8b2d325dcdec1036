/*
 * sniff: a protocol driver in promiscuous mode whose device gives programs what it sees.
 *   sniff.c    DriverEntry and the protocol's handlers
 *   device.c   the device `\\.\Sniff`: reads and controls
 *   records.c  the frames that wait to be read
 */
#pragma once

#include <ntddk.h>
#include <ndis.h>

#include "../support/binding.h"

/* `Snif` as a pool tag. */
#define SNIFF_TAG 'finS'

#define SNIFF_LARGEST_FRAME 65549

/* Gives SNIFF_STATISTICS. */
#define IOCTL_SNIFF_QUERY_STATISTICS CTL_CODE(FILE_DEVICE_NETWORK, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS)
/* Takes SNIFF_FILTER. */
#define IOCTL_SNIFF_SET_FILTER CTL_CODE(FILE_DEVICE_NETWORK, 0x801, METHOD_BUFFERED, FILE_ANY_ACCESS)

typedef struct _SNIFF_STATISTICS {
    ULONG64 Captured;
    ULONG64 Dropped;
    ULONG Bindings;
    ULONG Waiting; /* records that nobody has read */
} SNIFF_STATISTICS, *PSNIFF_STATISTICS;

typedef struct _SNIFF_FILTER {
    ULONG PacketFilter; /* NDIS_PACKET_TYPE_ bits */
    ULONG SnapLength;   /* bytes kept of each frame, 0 for all */
} SNIFF_FILTER, *PSNIFF_FILTER;

/* What a read gives: this and CapturedLength bytes of a frame. */
typedef struct _SNIFF_RECORD {
    ULONG HeaderLength; /* sizeof(SNIFF_RECORD) */
    ULONG InterfaceIndex;
    LARGE_INTEGER SystemTime; /* units of 100 ns since 1601 */
    ULONG CapturedLength;
    ULONG FrameLength;
    ULONG VlanInfo; /* NDIS_NET_BUFFER_LIST_8021Q_INFO */
    ULONG Reserved;
} SNIFF_RECORD, *PSNIFF_RECORD;

C_ASSERT(sizeof(SNIFF_STATISTICS) == 24);
C_ASSERT(sizeof(SNIFF_RECORD) == 32);

/*
 * Records in a ring of bytes, oldest first. When it is full new frames are dropped, so what is read is a gapless run
 * from the oldest on. All of it is guarded by Lock.
 */
typedef struct _SNIFF_RECORDS {
    KSPIN_LOCK Lock;
    PUCHAR Bytes;
    ULONG Size;           /* a multiple of 8 */
    ULONG First;          /* where the oldest record is */
    ULONG Next;           /* where the next one goes; as First when Count is 0 */
    volatile ULONG Count; /* records that wait */
} SNIFF_RECORDS, *PSNIFF_RECORDS;

/* A binding to an adapter: the ProtocolBindingContext. */
typedef struct _SNIFF_BINDING {
    BINDING Base;
    LIST_ENTRY Link;
} SNIFF_BINDING, *PSNIFF_BINDING;

/* The driver. */
typedef struct _SNIFF_DRIVER {
    NDIS_HANDLE Protocol;
    SNIFF_RECORDS Records;
    ULONG PacketFilter;
    volatile ULONG SnapLength;
    volatile LONG OpenFiles; /* frames are kept while some program has the device open */
    volatile LONG64 Captured;
    volatile LONG64 Dropped;

    KEVENT BindingsTurn; /* signalled while nobody looks at what follows */
    LIST_ENTRY Bindings;
    ULONG BindingCount;
} SNIFF_DRIVER;

extern SNIFF_DRIVER Sniff;

/* sniff.c: what the device wants of the protocol. PASSIVE_LEVEL. */
NTSTATUS SniffSetFilter(const SNIFF_FILTER *Filter);
VOID SniffQueryStatistics(PSNIFF_STATISTICS Statistics);

/* device.c */
NTSTATUS SniffCreateDevice(PDRIVER_OBJECT DriverObject);
VOID SniffDeleteDevice(VOID);
/* Gives waiting reads the records that wait. <= DISPATCH_LEVEL. */
VOID SniffServeReads(VOID);

/*
 * records.c. Push appends the frame of a net buffer, of which Record says everything but the two lengths, cut to Limit
 * bytes; FALSE where there is no room; its caller holds the lock. Pop moves the oldest record to Buffer, cut to Room
 * bytes, which hold at least a SNIFF_RECORD, and gives its length, 0 for none.
 */
BOOLEAN RecordsPush(PSNIFF_RECORDS Records, PNET_BUFFER Buffer, SNIFF_RECORD *Record, ULONG Limit);
ULONG RecordsPop(PSNIFF_RECORDS Records, PVOID Buffer, ULONG Room);
VOID RecordsClear(PSNIFF_RECORDS Records);
