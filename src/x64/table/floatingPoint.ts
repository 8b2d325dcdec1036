/**
 * The instruction table: SSE operations on floating-point lanes and moves of XMM registers. Implements the instruction
 * reference of the Intel 64 manual, volume 2.
 */

import { type Definition, define, type Facts, type Feature } from './operation.ts';
import type { LaneFunction, LaneOperator } from './semantics.ts';

/** The four variants of an operation, packed and scalar, single and double. */
function four(name: string, opcode: string, operator: LaneOperator): Definition[] {
  return [
    define(
      `${name}ps`,
      { feature: 'sse', semantics: { kind: 'lanes', lane: 'f32', operator } },
      `np 0f ${opcode} Vx,Wx`,
    ),
    define(
      `${name}pd`,
      { feature: 'sse2', semantics: { kind: 'lanes', lane: 'f64', operator } },
      `66 0f ${opcode} Vx,Wx`,
    ),
    define(
      `${name}ss`,
      { feature: 'sse', semantics: { kind: 'scalar', lane: 'f32', operator } },
      `f3 0f ${opcode} Vd,Wd`,
    ),
    define(
      `${name}sd`,
      { feature: 'sse2', semantics: { kind: 'scalar', lane: 'f64', operator } },
      `f2 0f ${opcode} Vq,Wq`,
    ),
  ];
}

/** Functions of one operand. */
function unary(name: string, opcode: string, of: LaneFunction): Definition[] {
  const packed = {
    access: 'wr',
    feature: 'sse',
    semantics: { kind: 'unary', lane: 'f32', function: of },
  } as const;
  const scalar = { feature: 'sse', semantics: { kind: 'scalarUnary', lane: 'f32', function: of } } as const;
  return [
    define(`${name}ps`, packed, `np 0f ${opcode} Vx,Wx`),
    define(`${name}ss`, scalar, `f3 0f ${opcode} Vd,Wd`),
  ];
}

function bitwise(name: string, opcode: string, operator: 'and' | 'andNot' | 'or' | 'xor'): Definition[] {
  return [
    define(
      `${name}ps`,
      { feature: 'sse', semantics: { kind: 'bitwise', operator } },
      `np 0f ${opcode} Vx,Wx`,
    ),
    define(
      `${name}pd`,
      { feature: 'sse2', semantics: { kind: 'bitwise', operator } },
      `66 0f ${opcode} Vx,Wx`,
    ),
  ];
}

const move = (feature: Feature, facts: Facts = {}): Facts => ({ access: 'wr', feature, ...facts });
const UNALIGNED: Facts = { unaligned: true };

