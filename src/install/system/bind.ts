/** Binding and unbinding by hand: one path between a protocol or filter and an adapter. */

import { type BindingPath, bindingPaths, setBound, updateBindings } from './bindings.ts';
import { componentLabel, listComponents, type NetworkComponent } from './components.ts';
import { InstallError } from './installError.ts';
import type { InstalledSystem } from './installedSystem.ts';

/** What binding by hand led to. */
export interface BindResult {
  readonly path: BindingPath;
  /** False where it was so before. */
  readonly changed: boolean;
}

/**
 * Binds or unbinds one path. It stays so whatever is installed later.
 * @param upper a service or component id. @param lower the name of an adapter, a service or a component id.
 * @throws InstallError INSTALL_NOT_FOUND, INSTALL_AMBIGUOUS, INSTALL_NOT_BINDABLE
 */
export function bindByHand(
  system: InstalledSystem,
  upper: string,
  lower: string,
  bound: boolean,
): BindResult {
  const components = listComponents(system);
  const above = findComponent(
    components,
    upper,
    (component) => component.className !== 'Net',
    'protocol or filter',
  );
  const below = findComponent(components, lower, (component) => component !== above, 'adapter');
  const same = (path: BindingPath): boolean =>
    path.upper.key.path === above.key.path && path.lower.key.path === below.key.path;
  const changed = setBound(above, below, bound);
  updateBindings(system);
  const path = bindingPaths(listComponents(system)).find(same);
  if (path === undefined || path.bound !== bound) {
    throw new InstallError(
      'INSTALL_NOT_BINDABLE',
      `${componentLabel(above)} cannot be bound to ${componentLabel(below)}: ${path?.reason ?? 'neither offers the other an edge'}.`,
    );
  }
  return { path, changed };
}

function findComponent(
  components: readonly NetworkComponent[],
  name: string,
  fits: (component: NetworkComponent) => boolean,
  what: string,
): NetworkComponent {
  const folded = name.toUpperCase();
  const candidates = components.filter(fits);
  const found = candidates.filter((component) =>
    [
      component.device?.name,
      component.device?.instanceId,
      component.guid,
      component.componentId,
      ...(component.device === null ? [component.service] : []),
    ].some((text) => text?.toUpperCase() === folded),
  );
  if (found.length === 1) return found[0];
  const names = candidates.map(componentLabel).join(', ') || 'none';
  throw new InstallError(
    found.length === 0 ? 'INSTALL_NOT_FOUND' : 'INSTALL_AMBIGUOUS',
    found.length === 0
      ? `there is no ${what} "${name.slice(0, 80)}"; there are ${names}.`
      : `"${name.slice(0, 80)}" is ${found.length} components; name one by its id or GUID.`,
  );
}
