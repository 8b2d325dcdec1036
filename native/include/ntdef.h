/* Basic definitions of NT: types, strings, lists, large integers, statuses. */
#pragma once

#include "ndisbox/kernel.h"
