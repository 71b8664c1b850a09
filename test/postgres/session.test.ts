import test from "ava";
import { KimberliteError } from "../../runtime/types/errors.js";
import { lost } from "./fake-executor.js";
import {
  bind,
  closeTarget,
  describe,
  execute,
  fieldsOf,
  flush,
  message,
  parse,
  query,
  ServerRig,
  startupPacket,
  sync,
  textOf,
} from "./rig.js";

const rigs: ServerRig[] = [];
const rigged = async (): Promise<ServerRig> => {
  const rig = await ServerRig.start();
  rigs.push(rig);
  return rig;
};
test.afterEach.always("nothing crashed", async (t) => {
  for (const rig of rigs.splice(0)) {
    t.deepEqual(rig.defects, []);
    await rig.stop();
  }
});

test.serial("a simple query answers rows, tags and one ReadyForQuery", async (t) => {
  const client = await (await rigged()).session();
  t.deepEqual(await client.ask(query("SELECT 1, 'é'")), ["T ?column?|?column?", "D 1|é", "C SELECT 1", "Z I"]);
  t.deepEqual(await client.ask(query("")), ["I", "Z I"]);
  t.deepEqual(await client.ask(query("SELECT 1; SELECT 2;")), [
    "T ?column?",
    "D 1",
    "C SELECT 1",
    "T ?column?",
    "D 2",
    "C SELECT 1",
    "Z I",
  ]);
});

test.serial("error positions count characters from 1, in the whole text", async (t) => {
  const client = await (await rigged()).session();
  t.deepEqual(await client.ask(query("SELECT 'é' whre x y")), ['E 42601 syntax error at or near "x" @17', "Z I"]);
  t.deepEqual((await client.ask(query("SELECT 'é'; SELECT a FROM missing"))).slice(-2), [
    'E 42P01 relation "missing" does not exist @27',
    "Z I",
  ]);
});

test.serial("several statements of one query stand or fall together", async (t) => {
  const rig = await rigged();
  const client = await rig.session();
  t.deepEqual(await client.ask(query("INSERT INTO t VALUES (1); INSERT INTO t VALUES ('duplicate')")), [
    "C INSERT 0 1",
    "E 23505 duplicate key value violates unique constraint",
    "Z I",
  ]);
  t.deepEqual(rig.executor.committed, []);
  t.is(rig.executor.openTransactions, 0);
  const done = await client.ask(query("INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)"));
  t.deepEqual(done, ["C INSERT 0 1", "C INSERT 0 1", "S kimberlite.position=1", "Z I"]);
  t.is(rig.executor.committed.length, 2);
});

test.serial("a transaction block: its status, what it refuses once it failed, savepoints", async (t) => {
  const rig = await rigged();
  const client = await rig.session();
  t.deepEqual(await client.ask(query("BEGIN")), ["C BEGIN", "Z T"]);
  t.deepEqual(await client.ask(query("INSERT INTO t VALUES (1)")), ["C INSERT 0 1", "Z T"]);
  t.deepEqual(await client.ask(query("SAVEPOINT a")), ["C SAVEPOINT", "Z T"]);
  t.deepEqual(await client.ask(query("INSERT INTO t VALUES ('duplicate')")), [
    "E 23505 duplicate key value violates unique constraint",
    "Z E",
  ]);
  t.deepEqual(await client.ask(query("SELECT 1")), [
    "E 25P02 current transaction is aborted, commands ignored until end of transaction block",
    "Z E",
  ]);
  t.deepEqual(await client.ask(query("ROLLBACK TO a")), ["C ROLLBACK", "Z T"]);
  t.deepEqual(await client.ask(query("COMMIT")), ["C COMMIT", "S kimberlite.position=1", "Z I"]);
  t.deepEqual(rig.executor.committed, ["INSERT INTO t VALUES (1)", "savepoint a"]);
  t.deepEqual(await client.ask(query("BEGIN; SELECT 1 FROM missing")), [
    "C BEGIN",
    'E 42P01 relation "missing" does not exist @22',
    "Z E",
  ]);
  t.deepEqual(await client.ask(query("COMMIT")), ["C ROLLBACK", "Z I"]);
  t.deepEqual(await client.ask(query("COMMIT")), ["N 25P01 there is no transaction in progress", "C COMMIT", "Z I"]);
});

