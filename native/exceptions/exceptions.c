/*
 * Structured exceptions in machine code, one exported function a case; src/image/exceptions/dispatcher.test.ts calls
 * them. What ran, and in which order, is noted in `events`. Built by build.sh into native/fixtures/exceptions.sys;
 * needs no headers.
 */

typedef unsigned int ULONG;
typedef unsigned long long ULONG64;

#define NULL ((void *)0)
#define EXCEPTION_CONTINUE_EXECUTION (-1)
#define EXCEPTION_CONTINUE_SEARCH 0
#define EXCEPTION_EXECUTE_HANDLER 1
#define EXPORT __declspec(dllexport)
#define IMPORT __declspec(dllimport)
#define NOINLINE __attribute__((noinline))

struct ExceptionRecord {
  ULONG code;
  ULONG flags;
  struct ExceptionRecord *nested;
  void *address;
  ULONG count;
  ULONG64 information[15];
};

struct Context {
  unsigned char before[128];
  ULONG64 rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15, rip;
  unsigned char after[976];
};

struct ExceptionPointers {
  struct ExceptionRecord *record;
  struct Context *context;
};

IMPORT void ExRaiseStatus(ULONG Status);
IMPORT void RtlRaiseException(struct ExceptionRecord *Record);
IMPORT void RtlCaptureContext(struct Context *Record);
IMPORT void *RtlLookupFunctionEntry(ULONG64 ControlPc, ULONG64 *ImageBase, void *History);
IMPORT void *RtlVirtualUnwind(ULONG Type, ULONG64 ImageBase, ULONG64 ControlPc, void *Entry, struct Context *Record,
                              void **HandlerData, ULONG64 *EstablisherFrame, void *Pointers);
IMPORT void *RtlPcToFileHeader(void *Pc, void **Base);
IMPORT void RtlUnwind(void *TargetFrame, void *TargetIp, struct ExceptionRecord *Record, void *Value);
IMPORT void _local_unwind(void *TargetFrame, void *TargetIp);
IMPORT int __C_specific_handler(struct ExceptionRecord *Record, void *Frame, struct Context *Context, void *Dispatcher);
IMPORT unsigned short RtlCaptureStackBackTrace(ULONG Skip, ULONG Capture, void **Trace, ULONG *Hash);

EXPORT ULONG events[256];
EXPORT ULONG eventCount;

static NOINLINE void note(ULONG event) {
  if (eventCount < 256) events[eventCount++] = event;
}

/* Faults happen in functions of their own: this compiler knows exceptions of calls only. */
static NOINLINE ULONG readFrom(volatile ULONG *address) { return *address; }
static NOINLINE ULONG divide(ULONG value, ULONG divisor) { return value / divisor; }
static NOINLINE void illegal(void) { __asm__ volatile("ud2"); }
static NOINLINE void breakpoint(void) { __asm__ volatile("int3"); }
static NOINLINE void raiseStatus(ULONG status) { ExRaiseStatus(status); }

/*
 * This compiler lets the ranges of adjacent calls overlap by the return address of the first, which is then in both.
 * An instruction after the call keeps them apart.
 */
#define RAISE(status) \
  do { \
    raiseStatus(status); \
    __asm__ volatile("nop"); \
  } while (0)

EXPORT ULONG catchRead(volatile ULONG *address) {
  __try {
    return readFrom(address);
  } __except (EXCEPTION_EXECUTE_HANDLER) {
    return __exception_code();
  }
}

EXPORT ULONG catchDivide(ULONG value, ULONG divisor) {
  __try {
    return divide(value, divisor);
  } __except (EXCEPTION_EXECUTE_HANDLER) {
    return __exception_code();
  }
}

EXPORT ULONG catchIllegal(void) {
  __try {
    illegal();
    return 0;
  } __except (EXCEPTION_EXECUTE_HANDLER) {
    return __exception_code();
  }
}

