/* Locks, memory, strings, time, ports and other services of NDIS that are kernel services by another name. */
#pragma once

/* Objects of NDIS begin with a header. */
#define NDIS_SET_OBJECT_HEADER(_Header, _Type, _Revision, _Size) \
  ((_Header)->Type = (_Type), (_Header)->Revision = (_Revision), (_Header)->Size = (USHORT)(_Size))
#define NDIS_MAKE_NET_LUID(_pNetLuid, _IfType, _NetLuidIndex)                       \
  {                                                                                 \
    (_pNetLuid)->Info.IfType = (_IfType);                                           \
    (_pNetLuid)->Info.NetLuidIndex = (_NetLuidIndex);                               \
    (_pNetLuid)->Info.Reserved = 0;                                                 \
  }
#define NDIS_MAKE_RID(_Segment, _Bus, _Function) \
  (((ULONG)(_Segment) << 16) | ((ULONG)(_Bus) << 8) | ((ULONG)(_Function)))

/* Spin locks keep the IRQL at which they were acquired. */
#define NdisAllocateSpinLock(_SpinLock) KeInitializeSpinLock(&(_SpinLock)->SpinLock)
#define NdisFreeSpinLock(_SpinLock) ((void)(_SpinLock))
#define NdisAcquireSpinLock(_SpinLock) ((_SpinLock)->OldIrql = KeAcquireSpinLockRaiseToDpc(&(_SpinLock)->SpinLock))
#define NdisReleaseSpinLock(_SpinLock) KeReleaseSpinLock(&(_SpinLock)->SpinLock, (_SpinLock)->OldIrql)
#define NdisDprAcquireSpinLock(_SpinLock) KeAcquireSpinLockAtDpcLevel(&(_SpinLock)->SpinLock)
#define NdisDprReleaseSpinLock(_SpinLock) KeReleaseSpinLockFromDpcLevel(&(_SpinLock)->SpinLock)
#define NDIS_ACQUIRE_SPIN_LOCK(_SpinLock, _DispatchLevel) \
  ((_DispatchLevel) ? (void)NdisDprAcquireSpinLock(_SpinLock) : (void)NdisAcquireSpinLock(_SpinLock))

#define NDIS_MUTEX KMUTEX
#define NDIS_INIT_MUTEX(_M_) KeInitializeMutex((_M_), 0xFFFF)
#define NDIS_WAIT_FOR_MUTEX(_M_) KeWaitForSingleObject((_M_), Executive, KernelMode, FALSE, NULL)
#define NDIS_RELEASE_MUTEX(_M_) KeReleaseMutex((_M_), FALSE)
#define NDIS_CURRENT_IRQL() KeGetCurrentIrql()
#define NDIS_RAISE_IRQL_TO_DISPATCH(_pIrql_) KeRaiseIrql(DISPATCH_LEVEL, (_pIrql_))
#define NDIS_LOWER_IRQL(_OldIrql_, _CurIrql_) \
  ((_OldIrql_) != (_CurIrql_) ? KeLowerIrql(_OldIrql_) : (void)0)
#define NDIS_CURRENT_PROCESSOR_NUMBER KeGetCurrentProcessorNumber()

#define NdisInterlockedIncrement(Addend) InterlockedIncrement(Addend)
#define NdisInterlockedDecrement(Addend) InterlockedDecrement(Addend)
#define NdisInterlockedAddUlong(_Addend, _Increment, _SpinLock) \
  ExInterlockedAddUlong((_Addend), (_Increment), &(_SpinLock)->SpinLock)
#define NdisInterlockedAddLargeStatistic(_Addend, _Increment) \
  ((void)InterlockedExchangeAdd64((LONG64 *)(_Addend), (LONG64)(ULONG)(_Increment)))
#define NdisInterlockedInsertHeadList(_ListHead, _ListEntry, _SpinLock) \
  ExInterlockedInsertHeadList((_ListHead), (_ListEntry), &(_SpinLock)->SpinLock)
#define NdisInterlockedInsertTailList(_ListHead, _ListEntry, _SpinLock) \
  ExInterlockedInsertTailList((_ListHead), (_ListEntry), &(_SpinLock)->SpinLock)
#define NdisInterlockedRemoveHeadList(_ListHead, _SpinLock) \
  ExInterlockedRemoveHeadList((_ListHead), &(_SpinLock)->SpinLock)
#define NdisInterlockedPushEntrySList(SListHead, SListEntry, Lock) \
  ExInterlockedPushEntrySList((SListHead), (SListEntry), &(Lock)->SpinLock)
#define NdisInterlockedPopEntrySList(SListHead, Lock) ExInterlockedPopEntrySList((SListHead), &(Lock)->SpinLock)
#define NdisInterlockedFlushSList(SListHead) ExInterlockedFlushSList(SListHead)
#define NdisInitializeSListHead(SListHead) ExInitializeSListHead(SListHead)
#define NdisQueryDepthSList(SListHead) ExQueryDepthSList(SListHead)
#define NdisInitializeListHead(_ListHead) InitializeListHead(_ListHead)

