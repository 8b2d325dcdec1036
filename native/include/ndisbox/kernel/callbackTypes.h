/* Types of functions that drivers give to the kernel and that no declaration of ndisbox describes yet. */
#pragma once

typedef struct _KPROCESS *PKPROCESS, *PRKPROCESS, *PEPROCESS;
typedef struct _KTHREAD *PKTHREAD, *PRKTHREAD, *PETHREAD;
typedef struct _KAPC_STATE *PRKAPC_STATE;
typedef struct _KINTERRUPT *PKINTERRUPT;
typedef struct _OBJECT_TYPE *POBJECT_TYPE;
typedef struct _IO_TIMER *PIO_TIMER;
typedef struct _IO_WORKITEM *PIO_WORKITEM;
typedef struct _EX_TIMER *PEX_TIMER;
typedef struct _CALLBACK_OBJECT *PCALLBACK_OBJECT;
typedef struct _EX_RUNDOWN_REF_CACHE_AWARE *PEX_RUNDOWN_REF_CACHE_AWARE;
typedef ULONG_PTR EX_PUSH_LOCK, *PEX_PUSH_LOCK;
typedef struct _ESILO *PESILO;
typedef struct _KDPC *PRKDPC;
typedef struct _KEVENT *PRKEVENT;
typedef struct _KMUTANT *PRKMUTANT, *PRKMUTEX;
typedef struct _KSEMAPHORE *PRKSEMAPHORE;
typedef struct _KTIMER *PRKTIMER;
typedef struct _KQUEUE *PRKQUEUE;
typedef const struct _UNICODE_STRING *PCUNICODE_STRING;
typedef const struct _STRING *PCANSI_STRING, *PCOEM_STRING;
typedef const struct _OBJECT_ATTRIBUTES *PCOBJECT_ATTRIBUTES;
typedef const struct _GUID *LPCGUID;
typedef const struct _POOL_EXTENDED_PARAMETER *PCPOOL_EXTENDED_PARAMETER;
typedef struct _GUID *LPGUID;
#ifdef __cplusplus
#define REFGUID const GUID &
#define REFIID const IID &
#else
#define REFGUID const GUID *
#define REFIID const IID *
#endif

typedef VOID(DRIVER_STARTIO)(struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp);
typedef DRIVER_STARTIO *PDRIVER_STARTIO;
typedef VOID(DRIVER_REINITIALIZE)(struct _DRIVER_OBJECT *DriverObject, PVOID Context, ULONG Count);
typedef DRIVER_REINITIALIZE *PDRIVER_REINITIALIZE;
typedef IO_ALLOCATION_ACTION(DRIVER_CONTROL)(struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp,
                                             PVOID MapRegisterBase, PVOID Context);
typedef DRIVER_CONTROL *PDRIVER_CONTROL;
typedef VOID(DRIVER_LIST_CONTROL)(struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp,
                                  struct _SCATTER_GATHER_LIST *ScatterGather, PVOID Context);
typedef DRIVER_LIST_CONTROL *PDRIVER_LIST_CONTROL;
typedef NTSTATUS(DRIVER_NOTIFICATION_CALLBACK_ROUTINE)(PVOID NotificationStructure, PVOID Context);
typedef DRIVER_NOTIFICATION_CALLBACK_ROUTINE *PDRIVER_NOTIFICATION_CALLBACK_ROUTINE;
typedef VOID(IO_TIMER_ROUTINE)(struct _DEVICE_OBJECT *DeviceObject, PVOID Context);
typedef IO_TIMER_ROUTINE *PIO_TIMER_ROUTINE;
typedef VOID(IO_DPC_ROUTINE)(struct _KDPC *Dpc, struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp, PVOID Context);
typedef IO_DPC_ROUTINE *PIO_DPC_ROUTINE;
typedef VOID(NTAPI *PIO_APC_ROUTINE)(PVOID ApcContext, struct _IO_STATUS_BLOCK *IoStatusBlock, ULONG Reserved);
typedef BOOLEAN(KSERVICE_ROUTINE)(struct _KINTERRUPT *Interrupt, PVOID ServiceContext);
typedef KSERVICE_ROUTINE *PKSERVICE_ROUTINE;
typedef BOOLEAN(KMESSAGE_SERVICE_ROUTINE)(struct _KINTERRUPT *Interrupt, PVOID ServiceContext, ULONG MessageID);
typedef KMESSAGE_SERVICE_ROUTINE *PKMESSAGE_SERVICE_ROUTINE;
typedef BOOLEAN(KSYNCHRONIZE_ROUTINE)(PVOID SynchronizeContext);
typedef KSYNCHRONIZE_ROUTINE *PKSYNCHRONIZE_ROUTINE;
typedef VOID(KBUGCHECK_REASON_CALLBACK_ROUTINE)(KBUGCHECK_CALLBACK_REASON Reason,
                                                struct _KBUGCHECK_REASON_CALLBACK_RECORD *Record,
                                                PVOID ReasonSpecificData, ULONG ReasonSpecificDataLength);
