/**
 * What a jsonpath says, as a tree. An item of a path is followed by the next one (`$` . `a` . `size()`), which takes what this one gives;
 * operands, predicates and subscripts are paths of their own.
 */
import type { Regex } from "../functions/regex/match.js";
import type { Decimal } from "../types/decimal.js";

export type Comparison = "==" | "!=" | "<" | ">" | "<=" | ">=";
export type Arithmetic = "+" | "-" | "*" | "/" | "%";
export type BinaryOperator = "&&" | "||" | Comparison | Arithmetic | "starts with";
export type MethodName = "type" | "size" | "abs" | "floor" | "ceiling" | "double" | "keyvalue";

export interface Subscript {
  readonly from: PathItem;
  /** Null for a single element. */
  readonly to: PathItem | null;
}

export type ItemBody =
  | { readonly kind: "null" | "root" | "current" | "last" | "anyArray" | "anyKey" }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "number"; readonly value: Decimal }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "key"; readonly name: string }
  | { readonly kind: "subscripts"; readonly subscripts: readonly Subscript[] }
  /** Levels below, from 0 (the value itself); Infinity is `last`: the deepest, and as `first` the leaves. */
  | { readonly kind: "anyLevel"; readonly first: number; readonly last: number }
  | { readonly kind: "filter" | "not" | "isUnknown" | "exists"; readonly argument: PathItem }
  | { readonly kind: "method"; readonly name: MethodName }
  | { readonly kind: "datetime"; readonly template: string | null }
  | {
      readonly kind: "binary";
      readonly operator: BinaryOperator;
      readonly left: PathItem;
      readonly right: PathItem;
    }
  | { readonly kind: "sign"; readonly operator: "+" | "-"; readonly operand: PathItem }
  /** `flags` are letters of `ismxq` in this order. */
  | {
      readonly kind: "likeRegex";
      readonly subject: PathItem;
      readonly pattern: string;
      readonly flags: string;
      readonly regex: Regex;
    };

export type PathItem = ItemBody & {
  readonly next: PathItem | null;
  /** Items that an evaluation may be within at once, this one and those that it leads to. */
  readonly depth: number;
};

export interface JsonPath {
  readonly isStrict: boolean;
  readonly root: PathItem;
}
