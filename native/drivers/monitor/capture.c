/*
 * The capture of monitor: pcapng blocks in a ring of bytes, and the device that gives them to a program. When the ring is
 * full frames are dropped, so what is read is a gapless run from the oldest block on.
 * See "PCAP Now Generic (pcapng) Capture File Format" (draft-ietf-opsawg-pcapng).
 */
#include "monitor.h"

#include "../support/controlDevice.h"
#include "../support/frames.h"

/* Gives MONITOR_ANSWER. */
#define IOCTL_MONITOR_QUERY CONTROL_CODE(0x820)

typedef struct _MONITOR_ANSWER {
    ULONG64 Captured;
    ULONG64 Dropped;
    ULONG Modules;
    ULONG Waiting; /* blocks that nobody has read */
} MONITOR_ANSWER, *PMONITOR_ANSWER;

C_ASSERT(sizeof(MONITOR_ANSWER) == 24);

#define SECTION_HEADER 0x0a0d0d0a
#define INTERFACE_DESCRIPTION 1
#define ENHANCED_PACKET 6
/* In place of a block type: the rest of the ring is unused, the next block is at its start. */
#define WRAP 0xffffffff

#define ROUND_UP(Length) (((Length) + 3) & ~3u)
/* Stamps count tenths of a microsecond from 1970 on; the system time counts them from 1601 on. */
#define UNIX_EPOCH 116444736000000000ull

/* What every block begins with; its length stands behind it again. */
typedef struct _BLOCK {
    ULONG Type;
    ULONG Length;
} BLOCK, *PBLOCK;

typedef struct _SECTION_BLOCK {
    BLOCK Block;
    ULONG ByteOrder;
    USHORT Major;
    USHORT Minor;
    ULONG SectionLength[2];
    ULONG Length;
} SECTION_BLOCK, *PSECTION_BLOCK;

typedef struct _INTERFACE_BLOCK {
    BLOCK Block;
    USHORT LinkType;
    USHORT Reserved;
    ULONG SnapLength;
    USHORT NameOption;
    USHORT NameLength;
    /* The name; then these, as INTERFACE_END. */
} INTERFACE_BLOCK, *PINTERFACE_BLOCK;

typedef struct _INTERFACE_END {
    USHORT ResolutionOption;
    USHORT ResolutionLength;
    UCHAR Resolution[4];
    ULONG EndOfOptions;
    ULONG Length;
} INTERFACE_END, *PINTERFACE_END;

typedef struct _PACKET_BLOCK {
    BLOCK Block;
    ULONG Interface;
    ULONG StampHigh;
    ULONG StampLow;
    ULONG CapturedLength;
    ULONG FrameLength;
    /* The frame; then PACKET_END. */
} PACKET_BLOCK, *PPACKET_BLOCK;

typedef struct _PACKET_END {
    USHORT FlagsOption;
    USHORT FlagsLength;
    ULONG Flags;
    ULONG EndOfOptions;
    ULONG Length;
} PACKET_END, *PPACKET_END;

C_ASSERT(sizeof(SECTION_BLOCK) == 28 && sizeof(INTERFACE_BLOCK) == 20 && sizeof(INTERFACE_END) == 16);
C_ASSERT(sizeof(PACKET_BLOCK) == 28 && sizeof(PACKET_END) == 16);

/* All of it is guarded by Lock. */
static struct {
    KSPIN_LOCK Lock;
    ULONG First; /* where the oldest block is */
    ULONG Next;  /* where the next one goes; as First when Count is 0 */
    ULONG Count; /* blocks that wait */
    BOOLEAN Capturing;
    LONG Interfaces;
    ULONG64 Captured;
    ULONG64 Dropped;
    LIST_ENTRY Modules;
    ULONG ModuleCount;
} Capture;

static UNICODE_STRING DeviceName = RTL_CONSTANT_STRING(L"\\Device\\Monitor");
static UNICODE_STRING LinkName = RTL_CONSTANT_STRING(L"\\DosDevices\\Monitor");

