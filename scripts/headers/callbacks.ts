/** Types of the functions that drivers register: the function type and the pointers to it that structures hold. */

import { declarations } from '../coverage/declared.ts';
import { layoutByName } from '../tables/facts.ts';
import { layouts, readEntries } from './facts.ts';
import { handwritten } from './handwritten.ts';
import { declarator } from './text.ts';

export interface Signature {
  readonly name: string;
  readonly returns: string;
  readonly parameters: readonly { readonly type: string; readonly name: string }[];
}

export interface CallbackType extends Signature {
  readonly floor: 'kernel' | 'ndis';
  readonly group: string;
  readonly role: string | undefined;
  /** Names of the type of a pointer to it; without any the callback's own name is that of the pointer. */
  readonly pointers: readonly string[];
  readonly isPointer: boolean;
}

/** Types of members that hold a pointer, by value. */
const memberTypes: ReadonlySet<string> = new Set(
  layouts.flatMap((layout) => layout.members.map((member) => member.type.replace(/\s*\[.*$/, ''))),
);

/** Removes annotations that got into types of the facts. */
export function cleanType(type: string): string {
  return type
    .replace(/\b_\w+_\b(\s*\([^)]*\))?/g, (text) => (/^_[A-Z][A-Z0-9_]*$/.test(text) ? text : ''))
    .replace(/\bIN(?=P[A-Z])/, '')
    .replace(/\b(IN|OUT|OPTIONAL|CONST)\b/g, (word) => (word === 'CONST' ? 'const' : ''))
    .replace(/\s+/g, ' ')
    .trim();
}

export function signatureText({ returns, name, parameters }: Signature): string {
  const list = parameters.map(({ type, name: parameter }) =>
    type === '...' ? '...' : declarator(cleanType(type), parameter),
  );
  const inner = list.length === 0 ? 'VOID' : list.join(', ');
  return `${cleanType(returns)}${returns.endsWith('*') ? '' : ' '}${name}(${inner})`;
}

/** The types of the members that register a callback. */
function registeredTypes(entry: { readonly registeredIn?: readonly string[] }): string[] {
  return (entry.registeredIn ?? []).flatMap((path) => {
    const [structure, member] = path.split('.');
    const found = layoutByName.get(structure)?.members.find((one) => one.name === member);
    return found === undefined || /[*[ ]/.test(found.type) ? [] : [found.type];
  });
}

/** Pointer types that no rule gives. */
const MORE_POINTERS: Readonly<Record<string, readonly string[]>> = {
  FILTER_SYNCHRONOUS_OID_REQUEST_COMPLETE: ['FILTER_SYNCHRONOUS_OID_REQUEST_COMPLETE_HANDLER'],
  NDIS_TIMER_FUNCTION: ['PNDIS_TIMER_FUNCTION'],
  NDIS_IO_WORKITEM_FUNCTION: ['NDIS_IO_WORKITEM_ROUTINE'],
};

function pointersOf(name: string, floor: 'kernel' | 'ndis', registered: readonly string[]): string[] {
  const names = new Set([...registered, ...(MORE_POINTERS[name] ?? []), `P${name}`]);
  if (floor === 'ndis') names.add(`${name}_HANDLER`);
  names.delete(name);
  return [...names].filter((pointer) => !handwritten.has(pointer));
}

export const callbacks: readonly CallbackType[] = (() => {
  const entries = new Map(
    readEntries()
      .filter((entry) => entry.kind === 'callback')
      .map((entry) => [entry.name, entry]),
  );
  const result: CallbackType[] = [];
  const add = (
    signature: Signature,
    floor: 'kernel' | 'ndis',
    group: string,
    role: string | undefined,
  ): void => {
    const isPointer = memberTypes.has(signature.name);
    const registered = registeredTypes(entries.get(signature.name) ?? {});
    const pointers = isPointer ? [] : pointersOf(signature.name, floor, registered);
    if (!handwritten.has(signature.name))
      result.push({ ...signature, floor, group, role, pointers, isPointer });
  };
  for (const declaration of declarations.values()) {
    if (declaration.kind !== 'callback') continue;
    const entry = entries.get(declaration.parsed.name);
    const floor = entry !== undefined || declaration.page.startsWith('ndis/') ? 'ndis' : 'kernel';
    add(declaration.parsed, floor, entry?.group ?? floor, declaration.role);
  }
  for (const entry of entries.values()) {
    if (declarations.has(entry.name) || entry.params === undefined) continue;
    const parameters = entry.params.map(({ name, type }) => ({ name, type: type ?? 'PVOID' }));
    const { role } = entry as { readonly role?: string };
    add({ name: entry.name, returns: entry.ret ?? 'VOID', parameters }, 'ndis', entry.group, role);
  }
  const taken = new Set<string>(result.map((callback) => callback.name));
  return result.map((callback) => ({
    ...callback,
    pointers: callback.pointers.filter((name) => !taken.has(name) && taken.add(name) !== undefined),
  }));
})();

export function callbackText(callback: CallbackType): string {
  const { name, pointers, isPointer } = callback;
  const about = callback.role === undefined ? [] : [`/* ${callback.role} */`];
  if (isPointer)
    return [...about, `typedef ${signatureText({ ...callback, name: `(*${name})` })};`].join('\n');
  return [
    ...about,
    `typedef ${signatureText({ ...callback, name: `(${name})` })};`,
    ...pointers.map((pointer) => `typedef ${name} *${pointer};`),
  ].join('\n');
}
