/*
 * DriverEntry of cardport51, its interrupt, and what ends or restarts an adapter. MiniportISR only keeps the device quiet;
 * NDIS calls MiniportHandleInterrupt for the rest, and MiniportEnableInterrupt after it. See "Interrupts" (network).
 */
#include "cardport51.h"

/* Of NDIS_DEVICE_PNP_EVENT, whose values ndis.h of mingw-w64 lacks. */
#define DEVICE_SURPRISE_REMOVED 2

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath);

static VOID NTAPI
Cardport51Isr(PBOOLEAN InterruptRecognized, PBOOLEAN QueueMiniportHandleInterrupt, NDIS_HANDLE MiniportAdapterContext)
{
    PCARDPORT51_ADAPTER Adapter = MiniportAdapterContext;
    ULONG Status = ReadCard(Adapter, CARD_INTERRUPT_STATUS);
    /* A device that is gone reads as ones; one that did not interrupt leaves the line to others. */
    BOOLEAN Mine = Status != CARD_GONE && (Status & ReadCard(Adapter, CARD_INTERRUPT_ENABLE)) != 0;

    if (Mine)
        WriteCard(Adapter, CARD_INTERRUPT_DISABLE, CARD_ALL_CAUSES);
    *InterruptRecognized = Mine;
    *QueueMiniportHandleInterrupt = Mine;
}

static VOID NTAPI Cardport51DisableInterrupt(NDIS_HANDLE MiniportAdapterContext)
{
    WriteCard(MiniportAdapterContext, CARD_INTERRUPT_DISABLE, CARD_ALL_CAUSES);
}

/* The register sets bits: no lock is needed against the ISR. */
static VOID NTAPI Cardport51EnableInterrupt(NDIS_HANDLE MiniportAdapterContext)
{
    WriteCard(MiniportAdapterContext, CARD_INTERRUPT_ENABLE, CARD_ALL_CAUSES);
}

static VOID IndicateLink(PCARDPORT51_ADAPTER Adapter)
{
    BOOLEAN Up = (ReadCard(Adapter, CARD_STATUS) & CARD_STATUS_LINK_UP) != 0;

    NdisMIndicateStatus(Adapter->Handle, Up ? NDIS_STATUS_MEDIA_CONNECT : NDIS_STATUS_MEDIA_DISCONNECT, NULL, 0);
    NdisMIndicateStatusComplete(Adapter->Handle);
}

/* A DPC; the device is masked until it returns. */
static VOID NTAPI Cardport51HandleInterrupt(NDIS_HANDLE MiniportAdapterContext)
{
    PCARDPORT51_ADAPTER Adapter = MiniportAdapterContext;
    ULONG Causes = ReadCard(Adapter, CARD_INTERRUPT_STATUS);

    if (Causes == CARD_GONE)
        return;
    /* Cleared before they are served: what happens meanwhile is a new cause. */
    WriteCard(Adapter, CARD_INTERRUPT_STATUS, Causes);
    if ((Causes & CARD_CAUSE_TRANSMIT) != 0)
        CompleteSends(Adapter);
    if ((Causes & CARD_CAUSE_RECEIVE) != 0)
        ReceiveFrames(Adapter);
    if ((Causes & CARD_CAUSE_OVERRUN) != 0)
        Adapter->ReceiveNoBuffer++;
    if ((Causes & CARD_CAUSE_LINK) != 0)
        IndicateLink(Adapter);
}

static BOOLEAN NTAPI Cardport51CheckForHang(NDIS_HANDLE MiniportAdapterContext)
{
    ULONG Status = ReadCard(MiniportAdapterContext, CARD_STATUS);

    return Status != CARD_GONE && (Status & CARD_STATUS_DMA_ERROR) != 0;
}

