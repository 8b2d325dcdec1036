/**
 * Semantics of SSE operations as data, so that interpreter and translator share them. `a` is the first operand, which
 * also receives the result, `b` the second. Implements the "Operation" sections of the Intel 64 manual, volume 2.
 */

/** Type of the elements of an XMM register. */
export type Lane = 'i8' | 'u8' | 'i16' | 'u16' | 'i32' | 'u32' | 'i64' | 'u64' | 'f32' | 'f64';

/** What two lanes become. */
export type LaneOperator =
  | 'add'
  | 'subtract'
  | 'addSaturating'
  | 'subtractSaturating'
  | 'multiply'
  | 'multiplyLow'
  | 'multiplyHigh'
  | 'divide'
  /** `a < b ? a : b` and `a > b ? a : b`: where either is not a number, b. */
  | 'minimum'
  | 'maximum'
  /** (a + b + 1) >> 1 of unsigned lanes. */
  | 'average'
  /** All ones or zero. */
  | 'equal'
  | 'greater'
  /** Negated, zero or a itself by the sign of b. */
  | 'sign'
  /** (a * b + 0x4000) >> 15 of 16-bit lanes. */
  | 'multiplyRounded';

/** What a lane of b becomes. */
export type LaneFunction = 'absolute' | 'squareRoot' | 'reciprocal' | 'reciprocalSquareRoot';

export type Semantics =
  /** Every lane: a = a operator b. */
  | { readonly kind: 'lanes'; readonly lane: Lane; readonly operator: LaneOperator }
  /** Lane 0 only; the others of a stay. */
  | { readonly kind: 'scalar'; readonly lane: 'f32' | 'f64'; readonly operator: LaneOperator }
  /** Every lane: a = function of b. */
  | { readonly kind: 'unary'; readonly lane: Lane; readonly function: LaneFunction }
  | { readonly kind: 'scalarUnary'; readonly lane: 'f32' | 'f64'; readonly function: LaneFunction }
  /** All 128 bits; `andNot` is (not a) and b. */
  | { readonly kind: 'bitwise'; readonly operator: 'and' | 'andNot' | 'or' | 'xor' }
  /**
   * Shift of each lane by b: an immediate byte, or the low 64 bits of an XMM operand. Counts of the lane's width and
   * above give 0, or copies of the sign.
   */
  | {
      readonly kind: 'shift';
      readonly lane: 'i16' | 'i32' | 'i64';
      readonly operator: 'left' | 'right' | 'arithmetic';
    }
  /** Shift of all 128 bits by an immediate number of bytes; above 15 gives 0. */
  | { readonly kind: 'shiftBytes'; readonly operator: 'left' | 'right' }
  /** Interleaves the low or high halves: a0 b0 a1 b1 .. Lanes of `width` bytes. */
  | { readonly kind: 'unpack'; readonly width: 1 | 2 | 4 | 8; readonly half: 'low' | 'high' }
  /** Lanes of a, then of b, made half as wide with saturation to `to`; `from` is signed. */
  | { readonly kind: 'pack'; readonly from: 'i16' | 'i32'; readonly to: 'i8' | 'u8' | 'i16' | 'u16' }
  /** The lowest lanes of b, widened to fill a. */
  | { readonly kind: 'extend'; readonly from: Lane; readonly to: Lane }
  /** Sums or differences of neighbours: of a in the low half, of b in the high half. */
  | {
      readonly kind: 'horizontal';
      readonly lane: 'i16' | 'i32' | 'f32' | 'f64';
      readonly operator: 'add' | 'subtract' | 'addSaturating' | 'subtractSaturating';
    }
  /** Lanes by two-bit (or one-bit) fields of the immediate; which lanes the operation's name says. */
  | { readonly kind: 'shuffle'; readonly width: 2 | 4 | 8; readonly part: 'all' | 'low' | 'high' | 'both' }
  /** Comparison with the predicate of the immediate (its low three bits): all ones or zero. */
  | { readonly kind: 'compare'; readonly lane: 'f32' | 'f64'; readonly scalar: boolean };
