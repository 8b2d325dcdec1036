/* Intrinsics of the compiler for Windows targets, declared so that no library is needed, and the interlocked family. */
#pragma once

#include "types.h"

EXTERN_C_START

char _InterlockedExchange8(char volatile *, char);
char _InterlockedExchangeAdd8(char volatile *, char);
char _InterlockedCompareExchange8(char volatile *, char, char);
char _InterlockedOr8(char volatile *, char);
char _InterlockedAnd8(char volatile *, char);
char _InterlockedXor8(char volatile *, char);
short _InterlockedIncrement16(short volatile *);
short _InterlockedDecrement16(short volatile *);
short _InterlockedExchange16(short volatile *, short);
short _InterlockedExchangeAdd16(short volatile *, short);
short _InterlockedCompareExchange16(short volatile *, short, short);
short _InterlockedOr16(short volatile *, short);
short _InterlockedAnd16(short volatile *, short);
short _InterlockedXor16(short volatile *, short);
long _InterlockedIncrement(long volatile *);
long _InterlockedDecrement(long volatile *);
long _InterlockedExchange(long volatile *, long);
long _InterlockedExchangeAdd(long volatile *, long);
long _InterlockedCompareExchange(long volatile *, long, long);
long _InterlockedOr(long volatile *, long);
long _InterlockedAnd(long volatile *, long);
long _InterlockedXor(long volatile *, long);
long long _InterlockedIncrement64(long long volatile *);
long long _InterlockedDecrement64(long long volatile *);
long long _InterlockedExchange64(long long volatile *, long long);
long long _InterlockedExchangeAdd64(long long volatile *, long long);
long long _InterlockedCompareExchange64(long long volatile *, long long, long long);
long long _InterlockedOr64(long long volatile *, long long);
long long _InterlockedAnd64(long long volatile *, long long);
long long _InterlockedXor64(long long volatile *, long long);
void *_InterlockedExchangePointer(void *volatile *, void *);
void *_InterlockedCompareExchangePointer(void *volatile *, void *, void *);
unsigned char _interlockedbittestandset(long volatile *, long);
unsigned char _interlockedbittestandreset(long volatile *, long);
unsigned char _interlockedbittestandset64(long long volatile *, long long);
unsigned char _interlockedbittestandreset64(long long volatile *, long long);
unsigned char _bittest(long const *, long);
unsigned char _bittestandset(long *, long);
unsigned char _bittestandreset(long *, long);
unsigned char _BitScanForward(unsigned long *, unsigned long);
unsigned char _BitScanReverse(unsigned long *, unsigned long);
unsigned char _BitScanForward64(unsigned long *, unsigned long long);
unsigned char _BitScanReverse64(unsigned long *, unsigned long long);
unsigned int _rotl(unsigned int, int);
unsigned int _rotr(unsigned int, int);
unsigned long _lrotl(unsigned long, int);
unsigned long _lrotr(unsigned long, int);
unsigned long long _rotl64(unsigned long long, int);
unsigned long long _rotr64(unsigned long long, int);
void __debugbreak(void);
__declspec(noreturn) void __fastfail(unsigned int);
void _ReadWriteBarrier(void);
void _ReadBarrier(void);
void _WriteBarrier(void);
void *_ReturnAddress(void);
void *_AddressOfReturnAddress(void);
void *_alloca(size_t);
void _mm_pause(void);
void _mm_mfence(void);
void _mm_lfence(void);
void _mm_sfence(void);
void __faststorefence(void);
unsigned long long __rdtsc(void);
void __cpuid(int *, int);
void __cpuidex(int *, int, int);
unsigned char __readgsbyte(unsigned long);
unsigned short __readgsword(unsigned long);
unsigned long __readgsdword(unsigned long);
unsigned long long __readgsqword(unsigned long);
void __stosb(unsigned char *, unsigned char, size_t);
unsigned long long __umulh(unsigned long long, unsigned long long);
long long __mulh(long long, long long);
unsigned long long __shiftleft128(unsigned long long, unsigned long long, unsigned char);
unsigned long long __shiftright128(unsigned long long, unsigned long long, unsigned char);

