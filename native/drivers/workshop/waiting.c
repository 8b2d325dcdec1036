/* Requests that wait, and may be cancelled meanwhile. See "Cancel-Safe IRP Queues" (kernel). */
#include "workshop.h"

static IO_CSQ_INSERT_IRP Insert;
static IO_CSQ_REMOVE_IRP Remove;
static IO_CSQ_PEEK_NEXT_IRP Peek;
static IO_CSQ_ACQUIRE_LOCK Acquire;
static IO_CSQ_RELEASE_LOCK Release;
static IO_CSQ_COMPLETE_CANCELED_IRP CompleteCanceled;

static IO_CSQ Queue;
static LIST_ENTRY Waiting;
static ULONG WaitingCount;
static KSPIN_LOCK Lock;

VOID PrepareWaiting(VOID)
{
    InitializeListHead(&Waiting);
    KeInitializeSpinLock(&Lock);
    IoCsqInitialize(&Queue, Insert, Remove, Peek, Acquire, Release, CompleteCanceled);
}

NTSTATUS WaitForRelease(PIRP Irp)
{
    IoCsqInsertIrp(&Queue, Irp, NULL);
    return STATUS_PENDING;
}

/* Gives how many waited. */
ULONG ReleaseOne(VOID)
{
    ULONG Count = WaitingCount;
    PIRP Irp = IoCsqRemoveNextIrp(&Queue, NULL);

    if (Irp != NULL)
        CompleteIrp(Irp, STATUS_SUCCESS, 0);
    return Count;
}

VOID CancelWaiting(PFILE_OBJECT File)
{
    PIRP Irp;

    while ((Irp = IoCsqRemoveNextIrp(&Queue, File)) != NULL)
        CompleteIrp(Irp, STATUS_CANCELLED, 0);
}

_Use_decl_annotations_
static VOID Insert(PIO_CSQ Csq, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Csq);
    InsertTailList(&Waiting, &Irp->Tail.Overlay.ListEntry);
    WaitingCount++;
}

_Use_decl_annotations_
static VOID Remove(PIO_CSQ Csq, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Csq);
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
    WaitingCount--;
}

/* The first request after Irp; with PeekContext one of that file. */
_Use_decl_annotations_
static PIRP Peek(PIO_CSQ Csq, PIRP Irp, PVOID PeekContext)
{
    PLIST_ENTRY Entry = Irp == NULL ? Waiting.Flink : Irp->Tail.Overlay.ListEntry.Flink;

    UNREFERENCED_PARAMETER(Csq);
    for (; Entry != &Waiting; Entry = Entry->Flink) {
        PIRP Next = CONTAINING_RECORD(Entry, IRP, Tail.Overlay.ListEntry);

        if (PeekContext == NULL || IoGetCurrentIrpStackLocation(Next)->FileObject == PeekContext)
            return Next;
    }
    return NULL;
}

_Use_decl_annotations_
static VOID Acquire(PIO_CSQ Csq, PKIRQL Irql)
{
    UNREFERENCED_PARAMETER(Csq);
    KeAcquireSpinLock(&Lock, Irql);
}

_Use_decl_annotations_
static VOID Release(PIO_CSQ Csq, KIRQL Irql)
{
    UNREFERENCED_PARAMETER(Csq);
    KeReleaseSpinLock(&Lock, Irql);
}

_Use_decl_annotations_
static VOID CompleteCanceled(PIO_CSQ Csq, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Csq);
    CompleteIrp(Irp, STATUS_CANCELLED, 0);
}
