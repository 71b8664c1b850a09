/** What is asked of a jsonpath: everything that it finds, or whether it finds anything. */
import type { JsonbNode } from "../types/jsonb.js";
import type { TextContext } from "../types/text-context.js";
import { type PathNode, plainNode } from "./datetime.js";
import { Evaluation, type Found } from "./evaluate.js";
import type { JsonPath } from "./item.js";

/**
 * Everything that the path finds; what it had found when an error ended it, which `isSilent` keeps from being thrown. Throws 2203x.
 * @param zone the session, whose time zone compares what has none with what has one; null: that is refused (0A000)
 */
export function evaluateJsonPath(
  path: JsonPath,
  root: JsonbNode,
  variables: JsonbNode | undefined,
  isSilent: boolean,
  zone: TextContext | null = null,
): readonly JsonbNode[] {
  const items: PathNode[] = [];
  new Evaluation(path, root, variables, !isSilent, zone).step(path.root, root, items);
  return items.map(plainNode);
}

/** Whether it finds anything; null for an error that is kept silent. */
export function jsonPathFinds(
  path: JsonPath,
  root: JsonbNode,
  variables: JsonbNode | undefined,
  isSilent: boolean,
  zone: TextContext | null = null,
): boolean | null {
  const evaluation = new Evaluation(path, root, variables, !isSilent, zone);
  // Strict mode looks at everything, so that no error is passed over.
  const items: Found = path.isStrict ? [] : null;
  const outcome = evaluation.step(path.root, root, items);
  if (outcome === "error") return null;
  return items === null ? outcome === "found" : items.length > 0;
}
