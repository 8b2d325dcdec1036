/**
 * Target operating systems in the names of sections, `.NTamd64.10.0...16299`, and which section fits a machine best.
 * Implements "INF Manufacturer Section" and "Combining Platform Extensions with Operating System Versions"
 * (windows-driver-docs-pr/install).
 */

/** The system for which drivers are chosen. */
export interface TargetSystem {
  readonly architecture: string;
  readonly major: number;
  readonly minor: number;
  readonly build: number;
  /** VER_NT_WORKSTATION and its like. */
  readonly productType: number;
  /** VER_SUITE_ flags. */
  readonly suiteMask: number;
}

/** What machines of ndisbox are: x64, version 10.0, a workstation. */
export const TARGET_SYSTEM: TargetSystem = {
  architecture: 'amd64',
  major: 10,
  minor: 0,
  build: 26_100,
  productType: 1,
  suiteMask: 0x100,
};

/** What a decoration says; null for what it leaves open. */
export interface Decoration {
  readonly architecture: string | null;
  readonly major: number | null;
  readonly minor: number | null;
  readonly productType: number | null;
  readonly suiteMask: number | null;
  readonly build: number | null;
}

const PATTERN = /^nt(x86|ia64|amd64|arm64|arm)?((?:\.(?:0x[0-9a-f]{1,8}|\d{1,9})?){0,5})$/i;

/** Reads a decoration without the dot before it; null where it is none. */
export function parseDecoration(text: string): Decoration | null {
  const match = PATTERN.exec(text.trim());
  if (match === null) return null;
  const numbers = match[2]
    .split('.')
    .slice(1)
    .map((part) => (part === '' ? null : Number(part)));
  const number = (index: number): number | null => numbers[index] ?? null;
  return {
    architecture: match[1]?.toLowerCase() ?? null,
    major: number(0),
    minor: number(1),
    productType: number(2),
    suiteMask: number(3),
    build: number(4),
  };
}

/** Whether a decoration lets a section be used on the target at all. */
export function applies(decoration: Decoration, target: TargetSystem): boolean {
  const { architecture, major, minor, productType, suiteMask, build } = decoration;
  // What names no architecture is for x86 alone since Windows Server 2003 SP1.
  if ((architecture ?? 'x86') !== target.architecture) return false;
  if (productType !== null && productType !== target.productType) return false;
  if (suiteMask !== null && (suiteMask & target.suiteMask) !== suiteMask) return false;
  if (major === null) return true;
  const order = major - target.major || (minor ?? 0) - target.minor;
  // A build belongs to its version only.
  return order < 0 || (order === 0 && (build === null || build <= target.build));
}

/** Positive where `a` is closer to the target than `b`; both apply. The version weighs more than product and suite. */
export function compareDecorations(a: Decoration, b: Decoration): number {
  return (
    (a.major ?? 0) - (b.major ?? 0) ||
    (a.minor ?? 0) - (b.minor ?? 0) ||
    (a.build ?? 0) - (b.build ?? 0) ||
    Number(a.productType !== null) - Number(b.productType !== null) ||
    bits(a.suiteMask ?? 0) - bits(b.suiteMask ?? 0)
  );
}

function bits(value: number): number {
  let count = 0;
  for (let rest = value >>> 0; rest !== 0; rest >>>= 1) count += rest & 1;
  return count;
}
