/**
 * Who is bound to whom: computed from the interfaces of all components, written to their Linkage keys, from where a
 * machine reads it. A path that was unbound stays unbound.
 * Implements "Specifying Binding Interfaces", "Specifying Filter Driver Binding Relationships", "Intermediate Driver
 * UpperRange And LowerRange INF File Entries" and "Configuring an INF File for a Modifying Filter Driver" (network).
 */

import { type HostKey, REG_MULTI_SZ } from '../../kernel/index.ts';

import { filterClassRank, NCF_VIRTUAL } from '../package/characteristics.ts';
import { componentLabel, listComponents, type NetworkComponent, textsOf } from './components.ts';
import { type InstalledSystem, SERVICES_KEY } from './installedSystem.ts';

/** One possible binding, made or not, and why. */
export interface BindingPath {
  readonly upper: NetworkComponent;
  readonly lower: NetworkComponent;
  readonly kind: 'protocol' | 'filter';
  readonly bound: boolean;
  /** `ndis5`, or why there is no binding. */
  readonly reason: string;
}

/** Interfaces that say that there is no edge. */
const NO_EDGE: ReadonlySet<string> = new Set(['noupper', 'nolower']);

/** Every pair of a protocol or filter and an adapter, and of software components where interfaces meet. */
export function bindingPaths(components: readonly NetworkComponent[]): BindingPath[] {
  const lowers = components.filter((component) => component.className === 'Net');
  const intermediate = new Set(lowers.filter(isVirtualTemplate).map(({ service }) => service.toLowerCase()));
  const paths: BindingPath[] = [];
  for (const upper of components) {
    if (upper.className === 'Net') continue;
    const disabled = disabledBindings(upper);
    for (const lower of lowers) {
      const path =
        upper.filter === null ? protocolPath(upper, lower, disabled) : filterPath(upper, lower, disabled);
      paths.push(intermediate.has(upper.service.toLowerCase()) ? withoutCircles(path) : path);
    }
    for (const lower of components) {
      if (lower.className === 'Net' || lower === upper || upper.filter !== null || lower.filter !== null)
        continue;
      if (common(upper.lowerRange, lower.upperRange).length > 0)
        paths.push(protocolPath(upper, lower, disabled));
    }
  }
  return paths;
}

/** Two intermediate drivers that were bound over each other's virtual miniports would stack up for ever. */
function withoutCircles(path: BindingPath): BindingPath {
  const { upper, lower } = path;
  if (!path.bound || !isVirtualTemplate(lower) || lower.order < upper.order) return path;
  return {
    ...path,
    bound: false,
    reason: `${upper.service} was installed before ${lower.service}, and of two intermediate drivers the later one lies above`,
  };
}

function common(a: readonly string[], b: readonly string[]): string[] {
  return a.filter((name) => b.includes(name) && !NO_EDGE.has(name));
}

function protocolPath(
  upper: NetworkComponent,
  lower: NetworkComponent,
  disabled: readonly string[],
): BindingPath {
  const path = { upper, lower, kind: 'protocol' as const };
  if (upper.service !== '' && upper.service.toLowerCase() === lower.service.toLowerCase())
    return {
      ...path,
      bound: false,
      reason: 'an intermediate driver is not bound over its own virtual miniports',
    };
  const shared = common(upper.lowerRange, lower.upperRange);
  if (shared.length === 0) {
    const [wants, offers] = [upper.lowerRange, lower.upperRange].map(
      (range) => range.join(', ') || 'nothing',
    );
    return {
      ...path,
      bound: false,
      reason: `no common interface: LowerRange of ${componentLabel(upper)} is ${wants}, UpperRange of ${componentLabel(lower)} is ${offers}`,
    };
  }
  if (isDisabled(disabled, lower)) return { ...path, bound: false, reason: 'it was unbound by hand' };
  return { ...path, bound: true, reason: shared.join(', ') };
}

function filterPath(
  upper: NetworkComponent,
  lower: NetworkComponent,
  disabled: readonly string[],
): BindingPath {
  const path = { upper, lower, kind: 'filter' as const };
  if (lower.lowerRange.includes('nolower'))
    return {
      ...path,
      bound: false,
      reason: `LowerRange of ${componentLabel(lower)} is nolower; no filter attaches there`,
    };
  const wanted = upper.filter?.mediaTypes ?? [];
  const shared = common(wanted, lower.lowerRange);
  if (shared.length === 0) {
    return {
      ...path,
      bound: false,
      reason: `no common medium: FilterMediaTypes of ${componentLabel(upper)} is ${wanted.join(', ') || 'nothing'}, LowerRange of ${componentLabel(lower)} is ${lower.lowerRange.join(', ') || 'nothing'}`,
    };
  }
  if (isDisabled(disabled, lower)) return { ...path, bound: false, reason: 'it was unbound by hand' };
  return { ...path, bound: true, reason: shared.join(', ') };
}

