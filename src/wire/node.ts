/** The wires that need Node: live ones on Linux, files, streams. Read after `index.ts`. */

export * from './captureFile.ts';
export * from './createWire.ts';
export * from './linux/koffiLibrary.ts';
export * from './linux/liveWire.ts';
export * from './linux/packetSocketWire.ts';
export * from './linux/tapWire.ts';
export * from './stream/unixStreamWire.ts';
