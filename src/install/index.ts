/**
 * Floor `install`: INF files, what they install, and the system that is the result. Read in this order: the syntax of
 * INF files, what a package says, the installed system, and how a machine starts from it. What needs Node is in node.ts.
 */

export * from './inf/infError.ts';
export * from './inf/syntax.ts';
export * from './inf/parse.ts';
export * from './inf/print.ts';
export * from './inf/strings.ts';
export * from './inf/document.ts';
export * from './inf/decoration.ts';
export * from './package/paths.ts';
export * from './package/version.ts';
export * from './package/models.ts';
export * from './system/installError.ts';
export * from './system/systemFiles.ts';
export * from './system/installedSystem.ts';
export * from './system/components.ts';
export * from './system/bindings.ts';
export * from './system/report.ts';
export * from './system/stage.ts';
export * from './system/install.ts';
export * from './system/uninstall.ts';
export * from './start/startSystem.ts';
export * from './system/bind.ts';
