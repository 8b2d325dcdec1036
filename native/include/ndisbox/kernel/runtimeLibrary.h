/* Memory and strings of the runtime library that are inline or macros. */
#pragma once

EXTERN_C_START
void *__cdecl memcpy(void *to, const void *from, size_t size);
void *__cdecl memmove(void *to, const void *from, size_t size);
void *__cdecl memset(void *to, int value, size_t size);
int __cdecl memcmp(const void *left, const void *right, size_t size);
EXTERN_C_END
NTSYSAPI size_t __cdecl strlen(const char *text);
NTSYSAPI char *__cdecl strcpy(char *to, const char *from);
NTSYSAPI char *__cdecl strncpy(char *to, const char *from, size_t count);
NTSYSAPI char *__cdecl strcat(char *to, const char *from);
NTSYSAPI int __cdecl strcmp(const char *left, const char *right);
NTSYSAPI int __cdecl strncmp(const char *left, const char *right, size_t count);
NTSYSAPI int __cdecl _stricmp(const char *left, const char *right);
NTSYSAPI int __cdecl _strnicmp(const char *left, const char *right, size_t count);
NTSYSAPI char *__cdecl strstr(const char *text, const char *part);
NTSYSAPI char *__cdecl strchr(const char *text, int character);
NTSYSAPI char *__cdecl strrchr(const char *text, int character);
NTSYSAPI char *__cdecl _strupr(char *text);
NTSYSAPI size_t __cdecl wcslen(const WCHAR *text);
NTSYSAPI WCHAR *__cdecl wcscpy(WCHAR *to, const WCHAR *from);
NTSYSAPI WCHAR *__cdecl wcsncpy(WCHAR *to, const WCHAR *from, size_t count);
NTSYSAPI WCHAR *__cdecl wcscat(WCHAR *to, const WCHAR *from);
NTSYSAPI int __cdecl wcscmp(const WCHAR *left, const WCHAR *right);
NTSYSAPI int __cdecl wcsncmp(const WCHAR *left, const WCHAR *right, size_t count);
NTSYSAPI int __cdecl _wcsicmp(const WCHAR *left, const WCHAR *right);
NTSYSAPI int __cdecl _wcsnicmp(const WCHAR *left, const WCHAR *right, size_t count);
NTSYSAPI WCHAR *__cdecl wcschr(const WCHAR *text, WCHAR character);
NTSYSAPI WCHAR *__cdecl wcsrchr(const WCHAR *text, WCHAR character);
NTSYSAPI WCHAR *__cdecl wcsstr(const WCHAR *text, const WCHAR *part);
NTSYSAPI WCHAR __cdecl towlower(WCHAR character);
NTSYSAPI WCHAR __cdecl towupper(WCHAR character);
NTSYSAPI size_t __cdecl strnlen(const char *text, size_t limit);
NTSYSAPI size_t __cdecl wcsnlen(const WCHAR *text, size_t limit);
NTSYSAPI char *__cdecl strncat(char *to, const char *from, size_t count);
NTSYSAPI WCHAR *__cdecl wcsncat(WCHAR *to, const WCHAR *from, size_t count);
NTSYSAPI int __cdecl strcpy_s(char *to, size_t room, const char *from);
NTSYSAPI int __cdecl strcat_s(char *to, size_t room, const char *from);
NTSYSAPI int __cdecl wcscpy_s(WCHAR *to, size_t room, const WCHAR *from);
NTSYSAPI int __cdecl wcscat_s(WCHAR *to, size_t room, const WCHAR *from);
NTSYSAPI char *__cdecl _strlwr(char *text);
NTSYSAPI WCHAR *__cdecl _wcslwr(WCHAR *text);
NTSYSAPI WCHAR *__cdecl _wcsupr(WCHAR *text);
NTSYSAPI void *__cdecl memchr(const void *buffer, int character, size_t count);
NTSYSAPI int __cdecl atoi(const char *text);
NTSYSAPI long __cdecl atol(const char *text);
NTSYSAPI int __cdecl isalnum(int character);
NTSYSAPI int __cdecl isalpha(int character);
NTSYSAPI int __cdecl isdigit(int character);
NTSYSAPI int __cdecl islower(int character);
NTSYSAPI int __cdecl isprint(int character);
NTSYSAPI int __cdecl isspace(int character);
NTSYSAPI int __cdecl isupper(int character);
NTSYSAPI int __cdecl isxdigit(int character);
NTSYSAPI int __cdecl tolower(int character);
NTSYSAPI int __cdecl toupper(int character);
NTSYSAPI int __cdecl sprintf(char *to, const char *format, ...);
NTSYSAPI int __cdecl _snprintf(char *to, size_t count, const char *format, ...);
NTSYSAPI int __cdecl _vsnprintf(char *to, size_t count, const char *format, va_list arguments);
NTSYSAPI int __cdecl swprintf(WCHAR *to, const WCHAR *format, ...);
NTSYSAPI int __cdecl _snwprintf(WCHAR *to, size_t count, const WCHAR *format, ...);
NTSYSAPI int __cdecl _vsnwprintf(WCHAR *to, size_t count, const WCHAR *format, va_list arguments);

#define RtlCopyMemory(Destination, Source, Length) memcpy((Destination), (Source), (Length))
#define RtlMoveMemory(Destination, Source, Length) memmove((Destination), (Source), (Length))
#define RtlFillMemory(Destination, Length, Fill) memset((Destination), (Fill), (Length))
#define RtlZeroMemory(Destination, Length) memset((Destination), 0, (Length))
#define RtlEqualMemory(Destination, Source, Length) (!memcmp((Destination), (Source), (Length)))
#define RtlCopyBytes RtlCopyMemory
#define RtlZeroBytes RtlZeroMemory
#define RtlFillBytes RtlFillMemory
#define CopyMemory RtlCopyMemory
#define MoveMemory RtlMoveMemory
#define FillMemory RtlFillMemory
#define ZeroMemory RtlZeroMemory

