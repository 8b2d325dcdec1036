/**
 * [Manufacturer] and the models sections: which devices and components a package is for on this system.
 * Implements "INF Manufacturer Section", "INF Models Section" (windows-driver-docs-pr/install) and "Models Section in a
 * Network INF File" (network).
 */

import {
  applies,
  compareDecorations,
  type Decoration,
  parseDecoration,
  type TargetSystem,
} from '../inf/decoration.ts';
import type { InfDocument } from '../inf/document.ts';
import type { InfField, InfLine, InfSection } from '../inf/syntax.ts';

/** One entry of a models section. */
export interface DriverModel {
  readonly manufacturer: string;
  readonly description: string;
  /** Undecorated name of the DDInstall section. */
  readonly installSection: string;
  /** '' where only compatible ids are given. */
  readonly hardwareId: string;
  readonly compatibleIds: readonly string[];
  /** The models section it stands in. */
  readonly modelsSection: string;
  /** Listed in ExcludeFromSelect: nobody chooses it by hand. */
  readonly excluded: boolean;
  readonly line: InfLine;
}

/** Longest device and component id (MAX_DEVICE_ID_LEN without its zero). */
const LONGEST_ID = 199;

/**
 * The models of a package that fit a system. @throws InfError INF_SECTION_MISSING, INF_DECORATION, INF_NO_MODELS,
 * INF_VALUE, INF_VALUE_MISSING
 */
export function readModels(document: InfDocument, target: TargetSystem): DriverModel[] {
  const section = document.requireSection('Manufacturer', document.place({ line: 1, column: 1 }));
  const excluded = readExcluded(document, target);
  const reasons: string[] = [];
  const models = section.lines.flatMap((line) => {
    const chosen = chooseModelsSection(document, line, target);
    if (chosen.section === null) {
      reasons.push(chosen.reason);
      return [];
    }
    const manufacturer = document.key(line) || document.value(line, 0);
    return chosen.section.lines.map((model) =>
      readModel(document, model, { manufacturer, modelsSection: chosen.name, excluded }),
    );
  });
  if (models.length === 0) {
    throw document.error(
      'INF_NO_MODELS',
      section.lines[0] ?? section,
      `no models are for this system (${describeTarget(target)}): ${reasons.join('; ') || 'the chosen sections are empty'}. ` +
        `Write %Name% = Models,NT${target.architecture} and a section [Models.NT${target.architecture}].`,
    );
  }
  return models;
}

function describeTarget({ architecture, major, minor, build }: TargetSystem): string {
  return `NT${architecture}.${major}.${minor}, build ${build}`;
}

interface Choice {
  readonly name: string;
  readonly section: InfSection | null;
  readonly reason: string;
}

function chooseModelsSection(document: InfDocument, line: InfLine, target: TargetSystem): Choice {
  const named = line.values[0];
  const name = line.key === null ? document.value(line, 0) : document.text(named);
  if (name === '')
    throw document.error('INF_VALUE_MISSING', named, 'the name of the models section is missing.');
  let best: { readonly text: string; readonly decoration: Decoration; readonly field: InfField } | null =
    null;
  const others: string[] = [];
  for (const field of line.values.slice(1)) {
    const text = document.text(field).trim();
    if (text === '') continue;
    const decoration = parseDecoration(text);
    if (decoration === null) {
      throw document.error(
        'INF_DECORATION',
        field,
        `"${text.slice(0, 60)}" is no target system; write NT${target.architecture}, or NT${target.architecture}.10.0...16299.`,
      );
    }
    if (!applies(decoration, target)) others.push(text);
    else if (best === null || compareDecorations(decoration, best.decoration) > 0)
      best = { text, decoration, field };
  }
  if (best === null) {
    const given = others.length === 0 ? 'it names no target system' : `it is for ${others.join(', ')}`;
    return { name, section: null, reason: `[${name}] is not used: ${given}` };
  }
  const full = `${name}.${best.text}`;
  const section = document.section(full);
  if (section === null) {
    throw document.error(
      'INF_SECTION_MISSING',
      best.field,
      `there is no section [${full}], which fits this system best.`,
    );
  }
  return {
    name: full,
    section,
    reason: section.lines.length === 0 ? `[${full}] is empty, which excludes this system` : '',
  };
}

function readModel(
  document: InfDocument,
  line: InfLine,
  context: {
    readonly manufacturer: string;
    readonly modelsSection: string;
    readonly excluded: ReadonlySet<string> | 'all';
  },
): DriverModel {
  const installSection = document.value(line, 0);
  if (line.key === null || installSection === '') {
    throw document.error(
      'INF_VALUE_MISSING',
      line,
      'a model is written description = install-section, hardware-id.',
    );
  }
  const ids = line.values.slice(1).map((field) => checkId(document, field));
  const [hardwareId = '', ...compatibleIds] = ids;
  if (ids.every((id) => id === '')) {
    throw document.error(
      'INF_VALUE_MISSING',
      line,
      'the model has no hardware id and no compatible id; give one.',
    );
  }
  const { excluded } = context;
  return {
    manufacturer: context.manufacturer,
    modelsSection: context.modelsSection,
    description: document.key(line),
    installSection,
    hardwareId,
    compatibleIds: compatibleIds.filter((id) => id !== ''),
    excluded: excluded === 'all' || ids.some((id) => excluded.has(id.toUpperCase())),
    line,
  };
}

function checkId(document: InfDocument, field: InfField): string {
  const id = document.text(field).trim();
  if (id.length <= LONGEST_ID && !/[^\x21-\x7e]|,/.test(id.replaceAll(' ', ''))) return id;
  throw document.error(
    'INF_VALUE',
    field,
    `the id "${id.slice(0, 60)}" has more than ${LONGEST_ID} characters or one that ids cannot have.`,
  );
}

/** Ids in ExcludeFromSelect of [ControlFlags], folded. */
function readExcluded(document: InfDocument, target: TargetSystem): ReadonlySet<string> | 'all' {
  const ids = new Set<string>();
  const keys = [
    'EXCLUDEFROMSELECT',
    'EXCLUDEFROMSELECT.NT',
    `EXCLUDEFROMSELECT.NT${target.architecture.toUpperCase()}`,
  ];
  for (const line of document.section('ControlFlags')?.lines ?? []) {
    if (!keys.includes(document.key(line).toUpperCase())) continue;
    for (const id of document.list(line)) {
      if (id === '*') return 'all';
      ids.add(id.toUpperCase());
    }
  }
  return ids;
}

/**
 * How well a model fits the ids of a device: lower is better, null where it does not. The identifier score of "How
 * Windows Ranks Driver Packages" (windows-driver-docs-pr/install).
 */
export function identifierScore(
  model: DriverModel,
  hardwareIds: readonly string[],
  compatibleIds: readonly string[],
): number | null {
  const fold = (id: string): string => id.toUpperCase();
  const index = (list: readonly string[], id: string): number =>
    list.findIndex((other) => fold(other) === fold(id));
  const scores: number[] = [];
  const add = (position: number, score: number): void => {
    if (position >= 0) scores.push(score + Math.min(position, 0xff));
  };
  if (model.hardwareId !== '') {
    add(index(hardwareIds, model.hardwareId), 0x0000);
    add(index(compatibleIds, model.hardwareId), 0x2000);
  }
  for (const [position, id] of model.compatibleIds.entries()) {
    add(index(hardwareIds, id), 0x1000);
    add(index(compatibleIds, id), 0x3000 + Math.min(position, 0xe) * 0x100);
  }
  return scores.length === 0 ? null : Math.min(...scores);
}
