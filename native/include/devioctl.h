/* Device types and control codes. */
#pragma once

#include "ndisbox/kernel.h"
