/** Objects, their references and handles. */

export * from './objectManager.ts';
export * from './handleTable.ts';
export * from './objectAttributes.ts';
export * from './objectFunctions.ts';
