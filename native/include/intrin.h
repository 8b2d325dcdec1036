/* Intrinsics of the compiler. */
#pragma once

#include "ndisbox/intrinsics.h"