EXTERN_C_END

/* These have no builtin: the instruction itself. */
FORCEINLINE void __nop(void) { __asm__ volatile("nop"); }
FORCEINLINE void __halt(void) { __asm__ volatile("hlt"); }
FORCEINLINE void _enable(void) { __asm__ volatile("sti" ::: "memory"); }
FORCEINLINE void _disable(void) { __asm__ volatile("cli" ::: "memory"); }
FORCEINLINE unsigned long long __readcr8(void) {
  unsigned long long value;
  __asm__ volatile("mov %%cr8, %0" : "=r"(value)::"memory");
  return value;
}
FORCEINLINE void __writecr8(unsigned long long value) { __asm__ volatile("mov %0, %%cr8" ::"r"(value) : "memory"); }
FORCEINLINE unsigned char __inbyte(unsigned short port) {
  unsigned char value;
  __asm__ volatile("inb %w1, %b0" : "=a"(value) : "Nd"(port));
  return value;
}
FORCEINLINE unsigned short __inword(unsigned short port) {
  unsigned short value;
  __asm__ volatile("inw %w1, %w0" : "=a"(value) : "Nd"(port));
  return value;
}
FORCEINLINE unsigned long __indword(unsigned short port) {
  unsigned long value;
  __asm__ volatile("inl %w1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
FORCEINLINE void __outbyte(unsigned short port, unsigned char value) {
  __asm__ volatile("outb %b0, %w1" ::"a"(value), "Nd"(port));
}
FORCEINLINE void __outword(unsigned short port, unsigned short value) {
  __asm__ volatile("outw %w0, %w1" ::"a"(value), "Nd"(port));
}
FORCEINLINE void __outdword(unsigned short port, unsigned long value) {
  __asm__ volatile("outl %0, %w1" ::"a"(value), "Nd"(port));
}
FORCEINLINE void __stosd(unsigned long *to, unsigned long value, size_t count) {
  __asm__ volatile("rep stosl" : "+D"(to), "+c"(count) : "a"(value) : "memory");
}
FORCEINLINE void __stosq(unsigned long long *to, unsigned long long value, size_t count) {
  __asm__ volatile("rep stosq" : "+D"(to), "+c"(count) : "a"(value) : "memory");
}
FORCEINLINE void __movsb(unsigned char *to, const unsigned char *from, size_t count) {
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count)::"memory");
}
FORCEINLINE void __movsd(unsigned long *to, const unsigned long *from, size_t count) {
  __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(count)::"memory");
}
FORCEINLINE void __movsq(unsigned long long *to, const unsigned long long *from, size_t count) {
  __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count)::"memory");
}

#define InterlockedIncrement(Addend) _InterlockedIncrement((LONG volatile *)(Addend))
#define InterlockedDecrement(Addend) _InterlockedDecrement((LONG volatile *)(Addend))
#define InterlockedExchange(Target, Value) _InterlockedExchange((LONG volatile *)(Target), (LONG)(Value))
#define InterlockedExchangeAdd(Addend, Value) _InterlockedExchangeAdd((LONG volatile *)(Addend), (LONG)(Value))
#define InterlockedAdd(Addend, Value) (_InterlockedExchangeAdd((LONG volatile *)(Addend), (LONG)(Value)) + (LONG)(Value))
#define InterlockedCompareExchange(Destination, Exchange, Comparand) \
  _InterlockedCompareExchange((LONG volatile *)(Destination), (LONG)(Exchange), (LONG)(Comparand))
