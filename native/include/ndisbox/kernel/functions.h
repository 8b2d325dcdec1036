/* Documented functions of the kernel that ndisbox does not declare yet, so that drivers that use them compile. */
#pragma once

#include "functions/io.h"
#include "functions/kernel.h"
#include "functions/memory.h"
#include "functions/objects.h"
#include "functions/runtimeLibrary.h"
#include "functions/system.h"
