/* Sends UDP frames into a TAP device through a packet socket, keeps a window of them on the way, and counts the answers. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define WINDOW 256

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static uint16_t sum(const uint8_t *p, int n) {
  uint32_t s = 0;
  for (int i = 0; i < n; i += 2) s += (p[i] << 8) | p[i + 1];
  while (s >> 16) s = (s & 0xffff) + (s >> 16);
  return ~s;
}

int main(int argc, char **argv) {
  const char *name = argv[1];
  int length = atoi(argv[2]);
  double seconds = atof(argv[3]);
  uint8_t mac[6];
  sscanf(argv[4], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5);
  int s = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IP));
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = if_nametoindex(name)};
  int one = 1, size = 1 << 22;
  setsockopt(s, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one);
  setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  setsockopt(s, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
  if (bind(s, (void *)&address, sizeof address) < 0) { perror("bind"); return 1; }
  uint8_t frame[1600] = {0};
  memcpy(frame, mac, 6);
  memcpy(frame + 6, (uint8_t[]){2, 0, 0, 0, 0, 0x63}, 6);
  frame[12] = 8;
  uint8_t *ip = frame + 14;
  ip[0] = 0x45; ip[2] = (length - 14) >> 8; ip[3] = length - 14; ip[8] = 64; ip[9] = 17;
  memcpy(ip + 12, (uint8_t[]){192, 0, 2, 1, 192, 0, 2, 2}, 8);
  uint16_t c = sum(ip, 20); ip[10] = c >> 8; ip[11] = c;
  uint8_t *udp = ip + 20;
  udp[0] = 0x9c; udp[1] = 0x40; udp[3] = 7; udp[4] = (length - 34) >> 8; udp[5] = length - 34;
  struct mmsghdr out[BATCH] = {0}, in[BATCH] = {0};
  struct iovec ov = {frame, length}, iv[BATCH];
  static uint8_t buffers[BATCH][2048];
  for (int i = 0; i < BATCH; i++) {
    out[i].msg_hdr.msg_iov = &ov; out[i].msg_hdr.msg_iovlen = 1;
    iv[i] = (struct iovec){buffers[i], 2048}; in[i].msg_hdr.msg_iov = &iv[i]; in[i].msg_hdr.msg_iovlen = 1;
  }
  double start = now(), counted = start + 0.3, end = start + 0.3 + seconds, last = start;
  long answers = 0, lost = 0, begun = 0;
  int way = 0;
  while (1) {
    double t = now();
    if (t >= end) break;
    if (!begun && t >= counted) { begun = 1; answers = 0; counted = t; }
    if (way + BATCH <= WINDOW) { int n = sendmmsg(s, out, BATCH, MSG_DONTWAIT); if (n > 0) way += n; }
    int n = recvmmsg(s, in, BATCH, MSG_DONTWAIT, NULL);
    if (n > 0) {
      for (int i = 0; i < n; i++) if (buffers[i][34] == 0 && buffers[i][35] == 7) { answers++; way--; }
      last = t;
    } else if (t - last > 0.05) { lost += way; way = 0; last = t; }
    else if (way + BATCH > WINDOW) usleep(0);
  }
  printf("%.0f %ld\n", answers / (now() - counted), lost);
  return 0;
}
