#!/usr/bin/env python3
"""What the two hosts of recordExample.sh do. VLANs go through packet sockets: not every kernel has VLAN devices.

  hostTraffic.py echo                       UDP and TCP echo on port 7
  hostTraffic.py talk ADDRESS COUNT         COUNT datagrams and a TCP connection to port 7, one refused connection
  hostTraffic.py peer INTERFACE             answers for 198.51.VLAN.2 in every VLAN
  hostTraffic.py host INTERFACE VLAN COUNT  asks as 198.51.VLAN.1 and waits for each answer
"""

import socket
import struct
import sys
import threading
import time

SOL_PACKET, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING = 263, 8, 23
HOST_MAC, PEER_MAC = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(source, target, protocol, payload, identification):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), identification, 0x4000, 64, protocol, 0, source, target)
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def icmp_echo(kind, rest):
    return struct.pack("!BBH", kind, 0, checksum(struct.pack("!BBH", kind, 0, 0) + rest)) + rest


def udp(source, target, source_port, target_port, data):
    length = 8 + len(data)
    header = struct.pack("!HHHH", source_port, target_port, length, 0)
    value = checksum(source + target + struct.pack("!BBH", 0, 17, length) + header + data) or 0xFFFF
    return header[:6] + struct.pack("!H", value) + data


class Port:
    def __init__(self, interface):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.socket.bind((interface, 3))
        self.socket.settimeout(2)

    def send(self, target, source, vlan, protocol, payload):
        frame = target + source + struct.pack("!HHH", 0x8100, vlan, protocol) + payload
        self.socket.send(frame.ljust(64, b"\0"))

    def receive(self):
        """The next tagged frame: VLAN, source address, protocol, payload."""
        while True:
            frame, auxiliary, _, _ = self.socket.recvmsg(2048, 64)
            for level, kind, data in auxiliary:
                if (level, kind) != (SOL_PACKET, PACKET_AUXDATA):
                    continue
                status, _, _, _, _, tci, _ = struct.unpack("IIIHHHH", data)
                if status & 0x10:
                    return tci & 0xFFF, frame[6:12], struct.unpack_from("!H", frame, 12)[0], frame[14:]


def serve(port):
    port.socket.settimeout(None)
    while True:
        vlan, source, protocol, data = port.receive()
        own = bytes([198, 51, vlan, 2])
        if protocol == 0x0806 and data[6:8] == b"\0\1" and data[24:28] == own:
            port.send(source, PEER_MAC, vlan, 0x0806, data[:6] + b"\0\2" + PEER_MAC + own + data[8:18])
        elif protocol == 0x0800 and data[16:20] == own:
            length, identification = struct.unpack_from("!HH", data, 2)
            peer, body = data[12:16], data[20:length]
            if data[9] == 1 and body[0] == 8:
                port.send(source, PEER_MAC, vlan, 0x0800, ipv4(own, peer, 1, icmp_echo(0, body[4:]), identification))
            elif data[9] == 17 and body[2:4] == b"\0\7":
                reply = udp(own, peer, 7, struct.unpack_from("!H", body)[0], body[8:])
                port.send(source, PEER_MAC, vlan, 0x0800, ipv4(own, peer, 17, reply, identification))


def ask(port, vlan, count):
    own, peer = bytes([198, 51, vlan, 1]), bytes([198, 51, vlan, 2])
    request = b"\0\1\x08\0\6\4\0\1" + HOST_MAC + own + bytes(6) + peer
    port.send(b"\xff" * 6, HOST_MAC, vlan, 0x0806, request)
    port.receive()
    for number in range(count):
        body = struct.pack("!HH", vlan, number + 1) + bytes(range(56))
        port.send(PEER_MAC, HOST_MAC, vlan, 0x0800, ipv4(own, peer, 1, icmp_echo(8, body), number))
        port.receive()
        data = f"ndisbox in VLAN {vlan}, datagram {number}\n".encode()
        port.send(PEER_MAC, HOST_MAC, vlan, 0x0800, ipv4(own, peer, 17, udp(own, peer, 40000 + vlan, 7, data), 100 + number))
        port.receive()


def echo_udp(port):
    while True:
        data, peer = port.recvfrom(65536)
        port.sendto(data, peer)


def echo_tcp(port):
    while True:
        connection, _ = port.accept()
        while data := connection.recv(65536):
            connection.sendall(data)
        connection.close()


def echo():
    for family, address in ((socket.AF_INET, "192.0.2.2"), (socket.AF_INET6, "2001:db8::2")):
        for kind, server in ((socket.SOCK_DGRAM, echo_udp), (socket.SOCK_STREAM, echo_tcp)):
            port = socket.socket(family, kind)
            port.bind((address, 7))
            if kind == socket.SOCK_STREAM:
                port.listen()
            threading.Thread(target=server, args=(port,)).start()


def talk(address, count):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    datagrams = socket.socket(family, socket.SOCK_DGRAM)
    datagrams.settimeout(2)
    for number in range(count):
        datagrams.sendto(f"ndisbox datagram {number} ".encode() + b"." * (number * 30), (address, 7))
        datagrams.recvfrom(65536)
        time.sleep(0.005)
    with socket.create_connection((address, 7), timeout=2) as connection:
        for number in range(8):
            connection.sendall(b"n" * 2500)
            left = 2500
            while left:
                left -= len(connection.recv(left))
    try:
        socket.create_connection((address, 9), timeout=1)
    except ConnectionRefusedError:
        pass


if __name__ == "__main__":
    role = sys.argv[1]
    if role == "echo":
        echo()
    elif role == "talk":
        talk(sys.argv[2], int(sys.argv[3]))
    elif role == "peer":
        serve(Port(sys.argv[2]))
    else:
        ask(Port(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
