/* Functions for net buffer lists: part of ndis.h here. */
#pragma once

#include "ndis.h"
