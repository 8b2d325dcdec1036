/** Functions that drivers import: what ndisbox declares and what else the reference documents. */

import { declarations } from '../coverage/declared.ts';
import { ddiEntries } from '../coverage/facts.ts';
import { type Signature, signatureText } from './callbacks.ts';
import { readEntries } from './facts.ts';
import { handwritten } from './handwritten.ts';
import { header } from './text.ts';

/** The modules of Windows; what ndisbox itself exports has a header of its own, written by hand. */
export type Module = 'ntoskrnl' | 'hal' | 'ndis';

export interface ImportedFunction extends Signature {
  readonly library: Module;
  readonly family: string;
  /** Only in the export list: the reference has no prototype that could be given here. */
}

const KERNEL_FAMILIES: readonly (readonly [RegExp, string])[] = [
  [/^(Ex|pExp?)/, 'executive'],
  [/^Io/, 'io'],
  [/^K[ef]/, 'kernel'],
  [/^Mm/, 'memory'],
  [/^(Ob|Ps|Se)/, 'objects'],
  [/^(Rtl|Ver)/, 'runtimeLibrary'],
  [/^Zw/, 'system'],
];

/** Functions of the C library: declared by hand, imported from ntoskrnl. */
const C_LIBRARY = /^_*[a-z]+(_s)?$/;

/**
 * Types of C where the declaration has the types of what a TypeScript driver gives: constant data, the objects that
 * pointers to pointers are for.
 */
const C_TYPES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  IoCreateDevice: { DeviceObject: 'PDEVICE_OBJECT *' },
  WdmlibIoCreateDeviceSecure: { DefaultSDDLString: 'PCUNICODE_STRING', DeviceClassGuid: 'LPCGUID' },
  RtlAssert: {
    VoidFailedAssertion: 'PVOID',
    VoidFileName: 'PVOID',
    MutableMessage: 'PCHAR',
  },
  RtlCompareMemory: { Source1: 'const VOID *', Source2: 'const VOID *' },
  RtlCopyMemoryNonTemporal: { Source: 'const VOID *' },
  RtlStringFromGUID: { Guid: 'const GUID *' },
  RtlGetVersion: { lpVersionInformation: 'PRTL_OSVERSIONINFOW' },
  RtlVerifyVersionInfo: { VersionInfo: 'PRTL_OSVERSIONINFOEXW' },
  RtlQueryRegistryValues: { QueryTable: 'struct _RTL_QUERY_REGISTRY_TABLE *' },
  ExUuidCreate: { Uuid: 'GUID *' },
  PsGetVersion: { CSDVersion: 'PUNICODE_STRING' },
  ZwReadFile: { ApcRoutine: 'PIO_APC_ROUTINE' },
  ZwWriteFile: { ApcRoutine: 'PIO_APC_ROUTINE' },
  ZwDeviceIoControlFile: { ApcRoutine: 'PIO_APC_ROUTINE' },
  vDbgPrintEx: { arglist: 'va_list' },
  vDbgPrintExWithPrefix: { arglist: 'va_list' },
};

function parametersOf(declared: Signature): Signature['parameters'] {
  const types = C_TYPES[declared.name];
  if (types === undefined) return declared.parameters;
  return declared.parameters.map(({ name, type }) => ({ name, type: types[name] ?? type }));
}

/** Functions of NDIS 5 that drivers for NDIS 6 still call. */
const STILL_USED: ReadonlySet<string> = new Set(['NdisAllocateMemoryWithTag', 'NdisAllocateMemory']);

export const functions: readonly ImportedFunction[] = (() => {
  const result: ImportedFunction[] = [];
  const groups = new Map(readEntries().map((entry) => [entry.name, entry.group]));
  for (const declaration of declarations.values()) {
    if (declaration.kind !== 'function' || declaration.inline || declaration.library === 'ndisbox') continue;
    const { name } = declaration.parsed;
    if (C_LIBRARY.test(name)) continue;
    const family =
      declaration.library === 'ndis'
        ? (groups.get(name) ?? 'strings-misc')
        : (KERNEL_FAMILIES.find(([pattern]) => pattern.test(name))?.[1] ?? 'debug');
    const parameters = parametersOf(declaration.parsed);
    result.push({ ...declaration.parsed, parameters, library: declaration.library, family });
  }
  const old = ddiEntries.filter((entry) => STILL_USED.has(entry.name));
  for (const entry of [...readEntries(), ...old]) {
    const leftOut = entry.group === 'undocumented-export';
    if (entry.kind !== 'function' || declarations.has(entry.name) || leftOut) continue;
    const { form } = entry as { readonly form?: string };
    if (
      entry.params === undefined ||
      entry.ret === undefined ||
      form === 'inline' ||
      form === 'macro-or-inline'
    )
      continue;
    const parameters = entry.params.map(({ name, type }) => ({ name, type: type ?? 'PVOID' }));
    result.push({
      name: entry.name,
      returns: entry.ret ?? 'VOID',
      parameters,
      library: 'ndis',
      family: entry.group,
    });
  }
  return result
    .filter(({ name }) => !handwritten.has(name))
    .sort((left, right) => (left.name < right.name ? -1 : 1));
})();

function camel(name: string): string {
  return name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

export function functionText(one: ImportedFunction): string {
  const macro = one.library === 'ndis' ? 'NDISAPI' : one.library === 'hal' ? 'NTHALAPI' : 'NTKERNELAPI';
  return `${macro} ${signatureText({ ...one, name: `${one.parameters.some(({ type }) => type === '...') ? '__cdecl' : 'NTAPI'} ${one.name}` })};`;
}

/** Headers of functions of a floor: file name to text. */
export function functionHeaders(floor: 'kernel' | 'ndis'): Map<string, string> {
  const families = new Map<string, ImportedFunction[]>();
  for (const one of functions) {
    if ((one.library === 'ndis') !== (floor === 'ndis')) continue;
    const family = camel(one.family);
    families.set(family, [...(families.get(family) ?? []), one]);
  }
  const files = new Map<string, string>();
  for (const [family, list] of [...families].sort(([left], [right]) => (left < right ? -1 : 1))) {
    const body = ['EXTERN_C_START', '', ...list.map(functionText), '', 'EXTERN_C_END'];
    files.set(`functions/${family}.h`, header(`Functions: ${family}.`, body));
  }
  return files;
}
