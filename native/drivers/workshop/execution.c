/*
 * Everything that runs code of a driver: DPCs, timers, work items and threads; and events and spin locks by which they
 * meet. See "DPC Objects and DPCs", "Timer Objects and DPCs", "System Worker Threads" and "Driver Threads" (kernel).
 */
#include "workshop.h"

#define MILLISECOND 10000ll
#define ROUNDS 10

/* What the routines of one exercise share; lies on the stack of whoever waits for them. */
typedef struct _SHARED {
    KEVENT Done;
    KSPIN_LOCK Lock;
    ULONG Counter; /* guarded by Lock */
    volatile LONG Interlocked;
    KIRQL Irql; /* at which the last routine ran */
    PVOID Thread;
} SHARED, *PSHARED;

static KDEFERRED_ROUTINE RunDpc;
static IO_WORKITEM_ROUTINE RunWorkItem;
static KSTART_ROUTINE RunThread;

/* What every routine does. */
static VOID Arrive(PSHARED Shared)
{
    KIRQL Irql;

    Shared->Irql = KeGetCurrentIrql();
    InterlockedIncrement(&Shared->Interlocked);
    KeAcquireSpinLock(&Shared->Lock, &Irql);
    Shared->Counter++;
    KeReleaseSpinLock(&Shared->Lock, Irql);
    /* Shared is gone once the event is set. */
    KeSetEvent(&Shared->Done, IO_NO_INCREMENT, FALSE);
}

static VOID WaitFor(PSHARED Shared)
{
    KeWaitForSingleObject(&Shared->Done, Executive, KernelMode, FALSE, NULL);
}

_Use_decl_annotations_
static VOID RunDpc(PKDPC Dpc, PVOID DeferredContext, PVOID SystemArgument1, PVOID SystemArgument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(SystemArgument1);
    UNREFERENCED_PARAMETER(SystemArgument2);
    Arrive(DeferredContext);
}

_Use_decl_annotations_
static VOID RunWorkItem(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    Arrive(Context);
}

_Use_decl_annotations_
static VOID RunThread(PVOID StartContext)
{
    PSHARED Shared = StartContext;
    LARGE_INTEGER Pause;
    ULONG Round;

    Pause.QuadPart = -MILLISECOND;
    for (Round = 0; Round < ROUNDS; Round++) {
        InterlockedIncrement(&Shared->Interlocked);
        KeDelayExecutionThread(KernelMode, FALSE, &Pause);
    }
    Arrive(Shared);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID TryDpc(PSHARED Shared, PWORKSHOP_RESULTS Results)
{
    KDPC Dpc;

    KeInitializeDpc(&Dpc, RunDpc, Shared);
    Note(Results, KeInsertQueueDpc(&Dpc, NULL, NULL));
    WaitFor(Shared);
    Note(Results, Shared->Irql);
    KeFlushQueuedDpcs();
}

static VOID TryTimer(PSHARED Shared, PWORKSHOP_RESULTS Results)
{
    LARGE_INTEGER Due;
    KTIMER Timer;
    KDPC Dpc;

    KeInitializeTimer(&Timer);
    KeInitializeDpc(&Dpc, RunDpc, Shared);
    Due.QuadPart = -5 * MILLISECOND;
    KeSetTimer(&Timer, Due, &Dpc);
    WaitFor(Shared);
    /* It is due, so there is nothing to cancel. */
    Note(Results, KeCancelTimer(&Timer));
    KeSetTimer(&Timer, Due, NULL);
    Note(Results, KeCancelTimer(&Timer));
    KeFlushQueuedDpcs();
}

static VOID TryWorkItem(PDEVICE_OBJECT Device, PSHARED Shared, PWORKSHOP_RESULTS Results)
{
    PIO_WORKITEM Item = IoAllocateWorkItem(Device);

    if (Item == NULL)
        return;
    IoQueueWorkItem(Item, RunWorkItem, DelayedWorkQueue, Shared);
    WaitFor(Shared);
    Note(Results, Shared->Irql);
    IoFreeWorkItem(Item);
}

static VOID TryThread(PSHARED Shared, PWORKSHOP_RESULTS Results)
{
    HANDLE Handle;
    NTSTATUS Status = PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, RunThread, Shared);

    if (!NT_SUCCESS(Status)) {
        Note(Results, Status);
        return;
    }
    ObReferenceObjectByHandle(Handle, THREAD_ALL_ACCESS, NULL, KernelMode, &Shared->Thread, NULL);
    ZwClose(Handle);
    /* The thread object is signalled when the thread is over. */
    Note(Results, KeWaitForSingleObject(Shared->Thread, Executive, KernelMode, FALSE, NULL));
    ObDereferenceObject(Shared->Thread);
    Note(Results, KeReadStateEvent(&Shared->Done));
    KeClearEvent(&Shared->Done);
}

VOID TryExecution(PDEVICE_OBJECT Device, PWORKSHOP_RESULTS Results)
{
    LARGE_INTEGER Timeout;
    SHARED Shared;

    RtlZeroMemory(&Shared, sizeof(Shared));
    KeInitializeEvent(&Shared.Done, SynchronizationEvent, FALSE);
    KeInitializeSpinLock(&Shared.Lock);
    TryDpc(&Shared, Results);
    TryTimer(&Shared, Results);
    TryWorkItem(Device, &Shared, Results);
    TryThread(&Shared, Results);
    Note(Results, Shared.Counter);
    Note(Results, Shared.Interlocked);
    /* Nobody sets the event any more. */
    Timeout.QuadPart = -MILLISECOND;
    Note(Results, KeWaitForSingleObject(&Shared.Done, Executive, KernelMode, FALSE, &Timeout));
}
