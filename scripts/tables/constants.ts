/** Generates the modules of constants and the tables from value to name. */

import { type ConstantFact, constants, type Floor, layouts } from './facts.ts';
import { HEADER } from './structures.ts';

/** Module of each kernel group; a group that is not here belongs to ndis. */
const KERNEL_GROUPS: Readonly<Record<string, string>> = {
  ntstatus: 'ntstatus',
  bugcheck: 'bugCheck',
  wdm: 'wdm',
  ntddk: 'wdm',
  ntifs: 'wdm',
  ntdef: 'basic',
  irql: 'basic',
  sdkddkver: 'basic',
  NTDDI: 'basic',
  excpt: 'image',
  ntimage: 'image',
  IMAGE_FILE: 'image',
  IMAGE_GUARD: 'image',
  IMAGE_REL_BASED: 'image',
  IMAGE_SCN: 'image',
  unwind: 'image',
  netevent: 'eventLog',
  ntiologc: 'eventLog',
  FILE_DEVICE: 'io',
  FO: 'io',
  DO: 'io',
  DRVO: 'io',
  IRP: 'io',
  IRP_MJ: 'io',
  IRP_MN: 'io',
  SL: 'io',
  METHOD: 'io',
  CM_RESOURCE: 'bus',
  PCI: 'bus',
  MDL: 'memory',
  POOL: 'memory',
  POOL_FLAG: 'memory',
  OBJ: 'basic',
  ROUND_DOWN: 'basic',
  ROUND_UP: 'basic',
  wmistr: 'wmi',
};
/** The enumerations of the kernel headers stand together, from the first to the last of these. */
const FIRST_KERNEL_ENUMERATION = 'EXCEPTION_DISPOSITION';
const LAST_KERNEL_ENUMERATION = 'BUS_DATA_TYPE';

const NDIS_GROUPS: Readonly<Record<string, string>> = {
  'ndis-status': 'statuses',
  'ndis-error-code': 'errorCodes',
  oid: 'oids',
  revision: 'revisions',
  sizeof: 'sizes',
  IF_TYPE: 'interfaceTypes',
};

const STATUS_GROUPS: Readonly<Record<string, string>> = {
  ntstatus: 'NTSTATUS',
  'ndis-status': 'NDIS_STATUS',
};

/** Modules left out of the index, as with structures: exported by `more.ts`. */
const APART: ReadonlySet<string> = new Set([
  'bus',
  'eventLog',
  'image',
  'wmi',
  'interfaceTypes',
  'media',
  'virtualization',
]);
/** Modules that the sources import by name; the rest of the indexed ones are one, as with structures. */
const NAMED: ReadonlySet<string> = new Set(['basic', 'bugCheck', 'ntstatus', 'oids', 'statuses']);
const COMMON = 'common';

/** Names that the host itself defines. */
const OWN_NAMES: ReadonlySet<string> = new Set(['NULL']);

export const enumerationNames: ReadonlySet<string> = new Set(
  layouts.filter((layout) => layout.type === 'enum').map((layout) => layout.name),
);

export interface Placed {
  readonly floor: Floor;
  readonly module: string;
  readonly fact: ConstantFact;
}

export const placed: readonly Placed[] = (() => {
  const result: Placed[] = [];
  let kernelEnumeration = false;
  for (const fact of constants) {
    if (fact.group === FIRST_KERNEL_ENUMERATION) kernelEnumeration = true;
    else if (kernelEnumeration && !isKernelEnumeration(fact.group)) kernelEnumeration = false;
    if (OWN_NAMES.has(fact.name)) continue;
    result.push(place(fact, kernelEnumeration));
  }
  return result;
})();

export function isKernelEnumeration(group: string): boolean {
  const order = [...new Set(constants.map((constant) => constant.group))];
  const index = order.indexOf(group);
  return index >= order.indexOf(FIRST_KERNEL_ENUMERATION) && index <= order.indexOf(LAST_KERNEL_ENUMERATION);
}

function place(fact: ConstantFact, kernelEnumeration: boolean): Placed {
  const kernel = KERNEL_GROUPS[fact.group];
  if (kernel !== undefined) return { floor: 'kernel', module: kernel, fact };
  if (kernelEnumeration) return { floor: 'kernel', module: 'enumerations', fact };
  return { floor: 'ndis', module: NDIS_GROUPS[fact.group] ?? ndisModule(fact), fact };
}

function ndisModule(fact: ConstantFact): string {
  if (enumerationNames.has(fact.group)) return 'enumerations';
  if (fact.legacy === true) return 'legacy5x';
  if (/^NDIS_(GFP|GFT|NIC_SWITCH|SWITCH|SRIOV|QOS|PD|ISOLATION|HYPERVISOR)/.test(fact.group))
    return 'virtualization';
  if (
    /^(NDIS|NBL|NET_BUFFER|NdisHash|NdisInterrupt|fNDIS|IOCTL_NDIS|NET_IF|NIIF|IF_|MIB_IF)/.test(fact.group)
  ) {
    return 'flags';
  }
  return 'media';
}

/** All modules of constants of a floor: file name to text. */
export function constantModules(floor: Floor): Map<string, string> {
  const modules = new Map<string, ConstantFact[]>();
  for (const { floor: where, module, fact } of placed) {
    const name = APART.has(module) || NAMED.has(module) ? module : COMMON;
    if (where === floor) modules.set(name, [...(modules.get(name) ?? []), fact]);
  }
  const files = new Map<string, string>();
  for (const name of [...modules.keys()].sort())
    files.set(`${name}.ts`, moduleText(floor, modules.get(name) ?? []));
  const exporting = (names: string[]): string =>
    `${HEADER}\n${names.map((file) => `export * from './${file}';\n`).join('')}`;
  const apart = (file: string): boolean => APART.has(file.replace('.ts', ''));
  const names = [...files.keys()];
  files.set('index.ts', exporting(names.filter((file) => !apart(file))));
  files.set('more.ts', exporting(names.filter(apart)));
  return files;
}

function moduleText(floor: Floor, facts: readonly ConstantFact[]): string {
  const lines = [HEADER];
  const statuses = new Set(
    facts.map((fact) => STATUS_GROUPS[fact.group]).filter((type) => type !== undefined),
  );
  for (const type of statuses) lines.push(`import type { ${type} } from '../../status.ts';`, '');
  let group = '';
  for (const fact of facts) {
    if (fact.group !== group) {
      group = fact.group;
      lines.push(`// ${group}`);
    }
    lines.push(constantLine(floor, fact));
  }
  return `${lines.join('\n')}\n`;
}

function constantLine(_floor: Floor, fact: ConstantFact): string {
  const type = STATUS_GROUPS[fact.group];
  const value = BigInt(fact.value.replace(/^-/, '')) * (fact.value.startsWith('-') ? -1n : 1n);
  const since = fact.since === undefined ? '' : ` // NDIS ${fact.since}`;
  const text = value > 0xffff_ffffn ? `${fact.value}n` : fact.value;
  return `export const ${fact.name}${type === undefined ? '' : `: ${type}`} = ${text};${since}`;
}
