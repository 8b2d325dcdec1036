/* Runs the workloads on this processor: prints name and nanoseconds per call, the best of several rounds. */
#include <stdio.h>
#include <time.h>
#include "workloads.h"

typedef unsigned long long (*workload)(struct memory *) __attribute__((ms_abi));
#define WORKLOADS(X) X(checksum) X(copyBytes) X(copyRep) X(copyVectors) X(lookUp) X(crc32) X(parsePackets)
#define DECLARE(name) unsigned long long name(struct memory *) __attribute__((ms_abi));
DECLARE(prepare)
WORKLOADS(DECLARE)

static struct memory memory;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static void measure(const char *name, workload run) {
  double best = 1e18;
  for (int round = 0; round < 15; round++) {
    double start = now();
    for (int i = 0; i < 2000; i++) run(&memory);
    double each = (now() - start) / 2000;
    if (each < best) best = each;
  }
  printf("%s %f\n", name, best);
}

int main(void) {
  prepare(&memory);
#define MEASURE(name) measure(#name, name);
  WORKLOADS(MEASURE)
  return 0;
}
