/** Where NdisGetRoutineAddress finds the functions of ndis: made by the seam for the driver that asks. */

import { isFunctionDeclaration, type Seam } from '../kernel/index.ts';
import * as functions from '../ndis/functions.ts';
import type { NdisLibrary, RoutineSource } from '../ndis/index.ts';

/** The exports of ndis by name; macros are none. */
export function routineSource(seam: Seam, ndis: NdisLibrary): RoutineSource {
  const exported = new Map(Object.entries(functions));
  return (driver, name) => {
    const declaration: unknown = exported.get(name);
    if (!isFunctionDeclaration(declaration) || declaration.inline) return null;
    return seam.importFunction(declaration, ndis, driver);
  };
}
