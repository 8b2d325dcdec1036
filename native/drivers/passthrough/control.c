/* The device of passthrough: counts, and the switch of the bypass. See "Data Bypass Mode" (network). */
#include "passthrough.h"

#include "../support/controlDevice.h"

/* Gives PASSTHROUGH_ANSWER. */
#define IOCTL_PASSTHROUGH_QUERY CONTROL_CODE(0x810)
/* Takes ULONG: 1 to bypass the modules on the data path, 0 to put them back. */
#define IOCTL_PASSTHROUGH_SET_BYPASS CONTROL_CODE(0x811)

typedef struct _PASSTHROUGH_ANSWER {
    PASSTHROUGH_COUNTS Counts; /* of all modules */
    ULONG Modules;
    ULONG Bypass;
} PASSTHROUGH_ANSWER, *PPASSTHROUGH_ANSWER;

C_ASSERT(sizeof(PASSTHROUGH_ANSWER) == 48);

static UNICODE_STRING DeviceName = RTL_CONSTANT_STRING(L"\\Device\\Passthrough");
static UNICODE_STRING LinkName = RTL_CONSTANT_STRING(L"\\DosDevices\\Passthrough");

static VOID Query(PPASSTHROUGH_ANSWER Answer)
{
    PLIST_ENTRY Entry;
    KIRQL Irql;

    RtlZeroMemory(Answer, sizeof(*Answer));
    KeAcquireSpinLock(&Passthrough.ModulesLock, &Irql);
    for (Entry = Passthrough.Modules.Flink; Entry != &Passthrough.Modules; Entry = Entry->Flink) {
        PPASSTHROUGH_COUNTS Counts = &CONTAINING_RECORD(Entry, PASSTHROUGH_MODULE, Link)->Counts;

        Answer->Counts.Sent += Counts->Sent;
        Answer->Counts.Received += Counts->Received;
        Answer->Counts.Requests += Counts->Requests;
        Answer->Counts.Statuses += Counts->Statuses;
        Answer->Counts.Events += Counts->Events;
    }
    Answer->Modules = Passthrough.ModuleCount;
    KeReleaseSpinLock(&Passthrough.ModulesLock, Irql);
    Answer->Bypass = Passthrough.Bypass;
}

/* NDIS asks FilterSetModuleOptions of every module again when it restarts it. */
static NTSTATUS SetBypass(BOOLEAN Bypass)
{
    NTSTATUS Result = STATUS_SUCCESS;
    PLIST_ENTRY Entry;
    KIRQL Irql;

    Passthrough.Bypass = Bypass;
    KeAcquireSpinLock(&Passthrough.ModulesLock, &Irql);
    for (Entry = Passthrough.Modules.Flink; Entry != &Passthrough.Modules; Entry = Entry->Flink) {
        NDIS_STATUS Status = NdisFRestartFilter(CONTAINING_RECORD(Entry, PASSTHROUGH_MODULE, Link)->Handle);

        if (Status != NDIS_STATUS_SUCCESS)
            Result = Status;
    }
    KeReleaseSpinLock(&Passthrough.ModulesLock, Irql);
    return Result;
}

static NTSTATUS Control(ULONG Code, PVOID Buffer, ULONG InputLength, ULONG OutputLength, PULONG_PTR Information)
{
    switch (Code) {
    case IOCTL_PASSTHROUGH_QUERY:
        if (OutputLength < sizeof(PASSTHROUGH_ANSWER))
            return STATUS_BUFFER_TOO_SMALL;
        Query(Buffer);
        *Information = sizeof(PASSTHROUGH_ANSWER);
        return STATUS_SUCCESS;
    case IOCTL_PASSTHROUGH_SET_BYPASS:
        if (InputLength < sizeof(ULONG))
            return STATUS_INVALID_PARAMETER;
        return SetBypass(*(PULONG)Buffer != 0);
    default:
        return STATUS_INVALID_DEVICE_REQUEST;
    }
}

static const CONTROL_HANDLERS Handlers = { NULL, NULL, NULL, Control };

NDIS_STATUS PassthroughCreateDevice(VOID)
{
    return ControlDeviceCreate(Passthrough.Filter, &DeviceName, &LinkName, &Handlers);
}
