/** Enumerations as C text: which groups of the constants are enumerations, and their values. */

import { isKernelEnumeration } from '../tables/constants.ts';
import { type ConstantFact, constants, layouts, readEntries } from './facts.ts';
import { isConditional, supportMacro } from './text.ts';

/** Groups of constants that are an enumeration of that name, though no structure has a member of the type. */
const MORE_ENUMERATIONS: ReadonlySet<string> = new Set([
  'NET_DEVICE_POWER_STATE',
  'IF_ACCESS_TYPE',
  'INTERNAL_IF_OPER_STATUS',
  'NDIS_GFT_COUNTER_VALUE_QUERY_METHOD',
  'NDIS_PD_CONTROL_TYPE',
  'NDIS_PD_QUEUE_CONTROL_CODE',
  'NDIS_PD_PROVIDER_CONTROL_CODE',
  'NDIS_POWER_PROFILE',
  'OFFLOAD_STATE_TYPE',
  'TCP_UPLOAD_REASON',
  'NET_DMA_TRANSFER_STATUS',
  'DOT11_BSS_TYPE',
  'DOT11_CIPHER_ALGORITHM',
  'INDICATE_OFFLOAD_EVENT',
  'TCP_OFFLOAD_EVENT_TYPE',
]);

export interface Enumeration {
  readonly name: string;
  readonly floor: 'kernel' | 'ndis';
  readonly values: readonly ConstantFact[];
}

const enumerationTypes: ReadonlySet<string> = new Set([
  ...layouts.filter((layout) => layout.type === 'enum').map((layout) => layout.name),
  ...readEntries()
    .filter((entry) => entry.kind === 'enum')
    .map((entry) => entry.name),
  ...MORE_ENUMERATIONS,
]);

/** Enumerations of the kernel's headers that members of structures have. */
const KERNEL_TYPES =
  /^(POOL_TYPE|POWER_|SYSTEM_POWER_STATE|DEVICE_(POWER_STATE|RELATION|USAGE|TEXT|RESET|USAGE)|BUS_QUERY|INTERFACE_TYPE|DMA_|MEMORY_CACHING|KINTERRUPT|FILE_INFORMATION|FS_INFORMATION|SECURITY_|D3COLD|PCW_|IRQ_|EX_POOL|IO_|DIRECTORY_|NT_PRODUCT|PROCESSOR_CACHE|EVENT_|KDPC|KBUG|LOGICAL_PROC|HAL_|DEVPROP|MM_|EXT_|CONFIGURATION|KPROFILE|BOUND|NODE_|FUNCTION_LEVEL|SHADOW|FILTER_INIT|GUEST|_?EXCEPTION|WAIT_TYPE|CM_|POOL_|HARDWARE|PHYSICAL|KSERVICE|KEY_)/;

export const enumerations: readonly Enumeration[] = (() => {
  const groups = new Map<string, ConstantFact[]>();
  for (const constant of constants) {
    const { group } = constant;
    if (!enumerationTypes.has(group) && !isKernelEnumeration(group)) continue;
    groups.set(group, [...(groups.get(group) ?? []), constant]);
  }
  for (const name of enumerationTypes) if (!groups.has(name)) groups.set(name, []);
  return [...groups]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, values]) => ({
      name,
      floor: isKernelEnumeration(name) || KERNEL_TYPES.test(name) ? ('kernel' as const) : ('ndis' as const),
      values,
    }));
})();

/** Names of constants that are enumerators. */
export const enumerators: ReadonlySet<string> = new Set(
  enumerations.flatMap(({ values }) => values.map((value) => value.name)),
);

export const enumerationNames: ReadonlySet<string> = new Set(enumerations.map(({ name }) => name));

/** The signed text of a value: enumerators are ints. */
function valueText(value: string): string {
  const number = BigInt(value);
  return number > 0x7fff_ffffn ? `(int)${value}` : value;
}

export function enumerationText({ name, values }: Enumeration): string {
  if (values.length === 0) return `typedef int ${name}, *P${name}; /* values are not in the facts */`;
  const lines = [`typedef enum _${name} {`];
  for (const value of [...values].sort((left, right) => Number(left.value) - Number(right.value))) {
    const { versions } = value as ConstantFact & { versions?: readonly { ndis: string; value: string }[] };
    if (versions === undefined) {
      lines.push(`  ${value.name} = ${valueText(value.value)},`);
      continue;
    }
    [...versions].reverse().forEach((version, index) => {
      const condition = isConditional(version.ndis) && index < versions.length - 1;
      lines.push(condition ? `${index === 0 ? '#if' : '#elif'} ${supportMacro(version.ndis)}` : '#else');
      lines.push(`  ${value.name} = ${valueText(version.value)},`);
    });
    lines.push('#endif');
  }
  lines.push(`} ${name}, *P${name};`);
  return lines.join('\n');
}
