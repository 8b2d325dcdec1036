/*
 * The parameters of a driver: values of the key `Parameters` below its service, each a REG_SZ or a REG_DWORD.
 * See "Registry Keys for Drivers" and the pages of ZwOpenKey and ZwQueryValueKey.
 */
#pragma once

#include <ntddk.h>

/* The longest text of a parameter, in characters with the zero behind it. */
#define PARAMETER_TEXT_LENGTH 256

/* The name of the service: the last part of the path that DriverEntry is given. Points into that path. */
UNICODE_STRING ServiceNameOf(PCUNICODE_STRING RegistryPath);

/* Opens the parameters; NULL where there are none. Close the handle with CloseParameters. PASSIVE_LEVEL. */
HANDLE OpenParameters(PUNICODE_STRING RegistryPath);
VOID CloseParameters(HANDLE Parameters);

/* A text, or a number as text. FALSE, and Text as it was, where the value is missing or of another type. */
BOOLEAN ReadText(HANDLE Parameters, PCWSTR Name, WCHAR Text[PARAMETER_TEXT_LENGTH]);

/* A whole number, also written as text; Fallback where it is missing, no number, or not from Minimum to Maximum. */
ULONG ReadNumber(HANDLE Parameters, PCWSTR Name, ULONG Fallback, ULONG Minimum, ULONG Maximum);

/*
 * Reads a decimal number of at most nine digits, with blanks around it, and moves *Text behind it.
 * FALSE where there is none.
 */
BOOLEAN ParseNumber(PCWSTR *Text, PULONG Number);
