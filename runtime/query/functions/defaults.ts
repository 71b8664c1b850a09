/** Values of parameters that a call leaves off: the last ones of these functions. */
import type { Datum } from "../types/datum.js";

const defaults: Readonly<Record<string, readonly Datum[]>> = {
  "jsonb_set(jsonb,_text,jsonb,bool)": [true],
  "jsonb_set_lax(jsonb,_text,jsonb,bool,text)": [true, "use_json_null"],
  "jsonb_insert(jsonb,_text,jsonb,bool)": [false],
  "parse_ident(text,bool)": [true],
  "normalize(text,text)": ["NFC"],
  "is_normalized(text,text)": ["NFC"],
  "make_interval(int4,int4,int4,int4,int4,int4,float8)": [0, 0, 0, 0, 0, 0, 0],
  "json_populate_record(anyelement,json,bool)": [false],
  "json_populate_recordset(anyelement,json,bool)": [false],
  "pg_terminate_backend(int4,int8)": [0],
};

export const defaultsOf = (signature: string): readonly Datum[] => defaults[signature] ?? [];