typedef KBUGCHECK_REASON_CALLBACK_ROUTINE *PKBUGCHECK_REASON_CALLBACK_ROUTINE;
typedef PVOID(ALLOCATE_FUNCTION)(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag);
typedef ALLOCATE_FUNCTION *PALLOCATE_FUNCTION;
typedef VOID(FREE_FUNCTION)(PVOID Buffer);
typedef FREE_FUNCTION *PFREE_FUNCTION;
typedef VOID(CALLBACK_FUNCTION)(PVOID CallbackContext, PVOID Argument1, PVOID Argument2);
typedef CALLBACK_FUNCTION *PCALLBACK_FUNCTION;
typedef VOID(INTERFACE_REFERENCE)(PVOID Context);
typedef INTERFACE_REFERENCE *PINTERFACE_REFERENCE;
typedef VOID(INTERFACE_DEREFERENCE)(PVOID Context);
typedef INTERFACE_DEREFERENCE *PINTERFACE_DEREFERENCE;
typedef ULONG(GET_SET_DEVICE_DATA)(PVOID Context, ULONG DataType, PVOID Buffer, ULONG Offset, ULONG Length);
typedef GET_SET_DEVICE_DATA *PGET_SET_DEVICE_DATA;
typedef BOOLEAN(TRANSLATE_BUS_ADDRESS)(PVOID Context, union _LARGE_INTEGER BusAddress, ULONG Length, PULONG AddressSpace,
                                       union _LARGE_INTEGER *TranslatedAddress);
typedef TRANSLATE_BUS_ADDRESS *PTRANSLATE_BUS_ADDRESS;
typedef struct _DMA_ADAPTER *(GET_DMA_ADAPTER)(PVOID Context, struct _DEVICE_DESCRIPTION *DeviceDescriptor,
                                               PULONG NumberOfMapRegisters);
typedef GET_DMA_ADAPTER *PGET_DMA_ADAPTER;
typedef VOID(DEVICE_CHANGE_COMPLETE_CALLBACK)(PVOID Context);
typedef DEVICE_CHANGE_COMPLETE_CALLBACK *PDEVICE_CHANGE_COMPLETE_CALLBACK;
typedef VOID(REQUEST_POWER_COMPLETE)(struct _DEVICE_OBJECT *DeviceObject, UCHAR MinorFunction,
                                     union _POWER_STATE PowerState, PVOID Context,
                                     struct _IO_STATUS_BLOCK *IoStatus);
typedef REQUEST_POWER_COMPLETE *PREQUEST_POWER_COMPLETE;
typedef EXCEPTION_DISPOSITION(EXCEPTION_ROUTINE)(struct _EXCEPTION_RECORD *ExceptionRecord, PVOID EstablisherFrame,
                                                 struct _CONTEXT *ContextRecord, PVOID DispatcherContext);
typedef EXCEPTION_ROUTINE *PEXCEPTION_ROUTINE;
typedef int (*PRTL_RUN_ONCE_INIT_FN)(PVOID RunOnce, PVOID Parameter, PVOID *Context);

struct _RTL_GENERIC_TABLE;
struct _RTL_AVL_TABLE;
typedef RTL_GENERIC_COMPARE_RESULTS(RTL_GENERIC_COMPARE_ROUTINE)(struct _RTL_GENERIC_TABLE *Table, PVOID FirstStruct,
                                                                 PVOID SecondStruct);
typedef RTL_GENERIC_COMPARE_ROUTINE *PRTL_GENERIC_COMPARE_ROUTINE;
typedef PVOID(RTL_GENERIC_ALLOCATE_ROUTINE)(struct _RTL_GENERIC_TABLE *Table, ULONG ByteSize);
typedef RTL_GENERIC_ALLOCATE_ROUTINE *PRTL_GENERIC_ALLOCATE_ROUTINE;
typedef VOID(RTL_GENERIC_FREE_ROUTINE)(struct _RTL_GENERIC_TABLE *Table, PVOID Buffer);
typedef RTL_GENERIC_FREE_ROUTINE *PRTL_GENERIC_FREE_ROUTINE;
typedef RTL_GENERIC_COMPARE_RESULTS(RTL_AVL_COMPARE_ROUTINE)(struct _RTL_AVL_TABLE *Table, PVOID FirstStruct,
                                                             PVOID SecondStruct);
