/* See controlDevice.h. */
#include "controlDevice.h"

static DRIVER_DISPATCH Create;
static DRIVER_DISPATCH Close;
static DRIVER_DISPATCH Read;
static DRIVER_DISPATCH Control;

static NDIS_HANDLE DeviceHandle;
static const CONTROL_HANDLERS *Driver;

static NTSTATUS Complete(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

NDIS_STATUS ControlDeviceCreate(
    NDIS_HANDLE Handle,
    PUNICODE_STRING DeviceName,
    PUNICODE_STRING LinkName,
    const CONTROL_HANDLERS *Handlers)
{
    PDRIVER_DISPATCH Dispatch[IRP_MJ_MAXIMUM_FUNCTION + 1];
    NDIS_DEVICE_OBJECT_ATTRIBUTES Attributes;
    PDEVICE_OBJECT Device;
    NDIS_STATUS Status;

    Driver = Handlers;
    RtlZeroMemory(Dispatch, sizeof(Dispatch));
    Dispatch[IRP_MJ_CREATE] = Create;
    Dispatch[IRP_MJ_CLOSE] = Close;
    Dispatch[IRP_MJ_READ] = Read;
    Dispatch[IRP_MJ_DEVICE_CONTROL] = Control;
    RtlZeroMemory(&Attributes, sizeof(Attributes));
    Attributes.Header.Type = NDIS_OBJECT_TYPE_DEVICE_OBJECT_ATTRIBUTES;
    Attributes.Header.Revision = NDIS_DEVICE_OBJECT_ATTRIBUTES_REVISION_1;
    Attributes.Header.Size = NDIS_SIZEOF_DEVICE_OBJECT_ATTRIBUTES_REVISION_1;
    Attributes.DeviceName = DeviceName;
    Attributes.SymbolicName = LinkName;
    Attributes.MajorFunctions = Dispatch;
    Status = NdisRegisterDeviceEx(Handle, &Attributes, &Device, &DeviceHandle);
    if (Status == NDIS_STATUS_SUCCESS) {
        Device->Flags |= DO_BUFFERED_IO;
        Device->Flags &= ~DO_DEVICE_INITIALIZING;
    }
    return Status;
}

VOID ControlDeviceDelete(VOID)
{
    NdisDeregisterDeviceEx(DeviceHandle);
}

_Use_decl_annotations_
static NTSTATUS Create(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    return Complete(Irp, Driver->Opened == NULL || Driver->Opened() ? STATUS_SUCCESS : STATUS_DEVICE_BUSY, 0);
}

_Use_decl_annotations_
static NTSTATUS Close(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    if (Driver->Closed != NULL)
        Driver->Closed();
    return Complete(Irp, STATUS_SUCCESS, 0);
}

_Use_decl_annotations_
static NTSTATUS Read(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    ULONG Length = IoGetCurrentIrpStackLocation(Irp)->Parameters.Read.Length;
    ULONG_PTR Information = 0;
    NTSTATUS Status = STATUS_INVALID_DEVICE_REQUEST;

    UNREFERENCED_PARAMETER(DeviceObject);
    if (Driver->Read != NULL)
        Status = Driver->Read(Irp->AssociatedIrp.SystemBuffer, Length, &Information);
    return Complete(Irp, Status, Information);
}

_Use_decl_annotations_
static NTSTATUS Control(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION Location = IoGetCurrentIrpStackLocation(Irp);
    ULONG_PTR Information = 0;
    NTSTATUS Status = STATUS_INVALID_DEVICE_REQUEST;

    UNREFERENCED_PARAMETER(DeviceObject);
    if (Driver->Control != NULL) {
        Status = Driver->Control(
            Location->Parameters.DeviceIoControl.IoControlCode,
            Irp->AssociatedIrp.SystemBuffer,
            Location->Parameters.DeviceIoControl.InputBufferLength,
            Location->Parameters.DeviceIoControl.OutputBufferLength,
            &Information);
    }
    return Complete(Irp, Status, Information);
}
