/* Headers of network protocols. */
#pragma once

#include "ndis.h"
#include "ndisbox/network.h"
