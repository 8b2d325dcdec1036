/** Writes an INF file from its syntax, so that parsing it gives the same syntax again. */

import type { InfField, InfLine, InfSyntax } from './syntax.ts';

/** The text of a file, with CR LF. Comments and the layout of the original are not kept. */
export function printInf({ sections }: InfSyntax): string {
  return sections
    .map(({ name, lines }) => [`[${name}]`, ...lines.map(printLine), ''].join('\r\n'))
    .join('\r\n');
}

function printLine({ key, values }: InfLine): string {
  const list = values.map(printField).join(',');
  if (key === null) return list === '' ? '""' : list;
  return `${printField(key)}=${list}`;
}

/** A value; in quotation marks where it would not survive without. */
function printField({ text }: InfField): string {
  const plain = /^[\w.$@*&{}()/+:#!?'<>~^|`-]*$/.test(text) || /^%[\w.*-]+%$/.test(text);
  return plain ? text : `"${text.replaceAll('"', '""')}"`;
}