typedef RTL_AVL_COMPARE_ROUTINE *PRTL_AVL_COMPARE_ROUTINE;
typedef PVOID(RTL_AVL_ALLOCATE_ROUTINE)(struct _RTL_AVL_TABLE *Table, ULONG ByteSize);
typedef RTL_AVL_ALLOCATE_ROUTINE *PRTL_AVL_ALLOCATE_ROUTINE;
typedef VOID(RTL_AVL_FREE_ROUTINE)(struct _RTL_AVL_TABLE *Table, PVOID Buffer);
typedef RTL_AVL_FREE_ROUTINE *PRTL_AVL_FREE_ROUTINE;

/* Operations of a DMA adapter. */
struct _DMA_ADAPTER;
struct _DEVICE_OBJECT;
struct _MDL;
struct _SCATTER_GATHER_LIST;
typedef VOID(NTAPI *PPUT_DMA_ADAPTER)(struct _DMA_ADAPTER *DmaAdapter);
typedef PVOID(NTAPI *PALLOCATE_COMMON_BUFFER)(struct _DMA_ADAPTER *DmaAdapter, ULONG Length,
                                              union _LARGE_INTEGER *LogicalAddress, BOOLEAN CacheEnabled);
typedef VOID(NTAPI *PFREE_COMMON_BUFFER)(struct _DMA_ADAPTER *DmaAdapter, ULONG Length,
                                         union _LARGE_INTEGER LogicalAddress, PVOID VirtualAddress,
                                         BOOLEAN CacheEnabled);
typedef NTSTATUS(NTAPI *PALLOCATE_ADAPTER_CHANNEL)(struct _DMA_ADAPTER *DmaAdapter, struct _DEVICE_OBJECT *DeviceObject,
                                                   ULONG NumberOfMapRegisters, PDRIVER_CONTROL ExecutionRoutine,
                                                   PVOID Context);
typedef BOOLEAN(NTAPI *PFLUSH_ADAPTER_BUFFERS)(struct _DMA_ADAPTER *DmaAdapter, struct _MDL *Mdl, PVOID MapRegisterBase,
                                               PVOID CurrentVa, ULONG Length, BOOLEAN WriteToDevice);
typedef VOID(NTAPI *PFREE_ADAPTER_CHANNEL)(struct _DMA_ADAPTER *DmaAdapter);
typedef VOID(NTAPI *PFREE_MAP_REGISTERS)(struct _DMA_ADAPTER *DmaAdapter, PVOID MapRegisterBase,
                                         ULONG NumberOfMapRegisters);
typedef union _LARGE_INTEGER(NTAPI *PMAP_TRANSFER)(struct _DMA_ADAPTER *DmaAdapter, struct _MDL *Mdl,
                                                   PVOID MapRegisterBase, PVOID CurrentVa, PULONG Length,
                                                   BOOLEAN WriteToDevice);
typedef ULONG(NTAPI *PGET_DMA_ALIGNMENT)(struct _DMA_ADAPTER *DmaAdapter);
typedef ULONG(NTAPI *PREAD_DMA_COUNTER)(struct _DMA_ADAPTER *DmaAdapter);
typedef NTSTATUS(NTAPI *PGET_SCATTER_GATHER_LIST)(struct _DMA_ADAPTER *DmaAdapter, struct _DEVICE_OBJECT *DeviceObject,
                                                  struct _MDL *Mdl, PVOID CurrentVa, ULONG Length,
                                                  PDRIVER_LIST_CONTROL ExecutionRoutine, PVOID Context,
                                                  BOOLEAN WriteToDevice);
typedef VOID(NTAPI *PPUT_SCATTER_GATHER_LIST)(struct _DMA_ADAPTER *DmaAdapter,
                                              struct _SCATTER_GATHER_LIST *ScatterGather, BOOLEAN WriteToDevice);

typedef struct _KDPC_WATCHDOG_INFORMATION {
  ULONG DpcTimeLimit;
  ULONG DpcTimeCount;
  ULONG DpcWatchdogLimit;
  ULONG DpcWatchdogCount;
  ULONG Reserved;
} KDPC_WATCHDOG_INFORMATION, *PKDPC_WATCHDOG_INFORMATION;
