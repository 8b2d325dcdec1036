/**
 * Names for instructions that this machine does not have, for the message of the invalid-opcode bug check. Implements
 * the x87 opcode maps of the Intel 64 manual, volume 2, appendix A; MMX and AVX are named after the SSE
 * operations whose opcodes they share.
 */

import type { Address } from '../../memory/index.ts';
import type { Dispatch } from './dispatch.ts';
import { formInGroup } from './dispatch.ts';
import type { Form } from './operation.ts';

/** x87 with memory: D8 to DF, by the reg field. */
const X87_MEMORY: readonly string[] = [
  'fadd fmul fcom fcomp fsub fsubr fdiv fdivr',
  'fld - fst fstp fldenv fldcw fnstenv fnstcw',
  'fiadd fimul ficom ficomp fisub fisubr fidiv fidivr',
  'fild fisttp fist fistp - fld - fstp',
  'fadd fmul fcom fcomp fsub fsubr fdiv fdivr',
  'fld fisttp fst fstp frstor - fnsave fnstsw',
  'fiadd fimul ficom ficomp fisub fisubr fidiv fidivr',
  'fild fisttp fist fistp fbld fild fbstp fistp',
];
/** x87 with registers: D8 to DF, by the reg field. */
const X87_REGISTER: readonly string[] = [
  'fadd fmul fcom fcomp fsub fsubr fdiv fdivr',
  'fld fxch fnop - - - - -',
  'fcmovb fcmove fcmovbe fcmovu - fucompp - -',
  'fcmovnb fcmovne fcmovnbe fcmovnu fninit fucomi fcomi -',
  'fadd fmul fcom fcomp fsubr fsub fdivr fdiv',
  'ffree fxch fst fstp fucom fucomp - -',
  'faddp fmulp fcomp fcompp fsubrp fsubp fdivrp fdivp',
  'ffreep fxch fstp fstp fnstsw fucomip fcomip -',
];
/** D9 E0 to D9 FF. */
const X87_CONSTANTS = (
  'fchs fabs - - ftst fxam - - fld1 fldl2t fldl2e fldpi fldlg2 fldln2 fldz - ' +
  'f2xm1 fyl2x fptan fpatan fxtract fprem1 fdecstp fincstp fprem fyl2xp1 fsqrt fsincos frndint fscale fsin fcos'
).split(' ');

/** Others of the 0F map that are no operations of ours, by opcode. */
const NAMED: Readonly<Record<number, string>> = {
  0x04: 'an undefined opcode',
  0x0e: 'femms',
  0x0f: '3DNow!',
  0x2a: 'cvtpi2ps (MMX)',
  0x2c: 'cvttps2pi (MMX)',
  0x2d: 'cvtps2pi (MMX)',
  0x37: 'getsec',
  0x77: 'emms',
  0x78: 'vmread',
  0x79: 'vmwrite',
  0xaa: 'rsm',
  0xae: 'fxsave, xsave or their like',
  0xc7: 'rdrand, rdseed or a VMX instruction',
};

const UNKNOWN = 'an undefined opcode';

function x87(opcode: number, modrm: number): string {
  const reg = (modrm >> 3) & 7;
  const name =
    opcode === 0xd9 && modrm >= 0xe0
      ? X87_CONSTANTS[modrm - 0xe0]
      : (modrm < 0xc0 ? X87_MEMORY : X87_REGISTER)[opcode - 0xd8].split(' ')[reg];
  return name === '-' ? 'an undefined x87 opcode' : name;
}

/** The SSE operation in a cell of the legacy maps, empty for none. */
function legacyName(dispatch: Dispatch, forms: readonly Form[], cell: number, modrm: number): string {
  let number = dispatch.cells[cell];
  if (number < 0) number = formInGroup(dispatch.groups, number, modrm);
  if (number <= 0) return '';
  const { operation } = forms[number - 1];
  return operation.feature === 'base' ? '' : operation.mnemonics[2];
}

/**
 * What the bytes at an address would be.
 * @param u8 all memory; @param length bytes that may be looked at.
 */
export function nameUnsupportedIn(
  dispatch: Dispatch,
  forms: readonly Form[],
  u8: Uint8Array,
  address: Address,
  length: number,
): string {
  let at = address;
  const end = address + length;
  const next = () => (at < end ? u8[at++] : 0);
  const isPrefix = (byte: number) =>
    (byte & 0xf0) === 0x40 ||
    [0x66, 0xf2, 0xf3, 0xf0, 0x67, 0x64, 0x65, 0x2e, 0x36, 0x3e, 0x26].includes(byte);
  let prefix = 0;
  let byte = next();
  for (; isPrefix(byte) && at < end; byte = next()) if (byte === 0x66) prefix = 1;
  if (byte >= 0xd8 && byte <= 0xdf) return x87(byte, u8[at] ?? 0);
  if (byte === 0x9b) return 'fwait';
  if (byte === 0x62) return 'an AVX-512 instruction';
  if (byte === 0xc4 || byte === 0xc5) {
    let map = 1;
    let last = next();
    if (byte === 0xc4) {
      map = last & 0x1f;
      last = next();
    }
    if (map === 0 || map > 3) return 'an AVX instruction';
    const order = [0, 1, 2, 3];
    const name = legacyName(dispatch, forms, map * 1024 + order[last & 3] * 256 + next(), u8[at] ?? 0);
    return name === '' ? 'an AVX instruction' : `v${name}`;
  }
  if (byte !== 0x0f) return UNKNOWN;
  let opcode = next();
  const map = opcode === 0x38 ? 2 : opcode === 0x3a ? 3 : 1;
  if (map !== 1) opcode = next();
  if (map === 1 && NAMED[opcode] !== undefined) return NAMED[opcode];
  // MMX has the opcodes of the SSE operations without their 66 prefix.
  const name = prefix === 0 ? legacyName(dispatch, forms, map * 1024 + 256 + opcode, u8[at] ?? 0) : '';
  if (name !== '') return `${name} (MMX)`;
  if (map === 2 && opcode >= 0xdb && opcode <= 0xdf) return 'an AES instruction';
  if (map === 2 && opcode >= 0xc8 && opcode <= 0xcd) return 'a SHA instruction';
  if (map === 3 && opcode === 0x44) return 'pclmulqdq';
  return UNKNOWN;
}