test.serial("savepoints made before the first write are told to the shard with it", async (t) => {
  const rig = await rigged();
  const client = await rig.session();
  await client.ask(query("BEGIN"));
  await client.ask(query("SAVEPOINT a"));
  t.is(rig.executor.seen.length, 0);
  await client.ask(query("INSERT INTO t VALUES (1)"));
  t.deepEqual(
    rig.executor.seen.map(({ request }) => [request.kind, request.transaction.requests]),
    [
      ["savepoint", 0],
      ["execute", 1],
    ],
  );
  await client.ask(query("ROLLBACK"));
  t.is(rig.executor.openTransactions, 0);
});

test.serial("Parse, Bind, Describe, Execute and Sync ask the engine once", async (t) => {
  const rig = await rigged();
  const client = await rig.session();
  const all = [parse("", "SELECT $1"), bind("", "", ["x"]), describe("P", ""), execute(""), sync];
  t.deepEqual(await client.ask(...all), ["1", "2", "T ?column?", "D x", "C SELECT 1", "Z I"]);
  t.deepEqual(
    rig.executor.seen.map(({ request }) => request.kind),
    ["execute"],
  );
});

test.serial("a statement that is described before it is bound says its parameters and columns", async (t) => {
  const client = await (await rigged()).session();
  t.deepEqual(await client.ask(parse("s", "SELECT $1, 1", [23]), describe("S", "s"), sync), [
    "1",
    "t 23",
    "T ?column?|?column?",
    "Z I",
  ]);
  t.deepEqual(await client.ask(bind("", "s", ["7"]), execute(""), sync), ["2", "D 7|1", "C SELECT 1", "Z I"]);
  t.deepEqual(await client.ask(bind("", "s", []), execute(""), sync), [
    'E 08P01 bind message supplies 0 parameters, but prepared statement "s" requires 1',
    "Z I",
  ]);
  t.deepEqual(await client.ask(parse("s", "SELECT 1"), sync), ['E 42P05 prepared statement "s" already exists', "Z I"]);
  t.deepEqual(await client.ask(closeTarget("S", "s"), bind("", "s", ["7"]), sync), [
    "3",
    'E 26000 prepared statement "s" does not exist',
    "Z I",
  ]);
  t.deepEqual(await client.ask(parse("u", "SELECT a FROM missing"), sync), [
    'E 42P01 relation "missing" does not exist @15',
    "Z I",
  ]);
});

test.serial("a row limit suspends a portal; Sync ends it outside a transaction", async (t) => {
  const rig = await rigged();
  const client = await rig.session();
  await client.ask(query("BEGIN"));
  t.deepEqual(await client.ask(parse("", "SELECT n FROM numbers(3)"), bind("p", ""), execute("p", 2), sync), [
    "1",
    "2",
    "D 0",
    "D 1",
    "s",
    "Z T",
  ]);
  t.deepEqual(await client.ask(execute("p", 2), sync), ["D 2", "C SELECT 1", "Z T"]);
  await client.ask(query("COMMIT"));
  // A Query ends the unnamed statement.
  t.regex((await client.ask(bind("p", ""), sync))[0] ?? "", /^E 26000 unnamed prepared statement does not exist/);
  const again = [parse("", "SELECT n FROM numbers(3)"), bind("p", ""), execute("p", 2), sync];
  t.deepEqual(await client.ask(...again), ["1", "2", "D 0", "D 1", "s", "Z I"]);
  t.deepEqual(await client.ask(execute("p", 2), sync), ['E 34000 portal "p" does not exist', "Z I"]);
  t.is(rig.executor.openCursors, 0);
});

test.serial("a large result comes in chunks, whole", async (t) => {
  const client = await (await rigged()).session();
  const answers = await client.ask(query("SELECT n FROM numbers(25000)"));
  t.is(answers.length, 25_003);
  t.is(answers.at(-3), "D 24999");
  t.is(answers.at(-2), "C SELECT 25000");
});

test.serial("statements between two Syncs stand or fall together", async (t) => {
  const rig = await rigged();
  const client = await rig.session();
  const insert = (value: string) => [parse("", `INSERT INTO t VALUES ('${value}')`), bind("", ""), execute("")];
  t.deepEqual(await client.ask(...insert("1"), ...insert("duplicate"), ...insert("3"), sync), [
    "1",
    "2",
    "C INSERT 0 1",
    "1",
    "2",
    "E 23505 duplicate key value violates unique constraint",
    "Z I",
  ]);
  t.deepEqual(rig.executor.committed, []);
  await client.ask(...insert("1"), ...insert("2"), sync);
  t.is(rig.executor.committed.length, 2);
  // One alone needs no transaction.
  rig.executor.seen.length = 0;
  await client.ask(...insert("4"), closeTarget("P", ""), sync);
  t.deepEqual(
    rig.executor.seen.map(({ request }) => [request.kind, request.transaction.isOpen]),
    [["execute", false]],
  );
});

