/** Functions of PostgreSQL 15 that are not here are refused as such; what nobody has does not exist. */
import test from "ava";
import { SqlError } from "../../runtime/query/error.js";
import { absentFunctionFacts } from "../../runtime/query/functions/facts/absent.js";
import { proceduresNamed } from "../../runtime/query/functions/procedures.js";
import { resolveFunction } from "../../runtime/query/functions/resolve.js";
import { typeOid } from "../../runtime/query/types/sql-type.js";

const stateOf = (name: string, schema: string | null = null): string => {
  const shape = { schema, name, args: [{ type: typeOid.text }], position: 8, isVariadic: false, orderedCount: 0 };
  try {
    resolveFunction(shape);
    return "found";
  } catch (error) {
    if (error instanceof SqlError) return error.sqlState;
    throw error;
  }
};

test("a function that PostgreSQL has and that is not here is refused with 0A000, whatever its arguments", (t) => {
  for (const name of ["to_tsvector", "int4range", "point", "lo_create", "pg_read_file"]) t.is(stateOf(name), "0A000");
  t.is(stateOf("to_tsvector", "pg_catalog"), "0A000");
  t.is(stateOf("to_tsvector", "public"), "42883");
  t.is(stateOf("nosuch"), "42883");
  // Of a name that is here with other arguments nobody says so.
  t.is(stateOf("sqrt"), "42883");
  const names = absentFunctionFacts.trim().split("\n");
  t.true(names.length > 500);
  t.deepEqual(
    names.filter((name) => proceduresNamed(name).length > 0),
    [],
  );
});
