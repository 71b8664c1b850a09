/** Random statements of several users about roles and privileges, and what asks whether they took effect. */

export class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  below(bound: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * bound);
  }
  of<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error("a choice is of something");
    return item;
  }
}

export const users = ["ann", "bob", "cyd"] as const;
/** Roles that cannot log in; there may be more, under names that come and go. */
export const groups = ["g", "h"] as const;
const someRole = (random: Random): string => random.of([...users, ...groups, ...groups, "k"]);

/** Statements about roles themselves. */
export function roleStatement(random: Random): string {
  const role = someRole(random);
  const other = someRole(random);
  switch (random.below(18)) {
    case 0:
    case 1:
    case 2:
      return `GRANT ${role} TO ${other}${random.below(3) === 0 ? " WITH ADMIN OPTION" : ""}`;
    case 3:
    case 4:
      return `REVOKE ${random.below(4) === 0 ? "ADMIN OPTION FOR " : ""}${role} FROM ${other}`;
    case 5:
    case 6:
    case 7:
    case 8:
      return `SET ROLE ${random.of([role, role, role, "none", "nobody"])}`;
    case 9:
      return "RESET ROLE";
    case 10:
      return `SET SESSION AUTHORIZATION ${random.of([role, "DEFAULT", "DEFAULT"])}`;
    case 11:
      return "SELECT current_user::text, session_user::text, current_setting('role')";
    case 12:
      return `SELECT pg_has_role('${role}', '${other}', '${random.of(["USAGE", "MEMBER", "MEMBER WITH ADMIN OPTION"])}')`;
    case 13:
      return `CREATE ROLE k ${random.of(["", "CREATEROLE", "SUPERUSER", "NOINHERIT IN ROLE g", "IN ROLE h ROLE ann", "ADMIN bob"])}`;
    case 14:
      return `DROP ROLE ${random.of(["k", "k", "k", "IF EXISTS k"])}`;
    case 15:
      return `ALTER ROLE ${role} ${random.of(["CREATEROLE", "NOCREATEROLE", "INHERIT", "NOINHERIT", "CREATEDB", "NOLOGIN", "SUPERUSER", "PASSWORD NULL", "CONNECTION LIMIT 3"])}`;
    case 16:
      return random.of([
        "SELECT role_name::text FROM information_schema.enabled_roles WHERE role_name !~ '^(pg_|postgres)' ORDER BY 1",
        "SELECT grantee::text, role_name::text, is_grantable::text FROM information_schema.applicable_roles WHERE role_name !~ '^pg_' ORDER BY 1, 2",
        ...roleQueries,
      ]);
    default:
      return `SELECT has_table_privilege('${role}', '${random.of(["t", "u", "v"])}', 'SELECT')`;
  }
}

export const roleQueries = [
  `SELECT rolname::text, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolconnlimit FROM pg_roles
    WHERE rolname NOT LIKE 'pg\\_%' AND rolname <> 'postgres' ORDER BY 1`,
  `SELECT pg_get_userbyid(roleid)::text, pg_get_userbyid(member)::text, pg_get_userbyid(grantor)::text, admin_option
    FROM pg_auth_members WHERE pg_get_userbyid(roleid) NOT LIKE 'pg\\_%' ORDER BY 1, 2`,
];

const relations = ["t", "u", "v", "s.w"] as const;

