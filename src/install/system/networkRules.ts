/**
 * What INF files of network components have to say, checked on the instance key that they made.
 * Implements "Installation Requirements for Network Adapters", "... Protocols", "... Filter Drivers", "Specifying
 * Configuration Parameters for the Advanced Properties Page" and "Standardized INF Keywords for Network Devices" (network).
 */

import type { HostKey } from '../../kernel/index.ts';
import { InfError, type InfErrorCode, type InfPlace, type InfWarnings } from '../inf/infError.ts';
import {
  filterClassRank,
  interfaceList,
  KNOWN_INTERFACES,
  NCF_LW_FILTER,
  NCF_NO_SERVICE,
} from '../package/characteristics.ts';
import type { ClassName } from '../package/version.ts';
import type { Provenance } from './applyRegistry.ts';
import { numberOf, textOf, textsOf } from './components.ts';

/** What is checked. */
export interface InstanceToCheck {
  readonly className: ClassName;
  readonly key: HostKey;
  /** Path under which entries name the key, for the places of values. */
  readonly path: string;
  readonly provenance: Provenance;
  /** Where mistakes are told that belong to no entry. */
  readonly place: InfPlace;
  readonly warnings: InfWarnings;
  /** Services that the package installs. */
  readonly services: readonly string[];
}

/** Checks an instance key. @throws InfError INF_NETWORK, INF_PARAMETER */
export function checkInstance(instance: InstanceToCheck): void {
  const check = new InstanceCheck(instance);
  check.services();
  check.interfaces();
  check.filter();
  if (instance.className === 'Net') check.keywords();
  check.parameters();
}

/** Numbers that the parameters of these types may have. */
const TYPE_RANGES: Readonly<Record<string, readonly [minimum: number, maximum: number]>> = {
  int: [-0x8000, 0xffff_ffff],
  long: [-0x8000_0000, 0xffff_ffff],
  word: [0, 0xffff],
  dword: [0, 0xffff_ffff],
};
/** Names that a parameter cannot have. */
const RESERVED = new Set(
  [
    'BundleId',
    'BusType',
    'Characteristics',
    'ComponentId',
    'Description',
    'DeviceInstanceId',
    'DriverDate',
    'DriverDesc',
    'DriverVersion',
    'InfPath',
    'InfSection',
    'InfSectionExt',
    '*IfType',
    'InstallTimeStamp',
    'Manufacturer',
    '*MediaType',
    'NetCfgInstanceId',
    'NetLuidIndex',
    '*PhysicalMediaType',
    'Provider',
    'ProviderName',
  ].map((name) => name.toUpperCase()),
);

class InstanceCheck {
  readonly #instance: InstanceToCheck;

  constructor(instance: InstanceToCheck) {
    this.#instance = instance;
  }