#define NdisMoveMemory(Destination, Source, Length) RtlCopyMemory((Destination), (Source), (Length))
#define NdisZeroMemory(Destination, Length) RtlZeroMemory((Destination), (Length))
#define NdisFillMemory(Destination, Length, Fill) RtlFillMemory((Destination), (Length), (Fill))
#define NdisEqualMemory(Source1, Source2, Length) RtlEqualMemory((Source1), (Source2), (Length))
#define NdisMoveMappedMemory(Destination, Source, Length) RtlCopyMemory((Destination), (Source), (Length))
#define NdisZeroMappedMemory(Destination, Length) RtlZeroMemory((Destination), (Length))
#define NdisMoveToMappedMemory(Destination, Source, Length) NdisMoveMappedMemory((Destination), (Source), (Length))
#define NdisMoveFromMappedMemory(Destination, Source, Length) NdisMoveMappedMemory((Destination), (Source), (Length))
#define NdisRetrieveUlong(Destination, Source) (*(ULONG *)(Destination) = *(const ULONG __unaligned *)(Source))
#define NdisStoreUlong(Destination, Value) (*(ULONG __unaligned *)(Destination) = (Value))
#define NdisAllocateFromNPagedLookasideList(_L) ExAllocateFromNPagedLookasideList(_L)
#define NdisFreeToNPagedLookasideList(_L, _E) ExFreeToNPagedLookasideList((_L), (_E))
#define NdisDeleteNPagedLookasideList(_L) ExDeleteNPagedLookasideList(_L)

#define NDIS_STRING_CONST(text) {sizeof(L##text) - sizeof(WCHAR), sizeof(L##text), (PWSTR)(L##text)}
#define NDIS_ANSI_STRING_CONST(text) {sizeof(text) - sizeof(CHAR), sizeof(text), (PCHAR)(text)}
#define NdisInitUnicodeString(_us, s) RtlInitUnicodeString((_us), (s))
#define NdisInitAnsiString(_as, s) RtlInitString((_as), (s))
#define NdisFreeString(String) NdisFreeMemory((String).Buffer, (String).MaximumLength, 0)
#define NdisEqualString(_String1, _String2, _CaseInsensitive) \
  RtlEqualUnicodeString((_String1), (_String2), (_CaseInsensitive))
#define NdisEqualUnicodeString(_String1, _String2, _CaseInsensitive) \
  RtlEqualUnicodeString((_String1), (_String2), (_CaseInsensitive))
#define NdisUpcaseUnicodeString(_d, _s) RtlUpcaseUnicodeString((_d), (_s), FALSE)
#define NdisAnsiStringToUnicodeString(_us, _as) RtlAnsiStringToUnicodeString((_us), (_as), FALSE)
#define NdisUnicodeStringToAnsiString(_as, _us) RtlUnicodeStringToAnsiString((_as), (_us), FALSE)
#define NdisPrintString(String) DbgPrint("%wZ", &(String))

#define NdisGetPhysicalAddressHigh(_PhysicalAddress) ((_PhysicalAddress).HighPart)
#define NdisGetPhysicalAddressLow(_PhysicalAddress) ((_PhysicalAddress).LowPart)
#define NdisSetPhysicalAddressHigh(_PhysicalAddress, _Value) ((_PhysicalAddress).HighPart = (_Value))
#define NdisSetPhysicalAddressLow(_PhysicalAddress, _Value) ((_PhysicalAddress).LowPart = (_Value))
#define NDIS_PHYSICAL_ADDRESS_CONST(_Low, _High) {{(ULONG)(_Low), (LONG)(_High)}}

#define NdisGetCurrentSystemTime(_pSystemTime) KeQuerySystemTime(_pSystemTime)
#define NdisGetSystemUpTime(_pSystemUpTime)                                           \
  {                                                                                   \
    LARGE_INTEGER ndisboxTicks;                                                       \
    KeQueryTickCount(&ndisboxTicks);                                                  \
    *(_pSystemUpTime) = (ULONG)(ndisboxTicks.QuadPart * KeQueryTimeIncrement() / 10000); \
  }
#define NdisStallExecution(MicroSecondsToStall) KeStallExecutionProcessor(MicroSecondsToStall)

#define NdisRawReadPortUchar(Port, Data) (*(Data) = READ_PORT_UCHAR(Port))
#define NdisRawReadPortUshort(Port, Data) (*(Data) = READ_PORT_USHORT(Port))
#define NdisRawReadPortUlong(Port, Data) (*(Data) = READ_PORT_ULONG(Port))
#define NdisRawWritePortUchar(Port, Data) WRITE_PORT_UCHAR((Port), (UCHAR)(Data))
#define NdisRawWritePortUshort(Port, Data) WRITE_PORT_USHORT((Port), (USHORT)(Data))
#define NdisRawWritePortUlong(Port, Data) WRITE_PORT_ULONG((Port), (ULONG)(Data))
#define NdisRawReadPortBufferUchar(Port, Buffer, Length) \
  READ_PORT_BUFFER_UCHAR((PUCHAR)(ULONG_PTR)(Port), (PUCHAR)(Buffer), (Length))