/** Grants on columns, and what is asked for of them alone. */
export function columnStatement(random: Random): string {
  const who = random.of([...users, ...groups, "PUBLIC"]);
  const relation = random.of(relations);
  const table = random.of(["t", "u", "s.w"]);
  const columns = random.of(["a", "b", "a, b", "b, a"]);
  const column = random.of(["a", "b"]);
  const privileges = random.of([
    `SELECT (${columns})`,
    `SELECT (${columns})`,
    `INSERT (${columns})`,
    `UPDATE (${columns})`,
    `REFERENCES (${columns})`,
    `ALL (${columns})`,
    `SELECT (a), UPDATE (b)`,
    `INSERT, SELECT (${column})`,
    `DELETE (${column})`,
    `SELECT (nosuch)`,
  ]);
  const option = random.below(3) === 0 ? " WITH GRANT OPTION" : "";
  const optionFor = random.below(4) === 0 ? "GRANT OPTION FOR " : "";
  switch (random.below(24)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      return `GRANT ${privileges} ON ${relation} TO ${who}${option}`;
    case 5:
    case 6:
      return `REVOKE ${optionFor}${privileges} ON ${relation} FROM ${who}${random.of(["", "", " CASCADE"])}`;
    case 7:
      return `SELECT ${column} FROM ${relation} WHERE ${random.of(["a = 0", "b = 0", "true"])} LIMIT 0`;
    case 8:
      return `SELECT ${random.of(["*", "x", "count(*) >= 0", "1", "x.a", "x.*", "sum(a) > 0"])} FROM ${relation} AS x LIMIT 0`;
    case 9:
      return `SELECT 1 FROM ${relation} x JOIN ${table} y ${random.of(["USING (a)", "USING (b)", "ON x.a = y.b", "ON true"])} LIMIT 0`;
    case 10:
      return `INSERT INTO ${table} ${random.of(["(a) VALUES (1)", "(b, a) VALUES (1, DEFAULT)", "VALUES (1)", "DEFAULT VALUES", "(b) SELECT 1"])}`;
    case 11:
      return `INSERT INTO ${table} (a) VALUES (3) RETURNING ${random.of(["a", "b IS NULL", "1"])}`;
    case 12:
      return `INSERT INTO s.k (a, b) VALUES (1, 1) ON CONFLICT ${random.of(["(a) DO NOTHING", "(a) DO UPDATE SET b = 2", "(a) DO UPDATE SET b = EXCLUDED.b", "ON CONSTRAINT k_pkey DO UPDATE SET b = k.b + 1", "DO NOTHING"])}`;
    case 13:
      return `UPDATE ${table} SET ${random.of(["a = 1", "b = a", "b = DEFAULT", "a = 1, b = 2", "b = b"])} ${random.of(["", "WHERE a = 1", "WHERE false RETURNING b"])}`;
    case 14:
      return `DELETE FROM ${table} WHERE ${column} = 77`;
    case 15:
      return `SELECT ${column} FROM ${table} LIMIT 0 FOR ${random.of(["UPDATE", "SHARE"])}`;
    case 16:
      return `SELECT has_column_privilege('${random.of(users)}', '${relation}', '${column}', '${random.of(["SELECT", "INSERT", "UPDATE WITH GRANT OPTION", "REFERENCES, UPDATE"])}')`;
    case 17:
      return `SELECT has_any_column_privilege('${random.of(users)}', '${relation}', '${random.of(["SELECT", "INSERT, UPDATE", "SELECT WITH GRANT OPTION"])}')`;
    case 18:
      return `GRANT ${random.of(["SELECT", "INSERT", "UPDATE", "ALL"])} (${columns}) ON s.k TO ${who}${option}`;
    case 19:
      return random.of([
        "CREATE TABLE s.f (a int REFERENCES s.k)",
        "CREATE TABLE s.f (a int REFERENCES s.k (a))",
        "DROP TABLE s.f",
      ]);
    case 20:
      return `MERGE INTO ${table} x USING (SELECT 5 AS c) y ON ${random.of(["x.a = y.c", "false", "x.b = 77"])} WHEN NOT MATCHED THEN ${random.of(["INSERT (a) VALUES (c)", "INSERT (b) VALUES (1)", "DO NOTHING"])} WHEN MATCHED THEN ${random.of(["UPDATE SET b = 1", "UPDATE SET b = x.a", "DELETE"])}`;
    case 21:
      return `GRANT ${random.of(["SELECT", "UPDATE"])} (${column}) ON SEQUENCE q TO ${who}`;
    default:
      return columnQueries[random.below(columnQueries.length)] ?? "";
  }
}

