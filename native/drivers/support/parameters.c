/* See parameters.h. */
#include "parameters.h"

/* A value with its data behind it, of a size that the stack can bear. */
typedef union _VALUE_BUFFER {
    KEY_VALUE_PARTIAL_INFORMATION Information;
    UCHAR Bytes[FIELD_OFFSET(KEY_VALUE_PARTIAL_INFORMATION, Data) + PARAMETER_TEXT_LENGTH * sizeof(WCHAR)];
} VALUE_BUFFER;

UNICODE_STRING ServiceNameOf(PCUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Name;
    USHORT Start = RegistryPath->Length / sizeof(WCHAR);

    while (Start > 0 && RegistryPath->Buffer[Start - 1] != L'\\')
        Start--;
    Name.Buffer = RegistryPath->Buffer + Start;
    Name.Length = (USHORT)(RegistryPath->Length - Start * sizeof(WCHAR));
    Name.MaximumLength = Name.Length;
    return Name;
}

HANDLE OpenParameters(PUNICODE_STRING RegistryPath)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"Parameters");
    HANDLE Service;
    HANDLE Parameters = NULL;

    InitializeObjectAttributes(&Attributes, RegistryPath, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    if (!NT_SUCCESS(ZwOpenKey(&Service, KEY_READ, &Attributes)))
        return NULL;
    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, Service, NULL);
    if (!NT_SUCCESS(ZwOpenKey(&Parameters, KEY_READ, &Attributes)))
        Parameters = NULL;
    ZwClose(Service);
    return Parameters;
}

VOID CloseParameters(HANDLE Parameters)
{
    if (Parameters != NULL)
        ZwClose(Parameters);
}

static BOOLEAN ReadValue(HANDLE Parameters, PCWSTR Name, VALUE_BUFFER *Value)
{
    UNICODE_STRING ValueName;
    ULONG Length;

    if (Parameters == NULL)
        return FALSE;
    RtlInitUnicodeString(&ValueName, Name);
    return NT_SUCCESS(ZwQueryValueKey(Parameters, &ValueName, KeyValuePartialInformation, Value, sizeof(*Value), &Length));
}

static VOID FormatNumber(ULONG Number, WCHAR Text[PARAMETER_TEXT_LENGTH])
{
    WCHAR Digits[10];
    ULONG Count = 0;

    do {
        Digits[Count++] = (WCHAR)(L'0' + Number % 10);
        Number /= 10;
    } while (Number != 0);
    while (Count > 0)
        *Text++ = Digits[--Count];
    *Text = 0;
}

BOOLEAN ReadText(HANDLE Parameters, PCWSTR Name, WCHAR Text[PARAMETER_TEXT_LENGTH])
{
    VALUE_BUFFER Value;
    ULONG Length;

    if (!ReadValue(Parameters, Name, &Value))
        return FALSE;
    if (Value.Information.Type == REG_DWORD && Value.Information.DataLength == sizeof(ULONG)) {
        FormatNumber(*(ULONG UNALIGNED *)Value.Information.Data, Text);
        return TRUE;
    }
    if (Value.Information.Type != REG_SZ)
        return FALSE;
    /* Whoever wrote the value may have left out the zero. */
    Length = min(Value.Information.DataLength, (PARAMETER_TEXT_LENGTH - 1) * sizeof(WCHAR)) / sizeof(WCHAR);
    RtlCopyMemory(Text, Value.Information.Data, Length * sizeof(WCHAR));
    Text[Length] = 0;
    return TRUE;
}

ULONG ReadNumber(HANDLE Parameters, PCWSTR Name, ULONG Fallback, ULONG Minimum, ULONG Maximum)
{
    VALUE_BUFFER Value;
    WCHAR Text[PARAMETER_TEXT_LENGTH];
    PCWSTR At = Text;
    ULONG Number;

    if (!ReadValue(Parameters, Name, &Value))
        return Fallback;
    if (Value.Information.Type == REG_DWORD && Value.Information.DataLength == sizeof(ULONG))
        Number = *(ULONG UNALIGNED *)Value.Information.Data;
    else if (!ReadText(Parameters, Name, Text) || !ParseNumber(&At, &Number) || *At != 0)
        return Fallback;
    return Number >= Minimum && Number <= Maximum ? Number : Fallback;
}

BOOLEAN ParseNumber(PCWSTR *Text, PULONG Number)
{
    PCWSTR At = *Text;
    ULONG Digits = 0;

    *Number = 0;
    while (*At == L' ')
        At++;
    for (; *At >= L'0' && *At <= L'9'; At++) {
        if (++Digits > 9)
            return FALSE;
        *Number = *Number * 10 + (*At - L'0');
    }
    while (*At == L' ')
        At++;
    *Text = At;
    return Digits > 0;
}
