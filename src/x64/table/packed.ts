/**
 * The instruction table: SSE operations on integer lanes. Implements the instruction reference of the Intel 64 manual,
 * volume 2.
 */

import { RAX, RCX, RDI, RDX } from '../state.ts';
import { type Definition, define, type Facts, type Feature } from './operation.ts';
import type { Lane, LaneOperator } from './semantics.ts';

function lanes(
  name: string,
  opcode: string,
  lane: Lane,
  operator: LaneOperator,
  feature: Feature = 'sse2',
): Definition {
  return define(name, { feature, semantics: { kind: 'lanes', lane, operator } }, `66 0f ${opcode} Vx,Wx`);
}

function unpack(name: string, opcode: string, width: 1 | 2 | 4 | 8, half: 'low' | 'high'): Definition {
  return define(
    name,
    { feature: 'sse2', semantics: { kind: 'unpack', width, half } },
    `66 0f ${opcode} Vx,Wx`,
  );
}

/** Shift by an XMM operand or an immediate. */
function shift(
  name: string,
  lane: 'i16' | 'i32' | 'i64',
  operator: 'left' | 'right' | 'arithmetic',
  opcode: string,
  immediate: string,
): Definition {
  return define(
    name,
    { feature: 'sse2', semantics: { kind: 'shift', lane, operator } },
    `66 0f ${opcode} Vx,Wx`,
    `66 0f ${immediate} Ux,Iu`,
  );
}

function pack(
  name: string,
  opcode: string,
  from: 'i16' | 'i32',
  to: 'i8' | 'u8' | 'i16' | 'u16',
  feature: Feature,
): Definition {
  return define(name, { feature, semantics: { kind: 'pack', from, to } }, `66 0f ${opcode} Vx,Wx`);
}

/** Sign and zero extension; `size` is the letter of the bytes that are read. */
function extend(name: string, opcode: string, from: Lane, to: Lane, size: string): Definition {
  return define(
    name,
    { feature: 'sse4.1', access: 'wr', semantics: { kind: 'extend', from, to } },
    `66 0f 38 ${opcode} Vx,W${size}`,
  );
}

function horizontal(
  name: string,
  opcode: string,
  lane: 'i16' | 'i32',
  operator: 'add' | 'subtract' | 'addSaturating' | 'subtractSaturating',
): Definition {
  return define(
    name,
    { feature: 'ssse3', semantics: { kind: 'horizontal', lane, operator } },
    `66 0f 38 ${opcode} Vx,Wx`,
  );
}

const bitwise = (name: string, opcode: string, operator: 'and' | 'andNot' | 'or' | 'xor') =>
  define(name, { feature: 'sse2', semantics: { kind: 'bitwise', operator } }, `66 0f ${opcode} Vx,Wx`);
const absolute = (name: string, opcode: string, lane: Lane) =>
  define(
    name,
    { feature: 'ssse3', access: 'wr', semantics: { kind: 'unary', lane, function: 'absolute' } },
    `66 0f 38 ${opcode} Vx,Wx`,
  );
const STRING_COMPARE: Facts = { feature: 'sse4.2', writes: 'oszapc', access: 'rrr', unaligned: true };

