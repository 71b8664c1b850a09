/** The options of COPY, checked as PostgreSQL 15 checks them. */
import { SqlError } from "../../../runtime/query/error.js";
import type { Copy } from "../../../runtime/query/syntax/ast-session.js";
import { type ByteEncoding, encodingNamed } from "./encodings.js";

export interface CopyOptions {
  readonly format: "text" | "csv" | "binary";
  readonly header: "none" | "write" | "match";
  readonly delimiter: string;
  /** How NULL is written. */
  readonly null: string;
  readonly quote: string;
  readonly escape: string;
  /** Names of columns, or all. */
  readonly forceQuote: readonly string[] | "all";
  readonly forceNull: readonly string[];
  readonly forceNotNull: readonly string[];
  /** Of text and CSV; null for UTF-8. */
  readonly encoding: ByteEncoding | null;
}

type Option = Copy["options"][number];

const asText = (option: Option): string => {
  if (typeof option.value === "string") return option.value;
  throw new SqlError("42601", `${option.name} requires a parameter`, { position: option.location });
};

const booleanWords: ReadonlyMap<string, boolean> = new Map([
  ...["true", "on", "1", "t"].map((word) => [word, true] as const),
  ...["false", "off", "0", "f"].map((word) => [word, false] as const),
]);

const asBoolean = (option: Option): boolean => {
  if (option.value === null) return true;
  const value = booleanWords.get(asText(option).toLowerCase());
  if (value !== undefined) return value;
  throw new SqlError("42601", `${option.name} requires a Boolean value`, { position: option.location });
};

const asNames = (option: Option): readonly string[] => {
  if (typeof option.value !== "string" && option.value !== null) return option.value;
  throw new SqlError("22023", `argument to option "${option.name}" must be a list of column names`, {
    position: option.location,
  });
};

function formatOf(option: Option): CopyOptions["format"] {
  const text = asText(option);
  if (text === "text" || text === "csv" || text === "binary") return text;
  throw new SqlError("22023", `COPY format "${text}" not recognized`, { position: option.location });
}

function headerOf(option: Option, isFrom: boolean): CopyOptions["header"] {
  if (typeof option.value === "string" && option.value.toLowerCase() === "match") {
    if (!isFrom) throw new SqlError("0A000", 'cannot use "match" with HEADER in COPY TO');
    return "match";
  }
  if (option.value !== null && !booleanWords.has(asText(option).toLowerCase()))
    throw new SqlError("42601", `${option.name} requires a Boolean value or "match"`);
  return asBoolean(option) ? "write" : "none";
}

const isOneByte = (text: string): boolean => text.length === 1 && text.charCodeAt(0) < 128;

/** @param client the encoding of data that says none itself */
export function copyOptions({ options, isFrom }: Copy, client: ByteEncoding | null = null): CopyOptions {
  let format: CopyOptions["format"] = "text";
  let header: CopyOptions["header"] = "none";
  let encoding = client;
  let forceQuote: CopyOptions["forceQuote"] = [];
  let [forceNull, forceNotNull]: [readonly string[], readonly string[]] = [[], []];
  const texts: { delimiter?: string; null?: string; quote?: string; escape?: string } = {};
  const seen = new Set<string>();
  for (const option of options) {
    if (seen.has(option.name))
      throw new SqlError("42601", "conflicting or redundant options", { position: option.location });
    seen.add(option.name);
    switch (option.name) {
      case "format":
        format = formatOf(option);
        break;
      case "header":
        header = headerOf(option, isFrom);
        break;
      case "delimiter":
      case "null":
      case "quote":
      case "escape":
        texts[option.name] = asText(option);
        break;
      case "force_quote":
        forceQuote =
          option.value === "*" || (Array.isArray(option.value) && option.value[0] === "*") ? "all" : asNames(option);
        break;
      case "force_null":
        forceNull = asNames(option);
        break;
      case "force_not_null":
        forceNotNull = asNames(option);
        break;
      case "freeze":
        // Rows need no later visit here: all are stored as FREEZE asks for.
        asBoolean(option);
        break;
      case "encoding":
        encoding = encodingNamed(asText(option), option.location);
        break;
      default:
        throw new SqlError("42601", `option "${option.name}" not recognized`, { position: option.location });
    }
  }
  const isCsv = format === "csv";
  const quote = texts.quote ?? '"';
  const made: CopyOptions = {
    format,
    header,
    delimiter: texts.delimiter ?? (isCsv ? "," : "\t"),
    null: texts.null ?? (isCsv ? "" : "\\N"),
    quote,
    escape: texts.escape ?? quote,
    forceQuote,
    forceNull,
    forceNotNull,
    // In the binary format texts are what the client's encoding makes of them.
    encoding: format === "binary" ? null : encoding,
  };
  check(made, texts, isFrom);
  if (format === "binary" && client !== null)
    throw new SqlError("0A000", `COPY in the binary format while client_encoding is ${client.name} is not supported`);
  return made;
}

function check(
  options: CopyOptions,
  given: { delimiter?: string; null?: string; quote?: string; escape?: string },
  isFrom: boolean,
): void {
  const { format, header, delimiter, quote, escape } = options;
  const isCsv = format === "csv";
  if (format === "binary") {
    if (given.delimiter !== undefined) throw new SqlError("42601", "cannot specify DELIMITER in BINARY mode");
    if (given.null !== undefined) throw new SqlError("42601", "cannot specify NULL in BINARY mode");
    if (header !== "none") throw new SqlError("0A000", "cannot specify HEADER in BINARY mode");
  }
  if (!isOneByte(delimiter)) throw new SqlError("0A000", "COPY delimiter must be a single one-byte character");
  if (/[\r\n]/.test(delimiter)) throw new SqlError("22023", "COPY delimiter cannot be newline or carriage return");
  if (/[\r\n]/.test(options.null))
    throw new SqlError("22023", "COPY null representation cannot use newline or carriage return");
  if (!isCsv && /[\\.a-z0-9]/.test(delimiter)) throw new SqlError("22023", `COPY delimiter cannot be "${delimiter}"`);
  if (!isCsv && given.quote !== undefined) throw new SqlError("0A000", "COPY quote available only in CSV mode");
  if (!isCsv && given.escape !== undefined) throw new SqlError("0A000", "COPY escape available only in CSV mode");
  if (isCsv && !isOneByte(quote)) throw new SqlError("0A000", "COPY quote must be a single one-byte character");
  if (isCsv && delimiter === quote) throw new SqlError("22023", "COPY delimiter and quote must be different");
  if (isCsv && !isOneByte(escape)) throw new SqlError("0A000", "COPY escape must be a single one-byte character");
  if (options.forceQuote.length > 0 && (!isCsv || isFrom)) {
    throw new SqlError(
      "0A000",
      `COPY force quote ${isCsv ? "only available using COPY TO" : "available only in CSV mode"}`,
    );
  }
  if (options.forceNull.length + options.forceNotNull.length > 0 && (!isCsv || !isFrom)) {
    throw new SqlError(
      "0A000",
      `COPY force null ${isCsv ? "only available using COPY FROM" : "available only in CSV mode"}`,
    );
  }
  if (options.null.includes(delimiter))
    throw new SqlError("22023", "COPY delimiter must not appear in the NULL specification");
  if (isCsv && options.null.includes(quote))
    throw new SqlError("22023", "CSV quote character must not appear in the NULL specification");
}
