/* GUIDs of the kernel's interfaces: structures only. */
#pragma once

#include "ndisbox/kernel.h"
