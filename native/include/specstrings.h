/* Annotations: nothing to this compiler. */
#pragma once

#include "ndisbox/annotations.h"
