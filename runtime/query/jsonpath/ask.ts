/** What is asked of a jsonpath: everything that it finds, or whether it finds anything. */
import type { JsonbNode } from "../types/jsonb.js";
import { Evaluation, type Found } from "./evaluate.js";
import type { JsonPath } from "./item.js";

/** Everything that the path finds; what it had found when an error ended it, which `isSilent` keeps from being thrown. Throws 2203x. */
export function evaluateJsonPath(
  path: JsonPath,
  root: JsonbNode,
  variables: JsonbNode | undefined,
  isSilent: boolean,
): readonly JsonbNode[] {
  const items: JsonbNode[] = [];
  new Evaluation(path, root, variables, !isSilent).step(path.root, root, items);
  return items;
}

/** Whether it finds anything; null for an error that is kept silent. */
export function jsonPathFinds(
  path: JsonPath,
  root: JsonbNode,
  variables: JsonbNode | undefined,
  isSilent: boolean,
): boolean | null {
  const evaluation = new Evaluation(path, root, variables, !isSilent);
  // Strict mode looks at everything, so that no error is passed over.
  const items: Found = path.isStrict ? [] : null;
  const outcome = evaluation.step(path.root, root, items);
  if (outcome === "error") return null;
  return items === null ? outcome === "found" : items.length > 0;
}
