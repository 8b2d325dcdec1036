/*
 * String functions that know the size of their buffer (ntstrsafe.h), in characters (Cch) or bytes (Cb), for narrow (A)
 * and wide (W) text. A text that does not fit is cut off and always ends in a null.
 */
#pragma once

#define NTSTRSAFE_MAX_CCH 2147483647
#define NTSTRSAFE_UNICODE_STRING_MAX_CCH (0xffff / sizeof(WCHAR))
#define NTSTRSAFE_PSTR PSTR
#define NTSTRSAFE_PWSTR PWSTR
#define NTSTRSAFE_PCSTR PCSTR
#define NTSTRSAFE_PCWSTR PCWSTR

#define NDISBOX_STRINGS(Suffix, type, print)                                                                      \
  FORCEINLINE NTSTATUS RtlStringCchLength##Suffix(const type *Text, size_t Limit, size_t *Length) {               \
    size_t count = 0;                                                                                             \
    if (Text == NULL || Limit > NTSTRSAFE_MAX_CCH) return STATUS_INVALID_PARAMETER;                               \
    while (count < Limit && Text[count] != 0) count++;                                                            \
    if (Length != NULL) *Length = count < Limit ? count : 0;                                                      \
    return count < Limit ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;                                             \
  }                                                                                                               \
  FORCEINLINE NTSTATUS RtlStringCchCopyN##Suffix(type *To, size_t Room, const type *From, size_t Limit) {         \
    size_t index = 0;                                                                                             \
    if (Room == 0 || Room > NTSTRSAFE_MAX_CCH) return STATUS_INVALID_PARAMETER;                                   \
    while (index < Limit && index < Room - 1 && From[index] != 0) {                                               \
      To[index] = From[index];                                                                                    \
      index++;                                                                                                    \
    }                                                                                                             \
    To[index] = 0;                                                                                                \
    return index == Limit || From[index] == 0 ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;                          \
  }                                                                                                               \
  FORCEINLINE NTSTATUS RtlStringCchCopy##Suffix(type *To, size_t Room, const type *From) {                        \
    return RtlStringCchCopyN##Suffix(To, Room, From, NTSTRSAFE_MAX_CCH);                                          \
  }                                                                                                               \
  FORCEINLINE NTSTATUS RtlStringCchCatN##Suffix(type *To, size_t Room, const type *From, size_t Limit) {          \
    size_t length;                                                                                                \
    NTSTATUS status = RtlStringCchLength##Suffix(To, Room, &length);                                              \
    return status == STATUS_SUCCESS ? RtlStringCchCopyN##Suffix(To + length, Room - length, From, Limit) : status; \
  }                                                                                                               \
  FORCEINLINE NTSTATUS RtlStringCchCat##Suffix(type *To, size_t Room, const type *From) {                         \
    return RtlStringCchCatN##Suffix(To, Room, From, NTSTRSAFE_MAX_CCH);                                           \
  }                                                                                                               \
  FORCEINLINE NTSTATUS RtlStringCchVPrintf##Suffix(type *To, size_t Room, const type *Format, va_list Arguments) { \
    int count;                                                                                                    \
    if (Room == 0 || Room > NTSTRSAFE_MAX_CCH) return STATUS_INVALID_PARAMETER;                                   \
    count = print(To, Room - 1, Format, Arguments);                                                               \
    if (count < 0 || (size_t)count >= Room - 1) To[Room - 1] = 0;                                                 \
    return count < 0 || (size_t)count > Room - 1 ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;                       \
  }                                                                                                               \
  __inline NTSTATUS RtlStringCchPrintf##Suffix(type *To, size_t Room, const type *Format, ...) {           \
    NTSTATUS status;                                                                                              \
    va_list arguments;                                                                                            \
    va_start(arguments, Format);                                                                                  \
    status = RtlStringCchVPrintf##Suffix(To, Room, Format, arguments);                                            \
    va_end(arguments);                                                                                            \
    return status;                                                                                                \
  }                                                                                                               \
  FORCEINLINE NTSTATUS RtlStringCbCopy##Suffix(type *To, size_t Room, const type *From) {                         \
    return RtlStringCchCopy##Suffix(To, Room / sizeof(type), From);                                               \
  }                                                                                                               \
  FORCEINLINE NTSTATUS RtlStringCbCopyN##Suffix(type *To, size_t Room, const type *From, size_t Limit) {          \
    return RtlStringCchCopyN##Suffix(To, Room / sizeof(type), From, Limit / sizeof(type));                        \
  }                                                                                                               \
  FORCEINLINE NTSTATUS RtlStringCbCat##Suffix(type *To, size_t Room, const type *From) {                          \
    return RtlStringCchCat##Suffix(To, Room / sizeof(type), From);                                                \
  }                                                                                                               \
  FORCEINLINE NTSTATUS RtlStringCbLength##Suffix(const type *Text, size_t Limit, size_t *Length) {                \
    NTSTATUS status = RtlStringCchLength##Suffix(Text, Limit / sizeof(type), Length);                             \
    if (Length != NULL) *Length *= sizeof(type);                                                                  \
    return status;                                                                                                \
  }                                                                                                               \
  FORCEINLINE NTSTATUS RtlStringCbVPrintf##Suffix(type *To, size_t Room, const type *Format, va_list Arguments) { \
    return RtlStringCchVPrintf##Suffix(To, Room / sizeof(type), Format, Arguments);                               \
  }                                                                                                               \
  __inline NTSTATUS RtlStringCbPrintf##Suffix(type *To, size_t Room, const type *Format, ...) {            \
    NTSTATUS status;                                                                                              \
    va_list arguments;                                                                                            \
    va_start(arguments, Format);                                                                                  \
    status = RtlStringCchVPrintf##Suffix(To, Room / sizeof(type), Format, arguments);                             \
    va_end(arguments);                                                                                            \
    return status;                                                                                                \
  }

NDISBOX_STRINGS(A, CHAR, _vsnprintf)
NDISBOX_STRINGS(W, WCHAR, _vsnwprintf)

FORCEINLINE NTSTATUS RtlUnicodeStringInit(PUNICODE_STRING String, PCWSTR Text) { return RtlInitUnicodeStringEx(String, Text); }

FORCEINLINE NTSTATUS RtlUnicodeStringCopyString(PUNICODE_STRING String, PCWSTR Text) {
  USHORT room = String->MaximumLength / sizeof(WCHAR);
  USHORT index = 0;
  while (index < room && Text[index] != 0) {
    String->Buffer[index] = Text[index];
    index++;
  }
  String->Length = (USHORT)(index * sizeof(WCHAR));
  return Text[index] == 0 ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;
}

FORCEINLINE NTSTATUS RtlUnicodeStringCatString(PUNICODE_STRING String, PCWSTR Text) {
  USHORT room = String->MaximumLength / sizeof(WCHAR);
  USHORT index = String->Length / sizeof(WCHAR);
  while (index < room && *Text != 0) String->Buffer[index++] = *Text++;
  String->Length = (USHORT)(index * sizeof(WCHAR));
  return *Text == 0 ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;
}
