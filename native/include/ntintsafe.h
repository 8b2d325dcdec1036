/* Arithmetic that says when it overflows. */
#pragma once

#include "ndisbox/kernel.h"
#include "ndisbox/kernel/safeArithmetic.h"
