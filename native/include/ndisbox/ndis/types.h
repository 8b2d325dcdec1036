/* Types of NDIS that the facts name but do not describe. */
#pragma once

typedef USHORT NET_FRAME_TYPE, *PNET_FRAME_TYPE;
typedef LONG NDIS_ERROR_CODE, *PNDIS_ERROR_CODE;
typedef struct _NDIS_RW_LOCK_EX NDIS_RW_LOCK_EX, *PNDIS_RW_LOCK_EX;
typedef struct _NDIS_MINIPORT_BLOCK NDIS_MINIPORT_BLOCK, *PNDIS_MINIPORT_BLOCK;
typedef struct sockaddr *LPSOCKADDR;
