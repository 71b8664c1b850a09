/** A plan of EXPLAIN, or several beside each other, as JSON, YAML or XML, in the forms that PostgreSQL gives them. */

/** Labels with numbers, texts, and plans within plans. */
export interface PlanDocument {
  readonly [label: string]: string | number | PlanDocument | readonly PlanDocument[];
}

export type DocumentFormat = "json" | "yaml" | "xml";

export function formatDocument(document: PlanDocument, format: DocumentFormat): string {
  switch (format) {
    case "json":
      return JSON.stringify([document], null, 2);
    case "yaml":
      return yamlItem(document, 0);
    case "xml":
      return [
        '<explain xmlns="http://www.postgresql.org/2009/explain">',
        "  <Query>",
        ...xmlLines(document, 4),
        "  </Query>",
        "</explain>",
      ].join("\n");
  }
}

/** As an item of a list: its first line stands behind the dash. */
function yamlItem(document: PlanDocument, indent: number): string {
  const spaces = " ".repeat(indent);
  return `${spaces}- ${yamlLines(document, indent + 2)
    .join("\n")
    .trimStart()}`;
}

function yamlLines(document: PlanDocument, indent: number): string[] {
  const spaces = " ".repeat(indent);
  return Object.entries(document).flatMap(([label, value]) => {
    if (typeof value === "number") return [`${spaces}${label}: ${value}`];
    if (typeof value === "string") return [`${spaces}${label}: ${JSON.stringify(value)}`];
    const inner = isList(value) ? value.map((item) => yamlItem(item, indent + 2)) : yamlLines(value, indent + 2);
    return [`${spaces}${label}: `, ...inner];
  });
}

function xmlLines(document: PlanDocument, indent: number): string[] {
  const spaces = " ".repeat(indent);
  return Object.entries(document).flatMap(([label, value]) => {
    const tag = label.replaceAll(/[^\w.-]/gu, "-");
    if (typeof value !== "object") return [`${spaces}<${tag}>${xmlText(String(value))}</${tag}>`];
    const inner = isList(value)
      ? value.flatMap((item) => [`${spaces}  <Plan>`, ...xmlLines(item, indent + 4), `${spaces}  </Plan>`])
      : xmlLines(value, indent + 2);
    return [`${spaces}<${tag}>`, ...inner, `${spaces}</${tag}>`];
  });
}

const isList = (value: PlanDocument | readonly PlanDocument[]): value is readonly PlanDocument[] =>
  Array.isArray(value);

const xmlText = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
