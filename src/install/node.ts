/** The part of the floor that needs Node: machine directories and folders of packages. Read after `index.ts`. */

export * from './directory/directoryError.ts';
export * from './directory/fileLayer.ts';
export * from './directory/machineDirectory.ts';
export * from './directory/packageFolder.ts';
export * from './directory/writerLock.ts';
