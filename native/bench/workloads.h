/* The memory of the workloads. */
#define FRAME 1504

struct memory;
struct node {
  struct node *next;
  struct node *following;
  unsigned long long value;
  unsigned hits;
  unsigned char key[6];
};
struct memory {
  unsigned char frame[FRAME];
  unsigned char copy[FRAME];
  unsigned crc[256];
  struct node *table[16];
  struct node *list;
  struct node nodes[32];
  unsigned char macs[32][6];
  unsigned (*handlers[16])(struct memory *, const unsigned char *, unsigned);
  unsigned counters[8];
  unsigned char packets[16][64];
  /* A function of the host, where the guest runs. */
  unsigned long long (*host)(struct memory *);
};
