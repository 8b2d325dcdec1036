/**
 * Floor `wire`: sources and sinks of Ethernet frames. Read in this order. Everything here runs in a browser;
 * wires that need Node are exported by `node.ts`.
 */

export * from './bytes.ts';
export * from './capture/byteWriter.ts';
export * from './capture/captureReader.ts';
export * from './capture/pcapngWriter.ts';
export * from './capture/pcapWriter.ts';
export * from './capture/records.ts';
export * from './captureWire.ts';
export * from './checksum.ts';
export * from './faultyWire.ts';
export * from './frameBatch.ts';
export * from './frameQueue.ts';
export * from './random.ts';
export * from './recordedWire.ts';
export * from './segment.ts';
export * from './sharedSegment.ts';
export * from './stream/frameStream.ts';
export * from './tracedWire.ts';
export * from './virtualWireHost.ts';
export * from './wire.ts';
export * from './wireDecorator.ts';
export * from './wireError.ts';
export * from './wireOptions.ts';
