/** Objects, their references and handles. */

export * from './handleTable.ts';
export * from './objectAttributes.ts';
export * from './objectFunctions.ts';
export * from './objectManager.ts';
export * from './systemRoutine.ts';
