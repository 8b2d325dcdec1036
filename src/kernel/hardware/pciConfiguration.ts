/**
 * Configuration space of one PCI function: the header of type 0, base address registers and capabilities.
 * Implements the PCI Local Bus Specification 3.0, chapter 6, as far as drivers can see it through PCI_COMMON_CONFIG.
 */

/** Bytes of the configuration space that a bus of this kind has. */
export const CONFIGURATION_SIZE = 256;

export const PCI_COMMAND = 0x04;
export const PCI_STATUS = 0x06;
export const PCI_BARS = 0x10;
export const PCI_INTERRUPT_LINE = 0x3c;

/** Bits of the command register. */
export const COMMAND_IO = 0x1;
export const COMMAND_MEMORY = 0x2;
export const COMMAND_BUS_MASTER = 0x4;
export const COMMAND_INTERRUPT_DISABLE = 0x400;
/** Interrupt status in the status register: the function asserts its pin. */
const STATUS_INTERRUPT = 0x8;
const STATUS_CAPABILITIES = 0x10;

const CAPABILITY_POWER = 0x01;
const CAPABILITY_MSI = 0x05;
const CAPABILITY_MSIX = 0x11;
/** Where the capabilities lie, one after the other. */
const POWER_AT = 0x40;
const MSI_AT = 0x50;
const MSIX_AT = 0x70;
const MSI_ENABLE = 0x1;
const MSIX_ENABLE = 0x8000;
const MSIX_FUNCTION_MASK = 0x4000;

/** What a function says of itself. */
export interface PciIdentity {
  readonly vendorId: number;
  readonly deviceId: number;
  readonly revisionId: number;
  /** Base class, sub class and programming interface: 0x020000 is an Ethernet controller. */
  readonly classCode: number;
  readonly subsystemVendorId: number;
  readonly subsystemId: number;
}

/** One base address register: a power of two of bytes, at least 16 for ports and 4096 for memory. */
export interface BarDeclaration {
  readonly kind: 'memory' | 'port';
  readonly size: number;
}

/** How the function interrupts: what its driver was assigned. */
export type InterruptMode = 'line' | 'msi' | 'msi-x';

export class PciConfiguration {
  readonly #bytes = new Uint8Array(CONFIGURATION_SIZE);
  /** Bits that drivers can write. */
  readonly #writable = new Uint8Array(CONFIGURATION_SIZE);
  readonly #bars: readonly BarDeclaration[];
  readonly #assigned: number[] = [];

