/** A machine directory as a stack to run: adapters with their wires come from its devices, everything else from its registry. */

import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { MachineDirectory } from '../../install/node.ts';
import type { StackDescription } from '../stack/stackFile.ts';
import { wireOfJson } from './wires.ts';

/** Whether a path given to `run` is a machine directory and not a stack file. */
export function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** The stack of a machine directory. @throws DirectoryError, InstallError, WireError */
export function readInstalledStack(path: string): StackDescription {
  const directory = resolve(path);
  const system = new MachineDirectory(directory).read();
  return {
    file: path,
    directory,
    drivers: [],
    adapters: [...system.wires].map(([name, wire]) => ({
      name,
      driver: '',
      wire: wireOfJson(wire, name),
      parameters: {},
    })),
    bindings: new Map(),
    filters: {},
    seed: system.seed,
    processors: 1,
    stubMissing: false,
    memorySafety: false,
    durationMilliseconds: null,
    trace: null,
    capture: null,
    source: { machine: path },
    installed: system,
  };
}
