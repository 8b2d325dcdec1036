/* String functions that know the size of their buffer. */
#pragma once

#include "ndisbox/kernel.h"
#include "ndisbox/kernel/safeStrings.h"
