/* workshop: DriverEntry, the device `\\.\Workshop` and its requests. See workshop.h and "Handling IRPs" (kernel). */
#include "workshop.h"

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD Unload;
static DRIVER_DISPATCH OpenOrClose;
static DRIVER_DISPATCH Cleanup;
static DRIVER_DISPATCH Control;

#pragma alloc_text(INIT, DriverEntry)

static UNICODE_STRING DeviceName = RTL_CONSTANT_STRING(L"\\Device\\Workshop");
static UNICODE_STRING LinkName = RTL_CONSTANT_STRING(L"\\DosDevices\\Workshop");
static PDEVICE_OBJECT Device;

_Use_decl_annotations_
NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status = IoCreateDevice(DriverObject, 0, &DeviceName, FILE_DEVICE_UNKNOWN, 0, FALSE, &Device);

    UNREFERENCED_PARAMETER(RegistryPath);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = IoCreateSymbolicLink(&LinkName, &DeviceName);
    if (!NT_SUCCESS(Status)) {
        IoDeleteDevice(Device);
        return Status;
    }
    PrepareWaiting();
    DriverObject->DriverUnload = Unload;
    DriverObject->MajorFunction[IRP_MJ_CREATE] = OpenOrClose;
    DriverObject->MajorFunction[IRP_MJ_CLOSE] = OpenOrClose;
    DriverObject->MajorFunction[IRP_MJ_CLEANUP] = Cleanup;
    DriverObject->MajorFunction[IRP_MJ_DEVICE_CONTROL] = Control;
    Device->Flags &= ~DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}

_Use_decl_annotations_
static VOID Unload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    IoDeleteSymbolicLink(&LinkName);
    IoDeleteDevice(Device);
}

NTSTATUS CompleteIrp(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

_Use_decl_annotations_
static NTSTATUS OpenOrClose(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    return CompleteIrp(Irp, STATUS_SUCCESS, 0);
}

/* The last handle of a file is closed: its requests end. */
_Use_decl_annotations_
static NTSTATUS Cleanup(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    CancelWaiting(IoGetCurrentIrpStackLocation(Irp)->FileObject);
    return CompleteIrp(Irp, STATUS_SUCCESS, 0);
}

/* Gives as many results as the buffer holds. */
static NTSTATUS GiveResults(PIRP Irp, ULONG Length, const WORKSHOP_RESULTS *Results)
{
    ULONG Needed = Results->Count * sizeof(ULONG);

    if (Length < Needed)
        return CompleteIrp(Irp, STATUS_BUFFER_TOO_SMALL, 0);
    RtlCopyMemory(Irp->AssociatedIrp.SystemBuffer, Results->Values, Needed);
    return CompleteIrp(Irp, STATUS_SUCCESS, Needed);
}

_Use_decl_annotations_
static NTSTATUS Control(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION Location = IoGetCurrentIrpStackLocation(Irp);
    ULONG InputLength = Location->Parameters.DeviceIoControl.InputBufferLength;
    ULONG OutputLength = Location->Parameters.DeviceIoControl.OutputBufferLength;
    WORKSHOP_RESULTS Results;
    NTSTATUS Status;
    ULONG Written = 0;

    Results.Count = 0;
    switch (Location->Parameters.DeviceIoControl.IoControlCode) {
    case IOCTL_WORKSHOP_SUM:
        Status = SumUserBuffer(
            Location->Parameters.DeviceIoControl.Type3InputBuffer, InputLength, Irp->UserBuffer, OutputLength, &Written);
        return CompleteIrp(Irp, Status, Written);
    case IOCTL_WORKSHOP_EXCEPTIONS:
        TryExceptions(&Results);
        break;
    case IOCTL_WORKSHOP_ALLOCATIONS:
        TryAllocations(&Results);
        break;
    case IOCTL_WORKSHOP_EXECUTION:
        TryExecution(DeviceObject, &Results);
        break;
    case IOCTL_WORKSHOP_REGISTRY:
        TryRegistry(&Results);
        break;
    case IOCTL_WORKSHOP_WAIT:
        return WaitForRelease(Irp);
    case IOCTL_WORKSHOP_RELEASE:
        Note(&Results, ReleaseOne());
        break;
    default:
        return CompleteIrp(Irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    }
    return GiveResults(Irp, OutputLength, &Results);
}
