/* Statuses. */
#pragma once

#include "ndisbox/kernel.h"
