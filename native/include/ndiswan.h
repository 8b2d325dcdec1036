/* WAN miniports: part of ndis.h here. */
#pragma once

#include "ndis.h"
