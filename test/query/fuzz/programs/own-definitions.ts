/** Statements about a program's own types and its sequence; `ownDefinitions` of `kinds.ts` makes them. */
import type { Random } from "../expressions.js";
import type { Step } from "./queries.js";
import { settable, type Table } from "./schema.js";

const unordered = (sql: string): Step => ({ sql, isOrdered: false });

/** A change of an enum or a domain, whose columns may hold what it no longer allows. */
export function definitionStep(random: Random, isInTransaction: boolean): Step {
  // A value that a transaction has added cannot be used in it there, and can be here.
  if (!isInTransaction && random.next(3) === 0)
    return unordered(
      `alter type mood add value ${random.pick(["", "if not exists "])}'${random.pick(["so-so", "bored"])}'${random.pick(["", " before 'ok'", " after 'ok'", " before 'sad'"])}`,
    );
  return unordered(
    random.pick([
      "alter domain amount add constraint few check (value < 50)",
      "alter domain amount add constraint some check (value > 0) not valid",
      "alter domain amount drop constraint if exists few",
      "alter domain amount drop constraint some",
      "alter domain amount set not null",
      "alter domain amount drop not null",
      "alter domain amount set default 7",
      "alter domain word drop default",
      "alter domain word set default 'dear'",
      "alter domain word drop not null",
      "alter domain word set not null",
      "alter domain word drop constraint short",
    ]),
  );
}

/** A sequence goes on through rollbacks; what names the next number is a transaction's own until it commits. */
export function sequenceStep(random: Random, table: Table): Step {
  const [column] = settable(table).filter(({ kind }) => kind.isNumber);
  return random.pick<() => Step>([
    () => unordered("select nextval('numbers')"),
    () => unordered("select nextval('numbers'), currval('numbers'), lastval()"),
    () => unordered(`select setval('numbers', ${1 + random.next(20)}${random.pick(["", ", true", ", false"])})`),
    () => unordered(`select count(nextval('numbers')) from ${table.name} a`),
    () => unordered("select last_value, is_called from numbers"),
    () =>
      unordered(`alter sequence numbers ${random.pick(["restart", "restart with 3", "increment by 2", "minvalue 1"])}`),
    () =>
      column === undefined
        ? unordered("select currval('numbers')")
        : {
            ...unordered(`update ${table.name} set ${column.name} = nextval('numbers') where id = ${random.next(9)}`),
            draws: true,
          },
    () => ({ ...unordered(`insert into ${table.name} (id) values (nextval('numbers')) returning id`), draws: true }),
  ])();
}
