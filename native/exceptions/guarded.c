/*
 * A device whose requests end in exceptions, for test/compiledExceptions.test.ts: it checks and touches what programs
 * and other drivers give it inside __try. Built by build.sh into native/fixtures/guarded.sys.
 */

#include <ntddk.h>

#define DEVICE L"\\Device\\Guarded"
#define LINK L"\\DosDevices\\Guarded"

/* What a program asks for, and where. */
struct Request {
  ULONG64 address;
  ULONG length;
  ULONG operation;
};

enum {
  OPERATION_PROBE_READ,
  OPERATION_PROBE_WRITE,
  /* Touch the address without a check. */
  OPERATION_READ,
  OPERATION_WRITE,
  /* Hand a request down to the driver below, which raises. */
  OPERATION_BELOW,
  /* Read the address with nothing around it. */
  OPERATION_UNHANDLED,
  /* Read the address at DISPATCH_LEVEL. */
  OPERATION_AT_DISPATCH,
  /* Corrupt a list entry. */
  OPERATION_LIST,
  /* Copy from the address with the kernel's function. */
  OPERATION_COPY,
  /* How many __finally blocks the request before has run. */
  OPERATION_COUNT,
};

static PDEVICE_OBJECT device;
static PDEVICE_OBJECT below;
static PFILE_OBJECT belowFile;
/* How many __finally blocks have run since a request began, and before it. */
static ULONG finallyCount;
static ULONG lastCount;

static __declspec(noinline) ULONG Sum(const volatile UCHAR *bytes, ULONG length) {
  ULONG sum = 0;
  for (ULONG i = 0; i < length; i++) sum += bytes[i];
  return sum;
}

static __declspec(noinline) NTSTATUS AskBelow(void) {
  KEVENT event;
  IO_STATUS_BLOCK block;
  PIRP irp;
  NTSTATUS status;
  KeInitializeEvent(&event, NotificationEvent, FALSE);
  irp = IoBuildDeviceIoControlRequest(0x22e000, below, NULL, 0, NULL, 0, FALSE, &event, &block);
  if (irp == NULL) return STATUS_INSUFFICIENT_RESOURCES;
  __try {
    status = IoCallDriver(below, irp);
  } __finally {
    finallyCount++;
  }
  return status;
}

static NTSTATUS Run(struct Request *request, ULONG *answer) {
  volatile UCHAR *bytes = (volatile UCHAR *)request->address;
  NTSTATUS status = STATUS_SUCCESS;
  KIRQL irql;
  *answer = 0;
  if (request->operation == OPERATION_COUNT) {
    *answer = lastCount;
    return STATUS_SUCCESS;
  }
  __try {
    __try {
      switch (request->operation) {
        case OPERATION_PROBE_READ:
          ProbeForRead((PVOID)bytes, request->length, 1);
          *answer = Sum(bytes, request->length);
          break;
        case OPERATION_PROBE_WRITE:
          ProbeForWrite((PVOID)bytes, request->length, 1);
          *answer = 1;
          break;
        case OPERATION_READ:
          *answer = Sum(bytes, request->length);
          break;
        case OPERATION_COPY: {
          UCHAR copy[64];
          ULONG length = request->length < sizeof(copy) ? request->length : sizeof(copy);
          RtlMoveMemory(copy, (const void *)bytes, length);
          *answer = Sum(copy, length);
          break;
        }
        case OPERATION_WRITE:
          *bytes = 1;
          break;
        case OPERATION_BELOW:
          status = AskBelow();
          break;
        case OPERATION_AT_DISPATCH:
          KeRaiseIrql(DISPATCH_LEVEL, &irql);
          *answer = Sum(bytes, request->length);
          KeLowerIrql(irql);
          break;
        case OPERATION_LIST: {
          LIST_ENTRY head, entry;
          InitializeListHead(&head);
          InsertTailList(&head, &entry);
          head.Flink = &head;
          RemoveEntryList(&entry);
          break;
        }
        default:
          status = STATUS_INVALID_DEVICE_REQUEST;
      }
    } __finally {
      finallyCount++;
    }
  } __except (EXCEPTION_EXECUTE_HANDLER) {
    status = GetExceptionCode();
  }
  return status;
}