#define InterlockedOr(Destination, Value) _InterlockedOr((LONG volatile *)(Destination), (LONG)(Value))
#define InterlockedAnd(Destination, Value) _InterlockedAnd((LONG volatile *)(Destination), (LONG)(Value))
#define InterlockedXor(Destination, Value) _InterlockedXor((LONG volatile *)(Destination), (LONG)(Value))
#define InterlockedIncrement16(Addend) _InterlockedIncrement16((SHORT volatile *)(Addend))
#define InterlockedDecrement16(Addend) _InterlockedDecrement16((SHORT volatile *)(Addend))
#define InterlockedIncrement64(Addend) _InterlockedIncrement64((LONG64 volatile *)(Addend))
#define InterlockedDecrement64(Addend) _InterlockedDecrement64((LONG64 volatile *)(Addend))
#define InterlockedExchange64(Target, Value) _InterlockedExchange64((LONG64 volatile *)(Target), (LONG64)(Value))
#define InterlockedExchangeAdd64(Addend, Value) _InterlockedExchangeAdd64((LONG64 volatile *)(Addend), (LONG64)(Value))
#define InterlockedAdd64(Addend, Value) \
  (_InterlockedExchangeAdd64((LONG64 volatile *)(Addend), (LONG64)(Value)) + (LONG64)(Value))
#define InterlockedCompareExchange64(Destination, Exchange, Comparand) \
  _InterlockedCompareExchange64((LONG64 volatile *)(Destination), (LONG64)(Exchange), (LONG64)(Comparand))
#define InterlockedOr64(Destination, Value) _InterlockedOr64((LONG64 volatile *)(Destination), (LONG64)(Value))
#define InterlockedAnd64(Destination, Value) _InterlockedAnd64((LONG64 volatile *)(Destination), (LONG64)(Value))
#define InterlockedXor64(Destination, Value) _InterlockedXor64((LONG64 volatile *)(Destination), (LONG64)(Value))
#define InterlockedExchangePointer(Target, Value) \
  _InterlockedExchangePointer((PVOID volatile *)(Target), (PVOID)(Value))
#define InterlockedCompareExchangePointer(Destination, Exchange, Comparand) \
  _InterlockedCompareExchangePointer((PVOID volatile *)(Destination), (PVOID)(Exchange), (PVOID)(Comparand))
#define InterlockedIncrementAcquire InterlockedIncrement
#define InterlockedIncrementRelease InterlockedIncrement
#define InterlockedDecrementAcquire InterlockedDecrement
#define InterlockedDecrementRelease InterlockedDecrement
#define InterlockedExchangeAcquire InterlockedExchange
#define InterlockedCompareExchangeAcquire InterlockedCompareExchange
#define InterlockedCompareExchangeRelease InterlockedCompareExchange
#define InterlockedBitTestAndSet(Base, Bit) _interlockedbittestandset((LONG volatile *)(Base), (Bit))
#define InterlockedBitTestAndReset(Base, Bit) _interlockedbittestandreset((LONG volatile *)(Base), (Bit))
#define BitScanForward _BitScanForward
#define BitScanReverse _BitScanReverse
#define BitScanForward64 _BitScanForward64
#define BitScanReverse64 _BitScanReverse64
#define BitTest _bittest
#define _byteswap_ushort(value) __builtin_bswap16(value)
#define _byteswap_ulong(value) ((unsigned long)__builtin_bswap32(value))
#define _byteswap_uint64(value) __builtin_bswap64(value)
#define YieldProcessor() _mm_pause()
#define MemoryBarrier() __faststorefence()
#define KeMemoryBarrier() __faststorefence()
#define KeMemoryBarrierWithoutFence() _ReadWriteBarrier()
#define DbgRaiseAssertionFailure() __asm__ volatile("int $0x2c")
#define FAST_FAIL_CORRUPT_LIST_ENTRY 3
#define RtlFailFast(Code) __fastfail(Code)

