/*
 * What echo answers: ARP requests (RFC 826), ICMP echo (RFC 792) and UDP echo (RFC 862). What must not be answered is
 * said in RFC 1122. Everything in a frame is taken for hostile until it was checked.
 */
#include "echo.h"

#define TYPE_IPV4 RtlUshortByteSwap(0x0800)
#define TYPE_ARP RtlUshortByteSwap(0x0806)
#define ARP_ETHERNET RtlUshortByteSwap(1)
#define ARP_REQUEST RtlUshortByteSwap(1)
#define ARP_REPLY RtlUshortByteSwap(2)
#define PROTOCOL_ICMP 1
#define PROTOCOL_UDP 17
#define ICMP_ECHO_REQUEST 8
#define ICMP_ECHO_REPLY 0
#define PORT_ECHO RtlUshortByteSwap(7)
#define ANSWER_TIME_TO_LIVE 64
/* More-fragments bit and offset, and don't-fragment, in the flags word. */
#define FRAGMENT_BITS RtlUshortByteSwap(0x3fff)
#define DONT_FRAGMENT RtlUshortByteSwap(0x4000)
/* The sum of bytes that contain their own checksum. */
#define GOOD_SUM 0xffff

#pragma pack(push, 1)
typedef struct _ETHERNET_HEADER {
    UCHAR Destination[ETHERNET_ADDRESS_LENGTH];
    UCHAR Source[ETHERNET_ADDRESS_LENGTH];
    USHORT Type;
} ETHERNET_HEADER;

typedef struct _ARP_PACKET {
    USHORT Hardware;
    USHORT Protocol;
    UCHAR HardwareLength;
    UCHAR ProtocolLength;
    USHORT Operation;
    UCHAR SenderMac[ETHERNET_ADDRESS_LENGTH];
    ULONG SenderIp;
    UCHAR TargetMac[ETHERNET_ADDRESS_LENGTH];
    ULONG TargetIp;
} ARP_PACKET;

typedef struct _IPV4_HEADER {
    UCHAR VersionAndLength;
    UCHAR TypeOfService;
    USHORT TotalLength;
    USHORT Identification;
    USHORT FlagsAndOffset;
    UCHAR TimeToLive;
    UCHAR Protocol;
    USHORT Checksum;
    ULONG Source;
    ULONG Destination;
} IPV4_HEADER;

typedef struct _ICMP_HEADER {
    UCHAR Type;
    UCHAR Code;
    USHORT Checksum;
    ULONG Rest;
} ICMP_HEADER;

typedef struct _UDP_HEADER {
    USHORT SourcePort;
    USHORT DestinationPort;
    USHORT Length;
    USHORT Checksum;
} UDP_HEADER;
#pragma pack(pop)

C_ASSERT(sizeof(ETHERNET_HEADER) == ETHERNET_HEADER_LENGTH);
C_ASSERT(sizeof(ARP_PACKET) == 28);
C_ASSERT(sizeof(IPV4_HEADER) == 20);

/* The Internet checksum's sum of 16-bit words (RFC 1071), not folded; an odd last byte counts as if a zero followed. */
static ULONG64 SumBytes(const VOID *Data, ULONG Length)
{
    const UCHAR *At = Data;
    ULONG64 Sum = 0;

    for (; Length >= sizeof(ULONG); Length -= sizeof(ULONG), At += sizeof(ULONG))
        Sum += *(const ULONG UNALIGNED *)At;
    if (Length >= sizeof(USHORT)) {
        Sum += *(const USHORT UNALIGNED *)At;
        At += sizeof(USHORT);
        Length -= sizeof(USHORT);
    }
    return Length == 0 ? Sum : Sum + *At;
}

static USHORT FoldSum(ULONG64 Sum)
{
    while (Sum > 0xffff)
        Sum = (Sum & 0xffff) + (Sum >> 16);
    return (USHORT)Sum;
}

static VOID WriteEthernet(
    const ECHO_RESPONDER *Responder,
    ETHERNET_HEADER *Header,
    const UCHAR *Destination,
    USHORT Type)
{
    RtlCopyMemory(Header->Destination, Destination, ETHERNET_ADDRESS_LENGTH);
    RtlCopyMemory(Header->Source, Responder->MacAddress, ETHERNET_ADDRESS_LENGTH);
    Header->Type = Type;
}

