/**
 * A device that the host opened, as a user program has it. The machine runs while the host awaits a request.
 * Implements "I/O Request Life Cycle" (windows-driver-docs-pr/kernel) from the side of the program.
 */

import type { DeviceHandle, DeviceResult, NTSTATUS } from '../kernel/index.ts';
import type { RunLoop } from './runLoop.ts';

/** An open device. Requests may overlap; each is a thread of its own in the machine. */
export class OpenedDevice {
  readonly #handle: DeviceHandle;
  readonly #loop: RunLoop;

  readonly #closed: () => void;

  /** @param closed told when the program closes the device. */
  constructor(handle: DeviceHandle, loop: RunLoop, closed: () => void) {
    this.#handle = handle;
    this.#loop = loop;
    this.#closed = closed;
  }

  /** Reads at most `length` bytes (IRP_MJ_READ). Resolves once the driver has completed the request. */
  read(length: number): Promise<DeviceResult> {
    return this.#loop.runFor(this.#handle.read(length));
  }

  /** Writes bytes (IRP_MJ_WRITE). */
  write(bytes: Uint8Array): Promise<DeviceResult> {
    return this.#loop.runFor(this.#handle.write(bytes));
  }

  /** Sends a control code with `input` and room for `outputLength` bytes (IRP_MJ_DEVICE_CONTROL). */
  ioctl(code: number, input: Uint8Array = new Uint8Array(0), outputLength = 0): Promise<DeviceResult> {
    return this.#loop.runFor(this.#handle.ioctl(code, input, outputLength));
  }

  /** Cancels what is pending; gives how many requests had a cancel routine. */
  cancel(): Promise<number> {
    return this.#loop.runFor(this.#handle.cancel());
  }

  /** Closes the device (IRP_MJ_CLEANUP, IRP_MJ_CLOSE). @returns STATUS_INVALID_HANDLE where it was closed before. */
  close(): Promise<NTSTATUS> {
    this.#closed();
    return this.#loop.runFor(this.#handle.close());
  }
}
