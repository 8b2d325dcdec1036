/** A stack as a tree: adapters over their wires, their filter modules, what is bound to them, the virtual adapters above. */

import type { AdapterSnapshot, FilterModuleSnapshot, MachineSnapshot } from '../../machine/index.ts';
import type { Terminal } from './terminal.ts';

/** One line of a tree. */
export interface TreeNode {
  /** The same for the same thing in another snapshot. */
  readonly key: string;
  readonly text: string;
  readonly children: readonly TreeNode[];
}

/** Levels shown; a deeper stack is cut. */
const DEPTH_LIMIT = 32;

/** The tree of a snapshot. */
export function treeOf(snapshot: MachineSnapshot, terminal: Terminal): TreeNode[] {
  const placed = new Set<AdapterSnapshot>();
  const adapterNode = (adapter: AdapterSnapshot, depth: number): TreeNode => {
    placed.add(adapter);
    const children =
      depth >= DEPTH_LIMIT
        ? []
        : adapter.bindings.map((binding) => {
            const above = snapshot.adapters.filter(
              (other) => other.virtual && other.driver === binding.driver && !placed.has(other),
            );
            return {
              key: `binding ${binding.protocol} ${adapter.name}`,
              text: `${terminal.style('bold', binding.protocol)}  ${stateText(binding.state, terminal)}`,
              children: above.map((other) => adapterNode(other, depth + 2)),
            };
          });
    const above = adapter.filters.reduce<readonly TreeNode[]>(
      (nodes, module) => [
        {
          key: `filter ${module.name}`,
          text: filterText(module, terminal),
          children: nodes,
        },
      ],
      children,
    );
    return { key: `adapter ${adapter.name}`, text: adapterText(adapter, terminal), children: above };
  };
  const roots = snapshot.adapters
    .filter((adapter) => !adapter.virtual)
    .map((adapter) => adapterNode(adapter, 0));
  // A virtual adapter whose driver is bound to nothing any more still exists.
  const rest = snapshot.adapters.filter((adapter) => !placed.has(adapter));
  return [...roots, ...rest.map((adapter) => adapterNode(adapter, 0))];
}

function adapterText(adapter: AdapterSnapshot, terminal: Terminal): string {
  const parts = [
    `${terminal.style('bold', adapter.name)} (${adapter.driver})`,
    stateText(adapter.state, terminal),
    adapter.macAddress,
    adapter.mtuBytes > 0 ? `mtu ${adapter.mtuBytes}` : '',
    adapter.linkUp ? 'link up' : terminal.style('yellow', 'link down'),
    adapter.missingFilter === '' ? '' : terminal.style('yellow', `lacks the filter ${adapter.missingFilter}`),
    adapter.virtual ? 'virtual' : `wire ${adapter.wire === '' ? 'none' : adapter.wire}`,
  ];
  return parts.filter((part) => part !== '').join('  ');
}

function filterText(module: FilterModuleSnapshot, terminal: Terminal): string {
  const parts = [
    `${terminal.style('bold', module.filter)} (filter)`,
    stateText(module.state, terminal),
    module.type === 'monitoring' ? 'monitoring' : module.filterClass,
    module.mandatory ? 'mandatory' : '',
    module.sendBypassed && module.receiveBypassed ? 'bypassed' : '',
  ];
  return parts.filter((part) => part !== '').join('  ');
}

function stateText(state: string, terminal: Terminal): string {
  return terminal.style(state === 'Running' ? 'green' : 'yellow', state);
}

/** The lines of a whole tree. */
export function formatTree(nodes: readonly TreeNode[], indent = ''): string[] {
  return nodes.flatMap((node, index) => {
    const last = index === nodes.length - 1;
    const root = indent === '';
    const branch = root ? '' : last ? '└─ ' : '├─ ';
    const below = root ? ' ' : `${indent}${last ? '   ' : '│  '}`;
    return [`${root ? '' : indent}${branch}${node.text}`, ...formatTree(node.children, below)];
  });
}

/** Prints the lines of a tree that have not been printed, as a stack comes up. */
export class GrowingTree {
  readonly #known = new Map<string, string>();
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Prints what is new or has changed since the last snapshot. */
  show(snapshot: MachineSnapshot): void {
    for (const { name, state, compiled } of snapshot.drivers) {
      const kind = compiled ? 'compiled driver' : 'driver';
      this.#line(`driver ${name}`, `${this.#terminal.style('dim', kind)} ${name}  ${state}`, 0);
    }
    for (const node of treeOf(snapshot, this.#terminal)) this.#node(node, 0);
  }

  #node(node: TreeNode, depth: number): void {
    this.#line(node.key, node.text, depth);
    for (const child of node.children) this.#node(child, depth + 1);
  }

  #line(key: string, text: string, depth: number): void {
    if (this.#known.get(key) === text) return;
    this.#known.set(key, text);
    this.#terminal.line(`${'   '.repeat(Math.max(0, depth - 1))}${depth === 0 ? '' : '└─ '}${text}`);
  }
}
