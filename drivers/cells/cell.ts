/**
 * Cells and AAL5: 53 bytes with a header of five, and frames cut into them and put together again.
 * Implements ITU-T I.361 (cell header at the UNI), I.432.1 (header error control) and I.363.5 (AAL type 5).
 */

export const CELL_SIZE = 53;
const HEADER_SIZE = 5;
const PAYLOAD_SIZE = 48;
const TRAILER_SIZE = 8;
/** Bytes of the longest frame that is put together; a longer one is dropped. */
export const LARGEST_PDU = 4096;

/** Where a cell goes: on this network the virtual path is the station, the virtual channel one direction of a call. */
export interface CellAddress {
  readonly path: number;
  readonly channel: number;
}

function headerCheck(cell: Uint8Array, at: number): number {
  let crc = 0;
  for (let i = 0; i < 4; i++) {
    crc ^= cell[at + i];
    for (let bit = 0; bit < 8; bit++)
      crc = (crc & 0x80) !== 0 ? ((crc << 1) ^ 0x07) & 0xff : (crc << 1) & 0xff;
  }
  return crc ^ 0x55;
}

/** Writes a header; `last` marks the last cell of a frame. */
export function writeHeader(
  cell: Uint8Array,
  at: number,
  { path, channel }: CellAddress,
  last: boolean,
): void {
  cell[at] = (path >> 4) & 0x0f;
  cell[at + 1] = ((path & 0x0f) << 4) | ((channel >> 12) & 0x0f);
  cell[at + 2] = (channel >> 4) & 0xff;
  cell[at + 3] = ((channel & 0x0f) << 4) | (last ? 2 : 0);
  cell[at + 4] = headerCheck(cell, at);
}

/** The address of a cell and whether it is the last of its frame; null where its header is damaged. */
export function readHeader(cell: Uint8Array, at: number): (CellAddress & { readonly last: boolean }) | null {
  if (cell[at + 4] !== headerCheck(cell, at)) return null;
  return {
    path: ((cell[at] & 0x0f) << 4) | (cell[at + 1] >> 4),
    channel: ((cell[at + 1] & 0x0f) << 12) | (cell[at + 2] << 4) | (cell[at + 3] >> 4),
    last: (cell[at + 3] & 2) !== 0,
  };
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000_0000) !== 0 ? (crc << 1) ^ 0x04c1_1db7 : crc << 1;
  }
  return ~crc >>> 0;
}

/** The cells of a frame, one behind the other: padding, length and CRC at the end of the last. */
export function segment(pdu: Uint8Array, address: CellAddress): Uint8Array {
  const count = Math.ceil((pdu.length + TRAILER_SIZE) / PAYLOAD_SIZE);
  const padded = new Uint8Array(count * PAYLOAD_SIZE);
  padded.set(pdu);
  const trailer = new DataView(padded.buffer, padded.length - TRAILER_SIZE);
  trailer.setUint16(2, pdu.length);
  trailer.setUint32(4, crc32(padded.subarray(0, padded.length - 4)));
  const cells = new Uint8Array(count * CELL_SIZE);
  for (let i = 0; i < count; i++) {
    writeHeader(cells, i * CELL_SIZE, address, i === count - 1);
    cells.set(padded.subarray(i * PAYLOAD_SIZE, (i + 1) * PAYLOAD_SIZE), i * CELL_SIZE + HEADER_SIZE);
  }
  return cells;
}

/** Puts the frames of one channel together. */
export class Reassembly {
  readonly #bytes = new Uint8Array(Math.ceil((LARGEST_PDU + TRAILER_SIZE) / PAYLOAD_SIZE) * PAYLOAD_SIZE);
  #length = 0;
  #tooLong = false;
  /** Frames that were damaged, or too long. */
  dropped = 0;

  /** Takes the cell at `at`; the frame where this was its last one and it is whole. */
  take(cell: Uint8Array, at: number, last: boolean): Uint8Array | null {
    if (this.#length + PAYLOAD_SIZE > this.#bytes.length) this.#tooLong = true;
    else {
      this.#bytes.set(cell.subarray(at + HEADER_SIZE, at + CELL_SIZE), this.#length);
      this.#length += PAYLOAD_SIZE;
    }
    if (!last) return null;
    const whole = this.#bytes.subarray(0, this.#length);
    const view = new DataView(whole.buffer, 0, whole.length);
    const length = view.getUint16(whole.length - 6);
    const tooLong = this.#tooLong;
    this.#length = 0;
    this.#tooLong = false;
    const fits = length + TRAILER_SIZE <= whole.length;
    if (!tooLong && fits && view.getUint32(whole.length - 4) === crc32(whole.subarray(0, whole.length - 4)))
      return whole.slice(0, length);
    this.dropped++;
    return null;
  }
}