/** Instances to which a component was unbound by hand. */
function disabledBindings(upper: NetworkComponent): readonly string[] {
  return textsOf(upper.key.open('Linkage\\Disabled'), 'Bind');
}

function isDisabled(list: readonly string[], lower: NetworkComponent): boolean {
  return list.some((name) => name.toUpperCase() === deviceName(lower).toUpperCase());
}

/** What a component exports: `\\Device\\{GUID}` for an adapter, `\\Device\\service` else. */
export function deviceName(component: NetworkComponent): string {
  return `\\Device\\${component.className === 'Net' ? component.guid : component.service}`;
}

/** Binds or unbinds one path by hand; false where it was so already. */
export function setBound(upper: NetworkComponent, lower: NetworkComponent, bound: boolean): boolean {
  const list = disabledBindings(upper);
  if (isDisabled(list, lower) !== bound) return false;
  const name = deviceName(lower);
  const rest = list.filter((other) => other.toUpperCase() !== name.toUpperCase());
  setTexts(upper.key.create('Linkage\\Disabled'), 'Bind', bound ? rest : [...rest, name]);
  return true;
}

/**
 * Filters of one adapter from the top down: modifying ones by their class, then monitoring ones; of one kind the first
 * installed is nearest to the adapter.
 */
export function filterOrder(filters: readonly NetworkComponent[]): NetworkComponent[] {
  return filters.toSorted((a, b) => {
    if (a.filter?.monitoring !== b.filter?.monitoring) return a.filter?.monitoring === true ? 1 : -1;
    if (a.filter?.monitoring === true) return b.order - a.order;
    return rank(a) - rank(b) || b.order - a.order;
  });
}

/** Computes all bindings anew and writes every Linkage key. Returns the paths. */
export function updateBindings(system: InstalledSystem): BindingPath[] {
  const components = listComponents(system);
  const paths = bindingPaths(components);
  const above = new Map<NetworkComponent, BindingPath[]>();
  const below = new Map<NetworkComponent, NetworkComponent[]>();
  for (const path of paths) {
    if (!path.bound) continue;
    listIn(above, path.lower).push(path);
    listIn(below, path.upper).push(path.lower);
  }
  for (const component of components) {
    if (component.className === 'Net') writeAdapterLinkage(component, above.get(component) ?? []);
    else writeProtocolLinkage(system, component, below.get(component) ?? []);
  }
  return paths;
}

/** The list of a component in a map, made where it has none. */
function listIn<T>(map: Map<NetworkComponent, T[]>, component: NetworkComponent): T[] {
  const known = map.get(component);
  if (known !== undefined) return known;
  const list: T[] = [];
  map.set(component, list);
  return list;
}

function writeAdapterLinkage(adapter: NetworkComponent, above: readonly BindingPath[]): void {
  const filters = filterOrder(above.filter(({ kind }) => kind === 'filter').map(({ upper }) => upper));
  const linkage = adapter.key.create('Linkage');
  setTexts(linkage, 'RootDevice', [adapter.guid]);
  setTexts(linkage, 'Export', [deviceName(adapter)]);
  setTexts(
    linkage,
    'UpperBind',
    above.filter(({ kind }) => kind === 'protocol').map(({ upper }) => upper.service),
  );
  setTexts(
    linkage,
    'FilterList',
    filters.map((filter) => `${adapter.guid}-${filter.guid}-0000`),
  );
}

function writeProtocolLinkage(
  system: InstalledSystem,
  component: NetworkComponent,
  below: readonly NetworkComponent[],
): void {
  if (component.service === '' || component.filter !== null) return;
  const linkage = system.registry.create(`${SERVICES_KEY}\\${component.service}\\Linkage`);
  setTexts(linkage, 'Bind', below.map(deviceName));
  setTexts(
    linkage,
    'Export',
    below.map((lower) => `\\Device\\${component.service}_${exportedName(lower)}`),
  );
  setTexts(
    linkage,
    'Route',
    below.map((lower) => `"${exportedName(lower)}"`),
  );
  for (const lower of below) {
    // The section that ProtocolSection of a bind names.
    system.registry.create(
      `${SERVICES_KEY}\\${component.service}\\Parameters\\Adapters\\${exportedName(lower)}`,
    );
  }
}

function exportedName(component: NetworkComponent): string {
  return component.className === 'Net' ? component.guid : component.service;
}

function setTexts(key: HostKey, name: string, texts: readonly string[]): void {
  key.set(name, texts, REG_MULTI_SZ);
}

/** Whether an adapter stands for the virtual miniports that an intermediate driver makes by itself. */
export function isVirtualTemplate(component: NetworkComponent): boolean {
  return (
    component.className === 'Net' &&
    component.device === null &&
    (component.characteristics & NCF_VIRTUAL) !== 0
  );
}

function rank({ filter }: NetworkComponent): number {
  return filterClassRank(filter?.filterClass ?? '') ?? Number.MAX_SAFE_INTEGER;
}
