/* Network plug and play events: part of ndis.h here. */
#pragma once

#include "ndis.h"
