/**
 * Tells when a network interface goes up, down or away: rtnetlink(7), group RTMGRP_LINK. The messages are only
 * taken as a reason to look at the interface again, so none of them is parsed and none that is lost matters.
 */

import type { NetworkInterface } from './networkInterface.ts';
import { Readiness } from './readiness.ts';
import {
  AF_NETLINK,
  NativeBlock,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  type SystemCalls,
} from './systemCalls.ts';
import { systemError } from './systemErrors.ts';

const NETLINK_ROUTE = 0;
const RTMGRP_LINK = 1;
const SOCKET_ADDRESS_SIZE = 12;
const BUFFER_SIZE = 32768;
/** Messages read at one wake; the poll comes again for more. */
const MESSAGES_PER_WAKE = 64;

/** Watches one interface. Does not keep the program running by itself less or more than its wire does. */
export class LinkMonitor {
  private readonly calls: SystemCalls;
  private readonly descriptor: number;
  private readonly buffer: NativeBlock;
  private readonly readiness: Readiness;

  /**
   * @param onChange called from the event loop with the state of the link, undefined if the interface is gone.
   * @throws WireError if the kernel gives no netlink socket.
   */
  constructor(
    calls: SystemCalls,
    wireName: string,
    networkInterface: NetworkInterface,
    onChange: (up: boolean | undefined) => void,
  ) {
    this.calls = calls;
    this.buffer = new NativeBlock(calls, BUFFER_SIZE);
    this.descriptor = calls.socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (this.descriptor < 0) throw systemError(wireName, 'watch the link', calls.errno());
    this.buffer.view.setUint16(0, AF_NETLINK, true);
    this.buffer.view.setUint32(8, RTMGRP_LINK, true);
    if (calls.bind(this.descriptor, this.buffer.address, SOCKET_ADDRESS_SIZE) < 0) {
      const error = systemError(wireName, 'watch the link', calls.errno());
      calls.close(this.descriptor);
      throw error;
    }
    this.readiness = new Readiness(calls.koffi, this.descriptor, {
      ready: () => {
        this.drain();
        onChange(networkInterface.linkUp());
      },
      broken: () => {},
    });
  }

  close(): void {
    this.readiness.close();
    this.calls.close(this.descriptor);
  }

  private drain(): void {
    for (let count = 0; count < MESSAGES_PER_WAKE; count++) {
      if (this.calls.read(this.descriptor, this.buffer.address, BUFFER_SIZE) <= 0) return;
    }
  }
}
