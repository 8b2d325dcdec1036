/**
 * Floor `x64`: machine code, from bytes to WebAssembly. Reading order: registers, instructions, the host.
 */

export * from './state.ts';
export * from './instruction.ts';
export * from './table/index.ts';
export * from './decode.ts';
export * from './disassemble.ts';
export * from './host.ts';
export * from './interpreter/index.ts';
export * from './engine.ts';
