"""Answers UDP echo on a TAP device: poll, read, swap, write."""

import fcntl
import os
import select
import struct
import sys

fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH22x", sys.argv[1].encode(), 0x1002))
print("ready", flush=True)
poll = select.poll()
poll.register(fd, select.POLLIN)
while True:
    poll.poll()
    try:
        for _ in range(512):
            f = os.read(fd, 2048)
            if len(f) < 42 or f[12:14] != b"\x08\x00" or f[23] != 17:
                continue
            os.write(fd, f[6:12] + f[0:6] + f[12:26] + f[30:34] + f[26:30] + f[36:38] + f[34:36] + f[38:])
    except OSError:
        pass