/* Sends may come meanwhile: they wait until the device has its rings again. */
static NDIS_STATUS NTAPI Cardport51Reset(PBOOLEAN AddressingReset, NDIS_HANDLE MiniportAdapterContext)
{
    PCARDPORT51_ADAPTER Adapter = MiniportAdapterContext;
    BOOLEAN Works;

    *AddressingReset = FALSE;
    NdisAcquireSpinLock(&Adapter->Lock);
    Adapter->Resetting = TRUE;
    NdisReleaseSpinLock(&Adapter->Lock);
    Works = ResetCard(Adapter);
    AbortSends(Adapter);
    NdisAcquireSpinLock(&Adapter->Lock);
    if (Works)
        ProgramCard(Adapter);
    Adapter->Resetting = FALSE;
    NdisReleaseSpinLock(&Adapter->Lock);
    /* What came during the reset. */
    CompleteSends(Adapter);
    return Works ? NDIS_STATUS_SUCCESS : NDIS_STATUS_HARD_ERRORS;
}

/* NDIS halts an adapter when every packet that it indicated is back. */
static VOID NTAPI Cardport51Halt(NDIS_HANDLE MiniportAdapterContext)
{
    DestroyAdapter(MiniportAdapterContext);
}

static VOID NTAPI Cardport51PnPEventNotify(
    NDIS_HANDLE MiniportAdapterContext, NDIS_DEVICE_PNP_EVENT PnPEvent, PVOID InformationBuffer,
    ULONG InformationBufferLength)
{
    PCARDPORT51_ADAPTER Adapter = MiniportAdapterContext;

    UNREFERENCED_PARAMETER(InformationBuffer);
    UNREFERENCED_PARAMETER(InformationBufferLength);
    if ((ULONG)PnPEvent != DEVICE_SURPRISE_REMOVED)
        return;
    /* Nothing that the device had comes back by itself. */
    NdisAcquireSpinLock(&Adapter->Lock);
    Adapter->Gone = TRUE;
    NdisReleaseSpinLock(&Adapter->Lock);
    AbortSends(Adapter);
}

/* The system goes down: the device must be silent. May run at any IRQL, so nothing is freed or waited for. */
static VOID NTAPI Cardport51Shutdown(PVOID ShutdownContext)
{
    WriteCard(ShutdownContext, CARD_CONTROL, CARD_CONTROL_RESET);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NDIS_MINIPORT_CHARACTERISTICS Characteristics;
    NDIS_HANDLE Wrapper;
    NDIS_STATUS Status;

    NdisMInitializeWrapper(&Wrapper, DriverObject, RegistryPath, NULL);
    if (Wrapper == NULL)
        return NDIS_STATUS_FAILURE;
    NdisZeroMemory(&Characteristics, sizeof(Characteristics));
    Characteristics.MajorNdisVersion = 5;
    Characteristics.MinorNdisVersion = 1;
    Characteristics.CheckForHangHandler = Cardport51CheckForHang;
    Characteristics.DisableInterruptHandler = Cardport51DisableInterrupt;
    Characteristics.EnableInterruptHandler = Cardport51EnableInterrupt;
    Characteristics.HaltHandler = Cardport51Halt;
    Characteristics.HandleInterruptHandler = Cardport51HandleInterrupt;
    Characteristics.InitializeHandler = Cardport51Initialize;
    Characteristics.ISRHandler = Cardport51Isr;
    Characteristics.QueryInformationHandler = Cardport51QueryInformation;
    Characteristics.ResetHandler = Cardport51Reset;
    Characteristics.SetInformationHandler = Cardport51SetInformation;
    Characteristics.ReturnPacketHandler = Cardport51ReturnPacket;
    Characteristics.SendPacketsHandler = Cardport51SendPackets;
    Characteristics.CancelSendPacketsHandler = Cardport51CancelSendPackets;
    Characteristics.PnPEventNotifyHandler = Cardport51PnPEventNotify;
    Characteristics.AdapterShutdownHandler = Cardport51Shutdown;
    Status = NdisMRegisterMiniport(Wrapper, &Characteristics, sizeof(Characteristics));
    if (Status != NDIS_STATUS_SUCCESS)
        NdisTerminateWrapper(Wrapper, NULL);
    return Status;
}
