/**
 * How the teaching device interrupts: causes, masks, messages and moderation.
 * Implements docs/teaching-device.md, section 5.
 */

import type { DeviceHost } from '../../kernel/index.ts';
import { ALL_CAUSES, MESSAGE_CAUSES } from './registers.ts';

/** Units of machine time in a microsecond. */
const UNITS_PER_MICROSECOND = 10;
const LONGEST_MODERATION = 0xffff;

export class InterruptLogic {
  readonly #host: DeviceHost;
  #status = 0;
  #mask = 0;
  /** Microseconds; the second takes effect at the next interrupt (erratum 2). */
  #moderation = 0;
  #written = 0;
  /** When each message was last sent, and the pin last asserted. */
  readonly #last: number[] = MESSAGE_CAUSES.map(() => Number.NEGATIVE_INFINITY);
  #lastPin = Number.NEGATIVE_INFINITY;
  #pin = false;

  constructor(host: DeviceHost) {
    this.#host = host;
  }

  get status(): number {
    return this.#status;
  }

  get mask(): number {
    return this.#mask;
  }

  get moderation(): number {
    return this.#written;
  }

  set moderation(microseconds: number) {
    this.#written = Math.min(microseconds, LONGEST_MODERATION);
    // Nothing to wait for yet: there is no interrupt that the old value delays.
    if (this.#lastPin === Number.NEGATIVE_INFINITY && this.#last.every((time) => time === -Infinity))
      this.#moderation = this.#written;
  }

  reset(): void {
    this.#status = 0;
    this.#mask = 0;
    this.#moderation = 0;
    this.#written = 0;
    this.#last.fill(Number.NEGATIVE_INFINITY);
    this.#lastPin = Number.NEGATIVE_INFINITY;
    MESSAGE_CAUSES.forEach((_, message) => this.#host.cancel(`message ${message}`));
    this.#host.cancel('pin');
    this.#setPin(false);
  }

  /** Something happened. */
  raise(causes: number): void {
    this.#status |= causes;
    this.#signal(causes);
  }

  /** A driver clears causes by writing them. */
  clear(causes: number): void {
    this.#status &= ~causes;
    this.#updatePin();
  }

  enable(causes: number): void {
    const newly = causes & ALL_CAUSES & ~this.#mask;
    this.#mask |= causes & ALL_CAUSES;
    this.#signal(newly);
  }

  disable(causes: number): void {
    this.#mask &= ~causes;
    this.#updatePin();
  }

  #signal(causes: number): void {
    if (!this.#host.messagesEnabled) return this.#updatePin();
    MESSAGE_CAUSES.forEach((of, message) => {
      if ((causes & of & this.#status & this.#mask) !== 0) this.#send(message);
    });
  }

  /** Sends a message, not before the moderation allows it. */
  #send(message: number): void {
    const due = this.#last[message] + this.#moderation * UNITS_PER_MICROSECOND;
    if (this.#host.now < due) {
      this.#host.schedule(`message ${message}`, due, () => {
        if ((MESSAGE_CAUSES[message] & this.#status & this.#mask) !== 0) this.#send(message);
      });
      return;
    }
    this.#last[message] = this.#host.now;
    this.#moderation = this.#written;
    this.#host.sendMessage(message);
  }

  /** The pin is asserted as long as a cause is there that is not masked. */
  #updatePin(): void {
    if (this.#host.messagesEnabled) return;
    const wanted = (this.#status & this.#mask) !== 0;
    if (!wanted || this.#pin) return this.#setPin(wanted);
    const due = this.#lastPin + this.#moderation * UNITS_PER_MICROSECOND;
    if (this.#host.now < due) return this.#host.schedule('pin', due, () => this.#updatePin());
    this.#lastPin = this.#host.now;
    this.#moderation = this.#written;
    this.#setPin(true);
  }

  #setPin(asserted: boolean): void {
    this.#pin = asserted;
    this.#host.setPin(asserted);
  }
}
