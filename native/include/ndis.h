/* NDIS 6 for miniport, protocol, intermediate and filter drivers. */
#pragma once

#include "ndisbox/kernel.h"
#include "ndisbox/ndis/versions.h"

#include "ndisbox/generated/ndis/constants.h"
#include "ndisbox/generated/ndis/enumerations.h"
#include "ndisbox/ndis/types.h"
#include "ndisbox/generated/ndis/names.h"
#include "ndisbox/generated/ndis/callbacks.h"
#include "ndisbox/ndis/roles.h"
#include "ndisbox/generated/ndis/structures.h"
#include "ndisbox/generated/ndis/functions.h"
#include "ndisbox/ndis/services.h"
#include "ndisbox/ndis/netBuffer.h"
#include "ndisbox/ndis/callManager.h"
#include "ndisbox/ndis/arrays.h"
