/** Functions and operators that ask a jsonb with a jsonpath. Those of `_tz` differ in datetime() alone, which is not done. */
import { SqlError } from "../../error.js";
import { evaluateJsonPath, jsonPathFinds } from "../../jsonpath/ask.js";
import { jsonPathOf } from "../../jsonpath/jsonpath.js";
import type { Datum } from "../../types/datum.js";
import { Jsonb } from "../../types/jsonb.js";
import { type Implementation, sets, strictly } from "../define.js";

function exists(json: Jsonb, path: string, variables: Jsonb | null, isSilent: boolean): Datum {
  return jsonPathFinds(jsonPathOf(path), json.node, variables?.node, isSilent);
}

/** The one truth value that the path gives; null is unknown, and anything else where it is kept silent. */
function match(json: Jsonb, path: string, variables: Jsonb | null, isSilent: boolean): Datum {
  const items = evaluateJsonPath(jsonPathOf(path), json.node, variables?.node, isSilent);
  const [item] = items;
  if (items.length === 1 && (typeof item === "boolean" || item === null)) return item;
  if (!isSilent) throw new SqlError("22038", "single boolean result is expected");
  return null;
}

const found = (json: Jsonb, path: string, variables: Jsonb, isSilent: boolean): readonly Datum[] =>
  evaluateJsonPath(jsonPathOf(path), json.node, variables.node, isSilent).map((item) => new Jsonb(item));

const array = (json: Jsonb, path: string, variables: Jsonb, isSilent: boolean): Datum =>
  new Jsonb(evaluateJsonPath(jsonPathOf(path), json.node, variables.node, isSilent));

const first = (json: Jsonb, path: string, variables: Jsonb, isSilent: boolean): Datum =>
  found(json, path, variables, isSilent)[0] ?? null;

const scalars = strictly({
  "jsonb_path_exists(jsonb,jsonpath,jsonb,bool)": exists,
  "jsonb_path_exists_tz(jsonb,jsonpath,jsonb,bool)": exists,
  "jsonb_path_exists_opr(jsonb,jsonpath)": (json, path) => exists(json, path, null, true),
  "jsonb_path_match(jsonb,jsonpath,jsonb,bool)": match,
  "jsonb_path_match_tz(jsonb,jsonpath,jsonb,bool)": match,
  "jsonb_path_match_opr(jsonb,jsonpath)": (json, path) => match(json, path, null, true),
  "jsonb_path_query_array(jsonb,jsonpath,jsonb,bool)": array,
  "jsonb_path_query_array_tz(jsonb,jsonpath,jsonb,bool)": array,
  "jsonb_path_query_first(jsonb,jsonpath,jsonb,bool)": first,
  "jsonb_path_query_first_tz(jsonb,jsonpath,jsonb,bool)": first,
});

const rows = sets({
  "jsonb_path_query(jsonb,jsonpath,jsonb,bool)": found,
  "jsonb_path_query_tz(jsonb,jsonpath,jsonb,bool)": found,
});

export const jsonbPaths: readonly Implementation[] = [...scalars, ...rows];
