/** Linux error numbers as wire errors: what happened in words, and what to do. */

import { WireError, type WireErrorCode } from '../wireError.ts';

export const EPERM = 1;
export const ENOENT = 2;
export const EINTR = 4;
export const EIO = 5;
export const ENXIO = 6;
export const EBADF = 9;
export const EAGAIN = 11;
export const EACCES = 13;
export const EBUSY = 16;
export const ENODEV = 19;
export const EINVAL = 22;
export const EMSGSIZE = 90;
export const EBADFD = 77;
export const ENETDOWN = 100;
export const ENOBUFS = 105;

interface Meaning {
  readonly code: WireErrorCode;
  readonly what: string;
  readonly advice: string;
}

const NO_PERMISSION: Meaning = {
  code: 'DEVICE_NO_PERMISSION',
  what: 'permission denied',
  advice:
    'run as root or with CAP_NET_ADMIN and CAP_NET_RAW, try "unshare -Urn", or use a capture, a segment or a stream',
};
const MISSING: Meaning = {
  code: 'DEVICE_MISSING',
  what: 'no such device',
  advice: 'check the name with "ip link", and for TAP that the kernel has /dev/net/tun ("modprobe tun")',
};
const VANISHED: Meaning = {
  code: 'DEVICE_VANISHED',
  what: 'the device is gone',
  advice: 'create the interface again and open the wire anew',
};

const MEANINGS: ReadonlyMap<number, Meaning> = new Map([
  [EPERM, NO_PERMISSION],
  [EACCES, NO_PERMISSION],
  [ENOENT, MISSING],
  [ENXIO, MISSING],
  [ENODEV, MISSING],
  [EBADFD, VANISHED],
  [
    EBUSY,
    {
      code: 'DEVICE_BUSY',
      what: 'the device is in use',
      advice: 'stop the program that holds it, or take another interface name',
    },
  ],
  [
    EINVAL,
    {
      code: 'DEVICE_FAILED',
      what: 'the kernel refused the request (EINVAL)',
      advice:
        'the interface may be of another kind (TUN, or TAP with other flags): remove it with "ip link del", or take another name',
    },
  ],
]);

/** The error for a failed system call: `doing` completes "The wire could not ...". */
export function systemError(wireName: string, doing: string, errno: number): WireError {
  const meaning = MEANINGS.get(errno) ?? {
    code: 'DEVICE_FAILED' as const,
    what: `error number ${errno}`,
    advice: 'look it up with "errno" or in errno(3)',
  };
  return new WireError(
    meaning.code,
    `The wire "${wireName}" could not ${doing}: ${meaning.what}. What to do: ${meaning.advice}.`,
    { errno },
  );
}

/** The error for a device that was removed while the wire was open. */
export function deviceVanished(wireName: string, errno: number): WireError {
  return new WireError(
    'DEVICE_VANISHED',
    `The device of the wire "${wireName}" is gone. What to do: ${VANISHED.advice}.`,
    {
      errno,
    },
  );
}
