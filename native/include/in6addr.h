/* IPv6 addresses: part of ndis.h here. */
#pragma once

#include "ndis.h"
#include "ndisbox/network.h"
