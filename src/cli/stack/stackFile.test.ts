import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FILTER_CLASSES } from '../../machine/index.ts';
import { describeError } from '../cliError.ts';
import { packageFile } from '../packageFiles.ts';
import { BUILT_IN_DRIVERS } from './driverImages.ts';
import { ADAPTER_MEMBERS, DRIVER_MEMBERS, FILTER_MEMBERS, parseStack, STACK_MEMBERS } from './stackFile.ts';

/** The keywords of JSON Schema that the published schema uses. */
interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly propertyNames?: Schema;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly oneOf?: readonly Schema[];
  readonly not?: Schema;
}

// The file is checked below by what it accepts and refuses.
const schema = JSON.parse(readFileSync(packageFile('schema/stack.schema.json'), 'utf8')) as Schema;

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  number: (value) => typeof value === 'number',
  integer: Number.isInteger,
};

/** Whether a value is valid, as JSON Schema 2020-12 says for these keywords. */
function valid(rule: Schema, value: unknown): boolean {
  const { type, oneOf, not } = rule;
  if (type !== undefined && !TYPES[type](value)) return false;
  if (rule.const !== undefined && rule.const !== value) return false;
  if (rule.enum !== undefined && !rule.enum.includes(value)) return false;
  if (oneOf !== undefined && oneOf.filter((one) => valid(one, value)).length !== 1) return false;
  if (not !== undefined && valid(not, value)) return false;
  if (typeof value === 'number')
    return value >= (rule.minimum ?? -Infinity) && value <= (rule.maximum ?? Infinity);
  if (typeof value === 'string') return validText(rule, value);
  if (Array.isArray(value)) return validList(rule, value);
  return typeof value !== 'object' || value === null || validObject(rule, value);
}

function validText(rule: Schema, value: string): boolean {
  const { minLength = 0, maxLength = Infinity, pattern = '' } = rule;
  return value.length >= minLength && value.length <= maxLength && new RegExp(pattern, 'u').test(value);
}

function validList(rule: Schema, value: readonly unknown[]): boolean {
  const { items = {}, minItems = 0, maxItems = Infinity, uniqueItems = false } = rule;
  if (value.length < minItems || value.length > maxItems) return false;
  if (uniqueItems && new Set(value.map((entry) => JSON.stringify(entry))).size !== value.length) return false;
  return value.every((entry) => valid(items, entry));
}

function validObject(rule: Schema, value: object): boolean {
  const { properties = {}, required = [], additionalProperties = true, propertyNames = {} } = rule;
  if (required.some((name) => !Object.hasOwn(value, name))) return false;
  return Object.entries(value).every(([name, member]) => {
    if (!valid(propertyNames, name)) return false;
    if (Object.hasOwn(properties, name)) return valid(properties[name], member);
    return typeof additionalProperties === 'boolean'
      ? additionalProperties
      : valid(additionalProperties, member);
  });
}

/** The code with which the parser refuses a value, or null. */
function refusal(value: unknown): string | null {
  try {
    parseStack(value, 'stack.json', BUILT_IN_DRIVERS);
    return null;
  } catch (error) {
    return describeError(error)?.code ?? `a defect: ${String(error)}`;
  }
}

