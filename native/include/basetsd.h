/* Basic types. */
#pragma once

#include "ndisbox/types.h"
