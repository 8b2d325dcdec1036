/** `ndisbox list`, `ndisbox bind NAME` and `ndisbox unbind NAME`. */

import {
  bindByHand,
  bindingPaths,
  componentLabel,
  filterOrder,
  type InstalledSystem,
  listComponents,
  listPackages,
  listServices,
  type NetworkComponent,
} from '../../install/index.ts';
import { CliError, EXIT } from '../cliError.ts';
import { bindingText } from '../installation/reportText.ts';
import type { OptionValues } from '../options.ts';
import type { Terminal } from '../output/terminal.ts';
import type { Command } from './command.ts';
import { machineDirectory } from './install.ts';

/** `ndisbox list`. */
export const list: Command = {
  name: 'list',
  argument: '',
  help: 'list packages, adapters with what is bound to them, components and services of a machine directory',
  options: ['directory', 'json', 'help'],
  run: async (_argument, options, terminal) => {
    const system = machineDirectory(options).read();
    if (options.json === true) terminal.line(JSON.stringify(listing(system)));
    else printListing(system, terminal);
    return EXIT.ok;
  },
};

function listing(system: InstalledSystem) {
  const components = listComponents(system);
  const paths = bindingPaths(components);
  return {
    packages: listPackages(system),
    components: components.map(({ key, ...component }) => ({ ...component, key: key.path })),
    services: listServices(system),
    bindings: paths.map(({ upper, lower, kind, bound, reason }) => ({
      upper: componentLabel(upper),
      lower: componentLabel(lower),
      kind,
      bound,
      reason,
    })),
    wires: Object.fromEntries(system.wires),
  };
}

function printListing(system: InstalledSystem, terminal: Terminal): void {
  const components = listComponents(system);
  const paths = bindingPaths(components);
  terminal.line('packages');
  for (const { oemName, infName, folder, provider, driverVersion } of listPackages(system))
    terminal.line(`  ${oemName}  ${infName}  ${provider} ${driverVersion}  ${folder}`);
  terminal.line('adapters');
  for (const adapter of components.filter(({ className }) => className === 'Net')) {
    terminal.line(`  ${adapterText(adapter, system)}`);
    const above = paths.filter((path) => path.lower === adapter && path.bound);
    const filters = filterOrder(above.filter(({ kind }) => kind === 'filter').map(({ upper }) => upper));
    for (const { upper } of above.filter(({ kind }) => kind === 'protocol'))
      terminal.line(`    protocol ${upper.service}`);
    for (const filter of filters) terminal.line(`    filter ${filter.service}`);
  }
  terminal.line('components');
  for (const component of components.filter(({ className }) => className !== 'Net')) {
    const { className, componentId, service, description } = component;
    terminal.line(`  ${componentId}  ${className}  service ${service || 'none'}  ${description}`);
  }
  const missing = paths.filter(({ bound }) => !bound);
  if (missing.length > 0) terminal.line('not bound');
  for (const path of missing) terminal.line(`  ${bindingText(path)}`);
  terminal.line('services');
  for (const { name, start, group, imagePath } of listServices(system))
    terminal.line(`  ${name}  ${start}${group === '' ? '' : `  group ${group}`}  ${imagePath}`);
}

function adapterText({ device, componentId, service }: NetworkComponent, system: InstalledSystem): string {
  if (device === null) return `${componentId}  virtual miniports of ${service}`;
  const wire = system.wires.get(device.instanceId);
  return `"${device.name}"  ${device.instanceId}  ${service}  ${wire === undefined ? 'no wire' : JSON.stringify(wire)}`;
}

function changeBinding(argument: string, options: OptionValues, terminal: Terminal, bound: boolean): void {
  const { adapter } = options;
  const verb = bound ? 'bind' : 'unbind';
  if (adapter === undefined) {
    throw new CliError(
      'ARGUMENT_MISSING',
      `ndisbox ${verb} needs an adapter: ndisbox ${verb} ${argument} --adapter NAME.`,
    );
  }
  const directory = machineDirectory(options);
  directory.read();
  const { path, changed } = directory.update((system) => bindByHand(system, argument, adapter, bound));
  if (options.json === true) {
    const { kind, reason } = path;
    terminal.line(
      JSON.stringify({
        upper: componentLabel(path.upper),
        lower: componentLabel(path.lower),
        kind,
        bound: path.bound,
        reason,
        changed,
      }),
    );
  } else
    terminal.line(
      `${path.bound ? 'bound' : 'not bound'}: ${bindingText(path)}${changed ? '' : ', as before'}`,
    );
}

/** `ndisbox bind`. */
export const bind: Command = {
  name: 'bind',
  argument: 'NAME',
  help: 'bind a protocol or filter (service or component id) to --adapter again',
  options: ['directory', 'adapter', 'json', 'help'],
  run: async (argument, options, terminal) => {
    changeBinding(argument, options, terminal, true);
    return EXIT.ok;
  },
};

/** `ndisbox unbind`. */
export const unbind: Command = {
  name: 'unbind',
  argument: 'NAME',
  help: 'unbind a protocol or filter from --adapter; it stays so until it is bound again',
  options: ['directory', 'adapter', 'json', 'help'],
  run: async (argument, options, terminal) => {
    changeBinding(argument, options, terminal, false);
    return EXIT.ok;
  },
};