EXPORT ULONG catchBreakpoint(void) {
  __try {
    breakpoint();
    return 0;
  } __except (EXCEPTION_EXECUTE_HANDLER) {
    return __exception_code();
  }
}

EXPORT ULONG catchStatus(ULONG status) {
  __try {
    RAISE(status);
    return 0;
  } __except (EXCEPTION_EXECUTE_HANDLER) {
    return __exception_code();
  }
}

/* A call of what is no code. */
EXPORT ULONG catchCall(void (*function)(void)) {
  __try {
    function();
    note(94);
    return 0;
  } __except (note((ULONG)((struct ExceptionPointers *)__exception_info())->record->information[0]),
              EXCEPTION_EXECUTE_HANDLER) {
    return __exception_code();
  }
}

/* Frames of a kilobyte until the stack is used up; with a page and more, which are asked for at once. */
EXPORT __attribute__((optnone)) NOINLINE ULONG overflow(ULONG depth) {
  volatile ULONG frame[256];
  for (ULONG i = 0; i < 256; i++) frame[i] = depth;
  return depth == 0xffffffff ? 0 : overflow(depth + 1) + frame[5];
}

EXPORT __attribute__((optnone)) NOINLINE ULONG large(ULONG value) {
  volatile ULONG frame[0x1400];
  frame[value] = value;
  return value == 0 ? 0 : large(value - 1) + frame[value];
}

static int lookAt(struct ExceptionPointers *pointers) {
  note(pointers->record->code);
  note(pointers->record->count);
  note((ULONG)pointers->record->information[0]);
  note((ULONG)pointers->record->information[1]);
  note(pointers->record->address == (void *)pointers->context->rip);
  return EXCEPTION_EXECUTE_HANDLER;
}

EXPORT ULONG inspectRead(volatile ULONG *address) {
  __try {
    return readFrom(address);
  } __except (lookAt(__exception_info())) {
    return 1;
  }
}

/* The filter mends the register that the faulting instruction goes through. */
static ULONG mended = 4711;

static int mend(struct ExceptionPointers *pointers) {
  note(pointers->record->code);
  pointers->context->rcx = (ULONG64)&mended;
  return EXCEPTION_CONTINUE_EXECUTION;
}

EXPORT ULONG continueRead(volatile ULONG *address) {
  ULONG value = 0;
  __try {
    value = readFrom(address);
  } __except (mend(__exception_info())) {
    note(99);
  }
  return value;
}

static NOINLINE void inner(ULONG status) {
  __try {
    note(1);
    RAISE(status);
    note(90);
  } __finally {
    note(__abnormal_termination() ? 2 : 91);
  }
}

static int search(ULONG event) {
  note(event);
  return EXCEPTION_CONTINUE_SEARCH;
}

static int take(ULONG event) {
  note(event);
  return EXCEPTION_EXECUTE_HANDLER;
}

/* Filters run before anything is left, __finally blocks after. */
EXPORT ULONG order(ULONG status) {
  ULONG code = 0;
  __try {
    __try {
      __try {
        inner(status);
      } __finally {
        note(3);
      }
    } __except (search(10)) {
      note(92);
    }
  } __except (take(11)) {
    note(4);
    code = __exception_code();
  }
  return code;
}

EXPORT ULONG finallyWithout(void) {
  __try {
    note(1);
  } __finally {
    note(__abnormal_termination() ? 91 : 2);
  }
  return 7;
}

/* The block around an __except that handles the exception runs at its own end only. */
EXPORT ULONG enclosing(ULONG status) {
  ULONG code = 0;
  __try {
    __try {
      RAISE(status);
    } __except (take(12)) {
      code = __exception_code();
    }
    note(13);
  } __finally {
    note(__abnormal_termination() ? 93 : 14);
  }
  return code;
}

static NOINLINE int quietFilter(void) {
  __try {
    RAISE(0xc0000001);
  } __except (take(20)) {
    note(21);
  }
  return EXCEPTION_EXECUTE_HANDLER;
}

