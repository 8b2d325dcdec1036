/*
 * DriverEntry and the unload handler of pass51.
 * See nf-ndis-ndisimregisterlayeredminiport and nf-ndis-ndismregisterunloadhandler.
 */
#include "pass51.h"

NDIS_HANDLE Pass51Driver;
NDIS_HANDLE Pass51Protocol;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath);

static VOID NTAPI Pass51Unload(PDRIVER_OBJECT DriverObject)
{
    NDIS_STATUS Status;

    UNREFERENCED_PARAMETER(DriverObject);
    if (Pass51Protocol != NULL)
        NdisDeregisterProtocol(&Status, Pass51Protocol);
    Pass51Protocol = NULL;
    NdisIMDeregisterLayeredMiniport(Pass51Driver);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NDIS_MINIPORT_CHARACTERISTICS Miniport;
    NDIS_PROTOCOL_CHARACTERISTICS Protocol;
    NDIS_HANDLE Wrapper;
    NDIS_STATUS Registered;
    NDIS_STATUS Status;

    NdisMInitializeWrapper(&Wrapper, DriverObject, RegistryPath, NULL);
    if (Wrapper == NULL)
        return NDIS_STATUS_FAILURE;
    FillMiniport(&Miniport);
    Registered = NdisIMRegisterLayeredMiniport(Wrapper, &Miniport, sizeof(Miniport), &Pass51Driver);
    if (Registered != NDIS_STATUS_SUCCESS) {
        NdisTerminateWrapper(Wrapper, NULL);
        return Registered;
    }
    NdisMRegisterUnloadHandler(Wrapper, Pass51Unload);
    FillProtocol(&Protocol);
    NdisRegisterProtocol(&Status, &Pass51Protocol, &Protocol, sizeof(Protocol));
    if (Status != NDIS_STATUS_SUCCESS) {
        NdisIMDeregisterLayeredMiniport(Pass51Driver);
        NdisTerminateWrapper(Wrapper, NULL);
        return Status;
    }
    NdisIMAssociateMiniport(Pass51Driver, Pass51Protocol);
    return Registered;
}
