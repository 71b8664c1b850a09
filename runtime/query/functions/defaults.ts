/** Values of parameters that a call leaves off: the last ones of these functions. */
import type { Datum } from "../types/datum.js";
import { Jsonb } from "../types/jsonb.js";

/** No variables, and errors are thrown. */
const ofJsonPath: readonly Datum[] = [new Jsonb(new Map()), false];

const defaults: Readonly<Record<string, readonly Datum[]>> = {
  "jsonb_set(jsonb,_text,jsonb,bool)": [true],
  "jsonb_set_lax(jsonb,_text,jsonb,bool,text)": [true, "use_json_null"],
  "jsonb_insert(jsonb,_text,jsonb,bool)": [false],
  "jsonb_path_exists(jsonb,jsonpath,jsonb,bool)": ofJsonPath,
  "jsonb_path_exists_tz(jsonb,jsonpath,jsonb,bool)": ofJsonPath,
  "jsonb_path_match(jsonb,jsonpath,jsonb,bool)": ofJsonPath,
  "jsonb_path_match_tz(jsonb,jsonpath,jsonb,bool)": ofJsonPath,
  "jsonb_path_query(jsonb,jsonpath,jsonb,bool)": ofJsonPath,
  "jsonb_path_query_tz(jsonb,jsonpath,jsonb,bool)": ofJsonPath,
  "jsonb_path_query_array(jsonb,jsonpath,jsonb,bool)": ofJsonPath,
  "jsonb_path_query_array_tz(jsonb,jsonpath,jsonb,bool)": ofJsonPath,
  "jsonb_path_query_first(jsonb,jsonpath,jsonb,bool)": ofJsonPath,
  "jsonb_path_query_first_tz(jsonb,jsonpath,jsonb,bool)": ofJsonPath,
  "parse_ident(text,bool)": [true],
  "normalize(text,text)": ["NFC"],
  "is_normalized(text,text)": ["NFC"],
  "make_interval(int4,int4,int4,int4,int4,int4,float8)": [0, 0, 0, 0, 0, 0, 0],
  "json_populate_record(anyelement,json,bool)": [false],
  "json_populate_recordset(anyelement,json,bool)": [false],
  "pg_terminate_backend(int4,int8)": [0],
};

export const defaultsOf = (signature: string): readonly Datum[] => defaults[signature] ?? [];
