/**
 * Checks the chains that compiled drivers hand to NDIS before the data path walks them: lists of NET_BUFFER_LIST, their
 * NET_BUFFERs and MDLs. A link that leads out of memory is a page fault, as it would be on Windows; a circle, which
 * would never end there, is the bug check of the watchdog.
 */

import {
  type AnyFunction,
  checkedCall,
  endlessList,
  type FunctionDeclaration,
  type Kernel,
  LIST_LIMIT,
  type Parameter,
  pageFault,
} from '../kernel/index.ts';
import {
  type Address,
  addressFromHalves,
  FIRST_MAPPED_ADDRESS,
  KERNEL_WINDOW_HIGH,
  type KernelMemory,
} from '../memory/index.ts';
import {
  MDL_NEXT,
  MDL_SIZE,
  NB_CURRENT_MDL,
  NB_NEXT,
  NB_SIZE,
  NBL_FIRST_NET_BUFFER,
  NBL_NEXT,
  NBL_SIZE,
} from '../ndis/index.ts';

/** What a parameter leads to: many lists, one list, one NET_BUFFER, a chain of MDLs. */
type Chain = 'lists' | 'list' | 'netBuffer' | 'mdls';

/** By the names: functions of `NetBufferLists` take a chain, others one list whose Next says nothing. */
function chainOf(functionName: string, { type, name }: Parameter): Chain | null {
  if (type === 'PNET_BUFFER_LIST') return /NetBufferLists(Complete)?$/.test(functionName) ? 'lists' : 'list';
  if (type === 'PNET_BUFFER') return 'netBuffer';
  return type === 'PMDL' && name === 'MdlChain' ? 'mdls' : null;
}

/** Walks chains for one function. */
class ChainChecker {
  readonly #kernel: Kernel;
  readonly #memory: KernelMemory;
  readonly #name: string;
  readonly #library: boolean;
  /** Members that may still come. */
  #left = 0;

  constructor(kernel: Kernel, declaration: FunctionDeclaration<unknown, unknown>) {
    this.#kernel = kernel;
    this.#memory = kernel.memory;
    this.#name = declaration.parsed.name;
    this.#library = declaration.library === 'ndis';
  }

  check(chain: Chain, address: unknown): void {
    if (typeof address !== 'number' || address === 0) return;
    this.#left = LIST_LIMIT;
    if (chain === 'lists') this.#walkLists(address);
    else if (chain === 'list') this.#walkNetBuffers(this.#follow(address, NBL_FIRST_NET_BUFFER, NB_SIZE));
    else if (chain === 'netBuffer') this.#walkMdls(this.#follow(address, NB_CURRENT_MDL, MDL_SIZE));
    else this.#walkMdls(address);
  }

  #walkLists(first: Address): void {
    for (let list = first; list !== 0; list = this.#follow(list, NBL_NEXT, NBL_SIZE)) {
      this.#walkNetBuffers(this.#follow(list, NBL_FIRST_NET_BUFFER, NB_SIZE));
    }
  }

  #walkNetBuffers(first: Address): void {
    for (let buffer = first; buffer !== 0; buffer = this.#follow(buffer, NB_NEXT, NB_SIZE)) {
      this.#walkMdls(this.#follow(buffer, NB_CURRENT_MDL, MDL_SIZE));
    }
  }

  #walkMdls(first: Address): void {
    for (let mdl = first; mdl !== 0; ) mdl = this.#follow(mdl, MDL_NEXT, MDL_SIZE);
  }

  /** The pointer at an offset of a structure: NULL, or `size` bytes of memory. */
  #follow(structure: Address, offset: number, size: number): Address {
    if (--this.#left < 0) {
      endlessList(
        this.#kernel,
        `${this.#name}: the lists, buffers or MDLs behind 0x${structure.toString(16)}`,
      );
    }
    const { i32 } = this.#memory;
    const index = (structure + offset) >> 2;
    const low = i32[index];
    const high = i32[index + 1];
    if (high === KERNEL_WINDOW_HIGH && low >= FIRST_MAPPED_ADDRESS && low + size <= this.#memory.size) {
      return low;
    }
    return (low | high) === 0 ? 0 : this.#fault(structure + offset, low, high);
  }

  #fault(at: Address, low: number, high: number): never {
    return pageFault(this.#kernel, {
      what: `${this.#name}: the link at 0x${at.toString(16)}`,
      address: addressFromHalves(this.#memory, low, high),
      access: 'read',
      library: this.#library,
    });
  }
}

/** `call` with the chains behind its arguments checked first; `call` itself where no parameter leads to one. */
export function withCheckedChains(
  kernel: Kernel,
  declaration: FunctionDeclaration<unknown, unknown>,
  call: AnyFunction,
): AnyFunction {
  const { name, parameters } = declaration.parsed;
  const chains = parameters.flatMap((parameter, index) => {
    const chain = chainOf(name, parameter);
    return chain === null ? [] : [{ chain, index }];
  });
  const checker = new ChainChecker(kernel, declaration);
  const [first] = chains;
  if (first === undefined) return call;
  const { chain, index } = first;
  if (parameters.length <= 4 && chains.length === 1 && index <= 1) {
    return checkedCall(parameters.length, (a, b) => checker.check(chain, index === 0 ? a : b), call);
  }
  return (...args) => {
    for (const one of chains) checker.check(one.chain, args[one.index]);
    return call(...args);
  };
}
