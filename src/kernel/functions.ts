/** The functions that drivers import from ntoskrnl and hal: a table for the seam, made of this floor's declarations. */

export * from './hardware/ioSpaceFunctions.ts';
export * from './hardware/portFunctions.ts';
export * from './hardware/registerFunctions.ts';
export * from './io/functions.ts';
export * from './memory/functions.ts';
export * from './objects/exportedVariables.ts';
export * from './objects/namedEvents.ts';
export * from './objects/systemRoutine.ts';
export * from './objects/objectAttributes.ts';
export * from './objects/objectFunctions.ts';
export * from './process/attach.ts';
export * from './process/processNotify.ts';
export * from './process/systemInformation.ts';
export * from './registry/functions.ts';
export * from './sync/functions.ts';
export * from './bugCheck/functions.ts';
export * from './bugCheck/callbacks.ts';
export * from './bugCheck/printFunctions.ts';
export * from './raiseFunctions.ts';