export const FLOATING_POINT_OPERATIONS: readonly Definition[] = [
  define('movups', move('sse', UNALIGNED), 'np 0f 10 Vx,Wx', 'np 0f 11 Wx,Vx'),
  define('movupd', move('sse2', UNALIGNED), '66 0f 10 Vx,Wx', '66 0f 11 Wx,Vx'),
  // From memory they clear the other lanes, from a register they leave them.
  define('movss', move('sse'), 'f3 0f 10 Vd,Wd @xr', 'f3 0f 11 Wd,Vd @xr'),
  define('movsd', move('sse2'), 'f2 0f 10 Vq,Wq @xr', 'f2 0f 11 Wq,Vq @xr'),
  define('movlps', move('sse'), 'np 0f 12 Vq,Mq @xr', 'np 0f 13 Mq,Vq'),
  define('movlpd', move('sse2'), '66 0f 12 Vq,Mq @xr', '66 0f 13 Mq,Vq'),
  define('movhlps', { feature: 'sse' }, 'np 0f 12 Vq,Uq'),
  define('movsldup', move('sse3'), 'f3 0f 12 Vx,Wx'),
  define('movddup', move('sse3'), 'f2 0f 12 Vx,Wq'),
  define(
    'unpcklps',
    { feature: 'sse', semantics: { kind: 'unpack', width: 4, half: 'low' } },
    'np 0f 14 Vx,Wx',
  ),
  define(
    'unpcklpd',
    { feature: 'sse2', semantics: { kind: 'unpack', width: 8, half: 'low' } },
    '66 0f 14 Vx,Wx',
  ),
  define(
    'unpckhps',
    { feature: 'sse', semantics: { kind: 'unpack', width: 4, half: 'high' } },
    'np 0f 15 Vx,Wx',
  ),
  define(
    'unpckhpd',
    { feature: 'sse2', semantics: { kind: 'unpack', width: 8, half: 'high' } },
    '66 0f 15 Vx,Wx',
  ),
  // The high 8 bytes of the register.
  define('movhps', move('sse'), 'np 0f 16 Vq,Mq @xr', 'np 0f 17 Mq,Vq'),
  define('movhpd', move('sse2'), '66 0f 16 Vq,Mq @xr', '66 0f 17 Mq,Vq'),
  define('movlhps', { feature: 'sse' }, 'np 0f 16 Vq,Uq'),
  define('movshdup', move('sse3'), 'f3 0f 16 Vx,Wx'),
  define('movaps', move('sse'), 'np 0f 28 Vx,Wx', 'np 0f 29 Wx,Vx'),
  define('movapd', move('sse2'), '66 0f 28 Vx,Wx', '66 0f 29 Wx,Vx'),
  define('movntps', move('sse'), 'np 0f 2b Mx,Vx'),
  define('movntpd', move('sse2'), '66 0f 2b Mx,Vx'),
  define('movmskps', move('sse'), 'np 0f 50 Gd,Ux'),
  define('movmskpd', move('sse2'), '66 0f 50 Gd,Ux'),

  define('cvtsi2ss', { feature: 'sse' }, 'f3 0f 2a Vd,Ey'),
  define('cvtsi2sd', { feature: 'sse2' }, 'f2 0f 2a Vq,Ey'),
  define('cvttss2si', move('sse'), 'f3 0f 2c Gy,Wd'),
  define('cvttsd2si', move('sse2'), 'f2 0f 2c Gy,Wq'),
  define('cvtss2si', move('sse'), 'f3 0f 2d Gy,Wd'),
  define('cvtsd2si', move('sse2'), 'f2 0f 2d Gy,Wq'),
  define('cvtps2pd', move('sse2'), 'np 0f 5a Vx,Wq'),
  define('cvtpd2ps', move('sse2'), '66 0f 5a Vx,Wx'),
  define('cvtss2sd', { feature: 'sse2' }, 'f3 0f 5a Vq,Wd'),
  define('cvtsd2ss', { feature: 'sse2' }, 'f2 0f 5a Vd,Wq'),
  define('cvtdq2ps', move('sse2'), 'np 0f 5b Vx,Wx'),
  define('cvtps2dq', move('sse2'), '66 0f 5b Vx,Wx'),
  define('cvttps2dq', move('sse2'), 'f3 0f 5b Vx,Wx'),
  define('cvttpd2dq', move('sse2'), '66 0f e6 Vx,Wx'),
  define('cvtdq2pd', move('sse2'), 'f3 0f e6 Vx,Wq'),
  define('cvtpd2dq', move('sse2'), 'f2 0f e6 Vx,Wx'),
  define('ucomiss', { feature: 'sse', access: 'rr', writes: 'oszapc' }, 'np 0f 2e Vd,Wd'),
  define('ucomisd', { feature: 'sse2', access: 'rr', writes: 'oszapc' }, '66 0f 2e Vq,Wq'),
  define('comiss', { feature: 'sse', access: 'rr', writes: 'oszapc' }, 'np 0f 2f Vd,Wd'),
  define('comisd', { feature: 'sse2', access: 'rr', writes: 'oszapc' }, '66 0f 2f Vq,Wq'),

  ...four('add', '58', 'add'),
  ...four('mul', '59', 'multiply'),
  ...four('sub', '5c', 'subtract'),
  ...four('min', '5d', 'minimum'),
  ...four('div', '5e', 'divide'),
  ...four('max', '5f', 'maximum'),
  ...unary('sqrt', '51', 'squareRoot'),
  define(
    'sqrtpd',
    { access: 'wr', feature: 'sse2', semantics: { kind: 'unary', lane: 'f64', function: 'squareRoot' } },
    '66 0f 51 Vx,Wx',
  ),
  define(
    'sqrtsd',
    { feature: 'sse2', semantics: { kind: 'scalarUnary', lane: 'f64', function: 'squareRoot' } },
    'f2 0f 51 Vq,Wq',
  ),
  // Approximations: relative error at most 1.5 * 2^-12; the bits differ between processors.
  ...unary('rsqrt', '52', 'reciprocalSquareRoot'),
  ...unary('rcp', '53', 'reciprocal'),
  ...bitwise('and', '54', 'and'),
  ...bitwise('andn', '55', 'andNot'),
  ...bitwise('or', '56', 'or'),
  ...bitwise('xor', '57', 'xor'),
  define(
    'cmpps',
    { feature: 'sse', semantics: { kind: 'compare', lane: 'f32', scalar: false } },
    'np 0f c2 Vx,Wx,Iu',
  ),
  define(
    'cmppd',
    { feature: 'sse2', semantics: { kind: 'compare', lane: 'f64', scalar: false } },
    '66 0f c2 Vx,Wx,Iu',
  ),
  define(
    'cmpss',
    { feature: 'sse', semantics: { kind: 'compare', lane: 'f32', scalar: true } },
    'f3 0f c2 Vd,Wd,Iu',
  ),
  define(
    'cmpsd',
    { feature: 'sse2', semantics: { kind: 'compare', lane: 'f64', scalar: true } },
    'f2 0f c2 Vq,Wq,Iu',
  ),
  define(
    'shufps',
    { feature: 'sse', semantics: { kind: 'shuffle', width: 4, part: 'both' } },
    'np 0f c6 Vx,Wx,Iu',
  ),
  define(
    'shufpd',
    { feature: 'sse2', semantics: { kind: 'shuffle', width: 8, part: 'both' } },
    '66 0f c6 Vx,Wx,Iu',
  ),

  define(
    'haddps',
    { feature: 'sse3', semantics: { kind: 'horizontal', lane: 'f32', operator: 'add' } },
    'f2 0f 7c Vx,Wx',
  ),
  define(
    'haddpd',
    { feature: 'sse3', semantics: { kind: 'horizontal', lane: 'f64', operator: 'add' } },
    '66 0f 7c Vx,Wx',
  ),
  define(
    'hsubps',
    { feature: 'sse3', semantics: { kind: 'horizontal', lane: 'f32', operator: 'subtract' } },
    'f2 0f 7d Vx,Wx',
  ),
  define(
    'hsubpd',
    { feature: 'sse3', semantics: { kind: 'horizontal', lane: 'f64', operator: 'subtract' } },
    '66 0f 7d Vx,Wx',
  ),
  // Even lanes are subtracted, odd ones added.
  define('addsubps', { feature: 'sse3' }, 'f2 0f d0 Vx,Wx'),
  define('addsubpd', { feature: 'sse3' }, '66 0f d0 Vx,Wx'),

  define('roundps', { feature: 'sse4.1', access: 'wrr' }, '66 0f 3a 08 Vx,Wx,Iu'),
  define('roundpd', { feature: 'sse4.1', access: 'wrr' }, '66 0f 3a 09 Vx,Wx,Iu'),
  define('roundss', { feature: 'sse4.1' }, '66 0f 3a 0a Vd,Wd,Iu'),
  define('roundsd', { feature: 'sse4.1' }, '66 0f 3a 0b Vq,Wq,Iu'),
  define('blendps', { feature: 'sse4.1' }, '66 0f 3a 0c Vx,Wx,Iu'),
  define('blendpd', { feature: 'sse4.1' }, '66 0f 3a 0d Vx,Wx,Iu'),
  define('blendvps', { feature: 'sse4.1' }, '66 0f 38 14 Vx,Wx,xmm0'),
  define('blendvpd', { feature: 'sse4.1' }, '66 0f 38 15 Vx,Wx,xmm0'),
  define('extractps', move('sse4.1'), '66 0f 3a 17 Ed,Vx,Iu'),
  define('insertps', { feature: 'sse4.1' }, '66 0f 3a 21 Vx,Wd,Iu'),
  define('dpps', { feature: 'sse4.1' }, '66 0f 3a 40 Vx,Wx,Iu'),
  define('dppd', { feature: 'sse4.1' }, '66 0f 3a 41 Vx,Wx,Iu'),
];
