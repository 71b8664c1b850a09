/**
 * `npm run fuzz:sql`: PostgreSQL 15 and this engine are asked the same, and what they say is compared.
 *
 *   npm run fuzz:sql -- --cases 100000 --seed 1
 *   npm run fuzz:sql -- --only templates --cases 40000
 *   npm run fuzz:sql -- --only jsonpath --cases 10000
 *   npm run fuzz:sql -- --only programs --program-statements 100000 --seconds 600
 *   npm run fuzz:sql -- --only sessions --session-steps 5000
 *   npm run fuzz:sql -- --only sessions --session-steps 5000 --nodes 3
 *   npm run fuzz:sql -- --only sessions --session-steps 5000 --nodes 3 --failovers
 *   npm run fuzz:sql -- --only sessions --session-steps 5000 --nodes 3 --failovers --faults followerCutOff,leaderCutOff
 *   npm run fuzz:sql -- --only reads --seconds 300
 *
 * Expressions and statements run on the engine in this process; programs, which change rows and tables in transactions, and
 * several sessions beside one another run over the wire on a node. `--seconds` bounds the programs and the sessions, those that are being shortened included up to a minute.
 */
import { parseArgs } from "node:util";
import { connectInUtc, type PostgresClient } from "../postgres/client.js";
import { hasPostgres, withPostgres } from "../postgres/server.js";
import { compareExpressions } from "./compare.js";
import { compareStatements } from "./compare-statements.js";
import { jsonPathCase, templateCase } from "./expressions.js";
import { Failovers } from "./failovers.js";
import { NodeFaults } from "./node-faults.js";
import { comparePrograms } from "./programs/compare.js";
import { withNode } from "./programs/target.js";
import { checkSessionReads } from "./session-reads.js";
import { compareSessions, type SessionsReport } from "./sessions.js";
import { sessionOn, withThreeNodes } from "./three-nodes.js";
import { compareTwins } from "./twins.js";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    cases: { type: "string", default: "20000" },
    seed: { type: "string", default: "1" },
    show: { type: "string", default: "50" },
    statements: { type: "string", default: "20000" },
    "program-statements": { type: "string", default: "20000" },
    "session-steps": { type: "string", default: "5000" },
    nodes: { type: "string", default: "1" },
    failovers: { type: "boolean", default: false },
    faults: { type: "string", default: "" },
    consistency: { type: "string", default: "session" },
    "program-length": { type: "string", default: "60" },
    lanes: { type: "string", default: "4" },
    seconds: { type: "string", default: "300" },
  },
});
const seed = Number(values.seed);
const show = Number(values.show);

async function expressions(): Promise<number> {
  const report = await withPostgres((postgres) =>
    compareExpressions(postgres, { cases: Number(values.cases), seed, shown: show }),
  );
  for (const difference of report.differences) console.log(difference);
  console.log(
    `${report.compared} expressions compared, ${report.failedAlike} of them errors on both sides, ${report.intended} intended differences, ${report.differing} differences`,
  );
  for (const [reason, count] of report.reasons) console.log(`  ${count} × ${reason}`);
  return report.differing;
}

async function statements(): Promise<number> {
  const report = await withPostgres((postgres) =>
    compareStatements(postgres, { statements: Number(values.statements), seed, shown: show }),
  );
  for (const difference of report.differences) console.log(`${difference}\n`);
  console.log(
    `${report.compared} statements compared (${report.rows} rows), ${report.failedAlike} of them errors on both sides, ${report.refused} refused here, ${report.differing} differences`,
  );
  return report.differing;
}

async function programs(): Promise<number> {
  let shown = 0;
  const report = await withPostgres((_client, port) =>
    withNode((here) =>
      comparePrograms({
        statements: Number(values["program-statements"]),
        milliseconds: Number(values.seconds) * 1_000,
        seed,
        length: Number(values["program-length"]),
        lanes: Number(values.lanes),
        connect: {
          here,
          postgres: () => connectInUtc(port),
        },
        found: (text) => {
          shown += 1;
          if (shown <= show) console.log(text);
        },
      }),
    ),
  );
  const intended = [...report.intended.values()].reduce((sum, { count }) => sum + count, 0);
  console.log(
    `${report.programs} programs of ${report.statements} statements compared over the wire (${report.rows} rows), ${report.failedAlike} of them errors on both sides, ${intended} intended differences, ${report.differing} differences; ${report.pasts} queries read again as of their position, ${report.tight} statements with little memory`,
  );
  const forms = [...report.forms].toSorted(([left], [right]) => (left < right ? -1 : 1));
  console.log(
    `  of ${forms.map(([form, { succeeded, failed }]) => `${form} ${succeeded} done, ${failed} failed`).join("; ")}`,
  );
  for (const [reason, { count, example }] of report.intended)
    console.log(`  ${count} × ${reason}; for example: ${example.slice(0, 300)}`);
  return report.differing;
}

