/** The versions of NDIS that a driver may name. Implements the version tables of the characteristics pages (ndis). */

const MINOR_VERSIONS: ReadonlySet<number> = new Set([
  0, 1, 20, 30, 40, 50, 51, 60, 70, 80, 81, 82, 83, 84, 85, 86,
]);

/** The newest version that this library speaks, as NdisGetVersion gives it: 6.85. */
export const NDIS_LIBRARY_VERSION = 0x0006_0055;

/** Whether there is an NDIS `major.minor` that a driver of version 6 may ask for. */
export function ndisVersionExists(major: number, minor: number): boolean {
  return major === 6 && MINOR_VERSIONS.has(minor) && minor <= (NDIS_LIBRARY_VERSION & 0xff);
}
