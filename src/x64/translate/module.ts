/** A WebAssembly module as bytes. Implements "Modules" of the WebAssembly Core Specification 2.0, section 5.5. */

import { Code } from './code.ts';

/** Parameters and results. */
export interface FunctionType {
  readonly parameters: readonly number[];
  readonly results: readonly number[];
}

export interface ImportedFunction {
  readonly name: string;
  /** Index in the types. */
  readonly type: number;
}

export interface ModuleFunction {
  readonly type: number;
  /** An entry of the code section, as Body.finish gives it. */
  readonly code: Code;
  readonly export?: string;
}

export interface ModuleParts {
  readonly types: readonly FunctionType[];
  /** From the module `n`; function indices start with them. */
  readonly imports: readonly ImportedFunction[];
  readonly functions: readonly ModuleFunction[];
}

const FUNC = 0x60;
const FUNCREF = 0x70;
const TYPE_SECTION = 1;
const IMPORT_SECTION = 2;
const FUNCTION_SECTION = 3;
const EXPORT_SECTION = 7;
const CODE_SECTION = 10;

/** The bytes of a module that imports memory `n.m`, table `n.t` and functions, and exports those that have a name. */
export function moduleBytes(parts: ModuleParts): Uint8Array<ArrayBuffer> {
  const code = new Code();
  for (const byte of [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) code.byte(byte);
  section(code, TYPE_SECTION, (out) => {
    out.u32(parts.types.length);
    for (const { parameters, results } of parts.types) {
      out.byte(FUNC);
      for (const list of [parameters, results]) {
        out.u32(list.length);
        for (const type of list) out.byte(type);
      }
    }
  });
  section(code, IMPORT_SECTION, (out) => writeImports(out, parts.imports));
  section(code, FUNCTION_SECTION, (out) => {
    out.u32(parts.functions.length);
    for (const { type } of parts.functions) out.u32(type);
  });
  section(code, EXPORT_SECTION, (out) => {
    const exported = parts.functions.filter((each) => each.export !== undefined);
    out.u32(exported.length);
    parts.functions.forEach((each, index) => {
      if (each.export === undefined) return;
      out.text(each.export);
      out.byte(0);
      out.u32(parts.imports.length + index);
    });
  });
  section(code, CODE_SECTION, (out) => {
    out.u32(parts.functions.length);
    for (const each of parts.functions) out.append(each.code);
  });
  return code.finish();
}

function writeImports(out: Code, imports: readonly ImportedFunction[]): void {
  out.u32(imports.length + 2);
  out.text('n');
  out.text('m');
  // A memory of at least one page; its maximum is the importer's business.
  out.byte(2);
  out.byte(0);
  out.u32(1);
  out.text('n');
  out.text('t');
  out.byte(1);
  out.byte(FUNCREF);
  out.byte(0);
  out.u32(1);
  for (const { name, type } of imports) {
    out.text('n');
    out.text(name);
    out.byte(0);
    out.u32(type);
  }
}

function section(code: Code, id: number, write: (out: Code) => void): void {
  const out = new Code();
  write(out);
  code.byte(id);
  code.u32(out.length);
  code.append(out);
}