  services(): void {
    const { key, className, services } = this.#instance;
    const ndi = key.open('Ndi');
    const service = textOf(ndi, 'Service');
    const without = (numberOf(key, 'Characteristics') & NCF_NO_SERVICE) !== 0;
    if (service === '') {
      if (without) return;
      throw this.#error(
        'INF_NETWORK',
        'Ndi',
        'Service',
        'no entry adds Ndi\\Service; write HKR, Ndi, Service, 0, "name" with the name of AddService.',
      );
    }
    if (!services.some((name) => name.toUpperCase() === service.toUpperCase())) {
      throw this.#error(
        'INF_NETWORK',
        'Ndi',
        'Service',
        `Ndi\\Service is "${service.slice(0, 60)}", but AddService installs ${services.join(', ') || 'nothing'}; both names have to be the same.`,
      );
    }
    const coServices = textsOf(ndi, 'CoServices');
    if (className === 'Net' && coServices.length > 0)
      this.#warn(
        'Ndi',
        'CoServices',
        'an adapter has one service; CoServices is for NetTrans, NetClient and NetService.',
      );
  }

  interfaces(): void {
    const interfaces = this.#instance.key.open('Ndi\\Interfaces');
    for (const name of ['UpperRange', 'LowerRange']) {
      const range = interfaceList(textOf(interfaces, name));
      if (range.length === 0) {
        throw this.#error(
          'INF_NETWORK',
          'Ndi\\Interfaces',
          name,
          `no entry adds Ndi\\Interfaces\\${name}; write HKR, Ndi\\Interfaces, ${name}, 0, "${name === 'UpperRange' ? 'ndis5' : 'ethernet'}" or what fits.`,
        );
      }
      this.#warnOfInterfaces(name, range);
    }
  }

  #warnOfInterfaces(name: string, range: readonly string[]): void {
    for (const item of range) {
      if (KNOWN_INTERFACES.has(item)) continue;
      const text = `the interface "${item.slice(0, 60)}" is none of Microsoft's; it binds to components that name the same one.`;
      this.#instance.warnings.add('INTERFACE_UNKNOWN', this.#place('Ndi\\Interfaces', name), text);
    }
  }

  filter(): void {
    const { key, className } = this.#instance;
    if ((numberOf(key, 'Characteristics') & NCF_LW_FILTER) === 0) return;
    if (className !== 'NetService') return;
    const ndi = key.open('Ndi');
    for (const [name, meaning] of [
      ['FilterType', '1 (monitoring) or 2 (modifying)'],
      ['FilterRunType', '1 (mandatory) or 2 (optional)'],
    ]) {
      const value = numberOf(ndi, name);
      if (value === 1 || value === 2) continue;
      throw this.#error(
        'INF_NETWORK',
        'Ndi',
        name,
        `Ndi\\${name} has to be ${meaning}: HKR, Ndi, ${name}, 0x00010001, 2.`,
      );
    }
    const filterClass = textOf(ndi, 'FilterClass');
    if (numberOf(ndi, 'FilterType') === 2 && filterClassRank(filterClass) === null) {
      throw this.#error(
        'INF_NETWORK',
        'Ndi',
        'FilterClass',
        filterClass === ''
          ? 'a modifying filter has Ndi\\FilterClass, for example compression or custom.'
          : `FilterClass "${filterClass.slice(0, 60)}" is not documented; use for example compression, diagnostic or custom.`,
      );
    }
    if (numberOf(ndi, 'FilterType') === 1 && filterClass !== '')
      this.#warn('Ndi', 'FilterClass', 'a monitoring filter has no FilterClass; it has no effect.');
    const interfaces = key.open('Ndi\\Interfaces');
    const media = interfaceList(textOf(interfaces, 'FilterMediaTypes'));
    if (media.length === 0 || media.includes('nolower')) {
      throw this.#error(
        'INF_NETWORK',
        'Ndi\\Interfaces',
        'FilterMediaTypes',
        'FilterMediaTypes names the media of the adapters to attach to, not nolower: HKR, Ndi\\Interfaces, FilterMediaTypes, 0, "ethernet".',
      );
    }
    for (const [name, wanted] of [
      ['UpperRange', 'noupper'],
      ['LowerRange', 'nolower'],
    ]) {
      if (interfaceList(textOf(interfaces, name)).join() === wanted) continue;
      throw this.#error('INF_NETWORK', 'Ndi\\Interfaces', name, `${name} of a filter driver is "${wanted}".`);
    }
  }

  keywords(): void {
    for (const name of ['*IfType', '*MediaType', '*PhysicalMediaType']) {
      if (this.#instance.key.getRaw(name) !== undefined) continue;
      this.#instance.warnings.add(
        'KEYWORD_MISSING',
        this.#instance.place,
        `the install section has no ${name}; Windows starts no NDIS 6 miniport without it.`,
      );
    }
  }

  parameters(): void {
    const { key } = this.#instance;
    const parameters = key.open('Ndi\\Params');
    for (const name of parameters?.keys() ?? []) {
      const parameter = parameters?.open(name) ?? null;
      if (parameter === null) continue;
      if (RESERVED.has(name.toUpperCase()))
        throw this.#error(
          'INF_PARAMETER',
          `Ndi\\Params\\${name}`,
          'Type',
          `"${name}" is a reserved name; no parameter can have it.`,
        );
      this.#parameter(name, parameter);
    }
  }

  #parameter(name: string, parameter: HostKey): void {
    const path = `Ndi\\Params\\${name}`;
    const type = textOf(parameter, 'Type').toLowerCase();
    const value = textOf(parameter, 'Default');
    const hasDefault = parameter.getRaw('Default') !== undefined;
    if (textOf(parameter, 'ParamDesc') === '')
      this.#warn(path, 'ParamDesc', `the parameter ${name} has no ParamDesc.`);
    if (type === 'enum') {
      const choices = (parameter.open('Enum')?.values() ?? []).map((choice) => choice.name);
      if (choices.length === 0)
        throw this.#error(
          'INF_PARAMETER',
          path,
          'Type',
          `the parameter ${name} is an enum without the key ${path}\\enum.`,
        );
      if (hasDefault && !choices.includes(value))
        throw this.#error(
          'INF_PARAMETER',
          path,
          'Default',
          `the default "${value.slice(0, 60)}" of ${name} is none of ${choices.join(', ').slice(0, 200)}.`,
        );
      return;
    }
    if (type === 'edit') return;
    const range = TYPE_RANGES[type];
    if (range === undefined) {
      throw this.#error(
        'INF_PARAMETER',
        path,
        'Type',
        `the type of ${name} is "${type.slice(0, 60)}"; it is int, long, word, dword, edit or enum.`,
      );
    }
    this.#number(name, parameter, path, range);
  }

  #number(name: string, parameter: HostKey, path: string, range: readonly [number, number]): void {
    const limit = (key: string, otherwise: number): number => {
      const text = textOf(parameter, key);
      if (text === '') return otherwise;
      const value = signedNumber(text);
      if (value === null || value < range[0] || value > range[1])
        throw this.#error(
          'INF_PARAMETER',
          path,
          key,
          `${key} of ${name} is "${text.slice(0, 60)}", which is no number of its type.`,
        );
      return value;
    };
    const [minimum, maximum] = [limit('Min', range[0]), limit('Max', range[1])];
    if (minimum > maximum)
      throw this.#error(
        'INF_PARAMETER',
        path,
        'Max',
        `Min of ${name} is ${minimum}, beyond its Max of ${maximum}.`,
      );
    const step = limit('Step', 1);
    if (parameter.getRaw('Default') === undefined || textOf(parameter, 'Default') === '') return;
    const value = limit('Default', minimum);
    const start = textOf(parameter, 'Min') === '' ? 0 : minimum;
    if (value < minimum || value > maximum || (step > 0 && (value - start) % step !== 0)) {
      throw this.#error(
        'INF_PARAMETER',
        path,
        'Default',
        `the default ${value} of ${name} is not between ${minimum} and ${maximum} in steps of ${step}.`,
      );
    }
  }

  #place(path: string, name: string): InfPlace {
    const { provenance, path: root, place } = this.#instance;
    return provenance.get(`${root}\\${path}|${name}`.toUpperCase()) ?? place;
  }

  #error(code: InfErrorCode, path: string, name: string, text: string): InfError {
    return new InfError(code, this.#place(path, name), text);
  }

  #warn(path: string, name: string, text: string): void {
    this.#instance.warnings.add('NETWORK_RULE', this.#place(path, name), text);
  }
}

function signedNumber(text: string): number | null {
  return /^(?:-?\d{1,10}|0x[0-9a-f]{1,8})$/i.test(text.trim()) ? Number(text) : null;
}

/**
 * Writes the defaults of all parameters that are not optional and have no value yet to the instance key, as the
 * Advanced page of Windows does. Returns their names.
 */
export function writeDefaults(key: HostKey): string[] {
  const parameters = key.open('Ndi\\Params');
  const written: string[] = [];
  for (const name of parameters?.keys() ?? []) {
    const parameter = parameters?.open(name) ?? null;
    if (textOf(parameter, 'Optional') === '1') continue;
    const value = textOf(parameter, 'Default');
    if (parameter?.getRaw('Default') === undefined || key.getRaw(name) !== undefined) continue;
    key.set(name, value);
    written.push(name);
  }
  return written;
}
