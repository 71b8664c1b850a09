/** Texts that are made character by character, as long ones too. */
import test from "ava";
import { reversed, translated } from "../../runtime/query/functions/text-units.js";

test("characters beyond 16 bits stay whole, and what has no place is left out", (t) => {
  t.is(reversed("a😀é🎈"), "🎈é😀a");
  t.is(reversed(""), "");
  t.is(translated("a😀b🎈c", "😀bx", "é🎈"), "aé🎈🎈c");
  t.is(translated("12345", "143", "ax"), "a2x5");
  t.is(translated("aab", "aba", "xyz"), "xxy");
});

test("they are the same as by characters, around the ends of pieces, and long ones take no seconds", (t) => {
  for (const length of [8_191, 8_192, 8_193, 20_000]) {
    const text = Array.from({ length }, (_, at) => ["a", "😀", "z", "é"][(at * 7) % 4]).join("");
    t.is(reversed(text), Array.from(text).reverse().join(""), `${length}`);
    const moved = Array.from(text, (character) => ({ a: "🎈", "😀": "x", z: "" })[character] ?? character).join("");
    t.is(translated(text, "a😀z", "🎈x"), moved, `${length}`);
  }
  const started = performance.now();
  const long = "ab".repeat(4_000_000);
  t.is(reversed(long).slice(0, 4), "baba");
  t.is(translated(long, "ab", "xy").slice(-4), "xyxy");
  t.true(performance.now() - started < 4_000);
});