/** Privileges of what is made later, of types and of the database, and what is made then. */
export function defaultStatement(random: Random): string {
  const who = random.of([...users, ...groups, "PUBLIC"]);
  const maker = random.of(["", "", `FOR ROLE ${random.of([...users, ...groups])} `, "FOR ROLE ann, bob "]);
  const place = random.of(["", "", "IN SCHEMA s ", "IN SCHEMA s, public "]);
  const [kind, privileges] = random.of([
    ["TABLES", ["SELECT", "INSERT, UPDATE", "ALL", "USAGE"]],
    ["TABLES", ["SELECT", "DELETE", "ALL"]],
    ["SEQUENCES", ["USAGE", "SELECT, UPDATE", "ALL", "INSERT"]],
    ["TYPES", ["USAGE", "ALL", "SELECT"]],
    ["FUNCTIONS", ["EXECUTE", "ALL"]],
    ["SCHEMAS", ["USAGE", "CREATE", "ALL"]],
  ] as const);
  const privilege = random.of<string>(privileges);
  const option = random.below(4) === 0 ? " WITH GRANT OPTION" : "";
  const schema = random.of(["", "s."]);
  switch (random.below(24)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
      return `ALTER DEFAULT PRIVILEGES ${maker}${place}GRANT ${privilege} ON ${kind} TO ${who}${option}`;
    case 6:
    case 7:
    case 8:
      return `ALTER DEFAULT PRIVILEGES ${maker}${place}REVOKE ${random.of(["", "", "GRANT OPTION FOR "])}${privilege} ON ${kind} FROM ${random.of([who, who, "ann"])}`;
    case 9:
      return `CREATE TABLE ${schema}n1 (a int, b ${random.of(["int", "mood", "mood[]", "small"])})`;
    case 10:
      return random.of([
        `CREATE SEQUENCE ${schema}n2`,
        `CREATE VIEW ${schema}n2 AS SELECT 1 AS a`,
        `CREATE TABLE ${schema}n2 AS SELECT 1 AS a`,
      ]);
    case 11:
      return `CREATE TYPE ${schema}n3 AS ENUM ('x')`;
    case 12:
      return `CREATE SCHEMA z ${random.of(["", "AUTHORIZATION ann", "AUTHORIZATION bob"])}`;
    case 13:
      return random.of([
        `DROP TABLE ${schema}n1`,
        `DROP TABLE ${schema}n2`,
        `DROP VIEW ${schema}n2`,
        `DROP SEQUENCE ${schema}n2`,
      ]);
    case 14:
      return random.of(["DROP SCHEMA z", `DROP TYPE ${schema}n3`, "ALTER SCHEMA z RENAME TO zz", "DROP SCHEMA zz"]);
    case 15:
    case 16:
      return `GRANT ${random.of(["CREATE", "CONNECT", "TEMP", "TEMPORARY, CREATE", "ALL"])} ON DATABASE @db TO ${who}${option}`;
    case 17:
      return `REVOKE ${random.of(["CREATE", "CONNECT", "TEMP", "ALL"])} ON DATABASE @db FROM ${who}`;
    case 18:
      return `GRANT ${random.of(["USAGE", "ALL", "SELECT"])} ON ${random.of(["TYPE mood", "DOMAIN small", "TYPE small", "DOMAIN mood"])} TO ${who}${option}`;
    case 19:
      return `REVOKE ${random.of(["USAGE", "ALL"])} ON TYPE ${random.of(["mood", "small"])} FROM ${random.of([who, "PUBLIC"])}`;
    case 20:
      return `SELECT has_database_privilege('${random.of(users)}', '@db', '${random.of(["CREATE", "CONNECT", "TEMP", "CREATE WITH GRANT OPTION"])}')`;
    case 21:
      return `SELECT has_type_privilege('${random.of(users)}', '${random.of(["mood", "small", "int4"])}', 'USAGE')`;
    default:
      return random.of(defaultQueries);
  }
}

export const defaultQueries = [
  `SELECT pg_get_userbyid(defaclrole)::text, nspname::text, defaclobjtype::text,
      ARRAY(SELECT x::text FROM unnest(defaclacl) x ORDER BY 1)::text
    FROM pg_default_acl LEFT JOIN pg_namespace n ON n.oid = defaclnamespace ORDER BY 1, 2, 3`,
  `SELECT relname::text, relkind::text, ARRAY(SELECT x::text FROM unnest(relacl) x ORDER BY 1)::text, relacl IS NULL
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname IN ('public', 's') AND relkind IN ('r', 'v', 'S') ORDER BY nspname, relname`,
  `SELECT typname::text, ARRAY(SELECT x::text FROM unnest(typacl) x ORDER BY 1)::text, typacl IS NULL
    FROM pg_type JOIN pg_namespace n ON n.oid = typnamespace WHERE nspname IN ('public', 's') AND typtype IN ('e', 'd') ORDER BY nspname, typname`,
  "SELECT nspname::text, ARRAY(SELECT x::text FROM unnest(nspacl) x ORDER BY 1)::text FROM pg_namespace WHERE nspname IN ('s', 'z', 'zz') ORDER BY 1",
  "SELECT ARRAY(SELECT x::text FROM unnest(datacl) x ORDER BY 1)::text FROM pg_database WHERE datname = '@db'",
];

export const columnQueries = [
  `SELECT relname::text, attname::text, attacl::text FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
    WHERE attacl IS NOT NULL AND c.oid > 16000 ORDER BY 1, 2`,
  `SELECT grantor::text, grantee::text, table_name::text, column_name::text, privilege_type::text, max(is_grantable)
    FROM information_schema.column_privileges WHERE table_schema IN ('public', 's') GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5`,
];

