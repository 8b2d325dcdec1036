/**
 * The stack file: drivers, adapters, wires and bindings as JSON. What is said here is published as
 * schema/stack.schema.json; a test holds both together.
 */

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { InstalledSystem } from '../../install/index.ts';
import { FILTER_CLASSES, type FilterOptions } from '../../machine/index.ts';
import { WireError } from '../../wire/index.ts';
import { parseWireOptions, type WireOptions } from '../../wire/wireOptions.ts';
import { CliError } from '../cliError.ts';
import {
  checkList,
  checkMembers,
  checkName,
  checkObject,
  checkPath,
  checkWhole,
  nearest,
  Place,
  shown,
} from './checks.ts';

/** Values of a Parameters key. */
export type Parameters = Readonly<Record<string, string | number>>;

/** A driver to load. */
export interface StackDriver {
  /** Name of its service. */
  readonly name: string;
  /** Name of a driver that comes with ndisbox; null for one from a file. */
  readonly builtIn: string | null;
  /** Absolute path of a compiled driver (`.sys`) or of a module whose default export is a DriverImage; null for a built-in one. */
  readonly path: string | null;
  readonly parameters: Parameters;
}

/** An adapter to add. */
export interface StackAdapter {
  readonly name: string;
  /** Name of the driver in this stack. */
  readonly driver: string;
  readonly wire: WireOptions | null;
  /** How the teaching device between adapter and wire interrupts; left out, the driver has the bare wire. */
  readonly device?: DeviceInterrupts;
  readonly parameters: Parameters;
}

/** What a stack file says, checked, with absolute paths. */
export interface StackDescription {
  /** Path as it was given. */
  readonly file: string;
  /** Where relative paths begin. */
  readonly directory: string;
  readonly drivers: readonly StackDriver[];
  readonly adapters: readonly StackAdapter[];
  /** For each protocol driver the names of the adapters it binds to, with `*`; one that is not named binds to all. */
  readonly bindings: ReadonlyMap<string, readonly string[]>;
  /** How filter drivers of the stack are configured, as their INF files would; by the name of the driver. */
  readonly filters: Readonly<Record<string, FilterOptions>>;
  readonly seed: number;
  readonly processors: number;
  /** Load compiled drivers that import unknown functions: calling one is a bug check. */
  readonly stubMissing: boolean;
  /** Check every access of compiled drivers byte by byte. */
  readonly memorySafety: boolean;
  /** Machine time; null: until nothing is left to do or, with live wires, until Ctrl-C. */
  readonly durationMilliseconds: number | null;
  readonly trace: string | null;
  readonly capture: string | null;
  /** The file as it stands, for the header of a trace. */
  readonly source: Readonly<Record<string, unknown>>;
  /** The installed system of a machine directory, which says what is loaded; null for a stack file. */
  readonly installed: InstalledSystem | null;
}

/** Names of the members, in the order of the schema. */
export const STACK_MEMBERS = [
  '$schema',
  'description',
  'seed',
  'processors',
  'stubMissing',
  'memorySafety',
  'durationMilliseconds',
  'drivers',
  'adapters',
  'bindings',
  'filters',
  'trace',
  'capture',
] as const;
export const DRIVER_MEMBERS = ['name', 'builtIn', 'path', 'parameters'] as const;
export const FILTER_MEMBERS = ['type', 'mandatory', 'filterClass', 'mediaTypes', 'adapters'] as const;
export const ADAPTER_MEMBERS = ['name', 'driver', 'wire', 'device', 'parameters'] as const;
const DEVICE_INTERRUPTS = ['line', 'msi', 'msi-x'] as const;
export type DeviceInterrupts = (typeof DEVICE_INTERRUPTS)[number];

/** Drivers or adapters in one file. */
const LIST_LIMIT = 1024;
const SEED_LIMIT = 0xffff_ffff;
/** About a year. */
const DURATION_LIMIT = 31_536_000_000;

/** Reads a stack file. @throws CliError, WireError */
export function readStackFile(file: string, builtIns: readonly string[]): StackDescription {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CliError('STACK_FILE_UNREADABLE', `${file} cannot be read: ${reason}. Check the path.`, {
      cause,
    });
  }
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw new CliError('STACK_NOT_JSON', `${file}${jsonFault(text, cause)}. Correct it there.`, { cause });
  }
  return parseStack(value, file, builtIns);
}

function jsonFault(text: string, cause: unknown): string {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const position = /at position (\d+)/.exec(reason);
  if (position === null) return `: ${reason}`;
  const before = text.slice(0, Number(position[1])).split('\n');
  return `:${before.length}:${before[before.length - 1].length + 1}: ${reason.replace(/ in JSON at position.*$/s, '')}`;
}

/**
 * Checks what a stack file says.
 * @param builtIns names of the drivers that come with ndisbox. @throws CliError, WireError
 */
