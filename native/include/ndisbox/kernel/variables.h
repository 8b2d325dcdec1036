/* Variables that the kernel exports. */
#pragma once

NTKERNELAPI POBJECT_TYPE *ExEventObjectType;
NTKERNELAPI POBJECT_TYPE *ExSemaphoreObjectType;
NTKERNELAPI POBJECT_TYPE *IoFileObjectType;
NTKERNELAPI POBJECT_TYPE *PsProcessType;
NTKERNELAPI POBJECT_TYPE *PsThreadType;
NTKERNELAPI POBJECT_TYPE *SeTokenObjectType;
NTKERNELAPI PBOOLEAN KdDebuggerEnabled;
NTKERNELAPI PBOOLEAN KdDebuggerNotPresent;
