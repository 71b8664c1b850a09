/** What a regular expression finds, and how long that may take: a thread that matches answers others as well. */
import test from "ava";
import { SqlError } from "../../runtime/query/error.js";
import { Regex } from "../../runtime/query/functions/regex/match.js";
import { defaultOptions } from "../../runtime/query/functions/regex/parse.js";

const codes = (text: string): number[] => Array.from(text, (character) => character.charCodeAt(0));
const find = (pattern: string, text: string, from = 0): string => {
  const match = new Regex(pattern, defaultOptions).find(codes(text), from);
  if (match === null) return "none";
  const groups = match.groups.map((group) => (group === null ? "null" : text.slice(group.from, group.to)));
  return [`${match.from}:${text.slice(match.from, match.to)}`, ...groups].join(" ");
};

test("the leftmost match is found, of those the longest, or the shortest where that is preferred", (t) => {
  t.is(find("ab|c", "xxcab"), "2:c");
  t.is(find("aab|b", "aaab"), "1:aab");
  t.is(find("a.*c|b", "xabxc"), "1:abxc");
  t.is(find("a.*c|b", "xabx"), "2:b");
  t.is(find("a.*?c", "xacxc"), "1:ac");
  t.is(find("(a|ab)(c|bcd)?", "xabcd"), "1:abcd a bcd");
  t.is(find("x*", "yyx"), "0:");
  t.is(find("x*", "yyx", 2), "2:x");
  t.is(find("\\mb+", "ab bb"), "3:bb");
  t.is(find("(?<=a)b", "bab"), "2:b");
  t.is(find("q", "abc"), "none");
});

test("parentheses within a lookaround capture nothing, and nothing refers back there", (t) => {
  t.is(find("(a)(?=(b))", "cab"), "1:a a");
  t.is(find("(?!(a|b))(c)", "abc"), "2:c c");
  for (const pattern of ["(a)(?=\\1)", "(?=(a))\\1"])
    t.throws(() => new Regex(pattern, defaultOptions), { message: /invalid backreference number/ });
});

test("a long text without a match is walked once, and what would be walked for too long is refused", (t) => {
  const text = codes("ab".repeat(200_000));
  const started = performance.now();
  t.is(new Regex("(a|b)*?c", defaultOptions).find(text, 0), null);
  t.is(new Regex("a(a|b)*d|b$", defaultOptions).find(text, 0)?.from, 399_999);
  t.true(performance.now() - started < 20_000);
  const regex = new Regex("a|(a|b)*c", defaultOptions);
  const error = t.throws(
    () => {
      for (let at = 0; at < text.length; at += 1) regex.find(text, at);
    },
    { instanceOf: SqlError },
  );
  t.is(error.message, "invalid regular expression: regular expression is too complex");
  regex.budget.reset();
  t.is(regex.find(text, 399_990)?.from, 399_990);
});
