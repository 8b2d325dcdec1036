/** Floor `cli`: the command line. Read in this order. */
export * from './commandLine.ts';
export * from './stack/stackFile.ts';