static ULONG AnswerArp(const ECHO_RESPONDER *Responder, const UCHAR *Frame, ULONG Length, PUCHAR Answer)
{
    const ARP_PACKET *Request = (const ARP_PACKET *)(Frame + sizeof(ETHERNET_HEADER));
    ARP_PACKET *Reply = (ARP_PACKET *)(Answer + sizeof(ETHERNET_HEADER));

    if (Length < sizeof(ETHERNET_HEADER) + sizeof(ARP_PACKET))
        return 0;
    if (Request->Hardware != ARP_ETHERNET || Request->Protocol != TYPE_IPV4 || Request->Operation != ARP_REQUEST ||
        Request->HardwareLength != ETHERNET_ADDRESS_LENGTH || Request->ProtocolLength != sizeof(ULONG))
        return 0;
    /* Somebody else who claims our address gets no help, and no group can ask. */
    if (Request->TargetIp != Responder->IpAddress || Request->SenderIp == Responder->IpAddress ||
        (Request->SenderMac[0] & 1) != 0)
        return 0;

    WriteEthernet(Responder, (ETHERNET_HEADER *)Answer, Request->SenderMac, TYPE_ARP);
    Reply->Hardware = ARP_ETHERNET;
    Reply->Protocol = TYPE_IPV4;
    Reply->HardwareLength = ETHERNET_ADDRESS_LENGTH;
    Reply->ProtocolLength = sizeof(ULONG);
    Reply->Operation = ARP_REPLY;
    RtlCopyMemory(Reply->SenderMac, Responder->MacAddress, ETHERNET_ADDRESS_LENGTH);
    Reply->SenderIp = Responder->IpAddress;
    RtlCopyMemory(Reply->TargetMac, Request->SenderMac, ETHERNET_ADDRESS_LENGTH);
    Reply->TargetIp = Request->SenderIp;
    return sizeof(ETHERNET_HEADER) + sizeof(ARP_PACKET);
}

/* Not 0/8, not 127/8, not multicast or above, and not ours. */
static BOOLEAN IsOtherHost(const ECHO_RESPONDER *Responder, ULONG IpAddress)
{
    UCHAR First = (UCHAR)IpAddress; /* network byte order: the first byte is the low one */

    return First != 0 && First != 127 && First < 224 && IpAddress != Responder->IpAddress;
}

/* Gives the length of the answer, 0 for none; sets *Outcome in both cases. */
static ULONG AnswerIcmp(const UCHAR *Message, ULONG Length, PUCHAR Answer, ECHO_OUTCOME *Outcome)
{
    const ICMP_HEADER *Request = (const ICMP_HEADER *)Message;
    ICMP_HEADER *Reply = (ICMP_HEADER *)Answer;

    if (Length < sizeof(ICMP_HEADER) || Request->Type != ICMP_ECHO_REQUEST || Request->Code != 0)
        return 0;
    if (FoldSum(SumBytes(Message, Length)) != GOOD_SUM) {
        *Outcome = EchoMalformed;
        return 0;
    }
    RtlCopyMemory(Answer, Message, Length);
    Reply->Type = ICMP_ECHO_REPLY;
    /* The type went from 8 to 0: the checksum grows by 8 (RFC 1624). */
    Reply->Checksum = FoldSum((ULONG64)Request->Checksum + ICMP_ECHO_REQUEST);
    *Outcome = EchoAnsweredIcmp;
    return Length;
}

static ULONG AnswerUdp(
    const IPV4_HEADER *Ip,
    const UCHAR *Datagram,
    ULONG Room,
    PUCHAR Answer,
    BOOLEAN Vouched,
    ECHO_OUTCOME *Outcome)
{
    const UDP_HEADER *Request = (const UDP_HEADER *)Datagram;
    UDP_HEADER *Reply = (UDP_HEADER *)Answer;
    ULONG Length = RtlUshortByteSwap(Request->Length);
    USHORT Checksum = Request->Checksum;

    if (Request->DestinationPort != PORT_ECHO)
        return 0;
    /* Two echo services would keep a datagram going for ever. */
    if (Request->SourcePort == PORT_ECHO || Request->SourcePort == 0)
        return 0;
    if (Length < sizeof(UDP_HEADER) || Length > Room) {
        *Outcome = EchoMalformed;
        return 0;
    }
    if (Checksum != 0) {
        ULONG64 PseudoHeader = SumBytes(&Ip->Source, 2 * sizeof(ULONG)) + (PROTOCOL_UDP << 8) + Request->Length;
        USHORT Right = (USHORT)~FoldSum(SumBytes(Datagram, Length) - Checksum + PseudoHeader);

        /* Zero says that there is no checksum; its other form is all ones. */
        if (Right == 0)
            Right = 0xffff;
        /* An adapter that vouches may have left the field incomplete; what is written is complete. */
        if (Right != Checksum && !Vouched) {
            *Outcome = EchoMalformed;
            return 0;
        }
        Checksum = Right;
    }
    RtlCopyMemory(Answer, Datagram, Length);
    Reply->SourcePort = PORT_ECHO;
    Reply->DestinationPort = Request->SourcePort;
    /* Exchanging addresses and ports leaves the sum as it is. */
    Reply->Checksum = Checksum;
    *Outcome = EchoAnsweredUdp;
    return Length;
}

