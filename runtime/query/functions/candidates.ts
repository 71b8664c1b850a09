/**
 * Which of several functions or operators of a name is meant. Each step of PostgreSQL's procedure leaves fewer candidates, until one is
 * left or nothing more can be said.
 */
import { type Oid, typeOid } from "../types/sql-type.js";
import { arrayTypeOf, elementTypeOf, typeFactsOf } from "../types/type-table.js";
import { isEnum } from "../types/user-types.js";
import { canCoerce, pathway } from "./coercion.js";
import { isCompatibleFamily, isPolymorphic } from "./procedures.js";

/** Something that can be called with these parameter types, one for each argument given. */
export interface Candidate {
  readonly parameters: readonly Oid[];
}

/** Candidates whose every parameter takes its argument by implicit conversion, polymorphic ones consistently. */
export function matching<C extends Candidate>(candidates: readonly C[], args: readonly Oid[]): readonly C[] {
  return candidates.filter(
    ({ parameters }) =>
      parameters.length === args.length &&
      parameters.every((parameter, index) => canCoerce(args[index] ?? 0, parameter, "implicit")) &&
      areConsistent(parameters, args),
  );
}

/** The one candidate that fits best, null when several do. All of them match. */
export function best<C extends Candidate>(candidates: readonly C[], args: readonly Oid[]): C | null {
  if (candidates.length <= 1) return candidates[0] ?? null;
  const isUnknown = (index: number): boolean => args[index] === typeOid.unknown;
  const unknowns = args.map((_, index) => index).filter(isUnknown);
  const exact = (parameter: Oid, index: number): boolean => !isUnknown(index) && parameter === args[index];
  let left = mostOf(candidates, exact);
  if (left.length === 1) return left[0] ?? null;
  const categoryOf = (oid: Oid): string => typeFactsOf(oid)?.category ?? "";
  const isPreferred = (oid: Oid, category: string): boolean => {
    const facts = typeFactsOf(oid);
    return facts !== null && facts.isPreferred && facts.category === category;
  };
  left = mostOf(
    left,
    (parameter, index) =>
      !isUnknown(index) && (parameter === args[index] || isPreferred(parameter, categoryOf(args[index] ?? 0))),
  );
  if (left.length === 1) return left[0] ?? null;
  if (unknowns.length === 0) return null;
  left = byUnknownCategories(left, unknowns, categoryOf, isPreferred);
  if (left.length === 1) return left[0] ?? null;
  // All known arguments of one type: the unknown ones are taken for it too.
  const known = new Set(args.filter((type) => type !== typeOid.unknown));
  const [only] = known;
  if (known.size !== 1 || only === undefined) return null;
  const fitting = matching(
    left,
    args.map(() => only),
  );
  return fitting.length === 1 ? (fitting[0] ?? null) : null;
}

/** Those that satisfy the test at the most places. */
function mostOf<C extends Candidate>(
  candidates: readonly C[],
  test: (parameter: Oid, index: number) => boolean,
): readonly C[] {
  const scored = candidates.map((candidate) => ({ candidate, score: candidate.parameters.filter(test).length }));
  const top = Math.max(...scored.map(({ score }) => score));
  return scored.filter(({ score }) => score === top).map(({ candidate }) => candidate);
}

/** At the places of unknown literals: a category that all candidates agree on (string if any takes a string), and its preferred type if any takes it. */
function byUnknownCategories<C extends Candidate>(
  candidates: readonly C[],
  unknowns: readonly number[],
  categoryOf: (oid: Oid) => string,
  isPreferred: (oid: Oid, category: string) => boolean,
): readonly C[] {
  const wanted: { readonly index: number; readonly category: string; readonly preferred: boolean }[] = [];
  for (const index of unknowns) {
    const types = candidates.map(({ parameters }) => parameters[index] ?? 0);
    const categories = new Set(types.map(categoryOf));
    const [only = ""] = categories;
    const category = categories.has("S") ? "S" : categories.size === 1 ? only : null;
    if (category === null) return candidates;
    wanted.push({ index, category, preferred: types.some((type) => isPreferred(type, category)) });
  }
  const left = candidates.filter(({ parameters }) =>
    wanted.every(({ index, category, preferred }) => {
      const parameter = parameters[index] ?? 0;
      return categoryOf(parameter) === category && (!preferred || isPreferred(parameter, category));
    }),
  );
  return left.length === 0 ? candidates : left;
}

