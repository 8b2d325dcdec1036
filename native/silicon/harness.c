/*
 * Runs instructions on the processor of this host, for the comparison of the interpreter and the translator with
 * silicon (src/x64/silicon.test.ts). Reads cases, runs each with its registers and memory, writes what came out.
 * Input and output are files of records; see struct record. x86-64 Linux only.
 */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <unistd.h>

#define CODE_ADDRESS 0x1000000UL
#define CODE_SIZE 0x800000UL
#define DATA_ADDRESS 0x200000UL
#define DATA_SIZE 0x4000UL
/* Memory operands lie in this part; it is set before each case and written out after it. */
#define WINDOW_ADDRESS 0x201000UL
#define WINDOW_SIZE 256
#define CODE_BYTES 112
/* Instructions, the jump to the end and its address. */
#define CODE_STRIDE 128

struct registers {
  uint64_t general[16];
  uint64_t flags;
  uint32_t mxcsr;
  /* In the output: vector of the exception that ended the case, or -1. */
  int32_t vector;
  /* In the output: address of the instruction that raised it. */
  uint64_t rip;
  uint64_t padding;
  uint8_t xmm[16][16];
  uint8_t window[WINDOW_SIZE];
};

struct record {
  struct registers in;
  uint32_t length;
  uint32_t padding[3];
  uint8_t code[CODE_BYTES];
};

/* The code below finds it relative to rip; nothing else may be touched there. */
struct registers silicon_state __attribute__((visibility("hidden"), aligned(64)));
uint64_t silicon_host_stack __attribute__((visibility("hidden")));
uint64_t silicon_target __attribute__((visibility("hidden")));
static sigjmp_buf escape;

/* Loads everything from silicon_state, jumps to silicon_target; silicon_end stores everything and returns. */
void silicon_enter(void);
void silicon_end(void);
__asm__(
    ".text\n"
    ".globl silicon_enter\n.hidden silicon_enter\nsilicon_enter:\n"
    "  push %rbx\n  push %rbp\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
    "  mov %rsp, silicon_host_stack(%rip)\n"
    "  ldmxcsr 136+silicon_state(%rip)\n"
    "  movups 160+silicon_state(%rip), %xmm0\n  movups 176+silicon_state(%rip), %xmm1\n"
    "  movups 192+silicon_state(%rip), %xmm2\n  movups 208+silicon_state(%rip), %xmm3\n"
    "  movups 224+silicon_state(%rip), %xmm4\n  movups 240+silicon_state(%rip), %xmm5\n"
    "  movups 256+silicon_state(%rip), %xmm6\n  movups 272+silicon_state(%rip), %xmm7\n"
    "  movups 288+silicon_state(%rip), %xmm8\n  movups 304+silicon_state(%rip), %xmm9\n"
    "  movups 320+silicon_state(%rip), %xmm10\n  movups 336+silicon_state(%rip), %xmm11\n"
    "  movups 352+silicon_state(%rip), %xmm12\n  movups 368+silicon_state(%rip), %xmm13\n"
    "  movups 384+silicon_state(%rip), %xmm14\n  movups 400+silicon_state(%rip), %xmm15\n"
    "  pushq 128+silicon_state(%rip)\n  popfq\n"
    "  mov 0+silicon_state(%rip), %rax\n  mov 8+silicon_state(%rip), %rcx\n"
    "  mov 16+silicon_state(%rip), %rdx\n  mov 24+silicon_state(%rip), %rbx\n"
    "  mov 40+silicon_state(%rip), %rbp\n  mov 48+silicon_state(%rip), %rsi\n"
    "  mov 56+silicon_state(%rip), %rdi\n  mov 64+silicon_state(%rip), %r8\n"
    "  mov 72+silicon_state(%rip), %r9\n  mov 80+silicon_state(%rip), %r10\n"
    "  mov 88+silicon_state(%rip), %r11\n  mov 96+silicon_state(%rip), %r12\n"
    "  mov 104+silicon_state(%rip), %r13\n  mov 112+silicon_state(%rip), %r14\n"
    "  mov 120+silicon_state(%rip), %r15\n  mov 32+silicon_state(%rip), %rsp\n"
    "  jmp *silicon_target(%rip)\n"
    ".globl silicon_end\n.hidden silicon_end\nsilicon_end:\n"
    "  mov %rax, 0+silicon_state(%rip)\n  mov %rcx, 8+silicon_state(%rip)\n"
    "  mov %rdx, 16+silicon_state(%rip)\n  mov %rbx, 24+silicon_state(%rip)\n"
    "  mov %rsp, 32+silicon_state(%rip)\n  mov %rbp, 40+silicon_state(%rip)\n"
    "  mov %rsi, 48+silicon_state(%rip)\n  mov %rdi, 56+silicon_state(%rip)\n"
    "  mov %r8, 64+silicon_state(%rip)\n  mov %r9, 72+silicon_state(%rip)\n"
    "  mov %r10, 80+silicon_state(%rip)\n  mov %r11, 88+silicon_state(%rip)\n"
    "  mov %r12, 96+silicon_state(%rip)\n  mov %r13, 104+silicon_state(%rip)\n"
    "  mov %r14, 112+silicon_state(%rip)\n  mov %r15, 120+silicon_state(%rip)\n"
    "  mov silicon_host_stack(%rip), %rsp\n"
    "  pushfq\n  popq 128+silicon_state(%rip)\n  cld\n"
    "  stmxcsr 136+silicon_state(%rip)\n"
    "  movups %xmm0, 160+silicon_state(%rip)\n  movups %xmm1, 176+silicon_state(%rip)\n"
    "  movups %xmm2, 192+silicon_state(%rip)\n  movups %xmm3, 208+silicon_state(%rip)\n"
    "  movups %xmm4, 224+silicon_state(%rip)\n  movups %xmm5, 240+silicon_state(%rip)\n"
    "  movups %xmm6, 256+silicon_state(%rip)\n  movups %xmm7, 272+silicon_state(%rip)\n"
    "  movups %xmm8, 288+silicon_state(%rip)\n  movups %xmm9, 304+silicon_state(%rip)\n"
    "  movups %xmm10, 320+silicon_state(%rip)\n  movups %xmm11, 336+silicon_state(%rip)\n"
    "  movups %xmm12, 352+silicon_state(%rip)\n  movups %xmm13, 368+silicon_state(%rip)\n"
    "  movups %xmm14, 384+silicon_state(%rip)\n  movups %xmm15, 400+silicon_state(%rip)\n"
    "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbp\n  pop %rbx\n  ret\n");

