/** Structures as C text, from their layouts: nested groups, bit fields, packing and what later NDIS versions added. */

import type { Layout, MemberFact } from '../tables/facts.ts';
import { resolveMember, sizeOf } from '../tables/members.ts';
import { cType, declarator, isConditional, supportMacro } from './text.ts';

interface Leaf {
  readonly member: MemberFact;
}
interface Group {
  readonly kind: 'struct' | 'union';
  readonly name: string | undefined;
  readonly key: string;
  readonly nodes: Node[];
}
type Node = Leaf | Group;

/** The members as written: unions and structures, named or not, in each other. */
function tree(layout: Layout): Node[] {
  const root: Node[] = [];
  for (const member of layout.members) {
    let nodes = root;
    for (const key of (member.in ?? '').split('/').filter((part) => part !== '')) {
      const match = /^(union|struct)#\d+(?::(\w+))?$/.exec(key);
      if (match === null) throw new Error(`${layout.name}.${member.name}: in ${key}`);
      let group = nodes.find((node): node is Group => 'key' in node && node.key === key);
      if (group === undefined) {
        group = { kind: match[1] === 'union' ? 'union' : 'struct', name: match[2], key, nodes: [] };
        nodes.push(group);
      }
      nodes = group.nodes;
    }
    nodes.push({ member });
  }
  return root;
}

function leaves(node: Node): MemberFact[] {
  return 'member' in node ? [node.member] : node.nodes.flatMap(leaves);
}

/** The version that a node needs: that of all it holds. */
function versionOf(node: Node): string | undefined {
  const versions = leaves(node).map((member) => member.since);
  const lowest = versions.reduce((least, version) =>
    least === undefined || version === undefined
      ? undefined
      : Number(version) < Number(least)
        ? version
        : least,
  );
  return isConditional(lowest) ? lowest : undefined;
}

/** Size and alignment of one element of a member. */
function measure(layout: Layout, member: MemberFact): { readonly align: number; readonly size: number } {
  if (member.bits !== undefined) return { align: member.size, size: member.size };
  const { element } = resolveMember(layout, member);
  const align = element.is === 'structure' ? element.layout.align : sizeOf(element.kind);
  return { align, size: member.size };
}

/** Tags of groups inside structures, where drivers declare pointers to them: structure, member, tag. */
const GROUP_TAGS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  NDIS_OID_REQUEST: {
    DATA: '_REQUEST_DATA',
    QUERY_INFORMATION: '_QUERY',
    SET_INFORMATION: '_SET',
    METHOD_INFORMATION: '_METHOD',
  },
};

class Writer {
  readonly lines: string[] = [];
  private readonly layout: Layout;
  private readonly pack: number;
  private gaps = 0;

  constructor(layout: Layout, pack: number) {
    this.layout = layout;
    this.pack = pack;
  }

  alignOf(node: Node): number {
    const aligns = leaves(node).map((member) => Math.min(measure(this.layout, member).align, this.pack));
    return Math.max(1, ...aligns);
  }

  /** Writes the nodes of a structure that begins at `start`; returns where its last member ends. */
  struct(nodes: readonly Node[], start: number, indent: string, since: string | undefined): number {
    let at = start;
    let unit: { offset: number; size: number; used: number } | undefined;
    for (const node of nodes) {
      const version = versionOf(node);
      const conditional = version !== undefined && version !== since;
      if (conditional) this.lines.push(`#if ${supportMacro(version)}`);
      const [first] = leaves(node);
      if ('member' in node && first.bits !== undefined) {
        if (unit === undefined || unit.offset !== first.offset || unit.size !== first.size) {
          at = this.fill(at, first.offset, Math.min(first.size, this.pack), indent);
          unit = { offset: first.offset, size: first.size, used: 0 };
        }
        if (first.bits[0] > unit.used) {
          this.lines.push(`${indent}${cType(first.type)} : ${first.bits[0] - unit.used};`);
        }
        this.lines.push(`${indent}${declarator(first.type, first.name)} : ${first.bits[1]};`);
        unit.used = first.bits[0] + first.bits[1];
        at = first.offset + first.size;
      } else {
        unit = undefined;
        const offset = Math.min(...leaves(node).map((member) => member.offset));
        at = this.fill(at, offset, this.alignOf(node), indent);
        at = this.node(node, offset, indent, version ?? since);
      }
      if (conditional) this.lines.push('#endif');
    }
    return at;
  }

  private node(node: Node, offset: number, indent: string, since: string | undefined): number {
    if ('member' in node) {
      this.lines.push(`${indent}${this.memberText(node.member)};`);
      return offset + node.member.size;
    }
    const tag = node.name === undefined ? undefined : GROUP_TAGS[this.layout.name]?.[node.name];
    this.lines.push(`${indent}${node.kind}${tag === undefined ? '' : ` ${tag}`} {`);
    let end = offset;
    const inner = `${indent}  `;
    if (node.kind === 'struct') end = this.struct(node.nodes, offset, inner, since);
    else {
      for (const child of node.nodes) {
        const version = versionOf(child);
        const conditional = version !== undefined && version !== since;
        if (conditional) this.lines.push(`#if ${supportMacro(version)}`);
        end = Math.max(end, this.alternative(child, offset, inner, version ?? since));
        if (conditional) this.lines.push('#endif');
      }
    }
    this.lines.push(`${indent}}${node.name === undefined ? '' : ` ${node.name}`};`);
    const align = this.alignOf(node);
    return offset + Math.ceil((end - offset) / align) * align;
  }