export function statement(random: Random): string {
  const who = (): string => random.of([...users, ...groups, "PUBLIC"]);
  const relation = random.of(relations);
  const privileges = random.of([
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "TRUNCATE",
    "REFERENCES",
    "ALL",
    "SELECT, INSERT",
    "UPDATE, DELETE, SELECT",
  ]);
  const option = random.below(3) === 0 ? " WITH GRANT OPTION" : "";
  const optionFor = random.below(4) === 0 ? "GRANT OPTION FOR " : "";
  const behaviour = random.of(["", "", " CASCADE", " RESTRICT"]);
  switch (random.below(28)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return `GRANT ${privileges} ON ${relation} TO ${who()}${option}`;
    case 4:
    case 5:
    case 6:
      return `REVOKE ${optionFor}${privileges} ON ${relation} FROM ${who()}${behaviour}`;
    case 7:
      return `GRANT ${random.of(["USAGE", "CREATE", "ALL"])} ON SCHEMA s TO ${who()}${option}`;
    case 8:
      return `REVOKE ${optionFor}${random.of(["USAGE", "CREATE", "ALL"])} ON SCHEMA s FROM ${who()}${behaviour}`;
    case 9:
      return `GRANT ${random.of(["USAGE", "SELECT", "UPDATE", "ALL"])} ON SEQUENCE q TO ${who()}${option}`;
    case 10:
      return `REVOKE ${random.of(["USAGE", "SELECT", "UPDATE", "ALL"])} ON SEQUENCE q FROM ${who()}${behaviour}`;
    case 11:
      return `SELECT a FROM ${relation} LIMIT 0`;
    case 12:
      return `SELECT count(*) >= 0 FROM ${relation}`;
    case 13:
      return `INSERT INTO ${random.of(["t", "u", "s.w"])} VALUES (1, 1)${random.of(["", " RETURNING b"])}`;
    case 14:
      return `UPDATE ${random.of(["t", "u", "s.w"])} SET b = ${random.of(["1", "b + 1", "a"])}${random.of(["", " WHERE a = 1", " WHERE true"])}`;
    case 15:
      return `DELETE FROM ${random.of(["t", "u", "s.w"])}${random.of(["", " WHERE b = 1", " RETURNING a"])}`;
    case 16:
      return `TRUNCATE ${random.of(["t", "u", "s.w"])}`;
    case 17:
      return `SELECT a FROM ${random.of(["t", "u", "s.w"])} LIMIT 0 FOR ${random.of(["UPDATE", "SHARE"])}`;
    case 18:
      return random.of(["SELECT nextval('q') > 0", "SELECT setval('q', 5)", "SELECT last_value > 0 FROM q"]);
    case 19:
      return `SELECT has_table_privilege('${random.of(users)}', '${random.of(["t", "u", "v"])}', '${random.of(["SELECT", "INSERT", "UPDATE WITH GRANT OPTION", "DELETE, TRUNCATE"])}')`;
    case 20:
      return `SELECT has_schema_privilege('${random.of(users)}', 's', '${random.of(["USAGE", "CREATE"])}')`;
    case 21:
      return `COMMENT ON TABLE ${random.of(["t", "u", "s.w"])} IS 'x'`;
    case 22:
      return `CREATE TABLE s.${random.of(["x", "y"])} (a int)`;
    case 23:
      return `DROP TABLE s.${random.of(["x", "y"])}`;
    case 25: {
      const table = random.of(["t", "u", "s.w"]);
      return random.of([
        `ALTER TABLE ${table} ADD COLUMN c int DEFAULT 1`,
        `ALTER TABLE ${table} DROP COLUMN c`,
        `ALTER TABLE ${table} ALTER COLUMN b TYPE bigint`,
        `ALTER TABLE ${table} ADD CHECK (a > -100)`,
        `CREATE INDEX ON ${table} (a)`,
        `ALTER TABLE ${table} ADD UNIQUE (a, b)`,
      ]);
    }
    case 26:
      return `ALTER SEQUENCE q ${random.of(["RESTART", "INCREMENT 1"])}`;
    case 24:
      return `GRANT ${random.of(["SELECT", "INSERT", "ALL"])} ON ALL TABLES IN SCHEMA s TO ${who()}`;
    default:
      return `ALTER TABLE ${random.of(["t", "u"])} OWNER TO ${random.of([...users, ...groups])}`;
  }
}
