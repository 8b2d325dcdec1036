/*
 * Runs the workloads in the Unicorn emulator: guest image, its load address, then name and address of each workload.
 * Prints name, nanoseconds per call plain, and with hooks on every memory access.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unicorn/unicorn.h>

#define DATA 0x300000
#define STACK 0x400000
#define RETURN 0x500000

static unsigned long long touched;
static void onAccess(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value, void *user) {
  touched += size;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static void call(uc_engine *uc, uint64_t function, uint64_t second, uint64_t third) {
  uint64_t rcx = DATA, rsp = STACK + 0x8000 - 8, back = RETURN;
  uc_mem_write(uc, rsp, &back, 8);
  uc_reg_write(uc, UC_X86_REG_RSP, &rsp);
  uc_reg_write(uc, UC_X86_REG_RCX, &rcx);
  uc_reg_write(uc, UC_X86_REG_RDX, &second);
  uc_reg_write(uc, UC_X86_REG_R8, &third);
  uc_err error = uc_emu_start(uc, function, RETURN, 0, 0);
  if (error != UC_ERR_OK) {
    fprintf(stderr, "unicorn: %s\n", uc_strerror(error));
    exit(1);
  }
}

static double measure(uc_engine *uc, uint64_t repeat, uint64_t workload, int times) {
  double best = 1e18;
  call(uc, repeat, workload, 2);
  for (int round = 0; round < 5; round++) {
    double start = now();
    call(uc, repeat, workload, times);
    double each = (now() - start) / times;
    if (each < best) best = each;
  }
  return best;
}

static uc_engine *openEngine(const char *image, size_t size, uint64_t origin, uint64_t prepare) {
  uc_engine *uc;
  if (uc_open(UC_ARCH_X86, UC_MODE_64, &uc) != UC_ERR_OK) exit(1);
  uc_mem_map(uc, origin, 0x100000, UC_PROT_ALL);
  uc_mem_map(uc, DATA, 0x10000, UC_PROT_ALL);
  uc_mem_map(uc, STACK, 0x10000, UC_PROT_ALL);
  uc_mem_map(uc, RETURN, 0x1000, UC_PROT_ALL);
  uc_mem_write(uc, origin, image, size);
  if (prepare != 0) call(uc, prepare, 0, 0);
  return uc;
}

/* unicorn IMAGE ORIGIN PREPARE REPEAT (NAME ADDRESS)... */
int main(int argc, char **argv) {
  static char image[1 << 20];
  FILE *file = fopen(argv[1], "rb");
  size_t size = fread(image, 1, sizeof image, file);
  uint64_t origin = strtoull(argv[2], 0, 0), prepare = strtoull(argv[3], 0, 0), repeat = strtoull(argv[4], 0, 0);
  uc_engine *uc = openEngine(image, size, origin, prepare);
  double plain[32];
  for (int i = 5; i + 1 < argc; i += 2)
    plain[i / 2] = measure(uc, repeat, strtoull(argv[i + 1], 0, 0), 50);
  /* Hooks do not reach code that was translated before them. */
  uc_hook hook;
  uc = openEngine(image, size, origin, 0);
  uc_hook_add(uc, &hook, UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, (void *)onAccess, 0, 1, 0);
  call(uc, prepare, 0, 0);
  for (int i = 5; i + 1 < argc; i += 2)
    printf("%s %f %f\n", argv[i], plain[i / 2], measure(uc, repeat, strtoull(argv[i + 1], 0, 0), 20));
  return touched == 0;
}