function messageOf(value: unknown): string {
  try {
    parseStack(value, 'stack.json', BUILT_IN_DRIVERS);
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
  return '';
}

const GOOD = {
  drivers: [{ name: 'wireport' }, { name: 'mine', path: './mine.ts', parameters: { A: 'x', B: 7 } }],
  adapters: [
    { name: 'Ethernet 1', driver: 'wireport', wire: { type: 'segment', name: 'lan', loss: 0.5 } },
    {
      name: 'Ethernet 2',
      driver: 'wireport',
      wire: { type: 'tap', name: 'tap0', hostAddress: '192.0.2.1/24' },
    },
    { name: 'Ethernet 3', driver: 'wireport', wire: { type: 'capture', play: 'a.pcap', pace: 'fastest' } },
  ],
  bindings: { mine: ['Ethernet 1'] },
  seed: 3,
  processors: 2,
  durationMilliseconds: 1000,
  trace: 't',
};

describe('stack files', () => {
  it('are read with defaults and absolute paths', () => {
    const stack = parseStack(GOOD, '/stacks/a.json', BUILT_IN_DRIVERS);
    expect(stack).toMatchObject({ seed: 3, processors: 2, durationMilliseconds: 1000, trace: '/stacks/t' });
    expect(stack.drivers[1]).toMatchObject({ path: '/stacks/mine.ts', builtIn: null });
    const { drivers, adapters } = GOOD;
    const least = parseStack({ drivers, adapters }, '/stacks/a.json', BUILT_IN_DRIVERS);
    expect(least).toMatchObject({
      seed: 1,
      processors: 1,
      durationMilliseconds: null,
      trace: null,
      capture: null,
    });
  });

  it.each([
    [{ ...GOOD, sed: 1 }, 'STACK_UNKNOWN_MEMBER', /\$\.sed .*did you mean "seed"/],
    [{ ...GOOD, seed: '1' }, 'STACK_VALUE', /\$\.seed is "1"; give a whole number from 0/],
    [{ ...GOOD, drivers: undefined }, 'STACK_MEMBER_MISSING', /\$\.drivers is missing/],
    [{ ...GOOD, drivers: [] }, 'STACK_VALUE', /\$\.drivers has 0 elements/],
    [
      { ...GOOD, drivers: [{ name: 'wirepot' }] },
      'STACK_UNKNOWN_NAME',
      /drivers\[0\]\.name .*did you mean "wireport"/,
    ],
    [
      { ...GOOD, drivers: [{ name: 'a', path: 'a', builtIn: 'echo' }] },
      'STACK_VALUE',
      /both "path" and "builtIn"/,
    ],
    [
      { ...GOOD, adapters: [{ name: 'E', driver: 'no' }] },
      'STACK_UNKNOWN_NAME',
      /adapters\[0\]\.driver names "no"/,
    ],
    [
      { ...GOOD, drivers: [{ name: 'wireport' }, { name: 'Wireport', path: 'x' }] },
      'STACK_DUPLICATE_NAME',
      /drivers\[1\]\.name is "Wireport", as that of element 0/,
    ],
    [
      { ...GOOD, adapters: [GOOD.adapters[0], GOOD.adapters[0]] },
      'STACK_DUPLICATE_NAME',
      /adapters\[1\]\.name/,
    ],
    [
      { ...GOOD, adapters: [{ name: 'E', driver: 'wireport', device: 'msix' }] },
      'STACK_VALUE',
      /device.*one of line, msi, msi-x/,
    ],
    [
      { ...GOOD, adapters: [{ name: 'E', driver: 'wireport', wire: { type: 'tap' } }] },
      'WIRE_OPTIONS_INVALID',
      /stack\.json: \$\.adapters\[0\]\.wire\.name is missing/,
    ],
    [
      { ...GOOD, adapters: [{ name: 'E', driver: 'wireport', wire: { type: 'tpa', name: 'x' } }] },
      'WIRE_OPTIONS_INVALID',
      /wire\.type is "tpa"/,
    ],
    [
      { ...GOOD, bindings: { mine: ['A', 'A'] } },
      'STACK_DUPLICATE_NAME',
      /\$\.bindings\.mine names "A" twice/,
    ],
    [
      {
        drivers: [
          { name: 'a', path: 'a' },
          { name: 'b', path: 'b' },
        ],
        adapters: [
          { name: 'over a', driver: 'a' },
          { name: 'over b', driver: 'b' },
        ],
        bindings: { a: ['over b'], b: ['over a'] },
      },
      'STACK_CYCLE',
      /a -> b -> a/,
    ],
    [null, 'STACK_VALUE', /\$ is null; give an object/],
    [JSON.parse('{"__proto__": 1}'), 'STACK_UNKNOWN_MEMBER', /\$\.__proto__ is not known/],
  ])('refuse %j with %s', (value, code, message) => {
    expect(refusal(value)).toBe(code);
    expect(messageOf(value)).toMatch(message);
  });

  it('never fail without a code, whatever the JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(refusal(value)).not.toMatch(/defect/);
      }),
    );
  });
});

