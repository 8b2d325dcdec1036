/* Names of roles that share a type with another role, and marks that only debuggers read. */
#pragma once

typedef SET_OPTIONS PROTOCOL_SET_OPTIONS, MINIPORT_SET_OPTIONS, FILTER_SET_OPTIONS;

/* They tell a debugger what type the context of a binding, of an adapter or of a filter module has. */
#define NDIS_DECLARE_PROTOCOL_DRIVER_CONTEXT(type)
#define NDIS_DECLARE_PROTOCOL_OPEN_CONTEXT(type)
#define NDIS_DECLARE_MINIPORT_DRIVER_CONTEXT(type)
#define NDIS_DECLARE_MINIPORT_ADAPTER_CONTEXT(type)
#define NDIS_DECLARE_MINIPORT_INTERRUPT_CONTEXT(type)
#define NDIS_DECLARE_FILTER_DRIVER_CONTEXT(type)
#define NDIS_DECLARE_FILTER_MODULE_CONTEXT(type)
