/* Answers UDP echo on a TAP device: poll, read, swap, write. */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void swap(uint8_t *a, uint8_t *b, int n) {
  for (int i = 0; i < n; i++) { uint8_t t = a[i]; a[i] = b[i]; b[i] = t; }
}

int main(int argc, char **argv) {
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI};
  strncpy(r.ifr_name, argv[1], IFNAMSIZ - 1);
  if (ioctl(fd, TUNSETIFF, &r) < 0) { perror("TUNSETIFF"); return 1; }
  puts("ready");
  fflush(stdout);
  uint8_t f[2048];
  struct pollfd p = {fd, POLLIN, 0};
  for (;;) {
    poll(&p, 1, -1);
    for (int i = 0; i < 512; i++) {
      int n = read(fd, f, sizeof f);
      if (n <= 0) break;
      if (n < 42 || f[12] != 8 || f[13] != 0 || f[23] != 17) continue;
      swap(f, f + 6, 6); swap(f + 26, f + 30, 4); swap(f + 34, f + 36, 2);
      if (write(fd, f, n) < 0) continue;
    }
  }
}
