/** Functions and operators that ask a jsonb with a jsonpath. Those of `_tz` compare dates and times by the session's time zone where it is needed. */
import { SqlError } from "../../error.js";
import { evaluateJsonPath, jsonPathFinds } from "../../jsonpath/ask.js";
import { jsonPathOf } from "../../jsonpath/jsonpath.js";
import type { Datum } from "../../types/datum.js";
import { Jsonb } from "../../types/jsonb.js";
import type { TextContext } from "../../types/text-context.js";
import { type Implementation, sets, strictly } from "../define.js";

type Zone = TextContext | null;

function exists(json: Jsonb, path: string, variables: Jsonb | null, isSilent: boolean, zone: Zone): Datum {
  return jsonPathFinds(jsonPathOf(path), json.node, variables?.node, isSilent, zone);
}

/** The one truth value that the path gives; null is unknown, and anything else where it is kept silent. */
function match(json: Jsonb, path: string, variables: Jsonb | null, isSilent: boolean, zone: Zone): Datum {
  const items = evaluateJsonPath(jsonPathOf(path), json.node, variables?.node, isSilent, zone);
  const [item] = items;
  if (items.length === 1 && (typeof item === "boolean" || item === null)) return item;
  if (!isSilent) throw new SqlError("22038", "single boolean result is expected");
  return null;
}

const found = (json: Jsonb, path: string, variables: Jsonb, isSilent: boolean, zone: Zone): readonly Datum[] =>
  evaluateJsonPath(jsonPathOf(path), json.node, variables.node, isSilent, zone).map((item) => new Jsonb(item));

const array = (json: Jsonb, path: string, variables: Jsonb, isSilent: boolean, zone: Zone): Datum =>
  new Jsonb(evaluateJsonPath(jsonPathOf(path), json.node, variables.node, isSilent, zone));

const first = (json: Jsonb, path: string, variables: Jsonb, isSilent: boolean, zone: Zone): Datum =>
  found(json, path, variables, isSilent, zone)[0] ?? null;

const scalars = strictly({
  "jsonb_path_exists(jsonb,jsonpath,jsonb,bool)": (...args) => exists(args[0], args[1], args[2], args[3], null),
  "jsonb_path_exists_tz(jsonb,jsonpath,jsonb,bool)": exists,
  "jsonb_path_exists_opr(jsonb,jsonpath)": (json, path) => exists(json, path, null, true, null),
  "jsonb_path_match(jsonb,jsonpath,jsonb,bool)": (...args) => match(args[0], args[1], args[2], args[3], null),
  "jsonb_path_match_tz(jsonb,jsonpath,jsonb,bool)": match,
  "jsonb_path_match_opr(jsonb,jsonpath)": (json, path) => match(json, path, null, true, null),
  "jsonb_path_query_array(jsonb,jsonpath,jsonb,bool)": (...args) => array(args[0], args[1], args[2], args[3], null),
  "jsonb_path_query_array_tz(jsonb,jsonpath,jsonb,bool)": array,
  "jsonb_path_query_first(jsonb,jsonpath,jsonb,bool)": (...args) => first(args[0], args[1], args[2], args[3], null),
  "jsonb_path_query_first_tz(jsonb,jsonpath,jsonb,bool)": first,
});

const rows = sets({
  "jsonb_path_query(jsonb,jsonpath,jsonb,bool)": (...args) => found(args[0], args[1], args[2], args[3], null),
  "jsonb_path_query_tz(jsonb,jsonpath,jsonb,bool)": found,
});

export const jsonbPaths: readonly Implementation[] = [...scalars, ...rows];
