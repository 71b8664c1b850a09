/** EXPLAIN as a document: the same tree in each of PostgreSQL's forms. */
import test from "ava";
import { formatDocument, type PlanDocument } from "../../runtime/query/plan/explain-formats.js";
import { withNode } from "./fuzz/programs/target.js";
import { answerTo } from "./postgres/scripts.js";

const document: PlanDocument = {
  Plan: {
    "Node Type": 'Hash "Join" <x>',
    "Plan Rows": 7,
    Plans: [
      { "Node Type": "Seq Scan & more", Filter: "(a > 1)" },
      { "Node Type": "Sort", Plans: [{ Rows: 1 }] },
    ],
  },
  "Planning Time": 0.5,
};

test("YAML stands as PostgreSQL writes it", (t) => {
  t.is(
    formatDocument(document, "yaml"),
    [
      "- Plan: ",
      '    Node Type: "Hash \\"Join\\" <x>"',
      "    Plan Rows: 7",
      "    Plans: ",
      '      - Node Type: "Seq Scan & more"',
      '        Filter: "(a > 1)"',
      '      - Node Type: "Sort"',
      "        Plans: ",
      "          - Rows: 1",
      "  Planning Time: 0.5",
    ].join("\n"),
  );
});

test("so does XML", (t) => {
  t.is(
    formatDocument(document, "xml"),
    [
      '<explain xmlns="http://www.postgresql.org/2009/explain">',
      "  <Query>",
      "    <Plan>",
      '      <Node-Type>Hash "Join" &lt;x&gt;</Node-Type>',
      "      <Plan-Rows>7</Plan-Rows>",
      "      <Plans>",
      "        <Plan>",
      "          <Node-Type>Seq Scan &amp; more</Node-Type>",
      "          <Filter>(a &gt; 1)</Filter>",
      "        </Plan>",
      "        <Plan>",
      "          <Node-Type>Sort</Node-Type>",
      "          <Plans>",
      "            <Plan>",
      "              <Rows>1</Rows>",
      "            </Plan>",
      "          </Plans>",
      "        </Plan>",
      "      </Plans>",
      "    </Plan>",
      "    <Planning-Time>0.5</Planning-Time>",
      "  </Query>",
      "</explain>",
    ].join("\n"),
  );
});

test("a statement's plan comes in one row of each form", async (t) => {
  await withNode(async (connect) => {
    const client = await connect();
    await client.rows("create table t (a int primary key, b text)");
    const plan = (format: string): Promise<string> =>
      answerTo(client, `explain (format ${format}, costs off) select * from t where b = 'x <y>' order by a`);
    t.is(
      await plan("yaml"),
      '- Plan: \n    Node Type: "Seq Scan"\n    Relation Name: "t"\n    Alias: "t"\n    Filter: "(t.b = \'x <y>\'::text)"',
    );
    t.regex(await plan("xml"), /^<explain xmlns=.*\n {2}<Query>\n {4}<Plan>\n[^]*&lt;y&gt;[^]*<\/explain>$/u);
    t.deepEqual(Object.keys((JSON.parse(await plan("json")) as readonly object[])[0] ?? {}), ["Plan"]);
    t.regex(await answerTo(client, "explain (format xml, analyze) select * from t"), /<Execution-Time>[\d.]+</u);
    client.close();
  });
});
