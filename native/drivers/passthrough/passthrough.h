/*
 * passthrough: a modifying filter driver that has every handler and changes nothing.
 *   passthrough.c  DriverEntry, the modules, the data path, status indications and events
 *   requests.c     requests, which go on as clones
 *   control.c      the device `\\.\Passthrough`
 */
#pragma once

#include <ntddk.h>
#include <ndis.h>

/* `Pass` as a pool tag. */
#define PASSTHROUGH_TAG 'ssaP'

/* What has gone through modules. */
typedef struct _PASSTHROUGH_COUNTS {
    volatile LONG64 Sent;
    volatile LONG64 Received;
    volatile LONG64 Requests;
    volatile LONG64 Statuses;
    volatile LONG64 Events;
} PASSTHROUGH_COUNTS, *PPASSTHROUGH_COUNTS;

/* A module: the FilterModuleContext. */
typedef struct _PASSTHROUGH_MODULE {
    NDIS_HANDLE Handle;
    LIST_ENTRY Link;
    PASSTHROUGH_COUNTS Counts;
} PASSTHROUGH_MODULE, *PPASSTHROUGH_MODULE;

/* The driver. */
typedef struct _PASSTHROUGH_DRIVER {
    NDIS_HANDLE Filter;
    volatile BOOLEAN Bypass;
    KSPIN_LOCK ModulesLock; /* guards what follows */
    LIST_ENTRY Modules;
    ULONG ModuleCount;
} PASSTHROUGH_DRIVER;

extern PASSTHROUGH_DRIVER Passthrough;

/* requests.c */
FILTER_OID_REQUEST PassthroughOidRequest;
FILTER_OID_REQUEST_COMPLETE PassthroughOidRequestComplete;
FILTER_CANCEL_OID_REQUEST PassthroughCancelOidRequest;
FILTER_DIRECT_OID_REQUEST PassthroughDirectOidRequest;
FILTER_DIRECT_OID_REQUEST_COMPLETE PassthroughDirectOidRequestComplete;
FILTER_CANCEL_DIRECT_OID_REQUEST PassthroughCancelDirectOidRequest;
FILTER_SYNCHRONOUS_OID_REQUEST PassthroughSynchronousOidRequest;
FILTER_SYNCHRONOUS_OID_REQUEST_COMPLETE PassthroughSynchronousOidRequestComplete;

/* control.c */
NDIS_STATUS PassthroughCreateDevice(VOID);
