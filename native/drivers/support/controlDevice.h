/*
 * A device of an NDIS driver that programs open to ask it questions: controls and reads with buffered I/O, each answered
 * at once. See "NdisRegisterDeviceEx", "Using Buffered I/O" and "Defining I/O Control Codes".
 */
#pragma once

#include <ntddk.h>
#include <ndis.h>

/* A control code: METHOD_BUFFERED, for everybody. */
#define CONTROL_CODE(Function) CTL_CODE(FILE_DEVICE_NETWORK, Function, METHOD_BUFFERED, FILE_ANY_ACCESS)

/*
 * What the driver does when a program uses the device; members may be NULL. PASSIVE_LEVEL. Buffer has the input and
 * takes the output; *Information is how many bytes of it count.
 */
typedef struct _CONTROL_HANDLERS {
    BOOLEAN (*Opened)(VOID); /* FALSE where only one program at a time may open it and one has */
    VOID (*Closed)(VOID);
    NTSTATUS (*Read)(PVOID Buffer, ULONG Length, PULONG_PTR Information);
    NTSTATUS (*Control)(ULONG Code, PVOID Buffer, ULONG InputLength, ULONG OutputLength, PULONG_PTR Information);
} CONTROL_HANDLERS;

/* Creates the device of a driver, of which there is one. Handle: what registering the driver gave. PASSIVE_LEVEL. */
NDIS_STATUS ControlDeviceCreate(
    NDIS_HANDLE Handle,
    PUNICODE_STRING DeviceName,
    PUNICODE_STRING LinkName,
    const CONTROL_HANDLERS *Handlers);

/* Removes the device and its link. PASSIVE_LEVEL. */
VOID ControlDeviceDelete(VOID);
