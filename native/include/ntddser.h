/* Serial devices: nothing of them is needed by network drivers. */
#pragma once

#include "ndisbox/kernel.h"
