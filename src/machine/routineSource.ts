/** Where NdisGetRoutineAddress finds the functions of ndis: made by the seam for the driver that asks. */

import { type Driver, isFunctionDeclaration, type Seam } from '../kernel/index.ts';
import * as functions from '../ndis/functions.ts';
import type { NdisLibrary, RoutineSource } from '../ndis/index.ts';

/**
 * The exports of ndis by name; macros are none.
 * @param compiled what a compiled driver gets; undefined for a TypeScript driver.
 */
export function routineSource(
  seam: Seam,
  ndis: NdisLibrary,
  compiled: (driver: Driver, name: string) => object | null | undefined,
): RoutineSource {
  const exported = new Map(Object.entries(functions));
  return (driver, name) => {
    const declaration: unknown = exported.get(name);
    if (!isFunctionDeclaration(declaration) || declaration.inline) return null;
    return compiled(driver, name) ?? seam.importFunction(declaration, ndis, driver);
  };
}
