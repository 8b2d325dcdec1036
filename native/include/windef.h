/* Basic types under the names that user programs know. */
#pragma once

#include "ndisbox/kernel.h"