test.serial("Flush answers what came before it, without a Sync", async (t) => {
  const client = await (await rigged()).session();
  client.send(parse("", "SELECT 1"), bind("", ""), describe("P", ""), flush);
  t.deepEqual((await client.until("T")).map(textOf), ["1", "2", "T ?column?"]);
  client.send(execute(""), flush);
  t.deepEqual((await client.until("C")).map(textOf), ["D 1", "C SELECT 1"]);
  t.deepEqual(await client.ask(sync), ["Z I"]);
});

test.serial("an error is told without a Sync, which the client may send once it has read it", async (t) => {
  const client = await (await rigged()).session();
  client.send(parse("", "SELECT 1"), bind("", ""), execute(""), flush);
  t.deepEqual((await client.until("C")).map(textOf), ["1", "2", "D 1", "C SELECT 1"]);
  client.send(parse("", "SELECT a FROM missing"), bind("", ""), describe("P", ""), flush);
  t.deepEqual((await client.until("E")).map(textOf).at(-1), 'E 42P01 relation "missing" does not exist @15');
  t.deepEqual(await client.ask(sync), ["Z I"]);
});

test.serial("what is described is answered also when nothing runs, or its rows fail", async (t) => {
  const client = await (await rigged()).session();
  const run = [bind("", ""), describe("P", ""), execute(""), sync];
  t.deepEqual(await client.ask(parse("", "-- nothing"), ...run), ["1", "2", "n", "I", "Z I"]);
  t.deepEqual(await client.ask(parse("", "INSERT INTO t VALUES ('duplicate')"), ...run), [
    "1",
    "2",
    "n",
    "E 23505 duplicate key value violates unique constraint",
    "Z I",
  ]);
});

test.serial("a name whose statement is none stays free, whatever follows its Parse", async (t) => {
  const client = await (await rigged()).session();
  const missing = parse("s", "SELECT a FROM missing");
  const refused = ['E 42P01 relation "missing" does not exist @15', "Z I"];
  t.deepEqual(await client.ask(missing, sync), refused);
  t.deepEqual(await client.ask(missing, describe("S", "s"), sync), refused);
  t.deepEqual(await client.ask(missing, bind("", "s"), execute(""), sync), refused);
  t.deepEqual(await client.ask(parse("", "SELECT a FROM missing"), describe("S", ""), sync), refused);
  t.deepEqual(await client.ask(parse("s", "SELECT 1"), bind("", "s"), execute(""), sync), [
    "1",
    "2",
    "D 1",
    "C SELECT 1",
    "Z I",
  ]);
});

test.serial("settings: reported, local, undone by a rollback, to a savepoint too", async (t) => {
  const client = await (await rigged()).session("admin", "main", {
    application_name: "tests",
    TimeZone: "Europe/Berlin",
  });
  const shown = async (name: string) => (await client.ask(query(`SHOW ${name}`)))[1];
  t.is(await shown("timezone"), "D Europe/Berlin");
  t.deepEqual(await client.ask(query("SET application_name TO 'x'")), ["C SET", "S application_name=x", "Z I"]);
  t.deepEqual(await client.ask(query("BEGIN; SET application_name TO 'y'; SAVEPOINT s; SET LOCAL work_mem TO '8MB'")), [
    "C BEGIN",
    "C SET",
    "C SAVEPOINT",
    "C SET",
    "S application_name=y",
    "Z T",
  ]);
  t.is(await shown("work_mem"), "D 8MB");
  await client.ask(query("ROLLBACK TO s"));
  t.is(await shown("work_mem"), "D 4MB");
  t.deepEqual(await client.ask(query("ROLLBACK")), ["C ROLLBACK", "S application_name=x", "Z I"]);
  t.deepEqual(await client.ask(query("RESET application_name")), ["C RESET", "S application_name=tests", "Z I"]);
  await client.ask(query('SET search_path TO a, "B c"'));
  t.is(await shown("search_path"), 'D a, "B c"');
  t.deepEqual(await client.ask(query("SET nonsense TO 1")), [
    'E 42704 unrecognized configuration parameter "nonsense"',
    "Z I",
  ]);
  t.deepEqual(await client.ask(query("SET standard_conforming_strings TO off")), [
    'E 0A000 "off" for parameter "standard_conforming_strings" is not supported',
    "Z I",
  ]);
  t.deepEqual(await client.ask(query("SET statement_timeout TO '2min'; SHOW statement_timeout")), [
    "C SET",
    "T statement_timeout",
    "D 2min",
    "C SHOW",
    "Z I",
  ]);
  t.deepEqual(await client.ask(query("SHOW server_version_num")), [
    "T server_version_num",
    "D 150014",
    "C SHOW",
    "Z I",
  ]);
});

