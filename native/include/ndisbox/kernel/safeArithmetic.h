/* Sums, differences and products that give STATUS_INTEGER_OVERFLOW, and the largest value, instead of wrapping. */
#pragma once

#define NDISBOX_SAFE(name, type, operation, largest)                                   \
  FORCEINLINE NTSTATUS name(type Left, type Right, type *Result) {                     \
    if (!__builtin_##operation##_overflow(Left, Right, Result)) return STATUS_SUCCESS; \
    *Result = (type)(largest);                                                         \
    return STATUS_INTEGER_OVERFLOW;                                                    \
  }
#define NDISBOX_SAFE_TYPE(Name, type, largest)             \
  NDISBOX_SAFE(Rtl##Name##Add, type, add, largest)         \
  NDISBOX_SAFE(Rtl##Name##Sub, type, sub, largest)         \
  NDISBOX_SAFE(Rtl##Name##Mult, type, mul, largest)

NDISBOX_SAFE_TYPE(UInt8, UCHAR, MAXUCHAR)
NDISBOX_SAFE_TYPE(UShort, USHORT, MAXUSHORT)
NDISBOX_SAFE_TYPE(UInt, UINT, MAXULONG)
NDISBOX_SAFE_TYPE(ULong, ULONG, MAXULONG)
NDISBOX_SAFE_TYPE(ULongLong, ULONGLONG, MAXULONGLONG)
NDISBOX_SAFE_TYPE(ULongPtr, ULONG_PTR, MAXULONGLONG)
NDISBOX_SAFE_TYPE(SizeT, SIZE_T, MAXULONGLONG)

#define NDISBOX_CONVERT(name, from, to, largest)              \
  FORCEINLINE NTSTATUS name(from Operand, to *Result) {       \
    if (Operand <= (from)(largest)) {                         \
      *Result = (to)Operand;                                  \
      return STATUS_SUCCESS;                                  \
    }                                                         \
    *Result = (to)(largest);                                  \
    return STATUS_INTEGER_OVERFLOW;                           \
  }

NDISBOX_CONVERT(RtlULongToUShort, ULONG, USHORT, MAXUSHORT)
NDISBOX_CONVERT(RtlULongToUChar, ULONG, UCHAR, MAXUCHAR)
NDISBOX_CONVERT(RtlUShortToUChar, USHORT, UCHAR, MAXUCHAR)
NDISBOX_CONVERT(RtlULongLongToULong, ULONGLONG, ULONG, MAXULONG)
NDISBOX_CONVERT(RtlSizeTToULong, SIZE_T, ULONG, MAXULONG)
NDISBOX_CONVERT(RtlSizeTToUShort, SIZE_T, USHORT, MAXUSHORT)
NDISBOX_CONVERT(RtlULongPtrToULong, ULONG_PTR, ULONG, MAXULONG)
