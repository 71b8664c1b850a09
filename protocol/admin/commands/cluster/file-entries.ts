/** Changes of a cluster file's text, node by node: what a person wrote around them stays as it was. */
import { type ClusterFile, type ClusterNode, parseClusterFile } from "../../cluster-file.js";

const heading = /^[ \t]*\[\[[ \t]*node[ \t]*\]\]/mu;
const numberLine = (number: number): RegExp =>
  new RegExp(`^[ \\t]*number[ \\t]*=[ \\t]*${number}[ \\t\\r]*(#.*)?$`, "mu");
const standbyLine = /^[ \t]*standby[ \t]*=[ \t]*true[ \t\r]*(#.*)?\n?/mu;

/** The text before the nodes, and theirs behind their headings. */
function entriesOf(text: string): { head: string; entries: readonly string[] } {
  const [head = "", ...entries] = text.split(new RegExp(heading.source, "gmu"));
  return { head, entries };
}

const joined = (head: string, entries: readonly string[]): string =>
  `${[head, ...entries].join("[[node]]").trimEnd()}\n`;

/** Null where the text does not come to exactly these nodes: it is written in a way that cannot be cut. */
function checked(file: string, text: string, wanted: readonly ClusterNode[]): string | null {
  let parsed: ClusterFile;
  try {
    parsed = parseClusterFile(file, text);
  } catch {
    return null;
  }
  return JSON.stringify(parsed.nodes) === JSON.stringify(wanted) ? text : null;
}

/** The text without the node of that number; null when that cannot be told apart. */
export function withoutNode(file: string, text: string, number: number): string | null {
  const { head, entries } = entriesOf(text);
  const kept = entries.filter((entry) => !numberLine(number).test(entry));
  if (kept.length !== entries.length - 1) return null;
  const left = parseClusterFile(file, text).nodes.filter((node) => node.number !== number);
  return checked(file, joined(head, kept), left);
}

/** The text in which the node of that number stands by, or votes; null when that cannot be told apart. */
export function withStandby(file: string, text: string, number: number, isStandby: boolean): string | null {
  const { head, entries } = entriesOf(text);
  const changed = entries.map((one) => {
    if (!numberLine(number).test(one)) return one;
    return isStandby
      ? one.replace(numberLine(number), (line) => `${line}\nstandby = true`)
      : one.replace(standbyLine, "");
  });
  const { nodes } = parseClusterFile(file, text);
  const wanted = nodes.map((node) => (node.number === number ? { ...node, isStandby } : node));
  return checked(file, joined(head, changed), wanted);
}

/** The text with the standby in the place of the node of another number, which is gone; null when that cannot be told apart. */
export function withSuccessor(file: string, text: string, standby: number, place: number): string | null {
  const { head, entries } = entriesOf(text);
  const entry = entries.find((one) => numberLine(standby).test(one));
  if (entry === undefined) return null;
  const successor = entry.replace(numberLine(standby), `number = ${place}`).replace(standbyLine, "");
  const kept = entries
    .filter((one) => one !== entry)
    .map((one) => (numberLine(place).test(one) ? `${successor.trimEnd()}\n\n` : one));
  const { nodes } = parseClusterFile(file, text);
  const node = nodes.find((one) => one.number === standby);
  if (node === undefined) return null;
  const wanted = nodes
    .filter((one) => one.number !== standby)
    .map((one) => (one.number === place ? { ...node, number: place, isStandby: false } : one));
  return checked(file, joined(head, kept), wanted);
}