/** What the polymorphic parameters of a call stand for; null when they contradict one another. */
export interface PolymorphicTypes {
  readonly element: Oid;
  readonly compatible: Oid;
}

const areConsistent = (parameters: readonly Oid[], args: readonly Oid[]): boolean =>
  polymorphicTypes(parameters, args) !== null;

/** 0 where only unknown literals were given. */
export function polymorphicTypes(parameters: readonly Oid[], args: readonly Oid[]): PolymorphicTypes | null {
  let element: Oid = 0;
  const compatible: Oid[] = [];
  for (const [index, parameter] of parameters.entries()) {
    const given = args[index] ?? typeOid.unknown;
    if (!isPolymorphic(parameter) || given === typeOid.unknown) continue;
    const isArray = parameter === typeOid.anyarray || parameter === typeOid.anycompatiblearray;
    const one = isArray ? elementTypeOf(given) : given;
    if (one === 0) return null;
    const isNonArray = parameter === typeOid.anynonarray || parameter === typeOid.anycompatiblenonarray;
    if (isNonArray && elementTypeOf(given) !== 0) return null;
    if (parameter === typeOid.anyenum && !isEnum(given)) return null;
    if (isCompatibleFamily(parameter)) compatible.push(one);
    else if (element === 0) element = one;
    else if (element !== one) return null;
  }
  const common = commonOf(compatible);
  if (common === null) return null;
  // An array is declared whose elements have no type of arrays.
  const lacks = (array: Oid, base: Oid): boolean => base !== 0 && parameters.includes(array) && arrayTypeOf(base) === 0;
  if (lacks(typeOid.anyarray, element) || lacks(typeOid.anycompatiblearray, common)) return null;
  return { element, compatible: common };
}

function commonOf(types: readonly Oid[]): Oid | null {
  let chosen: Oid = types[0] ?? 0;
  for (const type of types) {
    if (type === chosen) continue;
    const have = typeFactsOf(chosen);
    const other = typeFactsOf(type);
    if (have === null || other === null || have.category !== other.category) return null;
    if (!have.isPreferred && pathway(chosen, type, "implicit") !== null && pathway(type, chosen, "implicit") === null)
      chosen = type;
  }
  return types.every((type) => canCoerce(type, chosen, "implicit")) ? chosen : null;
}

/** The concrete type of a parameter or result, 0 when nothing says what it is. */
export function concreteType(declared: Oid, types: PolymorphicTypes): Oid {
  if (!isPolymorphic(declared)) return declared;
  const base = isCompatibleFamily(declared) ? types.compatible : types.element;
  if (base === 0) return isCompatibleFamily(declared) ? concreteText(declared) : 0;
  return declared === typeOid.anyarray || declared === typeOid.anycompatiblearray ? arrayTypeOf(base) : base;
}

/** What an array is wanted of by a parameter or result, and has none: an array's elements are no arrays. 0 for all else. */
export function withoutArray(declared: Oid, types: PolymorphicTypes): Oid {
  if (declared !== typeOid.anyarray && declared !== typeOid.anycompatiblearray) return 0;
  const base = isCompatibleFamily(declared) ? types.compatible : types.element;
  return base === 0 || arrayTypeOf(base) !== 0 ? 0 : base;
}

/** Unknown literals alone are text for the `anycompatible` family. */
const concreteText = (declared: Oid): Oid =>
  declared === typeOid.anycompatiblearray ? typeOid.textArray : typeOid.text;
