/** Generates the modules that declare the structures. */

import type { ScalarKind } from '../../src/memory/index.ts';
import { type Floor, groupByName, type Layout, layoutFloor, layouts, type MemberFact } from './facts.ts';
import { resolveMember } from './members.ts';

/** A structure's member tree: named unions and structures become groups. */
type Node =
  | { readonly member: MemberFact }
  | { readonly name: string; readonly nodes: Node[]; readonly offset: number; readonly size: number };

const KERNEL_MODULES: readonly (readonly [RegExp, string])[] = [
  [/^(KEY_|RTL_QUERY_REGISTRY)/, 'registry'],
  [/^(PCI_|CM_|DMA_|SCATTER_GATHER|BUS_|HAL_|INTERFACE|D3COLD|.*_INTERFACE|.*ADAPTER|IO_RESOURCE)/, 'bus'],
  [/^(PO_|POWER_|SYSTEM_POWER|PCW_|EVENT_|WNODE|WMI|DEVPROP)/, 'power'],
  [/^(IMAGE_)/, 'image'],
  [
    /^(CONTEXT|KNONVOLATILE|EXCEPTION|DISPATCHER_CONTEXT|UNWIND|RUNTIME|XSAVE|XSTATE|M128A|KFLOATING|_?KPCR|NT_TIB|RTL_CRITICAL)/,
    'context',
  ],
  [
    /^(IO_|IRP|DEVICE_|DRIVER_|FILE_|FAST_IO|VPB|WAIT_CONTEXT|CONFIGURATION|CONTROLLER|SHARE_ACCESS|NAMED_PIPE|MAILSLOT|SECTION_OBJECT|COMPRESSED|TARGET_DEVICE|HWPROFILE|PLUGPLAY)/,
    'io',
  ],
  [
    /^(K[A-Z]|DISPATCHER|ERESOURCE|FAST_MUTEX|EX_|LIST_ENTRY|SINGLE_LIST|SLIST|GENERAL_LOOKASIDE|.*LOOKASIDE|WORK_QUEUE|OWNER_ENTRY|RTL_|MDL|EXT_)/,
    'executive',
  ],
];

/** The module of each structure, by name of the structure. */
const moduleOf = new Map<string, string>();
/** Names with which each layout is exported besides its own, per floor. */
const seenNames = new Map<string, number>();

export const declared: readonly Layout[] = layouts.filter((layout) => layout.kind !== 'scalar');
for (const layout of declared) {
  moduleOf.set(layout.name, moduleName(layout));
  for (const name of [layout.name, ...(layout.aka ?? [])])
    seenNames.set(name, (seenNames.get(name) ?? 0) + 1);
}

/**
 * Modules that neither the library nor most drivers need: left out of the index, so that they cost no start-up
 * time, and exported by `more.ts`. Everything else, and what it refers to, is one module, because a module costs
 * more than its text.
 */
const APART: Readonly<Record<Floor, ReadonlySet<string>>> = {
  kernel: new Set(['bus', 'context', 'image', 'power']),
  ndis: new Set([
    'atm',
    'ipsecOffload',
    'isolation',
    'mediaLegacy',
    'monitor',
    'ndischimney',
    'ndistapi',
    'ndiswan',
    'ndiswwan',
    'ndkRdma',
    'ndkpi',
    'netdma',
    'packetDirect',
    'pollMode',
    'qos',
    'switchExtension',
    'tcpChimney',
    'virtualization',
    'wmi',
    'wwan',
    'in6addr',
    'inaddr',
    'ws2def',
    'ws2ipdef',
  ]),
};
const COMMON = 'common';

/** The structures that members of `layout` are. */
function references(layout: Layout): Layout[] {
  return layout.members.flatMap((member) => {
    const { element } = resolveMember(layout, member);
    return element.is === 'structure' ? [element.layout] : [];
  });
}

/** Moves what is not apart, and what that refers to, into the common module. */
function gatherCommon(): void {
  const isApart = (layout: Layout): boolean =>
    APART[layoutFloor(layout)].has(moduleOf.get(layout.name) ?? '') &&
    // The index of ndis exports these under their names of NDIS.
    !(layoutFloor(layout) === 'kernel' && otherNames(layout).some(isNdisName));
  const reached = new Set<Layout>(declared.filter((layout) => !isApart(layout)));
  for (const layout of reached) {
    for (const target of references(layout)) reached.add(target);
    moduleOf.set(layout.name, COMMON);
  }
}

/** The module, without folder, that declares a structure. */
export function moduleName(layout: Layout): string {
  if (layoutFloor(layout) === 'kernel') {
    return KERNEL_MODULES.find(([pattern]) => pattern.test(layout.name))?.[1] ?? 'basic';
  }
  const names = [layout.name, ...(layout.aka ?? [])];
  const group = names.map((name) => groupByName.get(name)).find((found) => found !== undefined);
  if (layout.from === 'mingw') return 'legacy5x';
  return camel(group ?? (layout.header ?? 'other').replace(/\.h$/, ''));
}

