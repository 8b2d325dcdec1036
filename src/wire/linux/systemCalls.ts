/**
 * The Linux system calls of the live wires, through koffi. Pointers are passed as numbers, which costs no object
 * per call; whoever passes one keeps the memory behind it alive and in place.
 */

import { type Koffi, loadKoffi, type NativeFunction } from './koffiLibrary.ts';

export const AF_INET = 2;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0x800;
export const SOCK_CLOEXEC = 0x80000;
export const MSG_DONTWAIT = 0x40;

/** Bound system calls. Each returns what the C function returns: negative means failure, see `errno`. */
export class SystemCalls {
  readonly koffi: Koffi;
  readonly close: NativeFunction;
  readonly ioctl: NativeFunction;
  readonly read: NativeFunction;
  readonly write: NativeFunction;
  readonly readv: NativeFunction;
  readonly writev: NativeFunction;
  readonly socket: NativeFunction;
  readonly bind: NativeFunction;
  readonly setsockopt: NativeFunction;
  readonly getsockopt: NativeFunction;
  readonly recvmmsg: NativeFunction;
  readonly sendmmsg: NativeFunction;

  /** @throws WireError if koffi cannot be had; `wireName` is for its message. */
  constructor(wireName: string) {
    this.koffi = loadKoffi(wireName);
    const library = this.koffi.load(null);
    this.close = library.func('int close(int descriptor)');
    this.ioctl = library.func('int ioctl(int descriptor, unsigned long request, uintptr_t argument)');
    this.read = library.func('long read(int descriptor, uintptr_t buffer, size_t count)');
    this.write = library.func('long write(int descriptor, uintptr_t buffer, size_t count)');
    this.readv = library.func('long readv(int descriptor, uintptr_t vectors, int count)');
    this.writev = library.func('long writev(int descriptor, uintptr_t vectors, int count)');
    this.socket = library.func('int socket(int domain, int type, int protocol)');
    this.bind = library.func('int bind(int descriptor, uintptr_t address, uint32_t length)');
    this.setsockopt = library.func(
      'int setsockopt(int descriptor, int level, int name, uintptr_t value, uint32_t length)',
    );
    this.getsockopt = library.func(
      'int getsockopt(int descriptor, int level, int name, uintptr_t value, uintptr_t length)',
    );
    this.recvmmsg = library.func(
      'int recvmmsg(int descriptor, uintptr_t messages, uint32_t count, int flags, uintptr_t timeout)',
    );
    this.sendmmsg = library.func(
      'int sendmmsg(int descriptor, uintptr_t messages, uint32_t count, int flags)',
    );
  }

  /** The errno of the call that failed last. */
  errno(): number {
    return this.koffi.errno();
  }

  /** The address of the first byte of a view, exact: user addresses are below 2^47. */
  addressOf(memory: Uint8Array): number {
    return Number(this.koffi.address(memory));
  }
}

/** Memory for system calls: off the garbage-collected heap, so that it never moves, with its address. */
export class NativeBlock {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly words: Uint32Array;
  readonly address: number;

  constructor(calls: SystemCalls, size: number) {
    // Small typed arrays live on the heap and move; ArrayBuffers made explicitly do not.
    const buffer = new ArrayBuffer(Math.max(128, (size + 7) & ~7));
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    this.words = new Uint32Array(buffer);
    this.address = calls.addressOf(this.bytes);
  }

  /** Stores a pointer or a 64-bit size at `at`. Little-endian, as every platform of Node on Linux but one. */
  setNumber(at: number, value: number): void {
    const index = at >> 2;
    this.words[index] = value;
    this.words[index + 1] = value / 0x1_0000_0000;
  }

  /** Fills everything with zeros. */
  clear(): void {
    this.bytes.fill(0);
  }
}
