/*
 * Workloads typical of network drivers, each one function of one pointer: compiled once for this processor and once
 * as guest code, so that the two can be compared. No library, no floating point.
 */
#include "workloads.h"

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

/* Internet checksum of the frame, 16 bits at a time. */
u64 checksum(struct memory *m) {
  const u8 *p = m->frame;
  u32 sum = 0;
  for (u32 i = 0; i + 1 < FRAME; i += 2) sum += (u32)(p[i] << 8 | p[i + 1]);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (u16)~sum;
}

u64 copyBytes(struct memory *m) {
  volatile u8 *to = m->copy;
  const u8 *from = m->frame;
  for (u32 i = 0; i < FRAME; i++) to[i] = from[i];
  return m->copy[FRAME - 1];
}

u64 copyRep(struct memory *m) {
  void *to = m->copy;
  const void *from = m->frame;
  u64 count = FRAME;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
  return m->copy[FRAME - 1];
}

typedef long long vector __attribute__((vector_size(16), aligned(1)));

u64 copyVectors(struct memory *m) {
  u8 *to = m->copy;
  const u8 *from = m->frame;
  for (u32 i = 0; i < FRAME; i += 16) {
    vector v = *(const vector *)(from + i);
    *(vector *)(to + i) = v;
    __asm__ volatile("" : : : "memory");
  }
  return m->copy[FRAME - 1];
}

/* Looks up addresses in a hash table with chains, and walks a list. */
u64 lookUp(struct memory *m) {
  u64 found = 0;
  for (u32 i = 0; i < 16; i++) {
    const u8 *mac = m->macs[i * 3 & 31];
    u32 hash = (mac[5] ^ mac[4] * 3) & 15;
    for (struct node *n = m->table[hash]; n; n = n->next) {
      if (n->key[0] == mac[0] && n->key[5] == mac[5] && n->key[4] == mac[4]) {
        n->hits++;
        found += n->value;
        break;
      }
    }
  }
  for (struct node *n = m->list; n; n = n->following) found += n->value;
  return found;
}

u64 crc32(struct memory *m) {
  u32 crc = ~0u;
  for (u32 i = 0; i < FRAME; i++) crc = m->crc[(crc ^ m->frame[i]) & 255] ^ crc >> 8;
  return ~crc;
}

#define NOINLINE __attribute__((noinline))

static NOINLINE u32 read16(const u8 *p) { return (u32)(p[0] << 8 | p[1]); }
static NOINLINE u32 read32(const u8 *p) { return read16(p) << 16 | read16(p + 2); }

static NOINLINE u32 parseTcp(struct memory *m, const u8 *p, u32 length) {
  if (length < 20) return 0;
  u32 offset = p[12] >> 4;
  if (offset < 5) return 0;
  m->counters[4]++;
  return read16(p) + read16(p + 2) + read32(p + 4) + offset;
}
static NOINLINE u32 parseUdp(struct memory *m, const u8 *p, u32 length) {
  if (length < 8) return 0;
  m->counters[5]++;
  return read16(p) + read16(p + 2) + read16(p + 4);
}
static NOINLINE u32 parseOther(struct memory *m, const u8 *p, u32 length) {
  m->counters[6]++;
  return p[0] + length;
}

static NOINLINE u32 parseIp4(struct memory *m, const u8 *p, u32 length) {
  u32 header = (p[0] & 15) * 4;
  if (length < header) return 0;
  u32 (*handler)(struct memory *, const u8 *, u32) = m->handlers[p[9] & 15];
  return handler(m, p + header, length - header) ^ read32(p + 12) ^ read32(p + 16);
}

static NOINLINE u32 parse(struct memory *m, const u8 *p, u32 length) {
  switch (read16(p + 12)) {
    case 0x800: m->counters[0]++; return parseIp4(m, p + 14, length - 14);
    case 0x801: m->counters[1]++; return parseOther(m, p + 14, length - 14);
    case 0x802: m->counters[2]++; return parseUdp(m, p + 34, length - 34);
    case 0x803: m->counters[3]++; return parseTcp(m, p + 34, length - 34);
    case 0x804: m->counters[7]++; return read32(p + 14);
    case 0x805: return read16(p + 14);
    default: return parseOther(m, p, length);
  }
}

u64 parsePackets(struct memory *m) {
  u64 all = 0;
  for (u32 i = 0; i < 16; i++) all += parse(m, m->packets[i], 64);
  return all;
}

/* Fills the memory that the workloads work on. */
u64 prepare(struct memory *m) {
  u32 random = 12345;
  for (u32 i = 0; i < FRAME; i++) m->frame[i] = (u8)((random = random * 1103515245 + 12345) >> 16);
  for (u32 i = 0; i < 256; i++) {
    u32 c = i;
    for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ c >> 1 : c >> 1;
    m->crc[i] = c;
  }
  for (u32 i = 0; i < 16; i++) m->table[i] = 0;
  m->list = 0;
  for (u32 i = 0; i < 32; i++) {
    for (u32 k = 0; k < 6; k++) m->macs[i][k] = (u8)((random = random * 1103515245 + 12345) >> 16);
    struct node *n = &m->nodes[i];
    for (u32 k = 0; k < 6; k++) n->key[k] = m->macs[i][k];
    u32 hash = (m->macs[i][5] ^ m->macs[i][4] * 3) & 15;
    n->value = i * 7;
    n->next = m->table[hash];
    m->table[hash] = n;
    n->following = m->list;
    m->list = n;
  }
  for (u32 i = 0; i < 16; i++) m->handlers[i] = parseOther;
  m->handlers[6] = parseTcp;
  m->handlers[1] = parseUdp;
  for (u32 i = 0; i < 16; i++) {
    u8 *p = m->packets[i];
    for (u32 k = 0; k < 64; k++) p[k] = (u8)(k * 5 + i);
    p[12] = 8;
    p[13] = (u8)(i % 7);
    p[14] = 0x45;
    p[14 + 9] = i & 1 ? 6 : 17;
    p[14 + 20 + 12] = 0x50;
  }
  return sizeof *m;
}

/* A hundred calls of the host. */
u64 callHost(struct memory *m) {
  u64 sum = 0;
  for (u32 i = 0; i < 100; i++) sum += m->host(m);
  return sum;
}

/* Calls a workload again and again, so that what is measured is not the way into machine code. */
u64 repeat(struct memory *m, u64 (*workload)(struct memory *), u32 times) {
  u64 sum = 0;
  for (u32 i = 0; i < times; i++) sum += workload(m);
  return sum;
}
