/* Keys and values. See "Using the Registry in a Driver" (kernel). */
#include "workshop.h"

#define PATH L"\\Registry\\Machine\\Software\\Workshop"

static VOID TryValue(HANDLE Key, PWORKSHOP_RESULTS Results)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"Number");
    union {
        KEY_VALUE_PARTIAL_INFORMATION Information;
        UCHAR Bytes[64];
    } Value;
    ULONG Number = 42;
    ULONG Length;

    Note(Results, ZwSetValueKey(Key, &Name, 0, REG_DWORD, &Number, sizeof(Number)));
    Note(Results, ZwQueryValueKey(Key, &Name, KeyValuePartialInformation, &Value, sizeof(Value), &Length));
    Note(Results, Value.Information.Type);
    Note(Results, *(ULONG UNALIGNED *)Value.Information.Data);
    Note(Results, ZwDeleteValueKey(Key, &Name));
    Note(Results, ZwQueryValueKey(Key, &Name, KeyValuePartialInformation, &Value, sizeof(Value), &Length));
}

VOID TryRegistry(PWORKSHOP_RESULTS Results)
{
    UNICODE_STRING Path = RTL_CONSTANT_STRING(PATH);
    OBJECT_ATTRIBUTES Attributes;
    ULONG Disposition;
    NTSTATUS Status;
    HANDLE Key;

    InitializeObjectAttributes(&Attributes, &Path, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    Status = ZwCreateKey(&Key, KEY_ALL_ACCESS, &Attributes, 0, NULL, REG_OPTION_NON_VOLATILE, &Disposition);
    Note(Results, Status);
    if (!NT_SUCCESS(Status))
        return;
    Note(Results, Disposition);
    TryValue(Key, Results);
    Note(Results, ZwDeleteKey(Key));
    ZwClose(Key);
    Note(Results, ZwOpenKey(&Key, KEY_READ, &Attributes));
}
