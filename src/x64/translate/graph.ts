/**
 * Order and dominators of a control-flow graph. Implements "A Simple, Fast Dominance Algorithm" (Cooper, Harvey,
 * Kennedy, 2001).
 */

export interface Graph {
  /** Nodes that can be reached, in reverse postorder; node 0 is the first. */
  readonly order: readonly number[];
  /** Place of each node in `order`, -1 for those that are not reached. */
  readonly place: readonly number[];
  /** Nodes that each node dominates directly. */
  readonly children: readonly (readonly number[])[];
  /** Predecessors that can be reached. */
  readonly predecessors: readonly (readonly number[])[];
  /** A loop has a second entry: control flow cannot be structured as it is. */
  readonly isIrreducible: boolean;
}

/** @param successors of each node. */
export function analyseGraph(successors: readonly (readonly number[])[]): Graph {
  const order = reversePostorder(successors);
  const place = Array.from({ length: successors.length }, (): number => -1);
  order.forEach((node, index) => {
    place[node] = index;
  });
  const predecessors: number[][] = successors.map(() => []);
  for (const node of order) for (const next of successors[node]) predecessors[next].push(node);
  const dominator = dominators(order, place, predecessors);
  const children: number[][] = successors.map(() => []);
  for (const node of order) if (node !== 0) children[dominator[node]].push(node);
  const isIrreducible = order.some((node) =>
    successors[node].some((next) => place[next] <= place[node] && !dominates(next, node, dominator)),
  );
  return { order, place, children, predecessors, isIrreducible };
}

function reversePostorder(successors: readonly (readonly number[])[]): number[] {
  const seen = new Uint8Array(successors.length);
  const postorder: number[] = [];
  const stack: number[] = [0];
  const next: number[] = [0];
  seen[0] = 1;
  while (stack.length > 0) {
    const top = stack.length - 1;
    const node = stack[top];
    if (next[top] >= successors[node].length) {
      postorder.push(node);
      stack.pop();
      next.pop();
      continue;
    }
    const successor = successors[node][next[top]++];
    if (seen[successor] === 1) continue;
    seen[successor] = 1;
    stack.push(successor);
    next.push(0);
  }
  return postorder.reverse();
}

function dominators(
  order: readonly number[],
  place: readonly number[],
  predecessors: readonly (readonly number[])[],
): number[] {
  const dominator = Array.from({ length: place.length }, (): number => -1);
  dominator[0] = 0;
  const meet = (a: number, b: number) => {
    let left = a;
    let right = b;
    while (left !== right) {
      while (place[left] > place[right]) left = dominator[left];
      while (place[right] > place[left]) right = dominator[right];
    }
    return left;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const node of order) {
      if (node === 0) continue;
      let found = -1;
      for (const each of predecessors[node])
        if (dominator[each] >= 0) found = found < 0 ? each : meet(found, each);
      if (dominator[node] === found) continue;
      dominator[node] = found;
      changed = true;
    }
  }
  return dominator;
}

function dominates(upper: number, lower: number, dominator: readonly number[]): boolean {
  for (let node = lower; ; node = dominator[node]) {
    if (node === upper) return true;
    if (node === 0) return false;
  }
}

/** Blocks of each loop, by its head: those from which the head is reached without leaving through it. */
export function naturalLoops(graph: Graph): Map<number, Set<number>> {
  const loops = new Map<number, Set<number>>();
  for (const head of graph.order) {
    for (const tail of graph.predecessors[head]) {
      if (graph.place[tail] < graph.place[head]) continue;
      const body = loops.get(head) ?? new Set([head]);
      loops.set(head, body);
      const work = [tail];
      for (let node = work.pop(); node !== undefined; node = work.pop()) {
        if (body.has(node)) continue;
        body.add(node);
        work.push(...graph.predecessors[node]);
      }
    }
  }
  return loops;
}
