/** Built-in types by oid and by name, read once from the facts. */
import { assert } from "../../types/assert.js";
import { typeFacts } from "./facts/types.js";
import { type Oid, type SqlType, typeOid } from "./sql-type.js";
import { domainArrayOid, isComposite, userTypeFacts } from "./user-types.js";

export interface TypeFacts {
  readonly oid: Oid;
  /** As in `pg_type.typname`: `int4`, `_int4`. */
  readonly name: string;
  /** Bytes, -1 for variable, -2 for C strings: what clients are told. */
  readonly length: number;
  readonly isByValue: boolean;
  /** `b` base, `c` composite, `e` enum, `p` pseudo. */
  readonly kind: string;
  /** `N` numeric, `S` string, `D` date and time, `A` array, …: what overload resolution goes by. */
  readonly category: string;
  readonly isPreferred: boolean;
  readonly delimiter: string;
  /** Element type of arrays (and of `name` and the vectors), 0 for none. */
  readonly element: Oid;
  /** The type of arrays of this, 0 for none. */
  readonly array: Oid;
  readonly input: Oid;
  readonly output: Oid;
  readonly receive: Oid;
  readonly send: Oid;
  readonly modifierIn: Oid;
  readonly modifierOut: Oid;
  readonly alignment: string;
  readonly storage: string;
  readonly collation: Oid;
}

function readFacts(): readonly TypeFacts[] {
  const lines = typeFacts.trim().split("\n");
  return lines.map((line) => {
    const words = line.split(" ");
    assert(words.length === 19, "a line of type facts has 19 words");
    const word = (index: number): string => words[index] ?? "";
    const number = (index: number): number => Number(words[index]);
    return {
      oid: number(0),
      name: word(1),
      length: number(2),
      isByValue: word(3) === "t",
      kind: word(4),
      category: word(5),
      isPreferred: word(6) === "t",
      delimiter: word(7),
      element: number(8),
      array: number(9),
      input: number(10),
      output: number(11),
      receive: number(12),
      send: number(13),
      modifierIn: number(14),
      modifierOut: number(15),
      alignment: word(16),
      storage: word(17),
      collation: number(18),
    };
  });
}

export const builtInTypes: readonly TypeFacts[] = readFacts();
const byOid: ReadonlyMap<Oid, TypeFacts> = new Map(builtInTypes.map((type) => [type.oid, type]));
const byName: ReadonlyMap<string, TypeFacts> = new Map(builtInTypes.map((type) => [type.name, type]));

export const typeFactsOf = (oid: Oid): TypeFacts | null => byOid.get(oid) ?? userTypeFacts(oid);
export const typeFactsByName = (name: string): TypeFacts | null => byName.get(name) ?? null;

/** Type of arrays of these elements, 0 when there is none. */
export const arrayTypeOf = (element: Oid): Oid => typeFactsOf(element)?.array ?? 0;

/** The type of arrays of a type, of a domain those of its values; null where there is none. */
export function arrayOfType({ oid, modifier, domain }: SqlType): SqlType | null {
  const array = arrayTypeOf(oid);
  if (array === 0) return null;
  return domain === undefined ? { oid: array, modifier } : { oid: array, modifier, domain: domainArrayOid(domain) };
}

/** Element type of a true array type (not of `name`, which only has subscripts); 0 for other types. */
export function elementTypeOf(array: Oid): Oid {
  const facts = typeFactsOf(array);
  if (facts === null || facts.element === 0) return 0;
  return facts.category === "A" || array === typeOid.recordArray ? facts.element : 0;
}

/** Whether values are rows: of a type that has a name, or of none. */
export const isRowType = (oid: Oid): boolean => oid === typeOid.record || isComposite(oid);

/** Whether it is the type of arrays of another, and no int2vector or oidvector. */
export function isArray(oid: Oid): boolean {
  const element = elementTypeOf(oid);
  return element !== 0 && arrayTypeOf(element) === oid;
}

/** Bytes of the type as RowDescription tells it: -1 for variable, also for types that are not known here. */
export const typeLengthOf = (oid: Oid): number => typeFactsOf(oid)?.length ?? -1;