test.serial("transaction modes: isolation, read only, chained", async (t) => {
  const rig = await rigged();
  const client = await rig.session();
  await client.ask(query("BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY"));
  t.is((await client.ask(query("SHOW transaction_isolation")))[1], "D serializable");
  t.deepEqual(await client.ask(query("INSERT INTO t VALUES (1)")), [
    "E 25006 cannot execute INSERT in a read-only transaction",
    "Z E",
  ]);
  t.deepEqual(await client.ask(query("ROLLBACK AND CHAIN")), ["C ROLLBACK", "Z T"]);
  t.is((await client.ask(query("SHOW transaction_isolation")))[1], "D serializable");
  await client.ask(query("SELECT 1"));
  t.like(rig.executor.seen.at(-1)?.request.transaction, { isolation: "serializable", isReadOnly: true, isOpen: true });
  t.regex((await client.ask(query("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")))[0] ?? "", /^E 25001/);
  await client.ask(query("ROLLBACK"));
});

test.serial("PREPARE, EXECUTE with constants and expressions, DEALLOCATE", async (t) => {
  const client = await (await rigged()).session();
  t.deepEqual(await client.ask(query("PREPARE p(int, text) AS SELECT $1, $2")), ["C PREPARE", "Z I"]);
  t.deepEqual(await client.ask(query("EXECUTE p(7, 'x')")), ["T ?column?|?column?", "D 7|x", "C SELECT 1", "Z I"]);
  t.deepEqual((await client.ask(query("EXECUTE p(1 + 2, NULL)")))[1], "D 3|");
  t.regex((await client.ask(query("EXECUTE p(1)")))[0] ?? "", /^E 42601 wrong number of parameters/);
  t.deepEqual(await client.ask(query("DEALLOCATE p")), ["C DEALLOCATE", "Z I"]);
  t.regex((await client.ask(query("EXECUTE p(1, 'x')")))[0] ?? "", /^E 26000/);
});

test.serial("cursors: DECLARE, FETCH, MOVE, CLOSE; they end with the transaction", async (t) => {
  const rig = await rigged();
  const client = await rig.session();
  t.regex((await client.ask(query("DECLARE c CURSOR FOR SELECT n FROM numbers(5)")))[0] ?? "", /^E 25P01/);
  await client.ask(query("BEGIN"));
  t.deepEqual(await client.ask(query("DECLARE c CURSOR FOR SELECT n FROM numbers(5)")), ["C DECLARE CURSOR", "Z T"]);
  t.deepEqual(await client.ask(query("FETCH 2 FROM c")), ["T n", "D 0", "D 1", "C FETCH 2", "Z T"]);
  t.deepEqual(await client.ask(query("MOVE c")), ["C MOVE 1", "Z T"]);
  t.deepEqual(await client.ask(query("FETCH ALL FROM c")), ["T n", "D 3", "D 4", "C FETCH 2", "Z T"]);
  t.deepEqual(await client.ask(query("FETCH NEXT FROM c")), ["T n", "C FETCH 0", "Z T"]);
  t.deepEqual(await client.ask(query("CLOSE c")), ["C CLOSE CURSOR", "Z T"]);
  t.regex((await client.ask(query("FETCH c")))[0] ?? "", /^E 34000 cursor "c" does not exist/);
  await client.ask(query("ROLLBACK; BEGIN; DECLARE d CURSOR FOR SELECT n FROM numbers(50)"));
  t.is(rig.executor.openCursors, 1);
  await client.ask(query("COMMIT"));
  t.is(rig.executor.openCursors, 0);
});