describe('the published schema', () => {
  it('names the members that the parser knows', () => {
    const { drivers, adapters } = schema.properties ?? {};
    expect(Object.keys(schema.properties ?? {}).sort()).toEqual([...STACK_MEMBERS].sort());
    expect(Object.keys(drivers.items?.properties ?? {}).sort()).toEqual([...DRIVER_MEMBERS].sort());
    expect(Object.keys(adapters.items?.properties ?? {}).sort()).toEqual([...ADAPTER_MEMBERS].sort());
    const filter = schema.properties?.['filters']?.additionalProperties;
    const filterProperties = typeof filter === 'object' ? filter.properties : {};
    expect(Object.keys(filterProperties ?? {}).sort()).toEqual([...FILTER_MEMBERS].sort());
    expect(filterProperties?.['filterClass']?.enum).toEqual(FILTER_CLASSES);
  });

  it('names the members of every wire', () => {
    for (const { properties = {} } of schema.properties?.['adapters'].items?.properties?.['wire'].oneOf ??
      []) {
      const wire = { type: properties['type'].const, unknown: 1 };
      const message = messageOf({
        drivers: GOOD.drivers,
        adapters: [{ name: 'E', driver: 'wireport', wire }],
      });
      const known = /use one of ([^.]*)\./.exec(message)?.[1].split(', ') ?? [];
      expect(Object.keys(properties).sort()).toEqual(known.sort());
    }
  });

  it('accepts every example, as the parser does', () => {
    const directory = packageFile('examples');
    const files = readdirSync(directory).filter((name) => name.endsWith('.json'));
    expect(files.length).toBeGreaterThanOrEqual(3);
    for (const name of files) {
      const value: unknown = JSON.parse(readFileSync(`${directory}/${name}`, 'utf8'));
      expect([name, refusal(value), valid(schema, value)]).toEqual([name, null, true]);
    }
  });

  it('refuses what the parser refuses, apart from what names mean', () => {
    const meaning = ['STACK_UNKNOWN_NAME', 'STACK_DUPLICATE_NAME', 'STACK_CYCLE'];
    fc.assert(
      fc.property(mutated, (value) => {
        const code = refusal(value);
        if (code === null || !meaning.includes(code))
          expect([valid(schema, value), code]).toEqual([code === null, code]);
      }),
      { numRuns: 2000 },
    );
  });
});

/** Values that are likely to be right or nearly right somewhere. */
const piece: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom('wireport', '', 'a\\b', '\u0000', '02:00:00:00:00:01', 'fastest', 'tap', 'connect'),
  fc.constantFrom('192.0.2.1/24', '256.0.2.1/24', '1.2.3.4/33'),
  fc.constantFrom(0, 1, 0.5, 64, 65, -1, 4294967295, 4294967296, 2 ** 53),
  fc.constantFrom<unknown>(true, false, null, [], {}, { seed: 1 }, ['Ethernet 1']),
  fc.constantFrom({ type: 'stream', path: 'x' }, { type: 'packet', name: 'eth0' }),
  fc.jsonValue({ maxDepth: 2 }),
);
const memberName = fc.oneof(
  fc.constantFrom('seed', 'name', 'path', 'parameters', 'wire', 'faults', 'type', 'loss', 'macAddress'),
  fc.constantFrom('processors', 'capture', 'builtIn', 'bindings', 'description', 'x', 'queueCapacity'),
  fc.constantFrom('offloads', 'play', 'role', 'hostAddress', 'durationMilliseconds'),
);

/** A good stack in which a few members were set, replaced or removed anywhere. */
const mutated: fc.Arbitrary<unknown> = fc
  .array(fc.tuple(fc.array(fc.nat(5), { maxLength: 5 }), memberName, fc.option(piece), fc.boolean()), {
    minLength: 1,
    maxLength: 3,
  })
  .map((changes) => {
    const value: unknown = structuredClone(GOOD);
    for (const [path, name, replacement, remove] of changes)
      change(value, path, name, structuredClone(replacement), remove);
    return value;
  });

function change(
  root: unknown,
  path: readonly number[],
  name: string,
  replacement: unknown,
  remove: boolean,
): void {
  let at: unknown = root;
  for (const step of path) {
    if (typeof at !== 'object' || at === null) break;
    const inner = Object.values(at).filter((value) => typeof value === 'object' && value !== null);
    if (inner.length === 0) break;
    at = inner[step % inner.length];
  }
  if (Array.isArray(at)) {
    if (remove) at.pop();
    else at.push(replacement);
  } else if (typeof at === 'object' && at !== null) {
    const members = Object.keys(at);
    if (remove && members.length > 0) Reflect.deleteProperty(at, members[name.length % members.length]);
    else Reflect.set(at, name, replacement);
  }
}
