/* What socket headers say of addresses and protocols, and headers of Ethernet, IP, TCP and UDP as they are on the wire. */
#pragma once

#ifndef AF_UNSPEC
#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_IPX 6
#define AF_INET6 23
#endif
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3

#define INADDR_ANY ((ULONG)0x00000000)
#define INADDR_LOOPBACK 0x7f000001
#define INADDR_BROADCAST ((ULONG)0xffffffff)
#define INADDR_NONE 0xffffffff
#define INET_ADDRSTRLEN 22
#define INET6_ADDRSTRLEN 65

typedef enum _IPPROTO {
  IPPROTO_HOPOPTS = 0,
  IPPROTO_ICMP = 1,
  IPPROTO_IGMP = 2,
  IPPROTO_IPV4 = 4,
  IPPROTO_TCP = 6,
  IPPROTO_UDP = 17,
  IPPROTO_IPV6 = 41,
  IPPROTO_ROUTING = 43,
  IPPROTO_FRAGMENT = 44,
  IPPROTO_GRE = 47,
  IPPROTO_ESP = 50,
  IPPROTO_AH = 51,
  IPPROTO_ICMPV6 = 58,
  IPPROTO_NONE = 59,
  IPPROTO_DSTOPTS = 60,
  IPPROTO_SCTP = 132,
  IPPROTO_RAW = 255,
  IPPROTO_MAX = 256
} IPPROTO, *PIPPROTO;

#define RtlHostToNetworkShort(value) RtlUshortByteSwap(value)
#define htons(value) RtlUshortByteSwap(value)
#define ntohs(value) RtlUshortByteSwap(value)
#define htonl(value) RtlUlongByteSwap(value)
#define ntohl(value) RtlUlongByteSwap(value)

#define ETHERNET_TYPE_MINIMUM 0x0600
#define ETHERNET_TYPE_IPV4 0x0800
#define ETHERNET_TYPE_ARP 0x0806
#define ETHERNET_TYPE_802_1Q 0x8100
#define ETHERNET_TYPE_802_1AD 0x88a8
#define ETHERNET_TYPE_IPV6 0x86dd

typedef union _DL_EUI48 {
  UCHAR Byte[6];
  struct {
    UCHAR Oui[3];
    UCHAR Ei48[3];
  };
} DL_EUI48, *PDL_EUI48, DLADDR_802, ETHERNET_ADDRESS, *PETHERNET_ADDRESS;

typedef struct _ETHERNET_HEADER {
  DL_EUI48 Destination;
  DL_EUI48 Source;
  union {
    USHORT Type;
    USHORT Length;
  };
} ETHERNET_HEADER, *PETHERNET_HEADER;

typedef struct _VLAN_TAG {
  USHORT Tag;
  USHORT Type;
} VLAN_TAG, *PVLAN_TAG;

typedef struct _IPV4_HEADER {
  union {
    UCHAR VersionAndHeaderLength;
    struct {
      UCHAR HeaderLength : 4;
      UCHAR Version : 4;
    };
  };
  union {
    UCHAR TypeOfServiceAndEcnField;
    struct {
      UCHAR EcnField : 2;
      UCHAR TypeOfService : 6;
    };
  };
  USHORT TotalLength;
  USHORT Identification;
  union {
    USHORT FlagsAndOffset;
    struct {
      USHORT DontUse1 : 5;
      USHORT MoreFragments : 1;
      USHORT DontFragment : 1;
      USHORT Reserved : 1;
      USHORT DontUse2 : 8;
    };
  };
  UCHAR TimeToLive;
  UCHAR Protocol;
  USHORT HeaderChecksum;
  IN_ADDR SourceAddress;
  IN_ADDR DestinationAddress;
} IPV4_HEADER, *PIPV4_HEADER;

typedef struct _IPV6_HEADER {
  ULONG VersionClassFlow;
  USHORT PayloadLength;
  UCHAR NextHeader;
  UCHAR HopLimit;
  IN6_ADDR SourceAddress;
  IN6_ADDR DestinationAddress;
} IPV6_HEADER, *PIPV6_HEADER;

typedef struct _UDP_HDR {
  USHORT uh_sport;
  USHORT uh_dport;
  USHORT uh_ulen;
  USHORT uh_sum;
} UDP_HDR, *PUDP_HDR;

typedef struct _TCP_HDR {
  USHORT th_sport;
  USHORT th_dport;
  ULONG th_seq;
  ULONG th_ack;
  UCHAR th_x2 : 4;
  UCHAR th_len : 4;
  UCHAR th_flags;
  USHORT th_win;
  USHORT th_sum;
  USHORT th_urp;
} TCP_HDR, *PTCP_HDR;

typedef struct _ICMP_HEADER {
  UCHAR Type;
  UCHAR Code;
  USHORT Checksum;
} ICMP_HEADER, *PICMP_HEADER;