test.serial("a cancel request ends the statement that runs; a wrong secret does not", async (t) => {
  const rig = await rigged();
  const client = await rig.session();
  client.send(query("SELECT pg_sleep(100)"));
  const other = await rig.client();
  other.send(message("", Buffer.from([4, 210, 22, 46]), Buffer.from([0, 0, 0, 1]), Buffer.from([0, 0, 0, 41])));
  await other.untilClosed();
  const right = await rig.client();
  right.send(message("", Buffer.from([4, 210, 22, 46]), Buffer.from([0, 0, 0, 1]), Buffer.from([0, 0, 0, 42])));
  t.deepEqual(await right.untilClosed(), []);
  t.deepEqual((await client.untilReady()).map(textOf), ["E 57014 canceling statement due to user request", "Z I"]);
});

test.serial("a statement timeout ends the statement, idle timeouts the session", async (t) => {
  const client = await (await rigged()).session();
  await client.ask(query("SET statement_timeout = 30"));
  t.deepEqual(await client.ask(query("SELECT pg_sleep(100)")), [
    "E 57014 canceling statement due to statement timeout",
    "Z I",
  ]);
  await client.ask(query("SET idle_in_transaction_session_timeout = 30"));
  await client.ask(query("BEGIN"));
  t.deepEqual((await client.untilClosed()).map(textOf), [
    "E 25P03 terminating connection due to idle-in-transaction timeout",
  ]);
});

test.serial("a lost shard: 40001 within a transaction, 08007 where the outcome is not known", async (t) => {
  const rig = await rigged();
  const client = await rig.session();
  rig.executor.loseNext = lost("unknown");
  t.regex((await client.ask(query("INSERT INTO t VALUES (1)")))[0] ?? "", /^E 08007 transaction resolution unknown/);
  rig.executor.loseNext = lost("notCommitted");
  t.regex((await client.ask(query("INSERT INTO t VALUES (1)")))[0] ?? "", /^E 57P03/);
  await client.ask(query("BEGIN"));
  rig.executor.loseNext = lost("unknown");
  const failed = await client.ask(query("INSERT INTO t VALUES (1)"));
  t.regex(failed[0] ?? "", /^E 40001/);
  t.is(failed[1], "Z E");
  t.deepEqual(await client.ask(query("ROLLBACK")), ["C ROLLBACK", "Z I"]);
  await client.ask(query("BEGIN; INSERT INTO t VALUES (1)"));
  rig.executor.loseNext = lost("unknown");
  t.regex((await client.ask(query("COMMIT")))[0] ?? "", /^E 08007/);
  t.deepEqual(await client.ask(query("SELECT 1")), ["T ?column?", "D 1", "C SELECT 1", "Z I"]);
});

test.serial(
  "a full disk is told as that, also within a transaction: whoever tries again at once meets it again",
  async (t) => {
    const rig = await rigged();
    const client = await rig.session();
    const full = (): KimberliteError => new KimberliteError("diskFull", "free space");
    rig.executor.loseNext = full();
    t.regex((await client.ask(query("INSERT INTO t VALUES (1)")))[0] ?? "", /^E 53100 /);
    await client.ask(query("BEGIN"));
    rig.executor.loseNext = full();
    const answers = await client.ask(query("INSERT INTO t VALUES (1)"));
    t.regex(answers[0] ?? "", /^E 53100 /);
    t.is(answers[1], "Z E");
    await client.ask(query("ROLLBACK"));
    await client.ask(query("BEGIN; INSERT INTO t VALUES (1)"));
    rig.executor.loseNext = full();
    t.regex((await client.ask(query("COMMIT")))[0] ?? "", /^E 53100 /);
    t.deepEqual(rig.executor.committed, []);
    client.close();
  },
);

