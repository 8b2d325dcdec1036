/** Makes a wire, with its decorators, from the options of a stack file. */

import { resolve } from 'node:path';
import { parseMacAddress } from './bytes.ts';
import { openFileSink, openFileSource } from './captureFile.ts';
import { CaptureWire } from './captureWire.ts';
import { FaultyWire } from './faultyWire.ts';
import { PacketSocketWire } from './linux/packetSocketWire.ts';
import { TapWire } from './linux/tapWire.ts';
import { RecordedWire } from './recordedWire.ts';
import { Segment } from './segment.ts';
import { UnixStreamWire } from './stream/unixStreamWire.ts';
import type { Wire } from './wire.ts';
import { WireError } from './wireError.ts';
import {
  type CaptureOptions,
  parseWireOptions,
  type SegmentPortOptions,
  type StreamOptions,
  type WireOptions,
} from './wireOptions.ts';

/** What wires of one stack share. */
export interface WireContext {
  /** The segments made so far, by name; `createWire` adds to it. */
  readonly segments: Map<string, Segment>;
  /** Where relative paths begin. Default the current directory. */
  readonly directory?: string;
}

/**
 * Makes a wire; nothing is opened yet.
 * @param path where the options stand, for messages.
 * @throws WireError WIRE_OPTIONS_INVALID
 */
export function createWire(options: unknown, context: WireContext, path = 'wire'): Wire {
  const parsed = parseWireOptions(options, path);
  let wire = createBareWire(parsed, context, path);
  const { faults, recordTo } = parsed;
  if (faults !== undefined) wire = new FaultyWire(wire, faults);
  if (recordTo !== undefined) wire = recordInto(wire, resolve(context.directory ?? '.', recordTo));
  return wire;
}

function createBareWire(options: WireOptions, context: WireContext, path: string): Wire {
  switch (options.type) {
    case 'tap':
      return new TapWire({ ...options, interfaceName: options.name });
    case 'packet':
      return new PacketSocketWire({ ...options, interfaceName: options.name });
    case 'capture':
      return createCaptureWire(options, context);
    case 'stream':
      return createStreamWire(options, context);
    case 'segment':
      return createSegmentPort(options, context, path);
  }
}

function createCaptureWire(options: CaptureOptions, context: WireContext): Wire {
  const { play, record, sourceMacAddress, macAddress, pace, startDelay, maximumFrameSize } = options;
  const directory = context.directory ?? '.';
  return new CaptureWire({
    name: `capture:${play ?? record ?? ''}`,
    ...(play === undefined ? {} : { source: () => openFileSource(resolve(directory, play)) }),
    ...(record === undefined ? {} : { sink: () => openFileSink(resolve(directory, record)) }),
    ...withMacAddress('sourceMacAddress', sourceMacAddress),
    ...withMacAddress('macAddress', macAddress),
    ...(pace === undefined ? {} : { pace }),
    ...(startDelay === undefined ? {} : { startDelay }),
    ...(maximumFrameSize === undefined ? {} : { maximumFrameSize }),
  });
}

function createStreamWire(options: StreamOptions, context: WireContext): Wire {
  const { macAddress, path, ...rest } = options;
  const absolute = path.startsWith('\0') ? path : resolve(context.directory ?? '.', path);
  return new UnixStreamWire({ ...rest, path: absolute, ...withMacAddress('macAddress', macAddress) });
}

function createSegmentPort(options: SegmentPortOptions, context: WireContext, path: string): Wire {
  const { type: _type, recordTo: _recordTo, faults: _faults, macAddress, ...segmentOptions } = options;
  let segment = context.segments.get(options.name);
  if (segment === undefined) {
    segment = new Segment(segmentOptions);
    context.segments.set(options.name, segment);
  } else if (Object.keys(segmentOptions).length > 1) {
    throw new WireError(
      'WIRE_OPTIONS_INVALID',
      `${path} describes the segment "${options.name}" a second time: give its options where it is named first, and ` +
        'only name and macAddress here.',
      { option: path },
    );
  }
  return segment.addPort(macAddress === undefined ? undefined : parseMacAddress(macAddress));
}

/** The option as bytes; nothing if it was not given. */
function withMacAddress<Name extends string>(
  name: Name,
  value: string | undefined,
): { [Key in Name]?: Uint8Array } {
  const address = value === undefined ? undefined : parseMacAddress(value);
  const result: { [Key in string]?: Uint8Array } = address === undefined ? {} : { [name]: address };
  // One member of the given name or none, which the index signature cannot say.
  return result as { [Key in Name]?: Uint8Array };
}

/** The file is created when the first bytes are written, and closed with the wire. */
function recordInto(wire: Wire, path: string): Wire {
  return new FileRecordedWire(wire, path);
}

class FileRecordedWire extends RecordedWire {
  private readonly file: { sink: ReturnType<typeof openFileSink> | undefined };

  constructor(inner: Wire, path: string) {
    const file: { sink: ReturnType<typeof openFileSink> | undefined } = { sink: undefined };
    super(inner, {
      to: (bytes) => {
        file.sink ??= openFileSink(path);
        file.sink.write(bytes);
      },
    });
    this.file = file;
  }

  override close(): void {
    super.close();
    this.file.sink?.close();
    this.file.sink = undefined;
  }
}
