/*
 * workshop: a driver that uses the services of the kernel one after the other, each at a request of its device
 * `\\.\Workshop`, and tells what came of them. A place to look up how something is done, and to try it.
 *   workshop.c     DriverEntry, the device and its requests
 *   exceptions.c   __try, __except, __finally, and buffers of user programs
 *   allocations.c  lookaside lists and interlocked lists
 *   execution.c    DPCs, timers, work items, threads, events and spin locks
 *   registry.c     keys and values
 *   waiting.c      requests that wait in a cancel-safe queue
 */
#pragma once

#include <ntddk.h>

/* `Shop` as a pool tag. */
#define WORKSHOP_TAG 'pohS'

#define WORKSHOP_CODE(Function, Method) CTL_CODE(FILE_DEVICE_UNKNOWN, Function, Method, FILE_ANY_ACCESS)

/* Takes ULONGs and gives their sum; neither buffer is copied by the system. */
#define IOCTL_WORKSHOP_SUM WORKSHOP_CODE(0x800, METHOD_NEITHER)
/* These take nothing and give ULONGs: what each step of the exercise came to. */
#define IOCTL_WORKSHOP_EXCEPTIONS WORKSHOP_CODE(0x801, METHOD_BUFFERED)
#define IOCTL_WORKSHOP_ALLOCATIONS WORKSHOP_CODE(0x802, METHOD_BUFFERED)
#define IOCTL_WORKSHOP_EXECUTION WORKSHOP_CODE(0x803, METHOD_BUFFERED)
#define IOCTL_WORKSHOP_REGISTRY WORKSHOP_CODE(0x804, METHOD_BUFFERED)
/* Waits until another request lets it go, or it is cancelled. */
#define IOCTL_WORKSHOP_WAIT WORKSHOP_CODE(0x805, METHOD_BUFFERED)
/* Lets the oldest request that waits go; gives how many waited. */
#define IOCTL_WORKSHOP_RELEASE WORKSHOP_CODE(0x806, METHOD_BUFFERED)

/* The results of an exercise; steps beyond the limit are left out. */
#define WORKSHOP_STEPS 32
typedef struct _WORKSHOP_RESULTS {
    ULONG Count;
    ULONG Values[WORKSHOP_STEPS];
} WORKSHOP_RESULTS, *PWORKSHOP_RESULTS;

FORCEINLINE VOID Note(PWORKSHOP_RESULTS Results, ULONG Value)
{
    if (Results->Count < WORKSHOP_STEPS)
        Results->Values[Results->Count++] = Value;
}

/* The exercises run at PASSIVE_LEVEL and put everything back. */
NTSTATUS SumUserBuffer(const VOID *Input, ULONG InputLength, PVOID Output, ULONG OutputLength, PULONG Written);
VOID TryExceptions(PWORKSHOP_RESULTS Results);
VOID TryAllocations(PWORKSHOP_RESULTS Results);
VOID TryExecution(PDEVICE_OBJECT Device, PWORKSHOP_RESULTS Results);
VOID TryRegistry(PWORKSHOP_RESULTS Results);

/* waiting.c */
VOID PrepareWaiting(VOID);
NTSTATUS WaitForRelease(PIRP Irp);
ULONG ReleaseOne(VOID);
VOID CancelWaiting(PFILE_OBJECT File);

NTSTATUS CompleteIrp(PIRP Irp, NTSTATUS Status, ULONG_PTR Information);