export function parseStack(value: unknown, file: string, builtIns: readonly string[]): StackDescription {
  const place = new Place(file);
  const source = checkMembers(value, STACK_MEMBERS, place);
  for (const name of ['$schema', 'description']) {
    if (source[name] !== undefined && typeof source[name] !== 'string')
      throw place.member(name).wrong(source[name], 'a text');
  }
  const directory = dirname(resolve(file));
  const drivers = limitedList(source['drivers'], place.member('drivers')).map((entry, index) =>
    parseDriver(entry, place.member('drivers').element(index), directory, builtIns),
  );
  unique(drivers, place.member('drivers'));
  const adapters = limitedList(source['adapters'], place.member('adapters')).map((entry, index) =>
    parseAdapter(entry, place.member('adapters').element(index), drivers),
  );
  unique(adapters, place.member('adapters'));
  const bindings = parseBindings(source['bindings'], place.member('bindings'), drivers);
  refuseCycles(adapters, bindings, place.member('bindings'));
  const { seed, processors, durationMilliseconds, trace, capture } = source;
  const path = (name: string, given: unknown): string | null =>
    given === undefined ? null : resolve(directory, checkPath(given, place.member(name)));
  return {
    file,
    directory,
    drivers,
    adapters,
    bindings,
    filters: parseFilters(source['filters'], place.member('filters'), drivers),
    seed: seed === undefined ? 1 : checkWhole(seed, 0, SEED_LIMIT, place.member('seed')),
    processors: processors === undefined ? 1 : checkWhole(processors, 1, 64, place.member('processors')),
    stubMissing: flag(source['stubMissing'], place.member('stubMissing')),
    memorySafety: flag(source['memorySafety'], place.member('memorySafety')),
    durationMilliseconds:
      durationMilliseconds === undefined
        ? null
        : checkWhole(durationMilliseconds, 1, DURATION_LIMIT, place.member('durationMilliseconds')),
    trace: path('trace', trace),
    capture: path('capture', capture),
    source,
    installed: null,
  };
}

function flag(value: unknown, place: Place): boolean {
  if (value !== undefined && typeof value !== 'boolean') throw place.wrong(value, 'true or false');
  return value ?? false;
}

function limitedList(value: unknown, place: Place): readonly unknown[] {
  const list = checkList(value, place);
  if (list.length === 0 || list.length > LIST_LIMIT) {
    throw place.error('STACK_VALUE', `has ${list.length} elements; give 1 to ${LIST_LIMIT}.`);
  }
  return list;
}

function parseDriver(
  value: unknown,
  place: Place,
  directory: string,
  builtIns: readonly string[],
): StackDriver {
  const driver = checkMembers(value, DRIVER_MEMBERS, place);
  const name = checkName(driver['name'], place.member('name'));
  const parameters = parseParameters(driver['parameters'], place.member('parameters'));
  if (driver['path'] !== undefined) {
    if (driver['builtIn'] !== undefined) {
      throw place.error('STACK_VALUE', 'has both "path" and "builtIn"; give the one that is meant.');
    }
    return {
      name,
      builtIn: null,
      path: resolve(directory, checkPath(driver['path'], place.member('path'))),
      parameters,
    };
  }
  const [member, given] = driver['builtIn'] === undefined ? ['name', name] : ['builtIn', driver['builtIn']];
  if (typeof given !== 'string') throw place.member(member).wrong(given, `one of ${builtIns.join(', ')}`);
  if (!builtIns.includes(given)) {
    const near = nearest(given, builtIns);
    throw place
      .member(member)
      .error(
        'STACK_UNKNOWN_NAME',
        `is ${shown(given)}, which is no driver that comes with ndisbox (${builtIns.join(', ')})` +
          `${near === null ? '' : `: did you mean "${near}"?`}${near === null ? ';' : ''} give "path" for one of your own.`,
      );
  }
  return { name, builtIn: given, path: null, parameters };
}

function parseAdapter(value: unknown, place: Place, drivers: readonly StackDriver[]): StackAdapter {
  const adapter = checkMembers(value, ADAPTER_MEMBERS, place);
  const name = checkName(adapter['name'], place.member('name'));
  const driver = checkName(adapter['driver'], place.member('driver'));
  requireDriver(driver, drivers, place.member('driver'));
  return {
    name,
    driver,
    wire: adapter['wire'] === undefined ? null : parseWire(adapter['wire'], place.member('wire')),
    ...(adapter['device'] === undefined
      ? {}
      : { device: parseDevice(adapter['device'], place.member('device')) }),
    parameters: parseParameters(adapter['parameters'], place.member('parameters')),
  };
}

function parseDevice(value: unknown, place: Place): DeviceInterrupts {
  const known = DEVICE_INTERRUPTS.find((kind) => kind === value);
  if (known === undefined) throw place.wrong(value, `one of ${DEVICE_INTERRUPTS.join(', ')}`);
  return known;
}

function parseWire(value: unknown, place: Place): WireOptions {
  try {
    return parseWireOptions(value, place.path);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new WireError(error.code, `${place.file}: ${error.message}`, { cause: error });
  }
}

