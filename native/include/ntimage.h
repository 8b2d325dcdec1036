/* PE images. */
#pragma once

#include "ndisbox/kernel.h"
