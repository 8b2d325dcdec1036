/* Statuses and error codes. */
#pragma once

#include "ndisbox/kernel.h"
