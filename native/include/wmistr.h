/* WMI data blocks. */
#pragma once

#include "ndisbox/kernel.h"