  /** A member of a union; one that does not begin where the union does gets a structure around it. */
  private alternative(node: Node, offset: number, indent: string, since: string | undefined): number {
    const start = Math.min(...leaves(node).map((member) => member.offset));
    const bits = 'member' in node ? node.member.bits : undefined;
    if (start === offset && (bits === undefined || bits[0] === 0)) {
      if (bits === undefined) return this.node(node, offset, indent, since);
      const { member } = node as Leaf;
      this.lines.push(`${indent}${declarator(member.type, member.name)} : ${bits[1]};`);
      return offset + member.size;
    }
    this.lines.push(`${indent}struct {`);
    const end = this.struct([node], offset, `${indent}  `, since);
    this.lines.push(`${indent}};`);
    return end;
  }

  private memberText(member: MemberFact): string {
    const { sizes } = member as MemberFact & { readonly sizes?: readonly { ndis: string; size: number }[] };
    if (sizes === undefined) return declarator(flexible(member.type), member.name);
    return declarator(member.type.replace(/\[\d+\]/, `[${sizeName(this.layout, member)}]`), member.name);
  }

  /** Brings the position to `offset` with a named gap, unless alignment does it. */
  private fill(at: number, offset: number, align: number, indent: string): number {
    const natural = Math.ceil(at / align) * align;
    if (natural !== offset && offset > at) {
      this.gaps += 1;
      this.lines.push(`${indent}UCHAR Gap${this.gaps}[${offset - at}];`);
    }
    return offset;
  }
}

/** The macro or enumerator that counts the elements of an array that grew. */
function sizeName(layout: Layout, member: MemberFact): string {
  if (member.name === 'NetBufferListInfo') return 'MaxNetBufferListInfo';
  return `${layout.name}_${member.name.toUpperCase()}_COUNT`;
}

/** Types of members that the facts give in a shorter form than C has. */
const flexible = (type: string): string =>
  type.replace(/\[0\]$/, '[]').replace(/^struct(?=\[)/, 'struct { ULONG Base; ULONG Limit; } ');

/** Counts of arrays that grew with NDIS versions and are no enumerator: macros to stand before the structure. */
function countMacros(layout: Layout): string[] {
  const lines: string[] = [];
  for (const member of layout.members) {
    const { sizes } = member as MemberFact & { readonly sizes?: readonly { ndis: string; size: number }[] };
    if (sizes === undefined || member.name === 'NetBufferListInfo') continue;
    const { count = 1 } = resolveMember(layout, member);
    const element = member.size / count;
    const newest = [...sizes].reverse();
    newest.forEach(({ ndis, size }, index) => {
      const last = index === newest.length - 1;
      lines.push(last ? '#else' : `${index === 0 ? '#if' : '#elif'} ${supportMacro(ndis)}`);
      lines.push(`#define ${sizeName(layout, member)} ${size / element}`);
    });
    lines.push('#endif');
  }
  return lines;
}

/** The definition of a structure whose names are declared already. */
export function structureText(layout: Layout, tag: string): string {
  const natural = Math.max(1, ...layout.members.map((member) => measure(layout, member).align));
  const pack = layout.align < natural ? layout.align : 16;
  const kind = layout.kind === 'union' ? 'union' : 'struct';
  const writer = new Writer(layout, pack);
  const nodes = tree(layout);
  if (kind === 'struct') writer.struct(nodes, 0, '  ', undefined);
  else {
    const inner: Group = { kind: 'union', name: undefined, key: '', nodes };
    writer.lines.push(...unionBody(layout, inner, pack));
  }
  const size =
    layout.versions === undefined
      ? ''
      : layout.versions.map((one) => `${one.size} in ${one.ndis}`).join(', ');
  const about = `${layout.name}: ${layout.size} bytes${size === '' ? '' : ` (${size})`}`;
  const align = layout.align > natural ? `DECLSPEC_ALIGN(${layout.align}) ` : '';
  return [
    `/* ${about} */`,
    ...countMacros(layout),
    ...(pack < 16 ? [`#pragma pack(push, ${pack})`] : []),
    `${kind} ${align}${tag} {`,
    ...writer.lines,
    '};',
    ...(pack < 16 ? ['#pragma pack(pop)'] : []),
  ].join('\n');
}

function unionBody(layout: Layout, group: Group, pack: number): string[] {
  const writer = new Writer(layout, pack);
  writer.struct([group], 0, '', undefined);
  return writer.lines.slice(1, -1);
}
