/* Accessors of net buffer lists: part of ndis.h here. */
#pragma once

#include "ndis.h"