/* A block of a type and a length in one piece, or NULL where there is no room. */
static PVOID AddBlock(ULONG Type, ULONG Length)
{
    BOOLEAN Wrapped = Capture.Count > 0 && Capture.Next <= Capture.First;
    ULONG End = Wrapped ? Capture.First : Monitor.BufferSize;
    ULONG At = Capture.Next;
    PBLOCK Block;

    if (At + Length > End) {
        if (Wrapped || Length > Capture.First)
            return NULL;
        if (At < Monitor.BufferSize)
            *(PULONG)(Monitor.Buffer + At) = WRAP;
        At = 0;
    }
    Capture.Next = At + Length;
    Capture.Count++;
    Block = (PBLOCK)(Monitor.Buffer + At);
    RtlZeroMemory(Block, Length);
    Block->Type = Type;
    Block->Length = Length;
    *(PULONG)((PUCHAR)Block + Length - sizeof(ULONG)) = Length;
    return Block;
}

static VOID Describe(PMONITOR_MODULE Module)
{
    ULONG NameLength = ROUND_UP(Module->NameLength);
    PINTERFACE_BLOCK Block =
        AddBlock(INTERFACE_DESCRIPTION, sizeof(INTERFACE_BLOCK) + NameLength + sizeof(INTERFACE_END));
    PINTERFACE_END End;

    Module->Interface = -1;
    if (Block == NULL)
        return;
    Block->LinkType = 1; /* Ethernet */
    Block->SnapLength = Monitor.SnapLength;
    Block->NameOption = 2; /* if_name */
    Block->NameLength = (USHORT)Module->NameLength;
    RtlCopyMemory(Block + 1, Module->Name, Module->NameLength);
    End = (PINTERFACE_END)((PUCHAR)(Block + 1) + NameLength);
    End->ResolutionOption = 9; /* if_tsresol: 10 to the minus 7 seconds */
    End->ResolutionLength = 1;
    End->Resolution[0] = 7;
    Module->Interface = Capture.Interfaces++;
}

static BOOLEAN AddFrame(LONG Interface, PNET_BUFFER Buffer, ULONG64 Stamp, ULONG Direction)
{
    ULONG Captured = min(NET_BUFFER_DATA_LENGTH(Buffer), Monitor.SnapLength);
    PPACKET_BLOCK Block = AddBlock(ENHANCED_PACKET, sizeof(PACKET_BLOCK) + ROUND_UP(Captured) + sizeof(PACKET_END));
    PPACKET_END End;

    if (Block == NULL)
        return FALSE;
    Block->Interface = (ULONG)Interface;
    Block->StampHigh = (ULONG)(Stamp >> 32);
    Block->StampLow = (ULONG)Stamp;
    Block->CapturedLength = Captured;
    Block->FrameLength = NET_BUFFER_DATA_LENGTH(Buffer);
    /* Where the pages cannot be mapped the frame is zeros. */
    FrameRead(Buffer, 0, Block + 1, Captured);
    End = (PPACKET_END)((PUCHAR)(Block + 1) + ROUND_UP(Captured));
    End->FlagsOption = 2; /* epb_flags */
    End->FlagsLength = 4;
    End->Flags = Direction;
    return TRUE;
}

VOID MonitorCapture(PMONITOR_MODULE Module, PNET_BUFFER_LIST Lists, ULONG Direction)
{
    PNET_BUFFER_LIST List;
    PNET_BUFFER Buffer;
    LARGE_INTEGER Time;
    KIRQL Irql;

    if (!Capture.Capturing)
        return;
    NdisGetCurrentSystemTime(&Time);
    KeAcquireSpinLock(&Capture.Lock, &Irql);
    for (List = Lists; List != NULL && Capture.Capturing && Module->Interface >= 0; List = NET_BUFFER_LIST_NEXT_NBL(List)) {
        for (Buffer = NET_BUFFER_LIST_FIRST_NB(List); Buffer != NULL; Buffer = NET_BUFFER_NEXT_NB(Buffer)) {
            if (AddFrame(Module->Interface, Buffer, Time.QuadPart - UNIX_EPOCH, Direction))
                Capture.Captured++;
            else
                Capture.Dropped++;
        }
    }
    KeReleaseSpinLock(&Capture.Lock, Irql);
}

