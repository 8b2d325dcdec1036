/*
 * The device of sniff, which a program opens as `\\.\Sniff`: reads wait in a cancel-safe queue until a frame comes,
 * controls ask for counters and set what is captured. See "Cancel-Safe IRP Queues", "Defining I/O Control Codes" and
 * "Using Buffered I/O" (kernel).
 */
#include "sniff.h"

static UNICODE_STRING DeviceName = RTL_CONSTANT_STRING(L"\\Device\\Sniff");
static UNICODE_STRING LinkName = RTL_CONSTANT_STRING(L"\\DosDevices\\Sniff");

static PDEVICE_OBJECT Device;

/* Reads that wait, oldest first, and the queue that makes cancelling them safe. */
static IO_CSQ Queue;
static LIST_ENTRY Waiting;
static KSPIN_LOCK WaitingLock;

static DRIVER_DISPATCH Create;
static DRIVER_DISPATCH Close;
static DRIVER_DISPATCH Cleanup;
static DRIVER_DISPATCH Read;
static DRIVER_DISPATCH Control;

static IO_CSQ_INSERT_IRP InsertRead;
static IO_CSQ_REMOVE_IRP RemoveRead;
static IO_CSQ_PEEK_NEXT_IRP PeekRead;
static IO_CSQ_ACQUIRE_LOCK LockReads;
static IO_CSQ_RELEASE_LOCK UnlockReads;
static IO_CSQ_COMPLETE_CANCELED_IRP CancelRead;

static NTSTATUS Complete(PIRP Irp, NTSTATUS Status, ULONG_PTR Information, CCHAR Boost)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, Boost);
    return Status;
}

NTSTATUS SniffCreateDevice(PDRIVER_OBJECT DriverObject)
{
    NTSTATUS Status = IoCreateDevice(DriverObject, 0, &DeviceName, FILE_DEVICE_NETWORK, 0, FALSE, &Device);

    if (!NT_SUCCESS(Status))
        return Status;
    Status = IoCreateSymbolicLink(&LinkName, &DeviceName);
    if (!NT_SUCCESS(Status)) {
        IoDeleteDevice(Device);
        return Status;
    }
    InitializeListHead(&Waiting);
    KeInitializeSpinLock(&WaitingLock);
    IoCsqInitialize(&Queue, InsertRead, RemoveRead, PeekRead, LockReads, UnlockReads, CancelRead);
    DriverObject->MajorFunction[IRP_MJ_CREATE] = Create;
    DriverObject->MajorFunction[IRP_MJ_CLOSE] = Close;
    DriverObject->MajorFunction[IRP_MJ_CLEANUP] = Cleanup;
    DriverObject->MajorFunction[IRP_MJ_READ] = Read;
    DriverObject->MajorFunction[IRP_MJ_DEVICE_CONTROL] = Control;
    Device->Flags |= DO_BUFFERED_IO;
    Device->Flags &= ~DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}

VOID SniffDeleteDevice(VOID)
{
    IoDeleteSymbolicLink(&LinkName);
    IoDeleteDevice(Device);
}

VOID SniffServeReads(VOID)
{
    while (Sniff.Records.Count > 0) {
        PIRP Irp = IoCsqRemoveNextIrp(&Queue, NULL);
        ULONG Length;

        if (Irp == NULL)
            return;
        Length = RecordsPop(
            &Sniff.Records, Irp->AssociatedIrp.SystemBuffer, IoGetCurrentIrpStackLocation(Irp)->Parameters.Read.Length);
        /* Another processor may have taken the record meanwhile; the read goes on waiting. */
        if (Length == 0)
            IoCsqInsertIrp(&Queue, Irp, NULL);
        else
            Complete(Irp, STATUS_SUCCESS, Length, IO_NETWORK_INCREMENT);
    }
}

_Use_decl_annotations_
static NTSTATUS Create(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    InterlockedIncrement(&Sniff.OpenFiles);
    return Complete(Irp, STATUS_SUCCESS, 0, IO_NO_INCREMENT);
}

