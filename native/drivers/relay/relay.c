/*
 * relay: a library of thunks for ndisbox's own tests. Each thunk calls, with the arguments that it was called with,
 * whatever its slot points at, and returns what that returns. The tests put a thunk between drivers in TypeScript and
 * the library, in both directions, so that every call crosses the binary interface in real machine code.
 *
 * A thunk takes exactly as many arguments as its callers pass on the stack: what lies beyond them is not its own.
 */
#include <ntddk.h>

/* One thunk, for whoever fills the slots. */
typedef struct _RELAY_ENTRY {
    PVOID Thunk;
    PVOID *Slot;
    ULONG_PTR Arguments; /* as many as it passes on; the first 4 stand for all that fit into registers */
} RELAY_ENTRY;

#define P ULONG_PTR
typedef P (*TARGET_4)(P, P, P, P);
typedef P (*TARGET_5)(P, P, P, P, P);
typedef P (*TARGET_6)(P, P, P, P, P, P);
typedef P (*TARGET_7)(P, P, P, P, P, P, P);
typedef P (*TARGET_8)(P, P, P, P, P, P, P, P);
typedef P (*TARGET_9)(P, P, P, P, P, P, P, P, P);
typedef P (*TARGET_10)(P, P, P, P, P, P, P, P, P, P);
typedef P (*TARGET_11)(P, P, P, P, P, P, P, P, P, P, P);
typedef P (*TARGET_12)(P, P, P, P, P, P, P, P, P, P, P, P);

#define PARAMETERS_4 P A, P B, P C, P D
#define PARAMETERS_5 PARAMETERS_4, P E
#define PARAMETERS_6 PARAMETERS_5, P F
#define PARAMETERS_7 PARAMETERS_6, P G
#define PARAMETERS_8 PARAMETERS_7, P H
#define PARAMETERS_9 PARAMETERS_8, P I
#define PARAMETERS_10 PARAMETERS_9, P J
#define PARAMETERS_11 PARAMETERS_10, P K
#define PARAMETERS_12 PARAMETERS_11, P L
#define ARGUMENTS_4 A, B, C, D
#define ARGUMENTS_5 ARGUMENTS_4, E
#define ARGUMENTS_6 ARGUMENTS_5, F
#define ARGUMENTS_7 ARGUMENTS_6, G
#define ARGUMENTS_8 ARGUMENTS_7, H
#define ARGUMENTS_9 ARGUMENTS_8, I
#define ARGUMENTS_10 ARGUMENTS_9, J
#define ARGUMENTS_11 ARGUMENTS_10, K
#define ARGUMENTS_12 ARGUMENTS_11, L

/* EACH_n(X, arguments) is X(arguments, name) for n different names. */
#define EACH_4(X, Count, Name) X(Count, Name##0) X(Count, Name##1) X(Count, Name##2) X(Count, Name##3)
#define EACH_16(X, Count, Name)                                                                                        \
    EACH_4(X, Count, Name##0) EACH_4(X, Count, Name##1) EACH_4(X, Count, Name##2) EACH_4(X, Count, Name##3)
#define EACH_64(X, Count, Name)                                                                                        \
    EACH_16(X, Count, Name##0) EACH_16(X, Count, Name##1) EACH_16(X, Count, Name##2) EACH_16(X, Count, Name##3)
#define EACH_256(X, Count, Name)                                                                                       \
    EACH_64(X, Count, Name##0) EACH_64(X, Count, Name##1) EACH_64(X, Count, Name##2) EACH_64(X, Count, Name##3)

/* All thunks: most functions have few arguments. */
#define EACH_THUNK(X)                                                                                                  \
    EACH_256(X, 4, r) EACH_64(X, 5, s) EACH_64(X, 6, t) EACH_16(X, 7, u) EACH_16(X, 8, v) EACH_4(X, 9, w)              \
    EACH_4(X, 10, x) EACH_4(X, 11, y) EACH_4(X, 12, z)

#define DEFINE_THUNK(Count, Name)                                                                                      \
    static PVOID Slot_##Name;                                                                                          \
    static P Thunk_##Name(PARAMETERS_##Count)                                                                          \
    {                                                                                                                  \
        return ((TARGET_##Count)Slot_##Name)(ARGUMENTS_##Count);                                                       \
    }

#define ENTRY(Count, Name) {Thunk_##Name, &Slot_##Name, Count},

EACH_THUNK(DEFINE_THUNK)

__declspec(dllexport) RELAY_ENTRY RelayEntries[] = {EACH_THUNK(ENTRY)};
__declspec(dllexport) const ULONG RelayEntryCount = RTL_NUMBER_OF(RelayEntries);

DRIVER_INITIALIZE DriverEntry;

_Use_decl_annotations_
NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    return STATUS_SUCCESS;
}