FORCEINLINE PVOID RtlSecureZeroMemory(PVOID Destination, SIZE_T Length) {
  volatile UCHAR *byte = (volatile UCHAR *)Destination;
  for (SIZE_T index = 0; index < Length; index++) byte[index] = 0;
  return Destination;
}

#define RtlUshortByteSwap(value) _byteswap_ushort((USHORT)(value))
#define RtlUlongByteSwap(value) _byteswap_ulong((ULONG)(value))
#define RtlUlonglongByteSwap(value) _byteswap_uint64((ULONGLONG)(value))

#define RTL_CONSTANT_STRING(s) {sizeof(s) - sizeof((s)[0]), sizeof(s), (PVOID)(s)}
#define DECLARE_CONST_UNICODE_STRING(name, text)  \
  const WCHAR name##_buffer[] = text;             \
  const UNICODE_STRING name = {sizeof(text) - sizeof(WCHAR), sizeof(text), (PWCH)name##_buffer}
#define DECLARE_GLOBAL_CONST_UNICODE_STRING(name, text)                 \
  extern const DECLSPEC_SELECTANY UNICODE_STRING name;                  \
  const DECLSPEC_SELECTANY UNICODE_STRING name = {sizeof(text) - sizeof(WCHAR), sizeof(text), (PWCH)(text)}
#define DECLARE_UNICODE_STRING_SIZE(name, size) \
  WCHAR name##_buffer[size];                    \
  UNICODE_STRING name = {0, (size) * sizeof(WCHAR), name##_buffer}

FORCEINLINE VOID RtlInitEmptyUnicodeString(PUNICODE_STRING UnicodeString, PWCHAR Buffer, USHORT BufferSize) {
  UnicodeString->Length = 0;
  UnicodeString->MaximumLength = BufferSize;
  UnicodeString->Buffer = Buffer;
}
FORCEINLINE VOID RtlInitEmptyAnsiString(PANSI_STRING AnsiString, PCHAR Buffer, USHORT BufferSize) {
  AnsiString->Length = 0;
  AnsiString->MaximumLength = BufferSize;
  AnsiString->Buffer = Buffer;
}
#define RtlUnicodeStringToAnsiSize(String) ((String)->Length / sizeof(WCHAR) * 2 + 1)
#define RtlIsEqualGUID(left, right) (!memcmp((left), (right), sizeof(GUID)))

FORCEINLINE LARGE_INTEGER RtlConvertLongToLargeInteger(LONG SignedInteger) {
  LARGE_INTEGER result;
  result.QuadPart = SignedInteger;
  return result;
}
FORCEINLINE LARGE_INTEGER RtlConvertUlongToLargeInteger(ULONG UnsignedInteger) {
  LARGE_INTEGER result;
  result.QuadPart = UnsignedInteger;
  return result;
}

/* Debugging. */
#if DBG
#define KdPrint(_x_) DbgPrint _x_
#define KdPrintEx(_x_) DbgPrintEx _x_
#define KdBreakPoint() DbgBreakPoint()
#define ASSERT(exp) ((!(exp)) ? (RtlAssert((PVOID) #exp, (PVOID)__FILE__, __LINE__, NULL), FALSE) : TRUE)
#define ASSERTMSG(msg, exp) ((!(exp)) ? (RtlAssert((PVOID) #exp, (PVOID)__FILE__, __LINE__, (PCHAR)(msg)), FALSE) : TRUE)
#define NT_ASSERT(exp) ((exp) ? TRUE : (({ DbgRaiseAssertionFailure(); }), FALSE))
#define NT_ASSERTMSG(msg, exp) NT_ASSERT(exp)
#define NT_VERIFY(exp) NT_ASSERT(exp)
#define PAGED_CODE()                                            \
  {                                                             \
    if (KeGetCurrentIrql() > APC_LEVEL) NT_ASSERT(FALSE);       \
  }
#else
#define KdPrint(_x_) ((void)0)
#define KdPrintEx(_x_) ((void)0)
#define KdBreakPoint() ((void)0)
#define ASSERT(exp) ((void)0)
#define ASSERTMSG(msg, exp) ((void)0)
#define NT_ASSERT(exp) ((void)0)
#define NT_ASSERTMSG(msg, exp) ((void)0)
#define NT_VERIFY(exp) ((void)(exp))
#define PAGED_CODE() ((void)0)
#endif
#define PAGED_CODE_LOCKED() ((void)0)
#define PAGED_ASSERT(exp) ASSERT(exp)
#define NT_FRE_ASSERT(exp) ((exp) ? TRUE : (({ DbgRaiseAssertionFailure(); }), FALSE))
#define RTL_SOFT_ASSERT(exp) ASSERT(exp)
#define DbgBreakPoint() __debugbreak()
#define DPFLTR_IHVNETWORK_ID 78
#define DPFLTR_IHVDRIVER_ID 77
#define DPFLTR_DEFAULT_ID 101
#define DPFLTR_ERROR_LEVEL 0
#define DPFLTR_WARNING_LEVEL 1
#define DPFLTR_TRACE_LEVEL 2
#define DPFLTR_INFO_LEVEL 3
#define DPFLTR_MASK 0x80000000
