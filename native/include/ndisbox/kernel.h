/* The kernel's services: what wdm.h, ntddk.h and ntifs.h bring. */
#pragma once

#include "types.h"
#include "intrinsics.h"
#include "../excpt.h"

#include "generated/kernel/constants.h"
#include "kernel/versions.h"
#include "generated/kernel/enumerations.h"
#include "generated/kernel/names.h"
#include "kernel/callbackTypes.h"
#include "generated/kernel/callbacks.h"
#include "generated/kernel/structures.h"
#include "generated/kernel/functions.h"
#include "kernel/variables.h"
#include "kernel/functions.h"
#include "kernel/runtimeLibrary.h"
#include "kernel/lists.h"
#include "kernel/synchronization.h"
#include "kernel/io.h"
#include "kernel/memory.h"