function twins(): number {
  let shown = 0;
  const report = compareTwins({
    statements: Number(values.statements),
    milliseconds: Number(values.seconds) * 1_000,
    seed,
    found: (text) => {
      shown += 1;
      if (shown <= show) console.log(text);
    },
  });
  console.log(
    `${report.interpreted} statements interpreted, planned and run as bound (${report.rows} rows), ${report.failedAlike} errors alike, ${report.otherErrors} other errors, ${report.notInterpreted} not interpreted; ${report.partitions} conditions in three parts (${report.partitionedRows} rows); ${report.differing} differences`,
  );
  return report.differing;
}

async function templates(): Promise<number> {
  const report = await withPostgres((postgres) =>
    compareExpressions(postgres, { cases: Number(values.cases), seed, shown: show, write: templateCase }),
  );
  for (const difference of report.differences) console.log(difference);
  console.log(
    `${report.compared} templates compared, ${report.failedAlike} of them errors on both sides, ${report.differing} differences`,
  );
  return report.differing;
}

async function jsonpaths(): Promise<number> {
  const report = await withPostgres((postgres) =>
    compareExpressions(postgres, { cases: Number(values.cases), seed, shown: show, write: jsonPathCase }),
  );
  for (const difference of report.differences) console.log(difference);
  console.log(
    `${report.compared} jsonpaths compared, ${report.failedAlike} of them errors on both sides, ${report.intended} intended differences, ${report.differing} differences`,
  );
  for (const [reason, count] of report.reasons) console.log(`  ${count} × ${reason}`);
  return report.differing;
}

async function sessions(): Promise<number> {
  let shown = 0;
  const compare = (
    port: number,
    here: (session: number) => Promise<PostgresClient>,
    failovers: Failovers | null,
  ): Promise<SessionsReport> =>
    compareSessions({
      steps: Number(values["session-steps"]),
      milliseconds: Number(values.seconds) * 1_000,
      seed,
      patienceMs: values.nodes === "1" ? 400 : 1_500,
      connect: { here, postgres: () => connectInUtc(port) },
      failovers,
      found: (text) => {
        shown += 1;
        if (shown <= show) console.log(text);
      },
    });
  const compared = await withPostgres(async (_client, port) => {
    if (values.nodes === "1") return { report: await withNode((here) => compare(port, here, null)), failovers: null };
    return withThreeNodes(async (cluster) => {
      const failovers = values.failovers ? new Failovers(cluster, () => connectInUtc(port), values.faults) : null;
      const here = async (node: number): Promise<PostgresClient> => {
        await failovers?.faults.restore();
        return sessionOn(cluster, node);
      };
      return { report: await compare(port, here, failovers), failovers };
    });
  });
  const { report, failovers } = compared;
  console.log(
    `${report.steps} steps of three sessions in ${report.rounds} rounds, ${report.failedAlike} of them errors on both sides, ${report.gaveUp} waited for long, ${report.differing} differences`,
  );
  for (const [reason, count] of report.intended) console.log(`  ${count} × ${reason}`);
  if (failovers === null) return report.differing;
  const { faults, counts } = failovers;
  console.log(`  ${faults.total} faults: ${JSON.stringify({ ...faults.counts, ...counts })}`);
  if (faults.total === 0) console.error("no fault happened: nothing was shown of any");
  return report.differing + (faults.total === 0 ? 1 : 0);
}

/** Without PostgreSQL, and only where it is asked for: what sessions on three nodes read while things befall these. */
async function reads(): Promise<number> {
  const { report, faults } = await withThreeNodes(async (cluster) => {
    const befalls = new NodeFaults(cluster, values.faults);
    const made = await checkSessionReads({
      cluster,
      faults: befalls,
      seed,
      milliseconds: Number(values.seconds) * 1_000,
      consistency: values.consistency,
      found: (text) => console.log(text),
    });
    return { report: made, faults: befalls };
  });
  console.log(`reads of six sessions on three nodes: ${JSON.stringify(report)}`);
  console.log(`  ${faults.total} faults: ${JSON.stringify(faults.counts)}`);
  const isShown = faults.total > 0 && report.followerReads > 0 && report.news > 0;
  if (!isShown) console.error("no fault happened, or no follower has read: nothing was shown of any");
  return report.differing + (isShown ? 0 : 1);
}

const parts = { expressions, templates, jsonpath: jsonpaths, statements, twins, programs, sessions };
if (values.only === "reads") {
  if ((await reads()) > 0) process.exitCode = 1;
} else if (!hasPostgres()) {
  console.error("PostgreSQL 15 is not on this machine: nothing was compared");
  process.exitCode = 1;
} else {
  let differing = 0;
  for (const [name, run] of Object.entries(parts))
    if (values.only === "" || values.only.split(",").includes(name)) differing += await run();
  if (differing > 0) process.exitCode = 1;
}