#define ReadAcquire(Source) __atomic_load_n((Source), __ATOMIC_ACQUIRE)
#define ReadNoFence(Source) (*(Source))
#define ReadULongAcquire(Source) __atomic_load_n((Source), __ATOMIC_ACQUIRE)
#define ReadULongNoFence(Source) (*(Source))
#define ReadPointerAcquire(Source) __atomic_load_n((Source), __ATOMIC_ACQUIRE)
#define ReadPointerNoFence(Source) (*(Source))
#define ReadBooleanAcquire(Source) __atomic_load_n((Source), __ATOMIC_ACQUIRE)
#define WriteRelease(Destination, Value) __atomic_store_n((Destination), (Value), __ATOMIC_RELEASE)
#define WriteNoFence(Destination, Value) (*(Destination) = (Value))
#define WriteULongRelease(Destination, Value) __atomic_store_n((Destination), (Value), __ATOMIC_RELEASE)
#define WritePointerRelease(Destination, Value) __atomic_store_n((Destination), (Value), __ATOMIC_RELEASE)
#define WriteBooleanRelease(Destination, Value) __atomic_store_n((Destination), (Value), __ATOMIC_RELEASE)
#define READ_REGISTER_UCHAR(x) (*(volatile UCHAR *)(x))
#define READ_REGISTER_USHORT(x) (*(volatile USHORT *)(x))
#define READ_REGISTER_ULONG(x) (*(volatile ULONG *)(x))
#define READ_REGISTER_ULONG64(x) (*(volatile ULONG64 *)(x))
#define WRITE_REGISTER_UCHAR(x, y) (*(volatile UCHAR *)(x) = (y), __faststorefence())
#define WRITE_REGISTER_USHORT(x, y) (*(volatile USHORT *)(x) = (y), __faststorefence())
#define WRITE_REGISTER_ULONG(x, y) (*(volatile ULONG *)(x) = (y), __faststorefence())
#define WRITE_REGISTER_ULONG64(x, y) (*(volatile ULONG64 *)(x) = (y), __faststorefence())
#define READ_PORT_UCHAR(port) __inbyte((USHORT)(ULONG_PTR)(port))
#define READ_PORT_USHORT(port) __inword((USHORT)(ULONG_PTR)(port))
#define READ_PORT_ULONG(port) __indword((USHORT)(ULONG_PTR)(port))
#define WRITE_PORT_UCHAR(port, value) __outbyte((USHORT)(ULONG_PTR)(port), (value))
#define WRITE_PORT_USHORT(port, value) __outword((USHORT)(ULONG_PTR)(port), (value))
#define WRITE_PORT_ULONG(port, value) __outdword((USHORT)(ULONG_PTR)(port), (value))
FORCEINLINE VOID READ_PORT_BUFFER_UCHAR(PUCHAR Port, PUCHAR Buffer, ULONG Count) {
  while (Count-- > 0) *Buffer++ = __inbyte((USHORT)(ULONG_PTR)Port);
}
FORCEINLINE VOID WRITE_PORT_BUFFER_UCHAR(PUCHAR Port, PUCHAR Buffer, ULONG Count) {
  while (Count-- > 0) __outbyte((USHORT)(ULONG_PTR)Port, *Buffer++);
}
FORCEINLINE VOID READ_PORT_BUFFER_USHORT(PUSHORT Port, PUSHORT Buffer, ULONG Count) {
  while (Count-- > 0) *Buffer++ = __inword((USHORT)(ULONG_PTR)Port);
}
FORCEINLINE VOID WRITE_PORT_BUFFER_USHORT(PUSHORT Port, PUSHORT Buffer, ULONG Count) {
  while (Count-- > 0) __outword((USHORT)(ULONG_PTR)Port, *Buffer++);
}
FORCEINLINE VOID READ_PORT_BUFFER_ULONG(PULONG Port, PULONG Buffer, ULONG Count) {
  while (Count-- > 0) *Buffer++ = __indword((USHORT)(ULONG_PTR)Port);
}
FORCEINLINE VOID WRITE_PORT_BUFFER_ULONG(PULONG Port, PULONG Buffer, ULONG Count) {
  while (Count-- > 0) __outdword((USHORT)(ULONG_PTR)Port, *Buffer++);
}
