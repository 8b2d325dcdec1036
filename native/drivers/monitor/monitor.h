/*
 * monitor: a monitoring filter driver whose device gives a pcapng capture of the frames that pass it.
 *   monitor.c  DriverEntry, the modules and the data path
 *   capture.c  the device `\\.\Monitor` and the blocks that wait to be read
 */
#pragma once

#include <ntddk.h>
#include <ndis.h>

/* `Moni` as a pool tag. */
#define MONITOR_TAG 'inoM'

#define MONITOR_LARGEST_FRAME 65549

/* Characters of an interface's name in the capture. */
#define MONITOR_NAME_LENGTH 64

/* epb_flags of a frame: which way it went. */
#define MONITOR_INBOUND 1
#define MONITOR_OUTBOUND 2

/* A module: the FilterModuleContext. */
typedef struct _MONITOR_MODULE {
    NDIS_HANDLE Handle;
    LIST_ENTRY Link;
    volatile LONG Interface; /* its number in the capture, -1 where the capture has none for it */
    ULONG NameLength;
    CHAR Name[MONITOR_NAME_LENGTH];
} MONITOR_MODULE, *PMONITOR_MODULE;

/* The driver. */
typedef struct _MONITOR_DRIVER {
    NDIS_HANDLE Filter;
    PUCHAR Buffer;
    ULONG BufferSize; /* a multiple of 4 */
    ULONG SnapLength;
} MONITOR_DRIVER;

extern MONITOR_DRIVER Monitor;

/* capture.c. Initialize comes first; the device needs Monitor.Filter. */
VOID MonitorInitializeCapture(VOID);
NDIS_STATUS MonitorCreateDevice(VOID);
VOID MonitorAddModule(PMONITOR_MODULE Module);
VOID MonitorRemoveModule(PMONITOR_MODULE Module);
/* Copies the frames of a chain. <= DISPATCH_LEVEL. */
VOID MonitorCapture(PMONITOR_MODULE Module, PNET_BUFFER_LIST Lists, ULONG Direction);