/* An exception inside a filter that the filter handles itself. */
EXPORT ULONG nestedInFilter(void) {
  __try {
    RAISE(0xc0000002);
  } __except (quietFilter()) {
    note(22);
    return __exception_code();
  }
  return 0;
}

static NOINLINE int loudFilter(ULONG code) {
  note(code);
  if (code == 0xc0000003) RAISE(0xc0000004);
  return EXCEPTION_EXECUTE_HANDLER;
}

/* An exception inside a filter that nobody in the filter handles: the frames below are asked for it. */
EXPORT ULONG escapesFilter(void) {
  __try {
    RAISE(0xc0000003);
  } __except (loudFilter(__exception_code())) {
    return __exception_code();
  }
  return 0;
}

static NOINLINE int brokenFilter(void) {
  RAISE(0xc0000005);
  return 0;
}

/* Every exception of the filter is asked the same filter again, until the stack is used up. */
EXPORT ULONG endlessFilter(void) {
  __try {
    RAISE(0xc0000003);
  } __except (brokenFilter()) {
    return 1;
  }
  return 0;
}

static NOINLINE void raisesInFinally(void) {
  __try {
    __try {
      RAISE(0xc0000010);
    } __finally {
      note(30);
      RAISE(0xc0000011);
    }
  } __finally {
    note(31);
  }
}

/* A second exception while the first is being unwound replaces it; no block runs twice. */
EXPORT ULONG collided(void) {
  __try {
    __try {
      raisesInFinally();
    } __except (__exception_code() == 0xc0000011 ? take(32) : search(33)) {
      note(34);
      return __exception_code();
    }
  } __except (take(35)) {
    note(36);
    return __exception_code();
  }
  return 0;
}

/* A __finally block that handles an exception of its own lets the unwind go on. */
static NOINLINE void quietFinally(void) {
  __try {
    RAISE(0xc0000020);
  } __finally {
    __try {
      RAISE(0xc0000021);
    } __except (take(40)) {
      note(41);
    }
    note(42);
  }
}

EXPORT ULONG nestedInFinally(void) {
  __try {
    quietFinally();
  } __except (take(43)) {
    note(44);
    return __exception_code();
  }
  return 0;
}

/* ExRaiseStatus cannot be continued. */
EXPORT ULONG continueStatus(void) {
  __try {
    RAISE(0xc0000030);
  } __except (note(__exception_code()), __exception_code() == 0xc0000030 ? EXCEPTION_CONTINUE_EXECUTION
                                                                          : EXCEPTION_EXECUTE_HANDLER) {
    return __exception_code();
  }
  return 0;
}

/* An exception of one's own can. */
EXPORT ULONG continueOwn(ULONG flags) {
  struct ExceptionRecord record = {0x20001234, flags, NULL, NULL, 2, {5, 6}};
  __try {
    RtlRaiseException(&record);
    note(50);
  } __except (note(__exception_code()), EXCEPTION_CONTINUE_EXECUTION) {
    note(51);
  }
  return 8;
}

static NOINLINE ULONG descend(ULONG depth, volatile ULONG *address) {
  __try {
    return depth == 0 ? readFrom(address) : descend(depth - 1, address) + 1;
  } __finally {
    note(depth);
  }
}

EXPORT ULONG deep(ULONG depth, volatile ULONG *address) {
  __try {
    return descend(depth, address);
  } __except (EXCEPTION_EXECUTE_HANDLER) {
    return __exception_code();
  }
}

/* Values in saved registers, vector registers too, survive an exception in a callee that had changed them. */
static NOINLINE void clobber(volatile ULONG *address) {
  __asm__ volatile("xorps %%xmm6, %%xmm6\n\txorps %%xmm7, %%xmm7\n\txorl %%ebx, %%ebx\n\txorl %%esi, %%esi\n\t"
                   "xorl %%edi, %%edi\n\txorl %%r12d, %%r12d\n\txorl %%r13d, %%r13d\n\txorl %%r14d, %%r14d\n\t"
                   "xorl %%r15d, %%r15d" ::
                       : "xmm6", "xmm7", "rbx", "rsi", "rdi", "r12", "r13", "r14", "r15");
  readFrom(address);
}

