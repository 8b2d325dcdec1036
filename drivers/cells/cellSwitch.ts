/**
 * A switch for cells in memory: a cell goes to the port that its virtual path names (255: to all others) and arrives with
 * the path of the port that sent it. Queues are those of a segment: bounded, and lost beyond. For hosts, not for drivers.
 */

import { type FrameBatch, Segment, type SegmentPort } from '../../src/machine/index.ts';
import { CELL_SIZE, readHeader, writeHeader } from './cell.ts';

/** The path to every other station. */
export const ALL_STATIONS = 255;

export class CellSwitch extends Segment {
  /** Cells with a damaged header, or to nobody. */
  discarded = 0;

  constructor(name = 'cells', queueCapacity = 8192) {
    super({ name, queueCapacity, maximumFrameSize: CELL_SIZE, linkSpeedBitsPerSecond: 155_520_000 });
  }

  /** The station of a port: 1 for the first. */
  stationOf(port: SegmentPort): number {
    return this.ports.indexOf(port) + 1;
  }

  /** A port; its suggested address ends with its station. */
  addStation(): SegmentPort {
    return this.addPort(Uint8Array.of(0x02, 0, 0, 0, 0, this.ports.length + 1));
  }

  override carry(from: SegmentPort, batch: FrameBatch, slot: number): void {
    const at = batch.offset[slot];
    const { memory } = batch;
    const header = batch.length[slot] === CELL_SIZE ? readHeader(memory, at) : null;
    const targets = this.ports.filter(
      (port, index) =>
        port !== from && port.accepts && (header?.path === index + 1 || header?.path === ALL_STATIONS),
    );
    if (header === null || targets.length === 0) {
      this.discarded++;
      return;
    }
    const before = memory.slice(at, at + 5);
    writeHeader(memory, at, { path: this.stationOf(from), channel: header.channel }, header.last);
    for (const port of targets) port.deliver(batch, slot, 0, 0);
    memory.set(before, at);
  }
}