export const PACKED_OPERATIONS: readonly Definition[] = [
  unpack('punpcklbw', '60', 1, 'low'),
  unpack('punpcklwd', '61', 2, 'low'),
  unpack('punpckldq', '62', 4, 'low'),
  unpack('punpcklqdq', '6c', 8, 'low'),
  unpack('punpckhbw', '68', 1, 'high'),
  unpack('punpckhwd', '69', 2, 'high'),
  unpack('punpckhdq', '6a', 4, 'high'),
  unpack('punpckhqdq', '6d', 8, 'high'),
  pack('packsswb', '63', 'i16', 'i8', 'sse2'),
  pack('packuswb', '67', 'i16', 'u8', 'sse2'),
  pack('packssdw', '6b', 'i32', 'i16', 'sse2'),
  pack('packusdw', '38 2b', 'i32', 'u16', 'sse4.1'),
  lanes('pcmpgtb', '64', 'i8', 'greater'),
  lanes('pcmpgtw', '65', 'i16', 'greater'),
  lanes('pcmpgtd', '66', 'i32', 'greater'),
  lanes('pcmpgtq', '38 37', 'i64', 'greater', 'sse4.2'),
  lanes('pcmpeqb', '74', 'i8', 'equal'),
  lanes('pcmpeqw', '75', 'i16', 'equal'),
  lanes('pcmpeqd', '76', 'i32', 'equal'),
  lanes('pcmpeqq', '38 29', 'i64', 'equal', 'sse4.1'),
  lanes('paddb', 'fc', 'i8', 'add'),
  lanes('paddw', 'fd', 'i16', 'add'),
  lanes('paddd', 'fe', 'i32', 'add'),
  lanes('paddq', 'd4', 'i64', 'add'),
  lanes('psubb', 'f8', 'i8', 'subtract'),
  lanes('psubw', 'f9', 'i16', 'subtract'),
  lanes('psubd', 'fa', 'i32', 'subtract'),
  lanes('psubq', 'fb', 'i64', 'subtract'),
  lanes('paddsb', 'ec', 'i8', 'addSaturating'),
  lanes('paddsw', 'ed', 'i16', 'addSaturating'),
  lanes('paddusb', 'dc', 'u8', 'addSaturating'),
  lanes('paddusw', 'dd', 'u16', 'addSaturating'),
  lanes('psubsb', 'e8', 'i8', 'subtractSaturating'),
  lanes('psubsw', 'e9', 'i16', 'subtractSaturating'),
  lanes('psubusb', 'd8', 'u8', 'subtractSaturating'),
  lanes('psubusw', 'd9', 'u16', 'subtractSaturating'),
  lanes('pmullw', 'd5', 'i16', 'multiplyLow'),
  lanes('pmulld', '38 40', 'i32', 'multiplyLow', 'sse4.1'),
  lanes('pmulhw', 'e5', 'i16', 'multiplyHigh'),
  lanes('pmulhuw', 'e4', 'u16', 'multiplyHigh'),
  lanes('pmulhrsw', '38 0b', 'i16', 'multiplyRounded', 'ssse3'),
  lanes('pavgb', 'e0', 'u8', 'average'),
  lanes('pavgw', 'e3', 'u16', 'average'),
  lanes('pminub', 'da', 'u8', 'minimum'),
  lanes('pmaxub', 'de', 'u8', 'maximum'),
  lanes('pminsw', 'ea', 'i16', 'minimum'),
  lanes('pmaxsw', 'ee', 'i16', 'maximum'),
  lanes('pminsb', '38 38', 'i8', 'minimum', 'sse4.1'),
  lanes('pminsd', '38 39', 'i32', 'minimum', 'sse4.1'),
  lanes('pminuw', '38 3a', 'u16', 'minimum', 'sse4.1'),
  lanes('pminud', '38 3b', 'u32', 'minimum', 'sse4.1'),
  lanes('pmaxsb', '38 3c', 'i8', 'maximum', 'sse4.1'),
  lanes('pmaxsd', '38 3d', 'i32', 'maximum', 'sse4.1'),
  lanes('pmaxuw', '38 3e', 'u16', 'maximum', 'sse4.1'),
  lanes('pmaxud', '38 3f', 'u32', 'maximum', 'sse4.1'),
  lanes('psignb', '38 08', 'i8', 'sign', 'ssse3'),
  lanes('psignw', '38 09', 'i16', 'sign', 'ssse3'),
  lanes('psignd', '38 0a', 'i32', 'sign', 'ssse3'),
  absolute('pabsb', '1c', 'i8'),
  absolute('pabsw', '1d', 'i16'),
  absolute('pabsd', '1e', 'i32'),
  bitwise('pand', 'db', 'and'),
  bitwise('pandn', 'df', 'andNot'),
  bitwise('por', 'eb', 'or'),
  bitwise('pxor', 'ef', 'xor'),
  shift('psrlw', 'i16', 'right', 'd1', '71 /2'),
  shift('psrld', 'i32', 'right', 'd2', '72 /2'),
  shift('psrlq', 'i64', 'right', 'd3', '73 /2'),
  shift('psraw', 'i16', 'arithmetic', 'e1', '71 /4'),
  shift('psrad', 'i32', 'arithmetic', 'e2', '72 /4'),
  shift('psllw', 'i16', 'left', 'f1', '71 /6'),
  shift('pslld', 'i32', 'left', 'f2', '72 /6'),
  shift('psllq', 'i64', 'left', 'f3', '73 /6'),
  define(
    'psrldq',
    { feature: 'sse2', semantics: { kind: 'shiftBytes', operator: 'right' } },
    '66 0f 73 /3 Ux,Iu',
  ),
  define(
    'pslldq',
    { feature: 'sse2', semantics: { kind: 'shiftBytes', operator: 'left' } },
    '66 0f 73 /7 Ux,Iu',
  ),
  define(
    'pshufd',
    { feature: 'sse2', access: 'wrr', semantics: { kind: 'shuffle', width: 4, part: 'all' } },
    '66 0f 70 Vx,Wx,Iu',
  ),
  define(
    'pshufhw',
    { feature: 'sse2', access: 'wrr', semantics: { kind: 'shuffle', width: 2, part: 'high' } },
    'f3 0f 70 Vx,Wx,Iu',
  ),
  define(
    'pshuflw',
    { feature: 'sse2', access: 'wrr', semantics: { kind: 'shuffle', width: 2, part: 'low' } },
    'f2 0f 70 Vx,Wx,Iu',
  ),
  // Low 32 bits of each 64-bit lane, unsigned or signed, to products of 64 bits.
  define('pmuludq', { feature: 'sse2' }, '66 0f f4 Vx,Wx'),
  define('pmuldq', { feature: 'sse4.1' }, '66 0f 38 28 Vx,Wx'),
  define('pmaddwd', { feature: 'sse2' }, '66 0f f5 Vx,Wx'),
  define('pmaddubsw', { feature: 'ssse3' }, '66 0f 38 04 Vx,Wx'),
  define('psadbw', { feature: 'sse2' }, '66 0f f6 Vx,Wx'),
  define(
    'maskmovdqu',
    { feature: 'sse2', access: 'rr', unaligned: true, implicitReads: [RDI] },
    '66 0f f7 Vx,Ux',
  ),
  define('pmovmskb', { feature: 'sse2', access: 'wr' }, '66 0f d7 Gd,Ux'),
  define('pinsrw', { feature: 'sse2' }, '66 0f c4 Vx,RdMw,Iu'),
  define('pextrw', { feature: 'sse2', access: 'wrr' }, '66 0f c5 Gd,Ux,Iu', '66 0f 3a 15 RdMw,Vx,Iu'),
  define('movdqa', { feature: 'sse2', access: 'wr' }, '66 0f 6f Vx,Wx', '66 0f 7f Wx,Vx'),
  define('movdqu', { feature: 'sse2', access: 'wr', unaligned: true }, 'f3 0f 6f Vx,Wx', 'f3 0f 7f Wx,Vx'),
  define('lddqu', { feature: 'sse3', access: 'wr', unaligned: true }, 'f2 0f f0 Vx,Mx'),
  // Between a general register or memory and an XMM register, 4 or 8 bytes; clears the rest of the XMM register.
  define(
    'movd',
    { feature: 'sse2', access: 'wr', mnemonics: 'movd movd movq' },
    '66 0f 6e Vx,Ey :y',
    '66 0f 7e Ey,Vx',
  ),
  // Clears the high half of an XMM register.
  define('movq', { feature: 'sse2', access: 'wr' }, 'f3 0f 7e Vq,Wq', '66 0f d6 Wq,Vq'),
  define('movntdq', { feature: 'sse2', access: 'wr' }, '66 0f e7 Mx,Vx'),
  define('movntdqa', { feature: 'sse4.1', access: 'wr' }, '66 0f 38 2a Vx,Mx'),

  define('pshufb', { feature: 'ssse3' }, '66 0f 38 00 Vx,Wx'),
  horizontal('phaddw', '01', 'i16', 'add'),
  horizontal('phaddd', '02', 'i32', 'add'),
  horizontal('phaddsw', '03', 'i16', 'addSaturating'),
  horizontal('phsubw', '05', 'i16', 'subtract'),
  horizontal('phsubd', '06', 'i32', 'subtract'),
  horizontal('phsubsw', '07', 'i16', 'subtractSaturating'),
  define('palignr', { feature: 'ssse3' }, '66 0f 3a 0f Vx,Wx,Iu'),
  define('pblendvb', { feature: 'sse4.1' }, '66 0f 38 10 Vx,Wx,xmm0'),
  define('pblendw', { feature: 'sse4.1' }, '66 0f 3a 0e Vx,Wx,Iu'),
  define('ptest', { feature: 'sse4.1', access: 'rr', writes: 'oszapc' }, '66 0f 38 17 Vx,Wx'),
  extend('pmovsxbw', '20', 'i8', 'i16', 'q'),
  extend('pmovsxbd', '21', 'i8', 'i32', 'd'),
  extend('pmovsxbq', '22', 'i8', 'i64', 'w'),
  extend('pmovsxwd', '23', 'i16', 'i32', 'q'),
  extend('pmovsxwq', '24', 'i16', 'i64', 'd'),
  extend('pmovsxdq', '25', 'i32', 'i64', 'q'),
  extend('pmovzxbw', '30', 'u8', 'u16', 'q'),
  extend('pmovzxbd', '31', 'u8', 'u32', 'd'),
  extend('pmovzxbq', '32', 'u8', 'u64', 'w'),
  extend('pmovzxwd', '33', 'u16', 'u32', 'q'),
  extend('pmovzxwq', '34', 'u16', 'u64', 'd'),
  extend('pmovzxdq', '35', 'u32', 'u64', 'q'),
  define('phminposuw', { feature: 'sse4.1', access: 'wr' }, '66 0f 38 41 Vx,Wx'),
  define('mpsadbw', { feature: 'sse4.1' }, '66 0f 3a 42 Vx,Wx,Iu'),
  define('pextrb', { feature: 'sse4.1', access: 'wrr' }, '66 0f 3a 14 RdMb,Vx,Iu'),
  define(
    'pextrd',
    { feature: 'sse4.1', access: 'wrr', mnemonics: 'pextrd pextrd pextrq' },
    '66 0f 3a 16 Ey,Vx,Iu',
  ),
  define('pinsrb', { feature: 'sse4.1' }, '66 0f 3a 20 Vx,RdMb,Iu'),
  define('pinsrd', { feature: 'sse4.1', mnemonics: 'pinsrd pinsrd pinsrq' }, '66 0f 3a 22 Vx,Ey,Iu :y'),
  // Their result is in rcx, or in xmm0; the explicit lengths are in rax and rdx.
  define(
    'pcmpestrm',
    { ...STRING_COMPARE, implicitReads: [RAX, RDX], writesXmm0: true },
    '66 0f 3a 60 Vx,Wx,Iu',
  ),
  define(
    'pcmpestri',
    { ...STRING_COMPARE, implicitReads: [RAX, RDX], implicitWrites: [RCX] },
    '66 0f 3a 61 Vx,Wx,Iu',
  ),
  define('pcmpistrm', { ...STRING_COMPARE, writesXmm0: true }, '66 0f 3a 62 Vx,Wx,Iu'),
  define('pcmpistri', { ...STRING_COMPARE, implicitWrites: [RCX] }, '66 0f 3a 63 Vx,Wx,Iu'),
];
