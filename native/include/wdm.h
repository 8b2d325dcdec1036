/* wdm.h: the kernel services for drivers. */
#pragma once

#include "ndisbox/kernel.h"
