/*
 * What echo51 answers: ARP requests (RFC 826), ICMP echo (RFC 792) and UDP echo (RFC 862). Everything in a frame is taken
 * for hostile until it was checked.
 */
#include "echo51.h"

#define ETHERNET_HEADER 14
#define ARP_LENGTH 28
#define IPV4_HEADER 20
#define PROTOCOL_ICMP 1
#define PROTOCOL_UDP 17

static USHORT Word(const UCHAR *At)
{
    return (USHORT)(At[0] << 8 | At[1]);
}

static VOID PutWord(PUCHAR At, ULONG Value)
{
    At[0] = (UCHAR)(Value >> 8);
    At[1] = (UCHAR)Value;
}

/* The sum of words, to be folded (RFC 1071). */
static ULONG Sum(const UCHAR *At, UINT Length, ULONG Start)
{
    for (; Length > 1; Length -= 2, At += 2)
        Start += Word(At);
    return Length == 0 ? Start : Start + ((ULONG)At[0] << 8);
}

static USHORT Checksum(ULONG Value)
{
    Value = (Value & 0xffff) + (Value >> 16);
    return (USHORT) ~(Value + (Value >> 16));
}

static VOID Swap(PUCHAR Answer, const UCHAR *Frame, const UCHAR *MacAddress)
{
    NdisMoveMemory(Answer, Frame + 6, 6);
    NdisMoveMemory(Answer + 6, MacAddress, 6);
}

static UINT AnswerArp(const UCHAR *MacAddress, const UCHAR *Frame, UINT Length, PUCHAR Answer)
{
    const UCHAR *Arp = Frame + ETHERNET_HEADER;

    if (Length < ETHERNET_HEADER + ARP_LENGTH || Word(Arp) != 1 || Word(Arp + 2) != 0x0800 || Word(Arp + 4) != 0x0604 ||
        Word(Arp + 6) != 1 || !NdisEqualMemory(Arp + 24, Echo51Own, 4) || NdisEqualMemory(Arp + 14, Echo51Own, 4))
        return 0;
    NdisMoveMemory(Answer, Frame, ETHERNET_HEADER + ARP_LENGTH);
    Swap(Answer, Arp + 2, MacAddress);
    Answer += ETHERNET_HEADER;
    PutWord(Answer + 6, 2);
    NdisMoveMemory(Answer + 8, MacAddress, 6);
    NdisMoveMemory(Answer + 14, Echo51Own, 4);
    NdisMoveMemory(Answer + 18, Arp + 8, 10);
    return ETHERNET_HEADER + ARP_LENGTH;
}

/* The data of an ICMP echo request or a UDP datagram for port 7: at Data, Length bytes with their header. */
static BOOLEAN AnswerData(UCHAR Protocol, PUCHAR Data, UINT Length, const UCHAR *Addresses)
{
    USHORT Port;

    if (Length < 8)
        return FALSE;
    if (Protocol == PROTOCOL_ICMP) {
        if (Data[0] != 8 || Data[1] != 0 || Checksum(Sum(Data, Length, 0)) != 0)
            return FALSE;
        Data[0] = 0;
        PutWord(Data + 2, 0);
        PutWord(Data + 2, Checksum(Sum(Data, Length, 0)));
        return TRUE;
    }
    Port = Word(Data);
    if (Word(Data + 2) != 7 || Port == 7 || Port == 0 || Word(Data + 4) != Length)
        return FALSE;
    if (Word(Data + 6) != 0 && Checksum(Sum(Data, Length, Sum(Addresses, 8, PROTOCOL_UDP + Length))) != 0)
        return FALSE;
    /* The checksum is the same for swapped ports and addresses. */
    PutWord(Data, 7);
    PutWord(Data + 2, Port);
    return TRUE;
}

static UINT AnswerIpv4(const UCHAR *MacAddress, const UCHAR *Frame, UINT Length, PUCHAR Answer)
{
    const UCHAR *Ip = Frame + ETHERNET_HEADER;
    UINT Header, Total;
    PUCHAR To = Answer + ETHERNET_HEADER;

    if (Length < ETHERNET_HEADER + IPV4_HEADER || Ip[0] >> 4 != 4)
        return 0;
    Header = (Ip[0] & 15) * 4;
    Total = Word(Ip + 2);
    if (Header < IPV4_HEADER || Total < Header || Total > Length - ETHERNET_HEADER || (Word(Ip + 6) & 0x3fff) != 0 ||
        (Ip[9] != PROTOCOL_ICMP && Ip[9] != PROTOCOL_UDP) || !NdisEqualMemory(Ip + 16, Echo51Own, 4) ||
        NdisEqualMemory(Ip + 12, Echo51Own, 4) || Ip[12] >= 224 || Ip[12] == 0 || (Frame[0] & 1) != 0 ||
        Checksum(Sum(Ip, Header, 0)) != 0)
        return 0;
    NdisMoveMemory(To + IPV4_HEADER, Ip + Header, Total - Header);
    if (!AnswerData(Ip[9], To + IPV4_HEADER, Total - Header, Ip + 12))
        return 0;
    Total -= Header - IPV4_HEADER;
    Swap(Answer, Frame, MacAddress);
    PutWord(Answer + 12, 0x0800);
    NdisMoveMemory(To, Ip, IPV4_HEADER);
    To[0] = 0x45;
    PutWord(To + 2, Total);
    To[8] = 64;
    PutWord(To + 10, 0);
    NdisMoveMemory(To + 12, Echo51Own, 4);
    NdisMoveMemory(To + 16, Ip + 12, 4);
    PutWord(To + 10, Checksum(Sum(To, IPV4_HEADER, 0)));
    return ETHERNET_HEADER + Total;
}

UINT Echo51Answer(const UCHAR *MacAddress, const UCHAR *Frame, UINT Length, PUCHAR Answer)
{
    if (Length < ETHERNET_HEADER || Length > FRAME_SIZE)
        return 0;
    switch (Word(Frame + 12)) {
    case 0x0806:
        return AnswerArp(MacAddress, Frame, Length, Answer);
    case 0x0800:
        return AnswerIpv4(MacAddress, Frame, Length, Answer);
    default:
        return 0;
    }
}
