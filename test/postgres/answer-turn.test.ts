/** When answers go to their sockets: alone at once, together at the end of the turn. */
import { setImmediate as turn } from "node:timers/promises";
import test from "ava";
import { AnswerTurn, type Outlet } from "../../protocol/postgres/answer-turn.js";

test("one client is answered at once, several at the end of the turn, and one at once again", async (t) => {
  const answers = new AnswerTurn();
  const written: string[] = [];
  const outlet = (name: string): Outlet => ({ release: () => void written.push(name) });
  const [a, b] = [outlet("a"), outlet("b")];

  answers.ready(a);
  t.deepEqual(written, ["a"]);
  await turn();
  answers.ready(a);
  answers.ready(b);
  t.deepEqual(written, ["a", "a", "b"], "nobody knew yet that two would be answered");
  await turn();
  answers.ready(b);
  t.deepEqual(written, ["a", "a", "b"], "held back, as more may come in this turn");
  answers.ready(a);
  await turn();
  t.deepEqual(written, ["a", "a", "b", "b", "a"]);
  answers.ready(a);
  await turn();
  t.is(written.length, 6, "released also when it came alone");
  answers.ready(a);
  t.is(written.length, 7, "and after a turn of one client at once again");
});
