/** A machine that starts from packages as a user would install them: INF files, drivers of both kinds, wires. */

import { fileURLToPath } from 'node:url';
import * as drivers from '../../drivers/index.ts';
import {
  InstalledSystem,
  installPackage,
  listComponents,
  type SystemFile,
  startSystem,
} from '../../src/install/index.ts';
import { packageFolder } from '../../src/install/node.ts';
import {
  type DriverImage,
  Machine,
  type MachineOptions,
  Segment,
  type Wire,
} from '../../src/machine/index.ts';
import { checksum, ethernet, icmpEcho, ip, ipv4 } from './frames.ts';
import { TestStation } from './station.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** One INF file and what is installed of it. */
export interface InstalledPackage {
  /** Path of the INF file below the repository. */
  readonly inf: string;
  /** Folders below the repository with files that do not lie beside it. */
  readonly sources?: readonly string[];
  /** Names of the devices of an adapter. */
  readonly devices?: readonly string[];
  readonly model?: string;
  readonly parameters?: Readonly<Record<string, string>>;
}

/** A system with these packages, installed one after the other. */
export function installAll(packages: readonly InstalledPackage[], seed = 1): InstalledSystem {
  const system = new InstalledSystem(seed);
  for (const { inf, sources = [], devices = [], model, parameters } of packages) {
    const { source, infName } = packageFolder(
      `${root}${inf}`,
      sources.map((path) => (path.startsWith('/') ? path : `${root}${path}`)),
    );
    installPackage(system, source, infName, {
      devices: devices.map((name) => ({ name, ...(parameters === undefined ? {} : { parameters }) })),
      ...(model === undefined ? {} : { model }),
    });
  }
  return system;
}

/**
 * The image of an installed file. Modules name a driver of this package, which is taken from the sources: the modules that
 * the test runner loads do not see files in other folders.
 */
function imageOf(file: SystemFile): DriverImage | Uint8Array {
  if (/\.sys$/i.test(file.path)) return file.bytes;
  const name = /export \{ (\w+) as default \}/.exec(new TextDecoder().decode(file.bytes))?.[1] ?? '';
  const image: unknown = Object.entries(drivers).find(([exported]) => exported === name)?.[1];
  if (typeof image !== 'function') throw new Error(`${file.path} names no driver of this package`);
  // Every function that drivers/index.ts exports under the name of a module is a driver.
  return image as DriverImage;
}

/** A started machine and the stations at the other ends of its wires. */
export interface InstalledMachine {
  readonly machine: Machine;
  /** What did not start, in words. */
  readonly problems: readonly string[];
  /** By device name. */
  readonly stations: ReadonlyMap<string, TestStation>;
}

/** What the test gives in place of what the system has. */
export interface StartWith {
  /** The wire of a device, by its name. */
  readonly wires?: Readonly<Record<string, Wire>>;
  /** The driver of a service. */
  readonly images?: Readonly<Record<string, DriverImage>>;
}

/** Starts a machine from an installed system; each adapter without a wire has a segment of its own with a station on it. */
export async function startInstalled(
  system: InstalledSystem,
  options: MachineOptions = {},
  { wires = {}, images = {} }: StartWith = {},
): Promise<InstalledMachine> {
  const machine = new Machine(options);
  const segments = new Map<string, Segment>();
  const names = new Map(
    listComponents(system).flatMap(({ device }) =>
      device === null ? [] : [[device.instanceId, device.name]],
    ),
  );
  const problems = await startSystem(machine, system, {
    load: (service, file) => Promise.resolve(images[service] ?? imageOf(file)),
    wireOf: (instanceId) => {
      const name = names.get(instanceId) ?? instanceId;
      if (name in wires) return wires[name];
      const segment = new Segment({ name });
      segments.set(name, segment);
      return segment.addPort();
    },
  });
  const stations = new Map(
    [...segments].map(([name, segment]) => [name, new TestStation(segment, machine)] as const),
  );
  await machine.settle();
  return { machine, problems: problems.map(({ name, text }) => `${name}: ${text}`), stations };
}

const HOST_MAC = Uint8Array.of(2, 0, 0, 0, 0xff, 1);
const HOST = ip('192.0.2.1');

/** Pings an address through a station; gives the replies: the sequence numbers whose answers came back whole. */
export async function ping(
  machine: Machine,
  station: TestStation,
  destination: { readonly mac: string; readonly ip: string },
  sequences: readonly number[],
): Promise<number[]> {
  const data = Uint8Array.from({ length: 56 }, (_, index) => index);
  const mac = Uint8Array.from(destination.mac.split(':'), (byte) => Number.parseInt(byte, 16));
  station.received();
  for (const sequence of sequences) {
    const packet = ipv4(
      { protocol: 1, source: HOST, destination: ip(destination.ip) },
      icmpEcho(7, sequence, data),
    );
    station.send(ethernet(mac, HOST_MAC, 0x0800, packet));
  }
  // Hardware holds its interrupts back for a while.
  await machine.run(5);
  return station.received().flatMap((frame) => {
    const isReply = frame[12] === 8 && frame[13] === 0 && frame[23] === 1 && frame[34] === 0;
    const isWhole = checksum(frame.subarray(34, 34 + 8 + data.length)) === 0;
    return isReply && isWhole ? [(frame[40] << 8) | frame[41]] : [];
  });
}
