/* The parameter Address below the key of the service. See "Registry Keys for Drivers" and nf-wdm-zwqueryvaluekey. */
#include "echo51.h"

/* Characters of `\Parameters` behind the longest path of a service. */
#define PATH_LENGTH 256
/* Bytes of `255.255.255.255` and what stands before it. */
#define VALUE_SIZE (sizeof(KEY_VALUE_PARTIAL_INFORMATION) + 16 * sizeof(WCHAR))

/* From RFC 5737: an address for documentation and examples. */
UCHAR Echo51Own[4] = {192, 0, 2, 2};

/* Reads four numbers from 0 to 255 with dots between them. */
static BOOLEAN ParseAddress(const WCHAR *Text, ULONG Length, PUCHAR Address)
{
    ULONG Part, At = 0;

    for (Part = 0; Part < 4; Part++) {
        ULONG Value = 0, First = At;

        for (; At < Length && Text[At] >= '0' && Text[At] <= '9' && At - First < 3; At++)
            Value = 10 * Value + (Text[At] - '0');
        if (At == First || Value > 255)
            return FALSE;
        if (Part < 3 && (At == Length || Text[At++] != '.'))
            return FALSE;
        Address[Part] = (UCHAR)Value;
    }
    return At == Length;
}

static HANDLE OpenParameters(PUNICODE_STRING RegistryPath)
{
    WCHAR Buffer[PATH_LENGTH];
    UNICODE_STRING Path = {0, sizeof(Buffer), Buffer};
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Key;

    RtlCopyUnicodeString(&Path, RegistryPath);
    if (RtlAppendUnicodeToString(&Path, L"\\Parameters") != STATUS_SUCCESS)
        return NULL;
    InitializeObjectAttributes(&Attributes, &Path, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    return ZwOpenKey(&Key, KEY_READ, &Attributes) == STATUS_SUCCESS ? Key : NULL;
}

/* Without the parameter the address stays as it is; STATUS_INVALID_PARAMETER for one that is none. */
NTSTATUS Echo51ReadParameters(PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"Address");
    ULONGLONG Room[(VALUE_SIZE + 7) / 8];
    PKEY_VALUE_PARTIAL_INFORMATION Value = (PKEY_VALUE_PARTIAL_INFORMATION)Room;
    HANDLE Key = OpenParameters(RegistryPath);
    ULONG Length;
    NTSTATUS Status;

    if (Key == NULL)
        return STATUS_SUCCESS;
    Status = ZwQueryValueKey(Key, &Name, KeyValuePartialInformation, Value, VALUE_SIZE, &Length);
    ZwClose(Key);
    if (Status == STATUS_OBJECT_NAME_NOT_FOUND)
        return STATUS_SUCCESS;
    if (Status != STATUS_SUCCESS || Value->Type != REG_SZ || Value->DataLength < sizeof(WCHAR))
        return STATUS_INVALID_PARAMETER;
    /* The text ends with a zero. */
    Length = Value->DataLength / sizeof(WCHAR) - 1;
    return ParseAddress((const WCHAR *)Value->Data, Length, Echo51Own) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}
