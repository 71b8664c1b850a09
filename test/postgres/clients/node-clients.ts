/**
 * What each client library of Node is made to do: define tables its own way, write, read back, use a transaction, and what else it is
 * known for (cursors, migrations, introspection). Each answers with what it did, for the page of clients.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PrismaPg } from "@prisma/adapter-pg";
import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { migrate } from "drizzle-orm/node-postgres/migrator";
import { integer, pgTable, serial, text } from "drizzle-orm/pg-core";
import knexOf from "knex";
import { type Generated, Kysely, sql as kyselySql, type Migration, Migrator, PostgresDialect } from "kysely";
import pg from "pg";
import Cursor from "pg-cursor";
import postgres from "postgres";
import { DataTypes, Sequelize } from "sequelize";
import { DataSource, EntitySchema } from "typeorm";
import type { ClientTarget } from "./target.js";

export type ClientRun = (target: ClientTarget) => Promise<readonly string[]>;

const nodePostgres: ClientRun = async ({ url }) => {
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  try {
    await pool.query(
      "CREATE TABLE c_pg (id serial PRIMARY KEY, a int, b text, c jsonb, d timestamptz, e bytea, f numeric, g bool, h text[])",
    );
    const values = [1, "x", { a: [1] }, new Date(0), Buffer.from([1, 2]), "1.50", true, ["a", "b"]];
    const { rows } = await pool.query(
      "INSERT INTO c_pg (a, b, c, d, e, f, g, h) VALUES ($1,$2,$3,$4,$5,$6,$7,$8) RETURNING *",
      values,
    );
    assert.deepEqual(rows, [
      { id: 1, a: 1, b: "x", c: { a: [1] }, d: new Date(0), e: Buffer.from([1, 2]), f: "1.50", g: true, h: ["a", "b"] },
    ]);
    const client = await pool.connect();
    await client.query("BEGIN");
    await client.query("UPDATE c_pg SET a = a + 1");
    await client.query("ROLLBACK");
    const after = await client.query({ name: "read", text: "SELECT a FROM c_pg WHERE id = $1", values: [1] });
    assert.deepEqual(after.rows, [{ a: 1 }]);
    await assert.rejects(client.query("SELECT nothing FROM c_pg"), { code: "42703" });
    client.release();
    return ["pool", "parameters of 8 types", "named statements", "transaction"];
  } finally {
    await pool.end();
  }
};

const pgCursor: ClientRun = async ({ url }) => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const cursor = client.query(new Cursor<{ n: number }>("SELECT n FROM generate_series(1, 1000) n"));
    let count = 0;
    for (;;) {
      const rows = await cursor.read(64);
      if (rows.length === 0) break;
      count += rows.length;
    }
    assert.equal(count, 1_000);
    await cursor.close();
    return ["portals with row limits"];
  } finally {
    await client.end();
  }
};

const postgresJs: ClientRun = async ({ url }) => {
  const sql = postgres(url, { max: 2, onnotice: () => {} });
  try {
    await sql`CREATE TABLE c_postgres (id int PRIMARY KEY, name text, tags text[], j jsonb)`;
    await sql`INSERT INTO c_postgres ${sql([
      { id: 1, name: "a" },
      { id: 2, name: "b" },
    ])}`;
    await sql`INSERT INTO c_postgres VALUES (3, ${"c"}, ${sql.array(["x", "y"])}, ${sql.json({ a: 1 })})`;
    const rows = await sql`SELECT * FROM c_postgres WHERE id IN ${sql([1, 2, 3])} ORDER BY id`;
    assert.deepEqual(rows[2], { id: 3, name: "c", tags: ["x", "y"], j: { a: 1 } });
    await sql.begin(async (transaction) => {
      await transaction`UPDATE c_postgres SET name = 'z' WHERE id = 1`;
      await transaction.savepoint(async (inner) => {
        await inner`DELETE FROM c_postgres WHERE id = 2`;
      });
    });
    let count = 0;
    await sql`SELECT n FROM generate_series(1, 500) n`.cursor(100, (portion) => {
      count += portion.length;
    });
    assert.equal(count, 500);
    return ["pipelining", "arrays, json", "savepoints", "cursor"];
  } finally {
    await sql.end();
  }
};

interface KyselySchema {
  c_kysely: { id: Generated<number>; name: string; at: Generated<Date> };
}

const kysely: ClientRun = async ({ url }) => {
  const db = new Kysely<KyselySchema>({
    dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) }),
  });
  try {
    await db.schema
      .createTable("c_kysely")
      .addColumn("id", "serial", (column) => column.primaryKey())
      .addColumn("name", "varchar(50)", (column) => column.notNull())
      .addColumn("at", "timestamptz", (column) => column.notNull().defaultTo(kyselySql`now()`))
      .execute();
    const made = await db
      .insertInto("c_kysely")
      .values([{ name: "a" }, { name: "b" }])
      .returning("id")
      .execute();
    assert.deepEqual(made, [{ id: 1 }, { id: 2 }]);
    await db.transaction().execute(async (transaction) => {
      await transaction.updateTable("c_kysely").set({ name: "q" }).where("id", "=", 1).execute();
    });
    const tables = await db.introspection.getTables();
    assert.ok(tables.some(({ name, columns }) => name === "c_kysely" && columns.length === 3));
    const migrator = new Migrator({
      db,
      provider: {
        getMigrations: () =>
          Promise.resolve<Record<string, Migration>>({
            first: { up: (other) => other.schema.createTable("c_kysely_2").addColumn("id", "integer").execute() },
          }),
      },
    });
    const { error, results } = await migrator.migrateToLatest();
    assert.equal(error, undefined);
    assert.equal(results?.[0]?.status, "Success");
    return ["schema builder", "RETURNING", "transaction", "introspection", "migrator"];
  } finally {
    await db.destroy();
  }
};

const drizzleOrm: ClientRun = async ({ url }) => {
  const pool = new pg.Pool({ connectionString: url });
  const db = drizzle(pool);
  const folder = mkdtempSync(join(tmpdir(), "kimberlite-drizzle-"));
  try {
    mkdirSync(join(folder, "meta"));
    const entries = [{ idx: 0, version: "7", when: 1, tag: "0000_first", breakpoints: true }];
    writeFileSync(
      join(folder, "meta", "_journal.json"),
      JSON.stringify({ version: "7", dialect: "postgresql", entries }),
    );
    writeFileSync(
      join(folder, "0000_first.sql"),
      'CREATE TABLE "c_drizzle" ("id" serial PRIMARY KEY, "name" text NOT NULL, "n" integer);',
    );
    await migrate(db, { migrationsFolder: folder });
    const table = pgTable("c_drizzle", {
      id: serial("id").primaryKey(),
      name: text("name").notNull(),
      n: integer("n"),
    });
    await db.insert(table).values([
      { name: "a", n: 1 },
      { name: "b", n: 2 },
    ]);
    await db.update(table).set({ n: 5 }).where(eq(table.name, "a"));
    assert.deepEqual(await db.select().from(table).where(eq(table.n, 5)), [{ id: 1, name: "a", n: 5 }]);
    await db.transaction(async (transaction) => {
      await transaction.delete(table).where(eq(table.name, "b"));
    });
    return ["migrations", "select, insert, update, delete", "transaction"];
  } finally {
    await pool.end();
    rmSync(folder, { recursive: true });
  }
};

const knex: ClientRun = async ({ url }) => {
  const db = knexOf({ client: "pg", connection: url });
  try {
    await db.schema.createTable("c_knex", (table) => {
      table.increments("id");
      table.string("name").notNullable().index();
      table.timestamps(true, true);
    });
    assert.deepEqual(
      await db("c_knex")
        .insert([{ name: "a" }, { name: "b" }])
        .returning("id"),
      [{ id: 1 }, { id: 2 }],
    );
    assert.equal(await db("c_knex").where({ name: "a" }).update({ name: "c" }), 1);
    assert.ok(await db.schema.hasColumn("c_knex", "name"));
    await db.transaction(async (transaction) => {
      await transaction("c_knex").where({ name: "b" }).del();
    });
    await db.migrate.latest({
      migrationSource: {
        getMigrations: () => Promise.resolve(["first"]),
        getMigrationName: (name: string) => name,
        getMigration: () =>
          Promise.resolve({
            up: (other: typeof db) => other.schema.createTable("c_knex_2", (table) => void table.increments()),
            down: (other: typeof db) => other.schema.dropTable("c_knex_2"),
          }),
      },
    });
    assert.ok(await db.schema.hasTable("c_knex_2"));
    return ["schema builder", "queries", "transaction", "migrations"];
  } finally {
    await db.destroy();
  }
};

const typeorm: ClientRun = async ({ url }) => {
  const entity = new EntitySchema<{ id: number; name: string; n: number | null }>({
    name: "c_typeorm",
    columns: {
      id: { type: "int", primary: true, generated: true },
      name: { type: "varchar" },
      n: { type: "int", nullable: true },
    },
  });
  const source = new DataSource({
    type: "postgres",
    url,
    entities: [entity],
    synchronize: true,
    installExtensions: false,
  });
  await source.initialize();
  try {
    const repository = source.getRepository(entity);
    await repository.save({ name: "a", n: 1 });
    await repository.update({ name: "a" }, { n: 2 });
    assert.deepEqual(
      (await repository.find({ where: { n: 2 } })).map(({ name }) => name),
      ["a"],
    );
    await source.transaction(async (manager) => {
      await manager.delete(entity, { name: "a" });
    });
    assert.equal(await repository.count(), 0);
    return ["synchronize", "repository", "transaction"];
  } finally {
    await source.destroy();
  }
};

const sequelize: ClientRun = async ({ url }) => {
  const db = new Sequelize(url, { logging: false });
  try {
    const model = db.define(
      "c_sequelize",
      { name: DataTypes.STRING, n: DataTypes.INTEGER, j: DataTypes.JSONB },
      { tableName: "c_sequelize" },
    );
    await model.sync({ force: true });
    await model.create({ name: "a", n: 1, j: { a: 1 } });
    await model.bulkCreate([{ name: "b" }, { name: "c" }]);
    await model.update({ n: 3 }, { where: { name: "b" } });
    assert.equal((await model.findAll({ where: { n: 3 } })).length, 1);
    await db.transaction(async (transaction) => {
      await model.destroy({ where: { name: "c" }, transaction });
    });
    assert.equal(await model.count(), 2);
    return ["sync", "models", "transaction"];
  } finally {
    await db.close();
  }
};

const prismaAdapter: ClientRun = async ({ url }) => {
  const adapter = await new PrismaPg({ connectionString: url }).connect();
  try {
    await adapter.executeScript("CREATE TABLE c_prisma (id int PRIMARY KEY, n text)");
    const argTypes = [
      { scalarType: "int", arity: "scalar" },
      { scalarType: "string", arity: "scalar" },
    ] as const;
    assert.equal(
      await adapter.executeRaw({
        sql: "INSERT INTO c_prisma VALUES ($1, $2)",
        args: [1, "x"],
        argTypes: [...argTypes],
      }),
      1,
    );
    const { rows } = await adapter.queryRaw({ sql: "SELECT n FROM c_prisma", args: [], argTypes: [] });
    assert.deepEqual(rows, [["x"]]);
    const transaction = await adapter.startTransaction("SERIALIZABLE");
    await transaction.executeRaw({ sql: "DELETE FROM c_prisma", args: [], argTypes: [] });
    await transaction.executeRaw({ sql: "ROLLBACK", args: [], argTypes: [] });
    await transaction.rollback();
    const after = await adapter.queryRaw({ sql: "SELECT count(*) FROM c_prisma", args: [], argTypes: [] });
    assert.deepEqual(after.rows.map(String), ["1"]);
    return ["raw queries", "serializable transaction"];
  } finally {
    await adapter.dispose();
  }
};

export const nodeClients: Readonly<Record<string, ClientRun>> = {
  pg: nodePostgres,
  "pg-cursor": pgCursor,
  postgres: postgresJs,
  kysely,
  "drizzle-orm": drizzleOrm,
  knex,
  typeorm,
  sequelize,
  "@prisma/adapter-pg": prismaAdapter,
};