static NOINLINE ULONG guarded(volatile ULONG *address) {
  __try {
    clobber(address);
    return 1;
  } __except (EXCEPTION_EXECUTE_HANDLER) {
    return 0;
  }
}

EXPORT ULONG preserved(volatile ULONG *address) {
  ULONG result;
  __asm__ volatile("movl $0x11, %%ebx\n\tmovl $0x22, %%esi\n\tmovl $0x33, %%edi\n\tmovl $0x44, %%r12d\n\t"
                   "movl $0x55, %%r13d\n\tmovl $0x66, %%r14d\n\tmovl $0x77, %%r15d\n\tmovd %%r15d, %%xmm6\n\t"
                   "movd %%ebx, %%xmm7\n\tsubq $0x28, %%rsp\n\tcallq *%[call]\n\taddq $0x28, %%rsp\n\t"
                   "addl %%ebx, %%eax\n\taddl %%esi, %%eax\n\taddl %%edi, %%eax\n\taddl %%r12d, %%eax\n\t"
                   "addl %%r13d, %%eax\n\taddl %%r14d, %%eax\n\taddl %%r15d, %%eax\n\tmovd %%xmm6, %%ecx\n\t"
                   "addl %%ecx, %%eax\n\tmovd %%xmm7, %%ecx\n\taddl %%ecx, %%eax"
                   : "=a"(result), "+c"(address)
                   : [call] "a"(guarded)
                   : "rdx", "r8", "r9", "r10", "r11", "rbx", "rsi", "rdi", "r12", "r13", "r14", "r15", "xmm6", "xmm7",
                     "memory");
  return result;
}

EXPORT ULONG unhandled(ULONG status) {
  __try {
    RAISE(status);
  } __finally {
    note(60);
  }
  return 0;
}

static NOINLINE ULONG middle(void **trace, ULONG *hash) {
  ULONG count = RtlCaptureStackBackTrace(0, 8, trace, hash);
  return count + 100;
}

EXPORT ULONG backTrace(void **trace, ULONG *hash) { return middle(trace, hash) + 1; }

/* Unwinds itself as far as its own image goes: the number of frames, and whether each lies in this image. */
static NOINLINE ULONG countFrames(void) {
  struct Context context;
  ULONG frames = 0;
  RtlCaptureContext(&context);
  while (frames < 32) {
    ULONG64 base, frame;
    void *data, *file;
    void *entry = RtlLookupFunctionEntry(context.rip, &base, NULL);
    if (entry == NULL) break;
    if (RtlPcToFileHeader((void *)context.rip, &file) != (void *)base) return 1000;
    RtlVirtualUnwind(0, base, context.rip, entry, &context, &data, &frame, NULL);
    frames++;
  }
  return frames;
}

EXPORT __attribute__((optnone)) NOINLINE ULONG frames(ULONG depth) {
  return depth == 0 ? countFrames() : frames(depth - 1) + 100;
}

/*
 * A language handler in the image, as those that check stack cookies: it does its work, then hands over to that of C.
 * In unwinding it is called as well.
 */
int checkingHandler(struct ExceptionRecord *record, void *frame, struct Context *context, void *dispatcher) {
  note(70);
  note(record->flags);
  return __C_specific_handler(record, frame, context, dispatcher);
}

/* One that wants nothing. */
int quietHandler(void) { return 1; }