/* Ethernet and IPv4 headers of an answer with PayloadLength bytes of payload to the frame at Frame. */
static VOID WriteHeaders(const ECHO_RESPONDER *Responder, const UCHAR *Frame, PUCHAR Answer, ULONG PayloadLength)
{
    const IPV4_HEADER *Request = (const IPV4_HEADER *)(Frame + sizeof(ETHERNET_HEADER));
    IPV4_HEADER *Reply = (IPV4_HEADER *)(Answer + sizeof(ETHERNET_HEADER));

    WriteEthernet(Responder, (ETHERNET_HEADER *)Answer, ((const ETHERNET_HEADER *)Frame)->Source, TYPE_IPV4);
    Reply->VersionAndLength = 0x45;
    Reply->TypeOfService = Request->TypeOfService;
    Reply->TotalLength = RtlUshortByteSwap((USHORT)(sizeof(IPV4_HEADER) + PayloadLength));
    /* A datagram that is never cut needs no identification (RFC 6864). */
    Reply->Identification = 0;
    Reply->FlagsAndOffset = DONT_FRAGMENT;
    Reply->TimeToLive = ANSWER_TIME_TO_LIVE;
    Reply->Protocol = Request->Protocol;
    Reply->Checksum = 0;
    Reply->Source = Responder->IpAddress;
    Reply->Destination = Request->Source;
    Reply->Checksum = (USHORT)~FoldSum(SumBytes(Reply, sizeof(IPV4_HEADER)));
}

static ULONG AnswerIpv4(
    const ECHO_RESPONDER *Responder,
    const UCHAR *Frame,
    ULONG Length,
    PUCHAR Answer,
    BOOLEAN Vouched,
    ECHO_OUTCOME *Outcome)
{
    const IPV4_HEADER *Ip = (const IPV4_HEADER *)(Frame + sizeof(ETHERNET_HEADER));
    ULONG HeaderLength = (Ip->VersionAndLength & 15) * sizeof(ULONG);
    ULONG TotalLength = RtlUshortByteSwap(Ip->TotalLength);
    PUCHAR Target = Answer + sizeof(ETHERNET_HEADER) + sizeof(IPV4_HEADER);
    const UCHAR *Payload;
    ULONG Answered;

    /* Ours, from one host, in a frame to one station. */
    if (Ip->Destination != Responder->IpAddress || (Frame[0] & 1) != 0 || !IsOtherHost(Responder, Ip->Source))
        return 0;
    if (Ip->Protocol != PROTOCOL_ICMP && Ip->Protocol != PROTOCOL_UDP)
        return 0;
    if (Ip->VersionAndLength >> 4 != 4 || HeaderLength < sizeof(IPV4_HEADER) ||
        TotalLength > Length - sizeof(ETHERNET_HEADER) || TotalLength < HeaderLength + sizeof(UDP_HEADER) ||
        FoldSum(SumBytes(Ip, HeaderLength)) != GOOD_SUM) {
        *Outcome = EchoMalformed;
        return 0;
    }
    if ((Ip->FlagsAndOffset & FRAGMENT_BITS) != 0)
        return 0;
    Payload = (const UCHAR *)Ip + HeaderLength;
    if (Ip->Protocol == PROTOCOL_ICMP)
        Answered = AnswerIcmp(Payload, TotalLength - HeaderLength, Target, Outcome);
    else
        Answered = AnswerUdp(Ip, Payload, TotalLength - HeaderLength, Target, Vouched, Outcome);
    if (Answered == 0)
        return 0;
    WriteHeaders(Responder, Frame, Answer, Answered);
    return sizeof(ETHERNET_HEADER) + sizeof(IPV4_HEADER) + Answered;
}

ULONG EchoAnswer(
    const ECHO_RESPONDER *Responder,
    const UCHAR *Frame,
    ULONG Length,
    PUCHAR Answer,
    BOOLEAN Vouched,
    ECHO_OUTCOME *Outcome)
{
    const ETHERNET_HEADER *Header = (const ETHERNET_HEADER *)Frame;
    ULONG Answered;

    *Outcome = EchoNotAnswered;
    if (Length < sizeof(ETHERNET_HEADER) + sizeof(IPV4_HEADER))
        return 0;
    /* The sender must be one station. */
    if ((Header->Source[0] & 1) != 0)
        return 0;
    if (Header->Type == TYPE_IPV4)
        return AnswerIpv4(Responder, Frame, Length, Answer, Vouched, Outcome);
    if (Header->Type != TYPE_ARP)
        return 0;
    Answered = AnswerArp(Responder, Frame, Length, Answer);
    if (Answered != 0)
        *Outcome = EchoAnsweredArp;
    return Answered;
}