#define NdisRawWritePortBufferUchar(Port, Buffer, Length) \
  WRITE_PORT_BUFFER_UCHAR((PUCHAR)(ULONG_PTR)(Port), (PUCHAR)(Buffer), (Length))
#define NdisRawReadPortBufferUshort(Port, Buffer, Length) \
  READ_PORT_BUFFER_USHORT((PUSHORT)(ULONG_PTR)(Port), (PUSHORT)(Buffer), (Length))
#define NdisRawWritePortBufferUshort(Port, Buffer, Length) \
  WRITE_PORT_BUFFER_USHORT((PUSHORT)(ULONG_PTR)(Port), (PUSHORT)(Buffer), (Length))
#define NdisRawReadPortBufferUlong(Port, Buffer, Length) \
  READ_PORT_BUFFER_ULONG((PULONG)(ULONG_PTR)(Port), (PULONG)(Buffer), (Length))
#define NdisRawWritePortBufferUlong(Port, Buffer, Length) \
  WRITE_PORT_BUFFER_ULONG((PULONG)(ULONG_PTR)(Port), (PULONG)(Buffer), (Length))
#define NdisMUpdateSharedMemory(_H, _L, _V, _P) NdisUpdateSharedMemory((_H), (_L), (_V), (_P))
#define NdisMSetupDmaTransfer(_S, _H, _B, _O, _L, _M_) \
  NdisSetupDmaTransfer((_S), (PNDIS_HANDLE)(_H), (_B), (_O), (_L), (_M_))
#define NdisMCompleteDmaTransfer(_S, _H, _B, _O, _L, _M_) \
  NdisCompleteDmaTransfer((_S), (PNDIS_HANDLE)(_H), (_B), (_O), (_L), (_M_))
#define NdisReadRegisterUchar(Register, Data) (*(Data) = READ_REGISTER_UCHAR(Register))
#define NdisReadRegisterUshort(Register, Data) (*(Data) = READ_REGISTER_USHORT(Register))
#define NdisReadRegisterUlong(Register, Data) (*(Data) = READ_REGISTER_ULONG(Register))
#define NdisWriteRegisterUchar(Register, Data) WRITE_REGISTER_UCHAR((Register), (UCHAR)(Data))
#define NdisWriteRegisterUshort(Register, Data) WRITE_REGISTER_USHORT((Register), (USHORT)(Data))
#define NdisWriteRegisterUlong(Register, Data) WRITE_REGISTER_ULONG((Register), (ULONG)(Data))

/* Addresses on Ethernet. */
#define ETH_IS_MULTICAST(Address) (BOOLEAN)(((PUCHAR)(Address))[0] & ((UCHAR)0x01))
#define ETH_IS_BROADCAST(Address)                                                                 \
  ((((PUCHAR)(Address))[0] == ((UCHAR)0xff)) && (((PUCHAR)(Address))[1] == ((UCHAR)0xff)) &&      \
   (((PUCHAR)(Address))[2] == ((UCHAR)0xff)) && (((PUCHAR)(Address))[3] == ((UCHAR)0xff)) &&      \
   (((PUCHAR)(Address))[4] == ((UCHAR)0xff)) && (((PUCHAR)(Address))[5] == ((UCHAR)0xff)))
#define ETH_IS_LOCALLY_ADMINISTERED(Address) (BOOLEAN)(((PUCHAR)(Address))[0] & ((UCHAR)0x02))
#define ETH_COPY_NETWORK_ADDRESS(_D, _S)                       \
  {                                                            \
    *((ULONG __unaligned *)(_D)) = *((ULONG __unaligned *)(_S)); \
    *((USHORT __unaligned *)((UCHAR *)(_D) + 4)) = *((USHORT __unaligned *)((UCHAR *)(_S) + 4)); \
  }
#define ETH_COMPARE_NETWORK_ADDRESSES(_A, _B, _Result)                                            \
  {                                                                                               \
    if (*(ULONG __unaligned *)&(_A)[2] > *(ULONG __unaligned *)&(_B)[2]) {                        \
      *(_Result) = 1;                                                                             \
    } else if (*(ULONG __unaligned *)&(_A)[2] < *(ULONG __unaligned *)&(_B)[2]) {                 \
      *(_Result) = (UINT)-1;                                                                      \
    } else if (*(USHORT __unaligned *)(_A) > *(USHORT __unaligned *)(_B)) {                       \
      *(_Result) = 1;                                                                             \
    } else if (*(USHORT __unaligned *)(_A) < *(USHORT __unaligned *)(_B)) {                       \
      *(_Result) = (UINT)-1;                                                                      \
    } else {                                                                                      \
      *(_Result) = 0;                                                                             \
    }                                                                                             \
  }
#define ETH_COMPARE_NETWORK_ADDRESSES_EQ(_A, _B, _Result) (*(_Result) = (UINT)(memcmp((_A), (_B), 6) != 0))

#define NDIS_INIT_FUNCTION(_F)
#define NDIS_PAGABLE_FUNCTION(_F)
#define NDIS_PAGEABLE_FUNCTION(_F)