static DRIVER_DISPATCH Accept;
static NTSTATUS Accept(PDEVICE_OBJECT DeviceObject, PIRP Irp) {
  UNREFERENCED_PARAMETER(DeviceObject);
  Irp->IoStatus.Status = STATUS_SUCCESS;
  Irp->IoStatus.Information = 0;
  IoCompleteRequest(Irp, IO_NO_INCREMENT);
  return STATUS_SUCCESS;
}

/*
 * Apart from Run: this compiler lets the range of a __try cover other calls of the same function that lie between those
 * that are protected.
 */
static __declspec(noinline) NTSTATUS RunAny(struct Request *request, ULONG *answer) {
  if (request->operation != OPERATION_UNHANDLED) return Run(request, answer);
  *answer = Sum((const volatile UCHAR *)request->address, request->length) + 1;
  return STATUS_SUCCESS;
}

static DRIVER_DISPATCH Control;
static NTSTATUS Control(PDEVICE_OBJECT DeviceObject, PIRP Irp) {
  PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);
  ULONG code = location->Parameters.DeviceIoControl.IoControlCode;
  ULONG length = location->Parameters.DeviceIoControl.InputBufferLength;
  NTSTATUS status = STATUS_INVALID_PARAMETER;
  ULONG answer = 0;
  UNREFERENCED_PARAMETER(DeviceObject);
  lastCount = finallyCount;
  finallyCount = 0;
  if ((code & 3) == METHOD_NEITHER) {
    /* The program's own buffer, checked as it should be. */
    struct Request request = {(ULONG64)location->Parameters.DeviceIoControl.Type3InputBuffer, length, OPERATION_PROBE_READ};
    status = RunAny(&request, &answer);
    Irp->IoStatus.Information = answer;
  } else if (length >= sizeof(struct Request)) {
    struct Request request = *(struct Request *)Irp->AssociatedIrp.SystemBuffer;
    status = RunAny(&request, &answer);
    *(ULONG *)Irp->AssociatedIrp.SystemBuffer = answer;
    Irp->IoStatus.Information = sizeof(ULONG);
  }
  if (NT_SUCCESS(status) == FALSE && (code & 3) == METHOD_NEITHER) Irp->IoStatus.Information = 0;
  Irp->IoStatus.Status = status;
  IoCompleteRequest(Irp, IO_NO_INCREMENT);
  return status;
}

static DRIVER_UNLOAD Unload;
static void Unload(PDRIVER_OBJECT DriverObject) {
  UNICODE_STRING link;
  UNREFERENCED_PARAMETER(DriverObject);
  RtlInitUnicodeString(&link, LINK);
  IoDeleteSymbolicLink(&link);
  if (belowFile != NULL) ObDereferenceObject(belowFile);
  IoDeleteDevice(device);
}

DRIVER_INITIALIZE DriverEntry;
NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath) {
  UNICODE_STRING name, link, other;
  NTSTATUS status;
  UNREFERENCED_PARAMETER(RegistryPath);
  RtlInitUnicodeString(&name, DEVICE);
  RtlInitUnicodeString(&link, LINK);
  RtlInitUnicodeString(&other, L"\\Device\\Below");
  status = IoCreateDevice(DriverObject, 0, &name, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
  if (!NT_SUCCESS(status)) return status;
  status = IoCreateSymbolicLink(&link, &name);
  if (!NT_SUCCESS(status)) {
    IoDeleteDevice(device);
    return status;
  }
  /* There may be no driver below. */
  if (!NT_SUCCESS(IoGetDeviceObjectPointer(&other, FILE_ALL_ACCESS, &belowFile, &below))) belowFile = NULL;
  DriverObject->MajorFunction[IRP_MJ_CREATE] = Accept;
  DriverObject->MajorFunction[IRP_MJ_CLEANUP] = Accept;
  DriverObject->MajorFunction[IRP_MJ_CLOSE] = Accept;
  DriverObject->MajorFunction[IRP_MJ_DEVICE_CONTROL] = Control;
  DriverObject->DriverUnload = Unload;
  device->Flags &= ~DO_DEVICE_INITIALIZING;
  return STATUS_SUCCESS;
}
