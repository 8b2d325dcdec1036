/** Compares a declaration with the documented entry: return type, parameters, IRQL and page. */

import type { AnyDeclared } from './declared.ts';
import { DIFFERENCES, type Part } from './differences.ts';
import type { DdiEntry } from './facts.ts';

/** A difference, as a sentence. */
export interface Difference {
  readonly part: Part;
  readonly text: string;
}

/** A C type without what does not change it: annotations, const, the spelling of a pointer. */
export function plainType(type: string): string {
  const words = type
    .replaceAll(/\b(CONST|const|struct|IN|OUT|OPTIONAL|volatile|FAR|_[A-Z][a-z]\w*_)\b/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
  const stars = words.split('*').length - 1;
  const base = words
    .replaceAll('*', '')
    .trim()
    .replace(/^void$/, 'VOID');
  // PCX points to a constant X, PX to an X: one star.
  const pointee = /^PC?(?=[A-Z])(?!HYSICAL|ORT|ROCESSOR|ACKET_|RIORITY)(\w+)$/.exec(base);
  return pointee === null ? base + '*'.repeat(stars) : `${pointee[1]}*${'*'.repeat(stars)}`;
}

/** The rule a documented IRQL comes to, or undefined where the page does not state one plainly. */
export function plainIrql(irql: string | undefined): string | undefined {
  const text = (irql ?? '')
    .replace(/\(see Remarks section\)/, '')
    .replace(/^IRQL\s*/, '')
    .trim();
  if (text.startsWith('See Remarks') || text === '') return undefined;
  if (text === 'Any level' || text === '<= HIGH_LEVEL') return 'any';
  const words = text
    .replace(/^Greater than or equal to/, '>=')
    .replaceAll(' ', '')
    .replace(/^=/, '');
  return words === 'DEVICE_LEVEL' ? undefined : words.replace(/^<DISPATCH_LEVEL$/, '<=APC_LEVEL');
}

/** The differences that are not on the reviewed list. */
export function compareDeclaration(declared: AnyDeclared, entry: DdiEntry): Difference[] {
  const found: Difference[] = [];
  const differ = (part: Part, ours: string, theirs: string): void => {
    if (ours !== theirs && DIFFERENCES[entry.name]?.[part] === undefined) {
      found.push({ part, text: `${entry.name} ${part}: declared ${ours}, documented ${theirs}` });
    }
  };
  const { parsed } = declared;
  if (entry.ret !== undefined && entry.ret !== null) {
    differ('returns', plainType(parsed.returns), plainType(entry.ret));
  }
  if (entry.params !== undefined) {
    const list = (parameters: readonly { name: string; type?: string }[], types: boolean): string =>
      parameters.map(({ name, type }) => (types ? `${plainType(type ?? '')} ${name}` : name)).join(', ');
    // Pages of macros repeat the name of a parameter where its type would stand.
    const typed = entry.params.every(({ type, name }) => type !== undefined && type !== '' && type !== name);
    differ('parameters', list(parsed.parameters, typed), list(entry.params, typed));
  }
  const irql = plainIrql(entry.irql);
  if (irql !== undefined) differ('irql', declared.irql, irql);
  const page = pageOf(entry);
  // Macros that have lost their page are described by pages of the guide.
  const guided = entry.kind === 'macro' && declared.page.startsWith('network/');
  if (page !== undefined && !guided) differ('page', declared.page, page);
  return found;
}

/** The page of the reference, where its header is known. */
function pageOf(entry: DdiEntry): string | undefined {
  const header = entry.header?.replace(/\.h$/, '');
  if (header === undefined) return undefined;
  return `${header}/${entry.kind === 'callback' ? 'nc' : 'nf'}-${header}-${entry.name.toLowerCase()}`;
}
