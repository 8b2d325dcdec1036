/**
 * Where NdisGetRoutineAddress and MmGetSystemRoutineAddress find what ndis and the kernel export: made by the seam for
 * the driver that asks.
 */

import * as kernelFunctions from '../kernel/functions.ts';
import {
  type Driver,
  type FunctionDeclaration,
  isDataDeclaration,
  isFunctionDeclaration,
  type Kernel,
  type Seam,
  type SystemRoutineSource,
  variableAddress,
} from '../kernel/index.ts';
import * as functions from '../ndis/functions.ts';
import type { HandlerSource, NdisLibrary, RoutineSource } from '../ndis/index.ts';

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

/** The handlers that ndis puts into blocks. @param compiled what a compiled driver gets; undefined for another. */
export function handlerSource(
  seam: Seam,
  ndis: NdisLibrary,
  compiled: (driver: Driver, handler: FunctionDeclaration<unknown, unknown>) => object | undefined,
): HandlerSource {
  return (driver, handler) => compiled(driver, handler) ?? seam.importFunction(handler, ndis, driver);
}

/** The exports of the kernel and the HAL by name; macros are none. @param compiled like that of `routineSource`. */
export function systemRoutineSource(
  seam: Seam,
  kernel: Kernel,
  compiled: (driver: Driver, name: string) => object | null | undefined,
): SystemRoutineSource {
  const exported = new Map<string, unknown>(Object.entries(kernelFunctions));
  return (driver, name) => {
    const declaration = exported.get(name);
    if (isDataDeclaration(declaration)) return variableAddress(kernel, declaration);
    if (!isFunctionDeclaration(declaration) || declaration.inline) return null;
    return compiled(driver, name) ?? seam.importFunction(declaration, kernel, driver);
  };
}
