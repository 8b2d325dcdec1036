/* Network interfaces: part of ndis.h here. */
#pragma once

#include "ndis.h"