  /** @param messages interrupt messages of the function, a power of two up to 32. @param tableBar BAR of its MSI-X table. */
  constructor(identity: PciIdentity, bars: readonly BarDeclaration[], messages: number, tableBar: number) {
    this.#bars = bars;
    this.#set(0x00, 2, identity.vendorId);
    this.#set(0x02, 2, identity.deviceId);
    this.#set(
      PCI_COMMAND,
      2,
      0,
      COMMAND_IO | COMMAND_MEMORY | COMMAND_BUS_MASTER | COMMAND_INTERRUPT_DISABLE,
    );
    this.#set(PCI_STATUS, 2, STATUS_CAPABILITIES);
    this.#set(0x08, 1, identity.revisionId);
    this.#set(0x09, 1, identity.classCode & 0xff);
    this.#set(0x0a, 1, (identity.classCode >>> 8) & 0xff);
    this.#set(0x0b, 1, (identity.classCode >>> 16) & 0xff);
    this.#set(0x0c, 1, 0, 0xff);
    this.#set(0x2c, 2, identity.subsystemVendorId);
    this.#set(0x2e, 2, identity.subsystemId);
    this.#set(0x34, 1, POWER_AT);
    this.#set(PCI_INTERRUPT_LINE, 1, 0, 0xff);
    this.#set(0x3d, 1, 1);
    this.#powerCapability(messages > 0 ? MSI_AT : 0);
    if (messages > 0) this.#messageCapabilities(messages, tableBar);
  }

  /** Writes where a BAR lies; done once, before a driver sees the function. */
  assign(bar: number, address: number): void {
    const { kind, size } = this.#bars[bar];
    this.#assigned[bar] = address;
    const kindBits = kind === 'port' ? 1 : 0;
    this.#set(PCI_BARS + 4 * bar, 4, address | kindBits, ~(size - 1) | 0);
  }

  setInterruptLine(line: number): void {
    this.#set(PCI_INTERRUPT_LINE, 1, line, 0xff);
  }

  /** Whether accesses to a BAR reach the function: decoding is on, and nobody moved the BAR. */
  decodes(bar: number): boolean {
    const { kind } = this.#bars[bar];
    const command = this.value(PCI_COMMAND, 2);
    if ((command & (kind === 'port' ? COMMAND_IO : COMMAND_MEMORY)) === 0) return false;
    const mask = kind === 'port' ? ~3 : ~15;
    return ((this.value(PCI_BARS + 4 * bar, 4) & mask) | 0) === (this.#assigned[bar] | 0);
  }

  get busMaster(): boolean {
    return (this.value(PCI_COMMAND, 2) & COMMAND_BUS_MASTER) !== 0;
  }

  get interruptDisabled(): boolean {
    return (this.value(PCI_COMMAND, 2) & COMMAND_INTERRUPT_DISABLE) !== 0;
  }

  /** Whether all messages of MSI-X are held back. */
  get functionMasked(): boolean {
    return (this.value(MSIX_AT + 2, 2) & MSIX_FUNCTION_MASK) !== 0;
  }

  /** D0 to D3 as the power management register says. */
  get powerState(): number {
    return this.value(POWER_AT + 4, 2) & 3;
  }

  /** Chooses how the function interrupts, as the bus driver does when it starts the device. */
  setInterruptMode(mode: InterruptMode): void {
    this.#set(MSI_AT + 2, 2, (this.value(MSI_AT + 2, 2) & ~MSI_ENABLE) | (mode === 'msi' ? MSI_ENABLE : 0));
    const control = this.value(MSIX_AT + 2, 2) & ~MSIX_ENABLE;
    this.#set(MSIX_AT + 2, 2, control | (mode === 'msi-x' ? MSIX_ENABLE : 0));
  }

  /** Sets the command register, as the bus driver does. */
  setCommand(command: number): void {
    this.#set(PCI_COMMAND, 2, command);
  }

  setPinStatus(asserted: boolean): void {
    const status = this.value(PCI_STATUS, 2) & ~STATUS_INTERRUPT;
    this.#set(PCI_STATUS, 2, status | (asserted ? STATUS_INTERRUPT : 0));
  }

  /** Reads up to 4 bytes as a little-endian number. */
  value(offset: number, size: number): number {
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = (value << 8) | this.#bytes[offset + i];
    return value >>> 0;
  }

  /** Reads bytes; those beyond the end of the space do not exist. @returns how many were read. */
  read(offset: number, target: Uint8Array): number {
    const count = Math.max(0, Math.min(target.length, CONFIGURATION_SIZE - offset));
    for (let i = 0; i < count; i++) target[i] = this.#bytes[offset + i];
    return count;
  }

  /** Writes bytes, as far as the bits can be written. @returns how many lie in the space. */
  write(offset: number, source: Uint8Array): number {
    const count = Math.max(0, Math.min(source.length, CONFIGURATION_SIZE - offset));
    for (let i = 0; i < count; i++) {
      const mask = this.#writable[offset + i];
      this.#bytes[offset + i] = (this.#bytes[offset + i] & ~mask) | (source[i] & mask);
    }
    return count;
  }

  #powerCapability(next: number): void {
    this.#set(POWER_AT, 1, CAPABILITY_POWER);
    this.#set(POWER_AT + 1, 1, next);
    // Version 3; wakes from D3 hot and cold.
    this.#set(POWER_AT + 2, 2, 0xc003);
    this.#set(POWER_AT + 4, 2, 0, 0x0103);
  }

  #messageCapabilities(messages: number, tableBar: number): void {
    this.#set(MSI_AT, 1, CAPABILITY_MSI);
    this.#set(MSI_AT + 1, 1, MSIX_AT);
    // 64-bit addresses; as many messages as a power of two.
    this.#set(MSI_AT + 2, 2, 0x80 | (Math.floor(Math.log2(messages)) << 1));
    this.#set(MSIX_AT, 1, CAPABILITY_MSIX);
    this.#set(MSIX_AT + 1, 1, 0);
    this.#set(MSIX_AT + 2, 2, messages - 1, MSIX_FUNCTION_MASK);
    this.#set(MSIX_AT + 4, 4, tableBar);
    this.#set(MSIX_AT + 8, 4, 0x800 | tableBar);
  }

  #set(offset: number, size: number, value: number, writable?: number): void {
    for (let i = 0; i < size; i++) {
      this.#bytes[offset + i] = (value >>> (8 * i)) & 0xff;
      if (writable !== undefined) this.#writable[offset + i] = (writable >>> (8 * i)) & 0xff;
    }
  }
}
