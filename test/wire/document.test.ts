import { readFileSync } from "node:fs";
import test from "ava";
import { adminMethods } from "../../protocol/wire/admin-call.js";
import { frameBodyBytesMax } from "../../protocol/wire/frame.js";
import { requestKinds, responseKinds } from "../../protocol/wire/kinds.js";
import { errorRegistry } from "../../runtime/types/errors.js";
import { appendEventsMax, groupAckEntriesMax, idempotencyKeysPerTenantMax } from "../../runtime/types/limits.js";

const page = readFileSync(new URL("../../../docs/wire-protocol.md", import.meta.url), "utf8");
const golden = JSON.parse(readFileSync(new URL("../../../test/wire/golden-frames.json", import.meta.url), "utf8")) as {
  name: string;
  frame: string;
}[];

/** The rows between a marker and `<!-- end -->`, without the two lines of the table's head. */
function table(marker: string): string[] {
  const [, after = ""] = page.split(`<!-- ${marker} -->\n`);
  const [rows = ""] = after.split("<!-- end -->");
  return rows.trimEnd().split("\n").slice(2);
}

test("the page lists every kind as the code has it", (t) => {
  const requests = Object.entries(requestKinds).map(
    ([name, spec]) => `| ${spec.kind} | ${name} | ${spec.effect} | ${spec.answer} |`,
  );
  const responses = Object.entries(responseKinds).map(([name, kind]) => `| ${kind} | ${name} | response | |`);
  t.deepEqual(table("kinds: from protocol/wire/kinds.ts"), [...requests, ...responses]);
});

test("the page lists every error with its number, SQLSTATE, meaning, retry and outcome", (t) => {
  const rows = Object.entries(errorRegistry)
    .sort(([, a], [, b]) => a.wire - b.wire)
    .map(
      ([code, { wire, sqlState, message, retry, outcome }]) =>
        `| ${wire} | \`${code}\` | ${sqlState} | ${message} | ${retry} | ${outcome} |`,
    );
  t.true(rows.length > 40);
  t.deepEqual(table("errors: from runtime/types/errors.ts"), rows);
});

test("every frame spelt out on the page is the golden frame of its name", (t) => {
  const examples = [...page.matchAll(/```hex (\w+)\n([\s\S]*?)```/g)];
  t.true(examples.length >= 4);
  for (const [, name, text = ""] of examples) {
    const expected = golden.find((entry) => entry.name === name)?.frame;
    t.truthy(expected, `a golden frame ${name}`);
    const hex = text
      .split("\n")
      .map((line) => /^(?:[0-9a-f]{2}(?: |$))+/.exec(line)?.[0].replaceAll(" ", "") ?? "")
      .join("");
    t.is(hex, expected ?? "none");
  }
});

test("the page's numbers and methods are the code's", (t) => {
  for (const method of adminMethods) t.true(page.includes(`\`${method}\``), method);
  const written = (value: number): string => value.toLocaleString("en-US");
  for (const limit of [frameBodyBytesMax, appendEventsMax, groupAckEntriesMax])
    t.true(page.includes(written(limit)), `${limit}`);
  t.is(idempotencyKeysPerTenantMax, 1_000_000);
  t.true(page.includes("newest million keys"));
});