VOID MonitorAddModule(PMONITOR_MODULE Module)
{
    KIRQL Irql;

    Module->Interface = -1;
    KeAcquireSpinLock(&Capture.Lock, &Irql);
    InsertTailList(&Capture.Modules, &Module->Link);
    Capture.ModuleCount++;
    if (Capture.Capturing)
        Describe(Module);
    KeReleaseSpinLock(&Capture.Lock, Irql);
}

VOID MonitorRemoveModule(PMONITOR_MODULE Module)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Capture.Lock, &Irql);
    RemoveEntryList(&Module->Link);
    Capture.ModuleCount--;
    KeReleaseSpinLock(&Capture.Lock, Irql);
}

/* A program opened the device: a capture begins. Only one at a time. */
static BOOLEAN Opened(VOID)
{
    PSECTION_BLOCK Block;
    PLIST_ENTRY Entry;
    KIRQL Irql;
    BOOLEAN Free;

    KeAcquireSpinLock(&Capture.Lock, &Irql);
    Free = !Capture.Capturing;
    if (Free) {
        Capture.First = Capture.Next = Capture.Count = 0;
        Capture.Interfaces = 0;
        Capture.Captured = Capture.Dropped = 0;
        /* The smallest buffer has room for it. */
        Block = AddBlock(SECTION_HEADER, sizeof(SECTION_BLOCK));
        Block->ByteOrder = 0x1a2b3c4d;
        Block->Major = 1;
        Block->SectionLength[0] = Block->SectionLength[1] = 0xffffffff; /* not known */
        for (Entry = Capture.Modules.Flink; Entry != &Capture.Modules; Entry = Entry->Flink)
            Describe(CONTAINING_RECORD(Entry, MONITOR_MODULE, Link));
        Capture.Capturing = TRUE;
    }
    KeReleaseSpinLock(&Capture.Lock, Irql);
    return Free;
}

static VOID Closed(VOID)
{
    Capture.Capturing = FALSE;
}

/* Whole blocks, as many as fit; no bytes where nothing has passed since. */
static NTSTATUS Read(PVOID Buffer, ULONG Length, PULONG_PTR Information)
{
    NTSTATUS Status = STATUS_SUCCESS;
    ULONG Done = 0;
    KIRQL Irql;

    KeAcquireSpinLock(&Capture.Lock, &Irql);
    while (Capture.Count > 0) {
        PBLOCK Block;

        if (Capture.First == Monitor.BufferSize || *(PULONG)(Monitor.Buffer + Capture.First) == WRAP)
            Capture.First = 0;
        Block = (PBLOCK)(Monitor.Buffer + Capture.First);
        if (Block->Length > Length - Done) {
            if (Done == 0)
                Status = STATUS_BUFFER_TOO_SMALL;
            break;
        }
        RtlCopyMemory((PUCHAR)Buffer + Done, Block, Block->Length);
        Done += Block->Length;
        Capture.First += Block->Length;
        if (--Capture.Count == 0)
            Capture.First = Capture.Next = 0;
    }
    KeReleaseSpinLock(&Capture.Lock, Irql);
    *Information = Done;
    return Status;
}

static NTSTATUS Control(ULONG Code, PVOID Buffer, ULONG InputLength, ULONG OutputLength, PULONG_PTR Information)
{
    PMONITOR_ANSWER Answer = Buffer;
    KIRQL Irql;

    UNREFERENCED_PARAMETER(InputLength);
    if (Code != IOCTL_MONITOR_QUERY)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (OutputLength < sizeof(*Answer))
        return STATUS_BUFFER_TOO_SMALL;
    KeAcquireSpinLock(&Capture.Lock, &Irql);
    Answer->Captured = Capture.Captured;
    Answer->Dropped = Capture.Dropped;
    Answer->Modules = Capture.ModuleCount;
    Answer->Waiting = Capture.Count;
    KeReleaseSpinLock(&Capture.Lock, Irql);
    *Information = sizeof(*Answer);
    return STATUS_SUCCESS;
}

static const CONTROL_HANDLERS Handlers = { Opened, Closed, Read, Control };

VOID MonitorInitializeCapture(VOID)
{
    KeInitializeSpinLock(&Capture.Lock);
    InitializeListHead(&Capture.Modules);
}

NDIS_STATUS MonitorCreateDevice(VOID)
{
    return ControlDeviceCreate(Monitor.Filter, &DeviceName, &LinkName, &Handlers);
}
