/* WMI library for drivers: structures. */
#pragma once

#include "ndisbox/kernel.h"
