#!/usr/bin/env bash
# Records examples/hosts.pcapng: two Linux hosts in network namespaces talk over a veth pair, with ARP, ICMP, UDP
# (echo, port 7), TCP, IPv6 and VLANs 10 and 20. Needs root, iproute2, iputils-ping,
# python3 and dumpcap (tshark).
# Host 192.0.2.1 has the address 02:00:00:00:00:01, its peer 192.0.2.2 has 02:00:00:00:00:02. The demo plays the
# first one's frames to ndisbox in the place of the second, so its answers can be compared with the recorded ones.
set -euo pipefail
out=$(realpath -m "${1:-$(dirname "$0")/../examples/hosts.pcapng}")
here=$(dirname "$(realpath "$0")")
left=ndisbox-record-1-$$
right=ndisbox-record-2-$$
work=$(mktemp -d)
children=()

cleanup() {
  for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
  ip netns del "$left" 2>/dev/null || true
  ip netns del "$right" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

on1() { ip netns exec "$left" "$@"; }
on2() { ip netns exec "$right" "$@"; }

# Whole frames with finished checksums, as they would be on a cable: ETHTOOL_STXCSUM, _SSG, _STSO, _SGSO, _SGRO to 0.
offloads_off='
import fcntl, socket, struct, sys, array
s = socket.socket()
for command in (0x17, 0x19, 0x1f, 0x24, 0x2c):
    value = array.array("B", struct.pack("II", command, 0))
    request = struct.pack("16sP16x", sys.argv[1].encode(), value.buffer_info()[0])
    fcntl.ioctl(s, 0x8946, request)
'

ip netns add "$left"
ip netns add "$right"
ip -n "$left" link add wire0 address 02:00:00:00:00:01 type veth peer name wire0 address 02:00:00:00:00:02 netns "$right"
for side in 1 2; do
  net=$left; [ "$side" = 2 ] && net=$right
  ip -n "$net" link set lo up
  ip netns exec "$net" python3 -c "$offloads_off" wire0
done

# Before the peer's side comes up, so that nothing is missed.
ip -n "$left" link set wire0 up
ip netns exec "$left" dumpcap -q -i wire0 -w "$work/raw.pcapng" </dev/null >"$work/dumpcap.log" 2>&1 &
recorder=$!
children+=($!)
for _ in $(seq 100); do [ -s "$work/raw.pcapng" ] && break; sleep 0.05; done

for side in 1 2; do
  net=$left; [ "$side" = 2 ] && net=$right
  ip -n "$net" link set wire0 up
  ip -n "$net" addr add 192.0.2.$side/24 dev wire0
  ip -n "$net" addr add 2001:db8::$side/64 dev wire0
done
sleep 2.5

ip netns exec "$right" python3 "$here/hostTraffic.py" echo </dev/null >/dev/null 2>&1 & children+=($!)
sleep 0.5

# ARP and ICMP echo, short and long.
on1 ping -q -c 20 -i 0.02 192.0.2.2
on1 ping -q -c 10 -i 0.02 -s 1400 192.0.2.2
on1 ping -q -c 1 -W 0.3 192.0.2.9 || true

# UDP echo, TCP echo, a TCP port nobody listens on, all over IPv4 and then IPv6.
on1 python3 "$here/hostTraffic.py" talk 192.0.2.2 40
on1 ping -q -c 10 -i 0.02 2001:db8::2
on1 python3 "$here/hostTraffic.py" talk 2001:db8::2 5

# VLANs 10 and 20: ARP, ICMP echo and UDP echo.
ip netns exec "$right" python3 "$here/hostTraffic.py" peer wire0 </dev/null >/dev/null 2>&1 & children+=($!)
sleep 0.5
for vlan in 10 20; do on1 python3 "$here/hostTraffic.py" host wire0 $vlan 10; done
sleep 1

kill -INT "$recorder" || { cat "$work/dumpcap.log"; exit 1; }
wait "$recorder" || true
mkdir -p "$(dirname "$out")"
cp "$work/raw.pcapng" "$out"
capinfos -cuie "$out" 2>/dev/null || ls -l "$out"