static const int GREGS[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static void on_signal(int number, siginfo_t *information, void *opaque) {
  const ucontext_t *context = opaque;
  (void)number;
  (void)information;
  for (int i = 0; i < 16; i++) silicon_state.general[i] = (uint64_t)context->uc_mcontext.gregs[GREGS[i]];
  silicon_state.flags = (uint64_t)context->uc_mcontext.gregs[REG_EFL];
  silicon_state.rip = (uint64_t)context->uc_mcontext.gregs[REG_RIP];
  silicon_state.vector = (int32_t)context->uc_mcontext.gregs[REG_TRAPNO];
  silicon_state.mxcsr = context->uc_mcontext.fpregs->mxcsr;
  memcpy(silicon_state.xmm, context->uc_mcontext.fpregs->_xmm, sizeof silicon_state.xmm);
  siglongjmp(escape, 1);
}

static void *map(uint64_t address, uint64_t size, int protection) {
  void *found = mmap((void *)address, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (found != (void *)address) {
    perror("harness: mmap of a fixed address");
    exit(2);
  }
  return found;
}

static void run(const struct record *record, uint64_t number) {
  uint8_t *code = (uint8_t *)(CODE_ADDRESS + number * CODE_STRIDE % CODE_SIZE);
  /* jmp [rip+0], and the address behind it. */
  static const uint8_t jump[6] = {0xff, 0x25, 0, 0, 0, 0};
  const uint64_t end = (uint64_t)silicon_end;
  memcpy(code, record->code, record->length);
  memcpy(code + record->length, jump, sizeof jump);
  memcpy(code + record->length + sizeof jump, &end, sizeof end);
  memcpy((void *)WINDOW_ADDRESS, record->in.window, WINDOW_SIZE);
  silicon_state = record->in;
  silicon_state.vector = -1;
  silicon_target = (uint64_t)code;
  if (sigsetjmp(escape, 0) == 0) {
    silicon_enter();
  } else {
    __asm__ volatile("cld");
  }
  const uint32_t usual = 0x1f80;
  __asm__ volatile("ldmxcsr %0" : : "m"(usual));
  memcpy(silicon_state.window, (void *)WINDOW_ADDRESS, WINDOW_SIZE);
}

int main(int count, char **arguments) {
  if (count != 3) {
    fputs("usage: harness <cases> <results>\n", stderr);
    return 2;
  }
  FILE *in = fopen(arguments[1], "rb");
  FILE *out = fopen(arguments[2], "wb");
  if (in == NULL || out == NULL) {
    perror("harness");
    return 2;
  }
  map(CODE_ADDRESS, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
  map(DATA_ADDRESS, DATA_SIZE, PROT_READ | PROT_WRITE);
  syscall(SYS_arch_prctl, ARCH_SET_GS, WINDOW_ADDRESS);
  static uint8_t signal_stack[1 << 17];
  const stack_t stack = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
  sigaltstack(&stack, NULL);
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaction(numbers[i], &action, NULL);
  struct record record;
  for (uint64_t number = 0; fread(&record, sizeof record, 1, in) == 1; number++) {
    run(&record, number);
    fwrite(&silicon_state, sizeof silicon_state, 1, out);
  }
  return fclose(out) == 0 ? 0 : 2;
}
