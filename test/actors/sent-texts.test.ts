/** What a gateway remembers of the statements that it has sent. */
import test from "ava";
import { charactersMax, textLengthMax } from "../../actors/sql/plan-cache.js";
import { SentTexts } from "../../actors/sql/sent-texts.js";

test("texts that were sent are remembered up to a number of characters, and long ones not at all: of 1,500 INSERTs of 900 KB a gateway held 1.3 GB", (t) => {
  const texts = new SentTexts();
  const text = (number: number): string => `${number}${"x".repeat(textLengthMax - 8)}`;
  const long = "x".repeat(textLengthMax + 1);
  texts.add(long);
  t.false(texts.has(long), "its receiver does not keep it either");
  const fitting = Math.floor(charactersMax / text(1_000).length);
  const remembered = (): number =>
    Array.from({ length: fitting * 3 }, (_, number) => texts.has(text(number + 1_000))).filter(Boolean).length;
  for (let number = 0; number < fitting; number++) texts.add(text(number + 1_000));
  texts.add(text(1_000));
  t.is(remembered(), fitting, "one that is there is there once");
  texts.delete(text(1_000));
  t.is(remembered(), fitting - 1);
  for (let number = fitting; number < fitting * 3; number++) texts.add(text(number + 1_000));
  t.true(remembered() <= fitting);
  t.true(texts.has(text(fitting * 3 - 1 + 1_000)));
});