function camel(name: string): string {
  return name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** All modules of a floor: file name to text. */
export function structureModules(floor: Floor): Map<string, string> {
  const modules = new Map<string, Layout[]>();
  for (const layout of declared) {
    if (layoutFloor(layout) !== floor) continue;
    const name = moduleOf.get(layout.name) ?? 'other';
    modules.set(name, [...(modules.get(name) ?? []), layout]);
  }
  const files = new Map<string, string>();
  for (const name of [...modules.keys()].sort()) {
    files.set(`${name}.ts`, moduleText(floor, name, modules.get(name) ?? []));
  }
  if (floor === 'ndis') files.set('kernelNames.ts', kernelNamesText());
  const exporting = (names: string[]): string =>
    `${HEADER}\n${names.map((file) => `export * from './${file}';\n`).join('')}`;
  const names = [...files.keys()];
  const indexed = [`${COMMON}.ts`, 'kernelNames.ts'];
  files.set('index.ts', exporting(names.filter((file) => indexed.includes(file))));
  files.set('more.ts', exporting(names.filter((file) => !indexed.includes(file))));
  files.set('all.ts', allText(floor, modules));
  return files;
}

export const HEADER = '// Generated by scripts/generateTables.ts from facts/. Do not edit.\n';

/** A list of every structure, for tests and tools that look them up by name. */
function allText(floor: Floor, modules: ReadonlyMap<string, readonly Layout[]>): string {
  const lines = [HEADER, "import type { AnyStructure } from '../../../memory/index.ts';"];
  const names = [...modules.values()].flat().map((layout) => layout.name);
  for (const name of [...modules.keys()].sort()) lines.push(`import * as ${name} from './${name}.ts';`);
  const kind = floor === 'kernel' ? 'kernelStructures' : 'ndisStructures';
  lines.push('', `/** The ${names.length} structures of this floor by name. */`);
  lines.push(`export const ${kind}: Readonly<Record<string, AnyStructure>> = {`);
  for (const [name, members] of [...modules].sort(([left], [right]) => (left < right ? -1 : 1))) {
    for (const layout of members) lines.push(`  ${layout.name}: ${name}.${layout.name},`);
  }
  lines.push('};', '');
  return lines.join('\n');
}

/** Other names that NDIS gives to structures of the kernel. */
function otherNames(layout: Layout): string[] {
  return (layout.aka ?? []).filter((name) => !name.startsWith('_') && seenNames.get(name) === 1);
}

export const isNdisName = (name: string): boolean => /^(NDIS|NDK|NET_IF)_/.test(name);

gatherCommon();

function kernelNamesText(): string {
  const lines: string[] = [];
  const kernelNames: string[] = [];
  for (const layout of declared) {
    if (layoutFloor(layout) !== 'kernel') continue;
    const names = otherNames(layout).filter(isNdisName);
    if (names.length > 0) kernelNames.push(layout.name);
    for (const name of names) {
      lines.push(`/** ${name} is the kernel's ${layout.name}. */`);
      lines.push(`export type ${name} = ${layout.name};`, `export const ${name} = ${layout.name};`);
    }
  }
  // By name: importing the kernel as a namespace would cost start-up time.
  const imports = `import {\n  ${kernelNames.join(', ')},\n} from '../../../kernel/index.ts';\n`;
  return [HEADER, imports, ...lines, ''].join('\n');
}

class Imports {
  readonly memory = new Set<string>();
  readonly memoryTypes = new Set<string>();
  readonly modules = new Map<string, Set<string>>();
  readonly kernel = new Set<string>();
  readonly kernelApart = new Set<string>();
  statuses = new Set<string>();
}

function moduleText(floor: Floor, name: string, members: readonly Layout[]): string {
  const imports = new Imports();
  const body = members.map((layout) => structureText(floor, name, layout, imports)).join('\n');
  const lines = [HEADER];
  lines.push(`import {\n  ${[...imports.memory].sort().join(', ')},\n} from '../../../memory/index.ts';`);
  lines.push(
    `import type {\n  ${[...imports.memoryTypes].sort().join(', ')},\n} from '../../../memory/index.ts';`,
  );
  for (const status of [...imports.statuses].sort()) {
    const from = status === 'NTSTATUS' && floor === 'ndis' ? '../../../kernel/index.ts' : '../../status.ts';
    lines.push(`import type { ${status} } from '${from}';`);
  }
  if (imports.kernel.size > 0) {
    lines.push(`import {\n  ${[...imports.kernel].sort().join(', ')},\n} from '../../../kernel/index.ts';`);
  }
  if (imports.kernelApart.size > 0) {
    const names = [...imports.kernelApart].sort().join(', ');
    lines.push(`import { ${names} } from '../../../kernel/generated/structures/more.ts';`);
  }
  for (const [module, names] of [...imports.modules].sort(([left], [right]) => (left < right ? -1 : 1))) {
    lines.push(`import { ${[...names].sort().join(', ')} } from './${module}.ts';`);
  }
  return `${lines.join('\n')}\n\n${body}`;
}

/** The members of a structure as a tree. */
function tree(layout: Layout): Node[] {
  const root: Node[] = [];
  for (const member of layout.members) {
    let nodes = root;
    const named = (member.in ?? '').split('/').filter((part) => part.includes(':'));
    for (const part of named) {
      const name = part.split(':')[1];
      let found = nodes.find(
        (node): node is Extract<Node, { nodes: Node[] }> => 'nodes' in node && node.name === name,
      );
      if (found === undefined) {
        const inside = layout.members.filter((other) => isInside(other, member.in ?? '', part));
        const offset = Math.min(...inside.map((other) => other.offset));
        const end = Math.max(...inside.map((other) => other.offset + other.size));
        found = { name, nodes: [], offset, size: end - offset };
        nodes.push(found);
      }
      nodes = found.nodes;
    }
    nodes.push({ member });
  }
  return root;
}

/** Whether `other` lies in the group that ends with `part` on `path`. */
function isInside(other: MemberFact, path: string, part: string): boolean {
  const parts = path.split('/');
  const prefix = parts.slice(0, parts.indexOf(part) + 1).join('/');
  return other.in === prefix || (other.in ?? '').startsWith(`${prefix}/`);
}

function structureText(floor: Floor, module: string, layout: Layout, imports: Imports): string {
  const context: Context = { floor, module, layout, imports, paths: [], nested: false };
  const nodes = tree(layout);
  const types = nodes.map((node) => typeLine(context, node, '  ')).join('');
  const table = nodes.map((node) => tableLine(context, node, '    ')).join('');
  imports.memory.add('structure');
  imports.memoryTypes.add('View');
  imports.memoryTypes.add('Structure');
  collectPaths(nodes, '', context.paths);
  const facts = [`size: ${layout.size}`, `align: ${layout.align}`];
  if (layout.header !== undefined) facts.push(`header: '${layout.header}'`);
  if (layout.kind === 'union') facts.push('union: true');
  if (layout.since !== undefined) facts.push(`since: '${layout.since}'`);
  if (layout.versions !== undefined) {
    const versions = layout.versions.map((entry) => `{ ndis: '${entry.ndis}', size: ${entry.size} }`);
    facts.push(`versions: [${versions.join(', ')}]`);
  }
  const paths = context.paths.map((path) => `'${path}'`).join(' | ');
  const hasGroups = context.paths.some((path) => path.includes('.'));
  const path = hasGroups ? `${layout.name}_Path` : `Exclude<keyof ${layout.name}, keyof View>`;
  const lines = [
    `/** ${docLine(layout)} */`,
    `export interface ${layout.name} extends View {\n${types}}`,
    ...(hasGroups ? [`type ${layout.name}_Path =\n  ${paths};`] : []),
    `export const ${layout.name}: Structure<${layout.name}, ${path}> = structure('${layout.name}', {`,
    `  ${facts.join(', ')},`,
    `  members: () => ({\n${table}  }),`,
    '});',
  ];
  for (const name of otherNames(layout)) {
    if (floor === 'kernel' && isNdisName(name)) continue;
    lines.push(`/** Another name of ${layout.name}. */`);
    lines.push(`export type ${name} = ${layout.name};`, `export const ${name} = ${layout.name};`);
  }
  return `${lines.join('\n')}\n`;
}

function docLine(layout: Layout): string {
  const parts = [`${layout.name}, ${layout.header ?? 'exception unwinding'}: ${layout.size} bytes`];
  if (layout.since !== undefined) parts.push(`since NDIS ${layout.since}`);
  if (layout.versions !== undefined) {
    parts.push(layout.versions.map((entry) => `${entry.size} in ${entry.ndis}`).join(', '));
  }
  return `${parts.join('; ')}.`;
}

interface Context {
  readonly floor: Floor;
  readonly module: string;
  readonly layout: Layout;
  readonly imports: Imports;
  readonly paths: string[];
  readonly nested: boolean;
}

function collectPaths(nodes: readonly Node[], prefix: string, paths: string[]): void {
  for (const node of nodes) {
    if ('member' in node) paths.push(prefix + node.member.name);
    else {
      paths.push(prefix + node.name);
      collectPaths(node.nodes, `${prefix}${node.name}.`, paths);
    }
  }
}

function typeLine(context: Context, node: Node, indent: string): string {
  if ('nodes' in node) {
    const inner = node.nodes.map((child) => typeLine(context, child, `${indent}  `)).join('');
    return `${indent}readonly ${node.name}: {\n${inner}${indent}};\n`;
  }
  const { member } = node;
  const { name } = member;
  const { element, count } = resolveMember(context.layout, member);
  if (member.bits !== undefined) return `${indent}${name}: ${member.bits[1] > 32 ? 'bigint' : 'number'};\n`;
  if (element.is === 'structure') reference(context, element.layout);
  if (count === 0) return `${indent}readonly ${name}: ${addressType(context)};\n`;
  if (element.is === 'structure') {
    if (count === undefined) return `${indent}readonly ${name}: ${element.layout.name};\n`;
    context.imports.memoryTypes.add('StructureArray');
    return `${indent}readonly ${name}: StructureArray<${element.layout.name}>;\n`;
  }
  if (count !== undefined) return `${indent}readonly ${name}: ${arrayType(context, element.kind)};\n`;
  const input = INPUT_TYPES[element.kind];
  if (input !== undefined) {
    context.imports.memoryTypes.add(input);
    const address = addressType(context);
    return `${indent}get ${name}(): ${address};\n${indent}set ${name}(value: ${input});\n`;
  }
  return `${indent}${name}: ${valueType(context, element.kind, element.type)};\n`;
}

const INPUT_TYPES: Partial<Record<ScalarKind, string>> = {
  pointer: 'PointerInput',
  handle: 'PointerInput',
  callback: 'CallbackInput',
  context: 'ContextInput',
};

function addressType(context: Context): string {
  context.imports.memoryTypes.add('Address');
  return 'Address';
}

function valueType(context: Context, kind: ScalarKind, type: string | undefined): string {
  if (kind === 'boolean') return 'boolean';
  if (kind === 'u64' || kind === 'i64') return 'bigint';
  if (kind !== 'status') return 'number';
  const status = type === 'NDIS_STATUS' && context.floor === 'ndis' ? 'NDIS_STATUS' : 'NTSTATUS';
  context.imports.statuses.add(status);
  return status;
}

const ARRAY_TYPES: Partial<Record<ScalarKind, string>> = {
  i8: 'Int8Array',
  u16: 'Uint16Array',
  i16: 'Int16Array',
  u32: 'Uint32Array',
  i32: 'Int32Array',
  u64: 'BigUint64Array',
  i64: 'BigInt64Array',
  status: 'Uint32Array',
};

function arrayType(context: Context, kind: ScalarKind): string {
  if (INPUT_TYPES[kind] === undefined) return ARRAY_TYPES[kind] ?? 'Uint8Array';
  context.imports.memoryTypes.add('PointerArray');
  return 'PointerArray';
}

/** Imports the structure that a member refers to. */
function reference(context: Context, target: Layout): void {
  const { floor, module, imports } = context;
  if (layoutFloor(target) !== floor) {
    if (floor === 'kernel') throw new Error(`${context.layout.name} refers upwards to ${target.name}`);
    const apart = moduleOf.get(target.name) !== COMMON;
    (apart ? imports.kernelApart : imports.kernel).add(target.name);
    return;
  }
  const from = moduleOf.get(target.name) ?? 'other';
  if (from === module) return;
  imports.modules.set(from, (imports.modules.get(from) ?? new Set()).add(target.name));
}

function tableLine(context: Context, node: Node, indent: string): string {
  if ('nodes' in node) {
    context.imports.memory.add('group');
    const inner = node.nodes.map((child) => tableLine(context, child, `${indent}  `)).join('');
    return `${indent}${node.name}: group(${node.offset}, ${node.size}, {\n${inner}${indent}}),\n`;
  }
  return `${indent}${node.member.name}: ${memberCall(context, node.member)},\n`;
}

function memberCall(context: Context, member: MemberFact): string {
  const { element, count } = resolveMember(context.layout, member);
  const { imports } = context;
  const { offset, since } = member;
  const call = (name: string, ...parts: (string | number | undefined)[]): string => {
    imports.memory.add(name);
    while (parts.length > 0 && parts[parts.length - 1] === undefined) parts.pop();
    return `${name}(${parts.map((part) => part ?? 'undefined').join(', ')})`;
  };
  const quoted = (text: string | undefined): string | undefined =>
    text === undefined ? undefined : `'${text}'`;
  if (element.is === 'structure') {
    const of = `() => ${element.layout.name}`;
    if (count === undefined) return call('nested', offset, member.size, of, quoted(since));
    return call('structures', offset, member.size, count, of, quoted(since));
  }
  if (member.bits !== undefined) {
    return call('bits', quoted(element.kind), offset, ...member.bits, quoted(since));
  }
  if (count !== undefined) {
    return call('array', quoted(element.kind), offset, count, quoted(element.type), quoted(since));
  }
  return call(element.kind, offset, quoted(element.type), quoted(since));
}
