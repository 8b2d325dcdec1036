/* Devices with a security descriptor. */
#pragma once

#include "ndisbox/kernel.h"
