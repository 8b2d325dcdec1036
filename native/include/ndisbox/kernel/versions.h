/* The Windows version that a driver is built for: the newest, unless it says NTDDI_VERSION. */
#pragma once

#include "../generated/kernel/constants/basic.h"

#ifndef NTDDI_VERSION
#define NTDDI_VERSION 0x0A00000C
#endif
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0A00
#endif
#ifndef WINVER
#define WINVER _WIN32_WINNT
#endif
#ifndef DBG
#define DBG 0
#endif