function parseParameters(value: unknown, place: Place): Parameters {
  if (value === undefined) return {};
  const entries = Object.entries(checkObject(value, place)).map(([name, data]): [string, string | number] => {
    checkName(name, place.member(name));
    if (typeof data === 'string') return [name, data];
    return [name, checkNumberParameter(data, place.member(name))];
  });
  return Object.fromEntries(entries);
}

function checkNumberParameter(data: unknown, place: Place): number {
  const good = typeof data === 'number' && Number.isInteger(data) && data >= 0 && data <= 0xffff_ffff;
  if (!good) throw place.wrong(data, 'a text or a whole number from 0 to 4294967295 (REG_SZ or REG_DWORD)');
  return data;
}

function parseBindings(
  value: unknown,
  place: Place,
  drivers: readonly StackDriver[],
): ReadonlyMap<string, readonly string[]> {
  const bindings = new Map<string, readonly string[]>();
  if (value === undefined) return bindings;
  for (const [driver, names] of Object.entries(checkObject(value, place))) {
    const at = place.member(driver);
    requireDriver(driver, drivers, at);
    const list = checkList(names, at).map((name, index) => checkName(name, at.element(index)));
    const twice = list.find((name, index) => list.indexOf(name) !== index);
    if (twice !== undefined) throw at.error('STACK_DUPLICATE_NAME', `names "${twice}" twice; remove one.`);
    bindings.set(driver, list);
  }
  return bindings;
}

function parseFilters(
  value: unknown,
  place: Place,
  drivers: readonly StackDriver[],
): Readonly<Record<string, FilterOptions>> {
  if (value === undefined) return {};
  const entries = Object.entries(checkObject(value, place)).map(([driver, options]) => {
    const at = place.member(driver);
    requireDriver(driver, drivers, at);
    return [driver, parseFilter(options, at)] as const;
  });
  return Object.fromEntries(entries);
}

function parseFilter(value: unknown, place: Place): FilterOptions {
  const {
    type,
    mandatory,
    filterClass,
    mediaTypes,
    adapters: on,
  } = checkMembers(value, FILTER_MEMBERS, place);
  if (type !== undefined && type !== 'modifying' && type !== 'monitoring')
    throw place.member('type').wrong(type, '"modifying" or "monitoring"');
  const knownClass = FILTER_CLASSES.find((known) => known === filterClass);
  if (filterClass !== undefined && knownClass === undefined)
    throw place.member('filterClass').wrong(filterClass, `one of ${FILTER_CLASSES.join(', ')}`);
  const names = (list: unknown, at: Place): readonly string[] =>
    checkList(list, at).map((name, index) => checkName(name, at.element(index)));
  const media = mediaTypes === undefined ? null : names(mediaTypes, place.member('mediaTypes'));
  const adapterNames = on === undefined ? null : names(on, place.member('adapters'));
  return {
    mandatory: flag(mandatory, place.member('mandatory')),
    ...(type === undefined ? {} : { type }),
    ...(knownClass === undefined ? {} : { filterClass: knownClass }),
    ...(media === null ? {} : { mediaTypes: media }),
    ...(adapterNames === null ? {} : { adapters: adapterNames }),
  };
}

function requireDriver(name: string, drivers: readonly StackDriver[], place: Place): void {
  if (drivers.some((driver) => driver.name === name)) return;
  const known = drivers.map((driver) => driver.name);
  const near = nearest(name, known);
  throw place.error(
    'STACK_UNKNOWN_NAME',
    `names "${name}", which is no driver of this stack (${known.join(', ').slice(0, 200)})` +
      `${near === null ? '; add it to "drivers".' : `: did you mean "${near}"?`}`,
  );
}

function unique(entries: readonly { readonly name: string }[], place: Place): void {
  const seen = new Map<string, number>();
  for (const [index, { name }] of entries.entries()) {
    // Services and adapters are compared without case, as the registry does.
    const first = seen.get(name.toLowerCase());
    if (first !== undefined) {
      throw place
        .element(index)
        .member('name')
        .error(
          'STACK_DUPLICATE_NAME',
          `is "${name}", as that of element ${first}; give each a name of its own.`,
        );
    }
    seen.set(name.toLowerCase(), index);
  }
}

/** A driver may not be bound, over however many others, to an adapter of its own. */
function refuseCycles(
  adapters: readonly StackAdapter[],
  bindings: ReadonlyMap<string, readonly string[]>,
  place: Place,
): void {
  const driverOf = new Map(adapters.map((adapter) => [adapter.name, adapter.driver]));
  const done = new Set<string>();
  const visit = (driver: string, above: readonly string[]): void => {
    if (above.includes(driver)) {
      const circle = [...above.slice(above.indexOf(driver)), driver].join(' -> ');
      throw place.error('STACK_CYCLE', `goes in a circle: ${circle}; a driver cannot be bound over itself.`);
    }
    if (done.has(driver)) return;
    for (const name of bindings.get(driver) ?? []) {
      const below = driverOf.get(name);
      if (below !== undefined) visit(below, [...above, driver]);
    }
    done.add(driver);
  };
  for (const driver of bindings.keys()) visit(driver, []);
}