ULONG checked(ULONG status);
ULONG passing(ULONG status);
__asm__(".text\n"
        ".globl checked\n.seh_proc checked\nchecked:\n"
        "subq $0x28, %rsp\n.seh_stackalloc 0x28\n.seh_endprologue\n"
        "checkedBegin:\ncallq passing\nnop\ncheckedEnd:\nxorl %eax, %eax\n"
        "checkedTarget:\naddq $0x28, %rsp\nretq\n"
        ".seh_handler checkingHandler, @unwind, @except\n.seh_handlerdata\n"
        ".long 1, checkedBegin@IMGREL, checkedEnd@IMGREL, 1, checkedTarget@IMGREL\n"
        ".text\n.seh_endproc\n"
        ".globl passing\n.seh_proc passing\npassing:\n"
        "subq $0x28, %rsp\n.seh_stackalloc 0x28\n.seh_endprologue\n"
        "callq raiseFrom\nnop\naddq $0x28, %rsp\nretq\n"
        ".seh_handler quietHandler, @unwind, @except\n.seh_handlerdata\n.text\n.seh_endproc\n");

__attribute__((used)) NOINLINE void raiseFrom(ULONG status) {
  __try {
    RAISE(status);
  } __finally {
    note(71);
  }
}

EXPORT ULONG ownHandler(ULONG status) { return checked(status); }

/* A jump over frames, their __finally blocks run: what leaving a __finally block early comes down to. */
void *landingFrame;
extern char landingTarget[];
ULONG landing(ULONG way);
__asm__(".text\n"
        ".globl landing\n.seh_proc landing\nlanding:\n"
        "pushq %rbx\n.seh_pushreg %rbx\nsubq $0x20, %rsp\n.seh_stackalloc 0x20\n.seh_endprologue\n"
        "movl $0x1111, %ebx\nmovq %rsp, landingFrame(%rip)\nlandingBegin:\ncallq jumpOver\nnop\nlandingEnd:\n"
        "movl $1, %eax\nxorl %ebx, %ebx\n"
        ".globl landingTarget\nlandingTarget:\naddl %ebx, %eax\nlandingOuterEnd:\n"
        "addq $0x20, %rsp\npopq %rbx\nretq\n"
        ".seh_handler __C_specific_handler, @unwind, @except\n.seh_handlerdata\n"
        /* The inner scope is left; the target lies within the outer one, which is not. */
        ".long 2, landingBegin@IMGREL, landingEnd@IMGREL, noteInner@IMGREL, 0\n"
        ".long landingBegin@IMGREL, landingOuterEnd@IMGREL, noteOuter@IMGREL, 0\n"
        ".text\n.seh_endproc\n");

__attribute__((used)) void noteInner(void) { note(82); }
__attribute__((used)) void noteOuter(void) { note(83); }

static NOINLINE void jump(ULONG way) {
  __asm__ volatile("xorl %%ebx, %%ebx" ::: "rbx");
  if (way == 0) _local_unwind(landingFrame, landingTarget);
  RtlUnwind(landingFrame, landingTarget, NULL, (void *)(ULONG64)way);
}

__attribute__((used)) NOINLINE void jumpOver(ULONG way) {
  __try {
    jump(way);
    __asm__ volatile("nop");
  } __finally {
    note(__abnormal_termination() ? 80 : 81);
  }
}

EXPORT ULONG localUnwind(ULONG way) { return landing(way); }

/* Functions of the host, and of others through it, called under a guard, with a block only, and in a filter. */
typedef ULONG Function(ULONG64 argument);

EXPORT ULONG guardedCall(Function *function, ULONG64 argument) {
  __try {
    return function(argument);
  } __except (take(61)) {
    return __exception_code();
  }
}

EXPORT ULONG blockedCall(Function *function, ULONG64 argument) {
  __try {
    return function(argument);
  } __finally {
    note(62);
  }
}

static NOINLINE int callAndTake(Function *function, ULONG64 argument) {
  note(63);
  note(function(argument));
  return EXCEPTION_EXECUTE_HANDLER;
}

EXPORT ULONG filteredCall(Function *function, ULONG64 argument) {
  __try {
    RAISE(0xc0000061);
  } __except (callAndTake(function, argument)) {
    note(64);
    return __exception_code();
  }
  return 0;
}

ULONG DriverEntry(void *DriverObject, void *RegistryPath) {
  (void)DriverObject;
  (void)RegistryPath;
  return 0;
}