_Use_decl_annotations_
static NTSTATUS Close(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    /* What nobody listens to any more need not be kept. */
    if (InterlockedDecrement(&Sniff.OpenFiles) == 0)
        RecordsClear(&Sniff.Records);
    return Complete(Irp, STATUS_SUCCESS, 0, IO_NO_INCREMENT);
}

/* The last handle of a file is closed: its reads end. */
_Use_decl_annotations_
static NTSTATUS Cleanup(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PFILE_OBJECT File = IoGetCurrentIrpStackLocation(Irp)->FileObject;
    PIRP Pending;

    UNREFERENCED_PARAMETER(DeviceObject);
    while ((Pending = IoCsqRemoveNextIrp(&Queue, File)) != NULL)
        Complete(Pending, STATUS_CANCELLED, 0, IO_NO_INCREMENT);
    return Complete(Irp, STATUS_SUCCESS, 0, IO_NO_INCREMENT);
}

_Use_decl_annotations_
static NTSTATUS Read(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    if (IoGetCurrentIrpStackLocation(Irp)->Parameters.Read.Length < sizeof(SNIFF_RECORD))
        return Complete(Irp, STATUS_BUFFER_TOO_SMALL, 0, IO_NO_INCREMENT);
    /* Marks the IRP pending; it may be complete before we return. */
    IoCsqInsertIrp(&Queue, Irp, NULL);
    SniffServeReads();
    return STATUS_PENDING;
}

_Use_decl_annotations_
static NTSTATUS Control(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION Location = IoGetCurrentIrpStackLocation(Irp);
    PVOID Buffer = Irp->AssociatedIrp.SystemBuffer;

    UNREFERENCED_PARAMETER(DeviceObject);
    switch (Location->Parameters.DeviceIoControl.IoControlCode) {
    case IOCTL_SNIFF_QUERY_STATISTICS:
        if (Location->Parameters.DeviceIoControl.OutputBufferLength < sizeof(SNIFF_STATISTICS))
            return Complete(Irp, STATUS_BUFFER_TOO_SMALL, 0, IO_NO_INCREMENT);
        SniffQueryStatistics(Buffer);
        return Complete(Irp, STATUS_SUCCESS, sizeof(SNIFF_STATISTICS), IO_NO_INCREMENT);
    case IOCTL_SNIFF_SET_FILTER:
        if (Location->Parameters.DeviceIoControl.InputBufferLength < sizeof(SNIFF_FILTER))
            return Complete(Irp, STATUS_INVALID_PARAMETER, 0, IO_NO_INCREMENT);
        return Complete(Irp, SniffSetFilter(Buffer), 0, IO_NO_INCREMENT);
    default:
        return Complete(Irp, STATUS_INVALID_DEVICE_REQUEST, 0, IO_NO_INCREMENT);
    }
}

/* The routines of the queue: its system calls them with the lock that LockReads takes. */

_Use_decl_annotations_
static VOID InsertRead(PIO_CSQ Csq, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Csq);
    InsertTailList(&Waiting, &Irp->Tail.Overlay.ListEntry);
}

_Use_decl_annotations_
static VOID RemoveRead(PIO_CSQ Csq, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Csq);
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
}

/* The first read after Irp; with PeekContext one of that file. */
_Use_decl_annotations_
static PIRP PeekRead(PIO_CSQ Csq, PIRP Irp, PVOID PeekContext)
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
static VOID LockReads(PIO_CSQ Csq, PKIRQL Irql)
{
    UNREFERENCED_PARAMETER(Csq);
    KeAcquireSpinLock(&WaitingLock, Irql);
}

_Use_decl_annotations_
static VOID UnlockReads(PIO_CSQ Csq, KIRQL Irql)
{
    UNREFERENCED_PARAMETER(Csq);
    KeReleaseSpinLock(&WaitingLock, Irql);
}

_Use_decl_annotations_
static VOID CancelRead(PIO_CSQ Csq, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Csq);
    Complete(Irp, STATUS_CANCELLED, 0, IO_NO_INCREMENT);
}
