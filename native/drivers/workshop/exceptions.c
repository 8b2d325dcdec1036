/*
 * Structured exceptions: buffers of user programs, which may go away at any time, and what blocks and filters do. See
 * "Using Neither Buffered Nor Direct I/O" and "Handling Exceptions" (kernel).
 */
#include "workshop.h"

/* Where nothing is ever mapped. */
#define NOWHERE ((volatile ULONG *)0x10)

/* Every access to a buffer of a user program may raise an exception: it is the result of the request then. */
NTSTATUS SumUserBuffer(const VOID *Input, ULONG InputLength, PVOID Output, ULONG OutputLength, PULONG Written)
{
    const volatile ULONG *Numbers = Input;
    ULONG Sum = 0;
    ULONG Index;

    if (OutputLength < sizeof(ULONG))
        return STATUS_BUFFER_TOO_SMALL;
    __try {
        ProbeForRead((PVOID)Input, InputLength, __alignof(ULONG));
        ProbeForWrite(Output, OutputLength, __alignof(ULONG));
        for (Index = 0; Index < InputLength / sizeof(ULONG); Index++)
            Sum += Numbers[Index];
        *(volatile ULONG *)Output = Sum;
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    *Written = sizeof(ULONG);
    return STATUS_SUCCESS;
}

/* A block that is left by an exception and one that is left by itself: the first step says which. */
static VOID Finish(PWORKSHOP_RESULTS Results, BOOLEAN Raise)
{
    __try {
        if (Raise)
            ExRaiseStatus(STATUS_TOO_LATE);
    } __finally {
        Note(Results, AbnormalTermination() ? 1 : 0);
    }
}

static LONG FilterOnly(NTSTATUS Code, NTSTATUS Wanted, PWORKSHOP_RESULTS Results)
{
    Note(Results, Code == Wanted ? 10 : 11);
    return Code == Wanted ? EXCEPTION_EXECUTE_HANDLER : EXCEPTION_CONTINUE_SEARCH;
}

/* The filter of the inner block declines, the outer one takes the exception; __finally runs in between. */
static VOID Nest(PWORKSHOP_RESULTS Results)
{
    __try {
        __try {
            __try {
                ExRaiseStatus(STATUS_NOT_FOUND);
            } __except (FilterOnly(GetExceptionCode(), STATUS_TIMEOUT, Results)) {
                Note(Results, 99);
            }
        } __finally {
            Note(Results, 20);
        }
    } __except (FilterOnly(GetExceptionCode(), STATUS_NOT_FOUND, Results)) {
        Note(Results, GetExceptionCode());
    }
}

/* A fault in the middle of a computation leaves the variables as they were before it. */
static VOID Fault(PWORKSHOP_RESULTS Results)
{
    volatile ULONG Step = 1;

    __try {
        Step = 2;
        Step = *NOWHERE;
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Note(Results, GetExceptionCode());
    }
    Note(Results, Step);
}

/* An exception in a handler goes to the handler around it. */
static VOID RaiseAgain(PWORKSHOP_RESULTS Results)
{
    __try {
        __try {
            ExRaiseStatus(STATUS_CANCELLED);
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            ExRaiseStatus(STATUS_UNSUCCESSFUL);
        }
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Note(Results, GetExceptionCode());
    }
}

static VOID Divide(PWORKSHOP_RESULTS Results, volatile ULONG Divisor)
{
    __try {
        Note(Results, 100 / Divisor);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Note(Results, GetExceptionCode());
    }
}

VOID TryExceptions(PWORKSHOP_RESULTS Results)
{
    Finish(Results, FALSE);
    __try {
        Finish(Results, TRUE);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Note(Results, GetExceptionCode());
    }
    Nest(Results);
    Fault(Results);
    RaiseAgain(Results);
    Divide(Results, 7);
    Divide(Results, 0);
}