test.serial("an end that was lost is said again: the shard would keep the locks", async (t) => {
  const rig = await rigged();
  const client = await rig.session();
  const noneIsOpen = async (): Promise<boolean> => {
    for (let tries = 0; rig.executor.openTransactions > 0 && tries < 300; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return rig.executor.openTransactions === 0;
  };
  for (const end of ["COMMIT", "ROLLBACK"]) {
    await client.ask(query("BEGIN; INSERT INTO t VALUES (1)"));
    t.is(rig.executor.openTransactions, 1);
    rig.executor.loseNext = lost("notCommitted");
    const [said] = await client.ask(query(end));
    t.regex(said ?? "", end === "COMMIT" ? /^E 40001/ : /^C ROLLBACK/);
    t.true(await noneIsOpen(), end);
  }
  await client.ask(query("BEGIN; INSERT INTO t VALUES (1)"));
  rig.executor.loseNext = lost("notCommitted");
  client.close();
  t.true(await noneIsOpen(), "the session's");
  t.deepEqual(rig.executor.committed, []);
});

test.serial("the session's end ends what the shard holds of it", async (t) => {
  const rig = await rigged();
  const client = await rig.session();
  await client.ask(query("BEGIN; INSERT INTO t VALUES (1)"));
  t.is(rig.executor.openTransactions, 1);
  client.close();
  for (let tries = 0; rig.executor.openTransactions > 0 && tries < 200; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  t.is(rig.executor.openTransactions, 0);
});

test.serial("users: a password becomes a verifier before it goes anywhere", async (t) => {
  const rig = await rigged();
  const client = await rig.session();
  t.deepEqual(await client.ask(query("CREATE USER u PASSWORD 'hidden'")), ["C CREATE ROLE", "Z I"]);
  t.deepEqual(await client.ask(query("DROP USER guest")), ["C DROP ROLE", "Z I"]);
  t.regex(String(rig.administered[0]?.params["verifier"]), /^SCRAM-SHA-256\$4096:/);
  t.false(JSON.stringify(rig.administered).includes("hidden"));
  const guest = await rig.session("guest", "other");
  t.deepEqual(await guest.ask(query("CREATE USER v PASSWORD 'x'")), [
    "E 42501 permission denied to create role",
    "Z I",
  ]);
});

test.serial("what a client may not do: another tenant, an unknown one, an unknown user", async (t) => {
  const rig = await rigged();
  const refused = async (user: string, database: string) => {
    const client = await rig.client();
    client.send(startupPacket({ user, database }));
    return (await client.untilClosed()).map(({ body }) => fieldsOf(body)["C"]);
  };
  t.deepEqual(await refused("guest", "main"), ["42501"]);
  t.deepEqual(await refused("admin", "nowhere"), ["3D000"]);
  t.deepEqual(await refused("nobody", "main"), ["28000"]);
});

test.serial("who says good-bye before it began is told nothing", async (t) => {
  const client = await (await rigged()).client();
  client.send(message("X"));
  t.deepEqual(await client.untilClosed(), []);
});

test.serial("a later protocol version and its options are negotiated down", async (t) => {
  const client = await (await rigged()).client();
  client.send(startupPacket({ user: "admin", database: "main", "_pq_.x": "1" }, 196_610));
  const first = await client.next();
  t.is(first.type, "v");
  t.true(Buffer.from(first.body).includes("_pq_.x"));
  await client.untilReady();
  t.deepEqual(await client.ask(query("SELECT 1")), ["T ?column?", "D 1", "C SELECT 1", "Z I"]);
});

test.serial("cursors: what SCROLL and WITH HOLD keep is bounded, and given back", async (t) => {
  const rig = await rigged();
  const client = await rig.session();
  await client.ask(query("SET kimberlite.query_memory = '64kB'"));
  await client.ask(query("BEGIN"));
  await client.ask(query("DECLARE c SCROLL CURSOR FOR SELECT n FROM numbers(100000)"));
  t.deepEqual((await client.ask(query("FETCH 300 FROM c"))).slice(-2), ["C FETCH 300", "Z T"]);
  t.deepEqual((await client.ask(query("FETCH FIRST FROM c"))).slice(1, 2), ["D 0"]);
  t.true(rig.cursorMemory.used > 300);
  t.regex((await client.ask(query("MOVE ALL IN c")))[0] ?? "", /^E 53200 the cursor keeps more than 65536 bytes/);
  await client.ask(query("ROLLBACK"));
  t.is(rig.cursorMemory.used, 0);
  t.regex(
    (await client.ask(query("DECLARE h CURSOR WITH HOLD FOR SELECT n FROM numbers(100000)")))[0] ?? "",
    /^E 53200/,
  );
  t.regex((await client.ask(query("FETCH h")))[0] ?? "", /^E 34000/);
  t.is(rig.cursorMemory.used, 0);
  // Rows that are let go of need no memory, however many they are.
  await client.ask(query("BEGIN; DECLARE f CURSOR FOR SELECT n FROM numbers(100000)"));
  t.deepEqual(await client.ask(query("MOVE ALL IN f")), ["C MOVE 100000", "Z T"]);
  t.is(rig.cursorMemory.used, 0);
  await client.ask(query("ROLLBACK"));
  // Few rows are kept for whoever has not asked to go back; then the cursor only goes forward.
  await client.ask(query("SET kimberlite.query_memory = '1MB'"));
  await client.ask(query("BEGIN; DECLARE f CURSOR FOR SELECT n FROM numbers(100000)"));
  await client.ask(query("FETCH 3 FROM f"));
  t.deepEqual((await client.ask(query("FETCH PRIOR FROM f"))).slice(1, 2), ["D 1"]);
  t.deepEqual(await client.ask(query("MOVE 20000 IN f")), ["C MOVE 20000", "Z T"]);
  t.true(rig.cursorMemory.used < 65_536);
  t.regex((await client.ask(query("FETCH PRIOR FROM f")))[0] ?? "", /^E 55000 cursor can only scan forward/);
  await client.ask(query("ROLLBACK"));
  await client.ask(query("SET kimberlite.query_memory = '64kB'"));
  await client.ask(query("DECLARE h SCROLL CURSOR WITH HOLD FOR SELECT n FROM numbers(500)"));
  t.true(rig.cursorMemory.used > 500);
  t.is(rig.executor.openCursors, 0, "nothing is read any more");
  const other = await rig.session();
  t.regex((await other.ask(query("FETCH h")))[0] ?? "", /^E 34000/, "it is its session's");
  await client.ask(query("CLOSE h"));
  t.is(rig.cursorMemory.used, 0);
  await client.ask(query("DECLARE h SCROLL CURSOR WITH HOLD FOR SELECT n FROM numbers(500)"));
  client.send(message("X"));
  await client.untilClosed();
  for (let tries = 0; tries < 100 && rig.cursorMemory.used > 0; tries++) await new Promise((go) => setTimeout(go, 10));
  t.is(rig.cursorMemory.used, 0);
});

test.serial("cursors: an Execute goes on where FETCH ended, and COPY and pipelines leave them alone", async (t) => {
  const client = await (await rigged()).session();
  await client.ask(query("BEGIN; DECLARE c SCROLL CURSOR FOR SELECT n FROM numbers(6)"));
  await client.ask(query("FETCH 2 FROM c"));
  t.deepEqual(await client.ask(execute("c", 2), sync), ["D 2", "D 3", "s", "Z T"]);
  t.deepEqual(await client.ask(query("FETCH PRIOR FROM c")), ["T n", "D 2", "C FETCH 1", "Z T"]);
  t.deepEqual(await client.ask(execute("c"), sync), ["D 3", "D 4", "D 5", "C SELECT 3", "Z T"]);
  t.deepEqual(await client.ask(execute("c"), sync), ["C SELECT 0", "Z T"]);
  await client.ask(query("COMMIT"));
});

test.serial("a client that does not read what it is answered is not acted for until it does", async (t) => {
  const rig = await rigged();
  const client = await rig.session();
  await client.ask(parse("echo", "SELECT $1"), sync);
  const rounds = 4_000;
  const value = "x".repeat(10_000);
  client.socket.pause();
  const before = rig.executor.seen.length;
  for (let round = 0; round < rounds; round++) client.send(bind("", "echo", [value]), execute(""), sync);
  let done = -1;
  for (let now = rig.executor.seen.length; now !== done; now = rig.executor.seen.length) {
    done = now;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  // What the kernel holds for both sides, and a little more.
  t.true(done - before < rounds / 2, `${done - before} of ${rounds}`);
  client.socket.resume();
  for (let round = 0; round < rounds; round++) await client.untilReady();
  t.is(rig.executor.seen.length - before, rounds);
});

test.serial("a client that does not read can be ended, and others are served", async (t) => {
  const rig = await rigged();
  const [client, other] = [await rig.session(), await rig.session()];
  await client.ask(parse("echo", "SELECT $1"), sync);
  client.socket.pause();
  for (let round = 0; round < 3_000; round++) client.send(bind("", "echo", ["x".repeat(10_000)]), execute(""), sync);
  for (let seen = -1; seen !== rig.executor.seen.length; ) {
    seen = rig.executor.seen.length;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  for (const [index, connection] of [...rig.connections.values()].entries()) if (index === 0) connection.shutDown();
  t.deepEqual(await other.ask(query("SELECT 1")), ["T ?column?", "D 1", "C SELECT 1", "Z I"]);
});
