/** `ndisbox install FILE.inf` and `ndisbox uninstall NAME`. */

import { resolve } from 'node:path';
import { type InstallDevice, installPackage, uninstall as uninstallFrom } from '../../install/index.ts';
import { MachineDirectory, packageFolder } from '../../install/node.ts';
import { CliError, EXIT } from '../cliError.ts';
import { printReport, reportJson } from '../installation/reportText.ts';
import { parseWireOption } from '../installation/wires.ts';
import type { OptionValues } from '../options.ts';
import type { Command } from './command.ts';

/** Where a machine is kept unless --directory says otherwise. */
const DIRECTORY = 'ndisbox-machine';

/** The machine directory of a command. */
export function machineDirectory(options: OptionValues): MachineDirectory {
  return new MachineDirectory(resolve(options.directory ?? DIRECTORY));
}

/** The devices that --device, --hardware-id, --wire and --parameter ask for. @throws CliError OPTION_VALUE */
function devicesOf(options: OptionValues): InstallDevice[] {
  const names = options.device ?? [];
  const wires = (options.wire ?? []).map(parseWireOption);
  const hardwareId = options['hardware-id'];
  const parameters = Object.fromEntries((options.parameter ?? []).map(parseParameter));
  const asked =
    names.length > 0 || wires.length > 0 || hardwareId !== undefined || options.parameter !== undefined;
  if (!asked) return [];
  const count = Math.max(names.length, wires.length, 1);
  if (names.length > 0 && wires.length > names.length) {
    throw new CliError(
      'OPTION_VALUE',
      `there are ${names.length} --device and ${wires.length} --wire; the wires go to the devices in order.`,
    );
  }
  return Array.from({ length: count }, (_, index) => ({
    ...(names[index] === undefined ? {} : { name: names[index] }),
    ...(wires[index] === undefined ? {} : { wire: wires[index] }),
    ...(hardwareId === undefined ? {} : { hardwareId }),
    parameters,
  }));
}

function parseParameter(text: string): [name: string, value: string] {
  const equals = text.indexOf('=');
  if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
  throw new CliError('OPTION_VALUE', `--parameter is "${text.slice(0, 60)}"; write NAME=VALUE.`);
}

/** `ndisbox install`. */
export const install: Command = {
  name: 'install',
  argument: 'FILE.inf',
  help: 'install a driver package into a machine directory and say where it landed and why',
  options: [
    'directory',
    'device',
    'hardware-id',
    'model',
    'wire',
    'parameter',
    'source',
    'seed',
    'json',
    'help',
  ],
  run: async (argument, options, terminal) => {
    const directory = machineDirectory(options);
    const { source, infName } = packageFolder(argument, options.source ?? []);
    const devices = devicesOf(options);
    const report = directory.update(
      (system) =>
        installPackage(system, source, infName, {
          devices,
          ...(options.model === undefined ? {} : { model: options.model }),
        }),
      options.seed,
    );
    if (options.json === true) terminal.line(reportJson(report, directory.disk));
    else printReport(report, directory.disk, terminal);
    return EXIT.ok;
  },
};

/** `ndisbox uninstall`. */
export const uninstall: Command = {
  name: 'uninstall',
  argument: 'NAME',
  help: 'uninstall a package (INF file, oemN.inf, component id or service) or one device (its name or instance id)',
  options: ['directory', 'json', 'help'],
  run: async (argument, options, terminal) => {
    const directory = machineDirectory(options);
    // A directory that does not exist is an error here, and must not be made.
    directory.read();
    const report = directory.update((system) => uninstallFrom(system, argument));
    if (options.json === true) terminal.line(reportJson(report, directory.disk));
    else printReport(report, directory.disk, terminal);
    return EXIT.ok;
  },
};
