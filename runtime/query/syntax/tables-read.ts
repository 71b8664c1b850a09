/** Which tables and views the syntax of a query names, WITH queries included: whoever asks looks whether there is a table of that name. */
export function* tablesRead(query: unknown): Iterable<{ readonly schema: string | null; readonly name: string }> {
  const stack: unknown[] = [query];
  while (stack.length > 0) {
    const node = stack.pop();
    if (typeof node !== "object" || node === null) continue;
    if (Array.isArray(node)) {
      stack.push(...(node as unknown[]));
      continue;
    }
    const fields = node as Readonly<Record<string, unknown>>;
    if (fields["kind"] === "table" && typeof fields["name"] === "object" && fields["name"] !== null)
      yield fields["name"] as { schema: string | null; name: string };
    stack.push(...Object.values(fields));
  }
}
