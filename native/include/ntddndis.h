/* OIDs, statuses and structures that NDIS shares with user programs: part of ndis.h here. */
#pragma once

#include "ndis.h"
