/**
 * Names of types: from what the grammar or a text says (`int`, `varchar(20)`, `timestamp(3) with time zone`, `text[]`) to a type with its
 * modifier, and back to the SQL spelling (`format_type`).
 *
 * Modifiers are PostgreSQL's: varchar and char n + 4, numeric (precision << 16 | scale) + 4, times their precision, interval its fields
 * << 16 | precision; clients decode them.
 */
import { notSupported, SqlError } from "../error.js";
import { noModifier, type Oid, type SqlType, sqlType, typeOid } from "./sql-type.js";
import { arrayOfType, arrayTypeOf, elementTypeOf, typeFactsByName, typeFactsOf } from "./type-table.js";

const lengthMax = 10_485_760;
/** Of a bit string. */
export const bitsMax: number = 8 * lengthMax;
const numericPrecisionMax = 1_000;
const intervalFullRange = 0x7fff;
const intervalFullPrecision = 0xffff;

/** Bits of interval fields, as the grammar gives them. */
const intervalFields: readonly (readonly [mask: number, text: string])[] = [
  [1 << 2, " year"],
  [1 << 1, " month"],
  [1 << 3, " day"],
  [1 << 10, " hour"],
  [1 << 11, " minute"],
  [1 << 12, " second"],
  [(1 << 2) | (1 << 1), " year to month"],
  [(1 << 3) | (1 << 10), " day to hour"],
  [(1 << 3) | (1 << 10) | (1 << 11), " day to minute"],
  [(1 << 3) | (1 << 10) | (1 << 11) | (1 << 12), " day to second"],
  [(1 << 10) | (1 << 11), " hour to minute"],
  [(1 << 10) | (1 << 11) | (1 << 12), " hour to second"],
  [(1 << 11) | (1 << 12), " minute to second"],
];

/** Names that the grammar spells otherwise, for type names that come as text. */
const spellings: ReadonlyMap<string, string> = new Map([
  ["int", "int4"],
  ["integer", "int4"],
  ["smallint", "int2"],
  ["bigint", "int8"],
  ["real", "float4"],
  ["double precision", "float8"],
  ["float", "float8"],
  ["decimal", "numeric"],
  ["dec", "numeric"],
  ["boolean", "bool"],
  ["character varying", "varchar"],
  ["char varying", "varchar"],
  ["character", "bpchar"],
  ["char", "bpchar"],
  ["nchar", "bpchar"],
  ["national character", "bpchar"],
  ["national character varying", "varchar"],
  ["bit varying", "varbit"],
  ["timestamp without time zone", "timestamp"],
  ["timestamp with time zone", "timestamptz"],
  ["time without time zone", "time"],
  ["time with time zone", "timetz"],
]);

const missing = (name: string, position?: number): SqlError =>
  new SqlError("42704", `type "${name}" does not exist`, { position });

/**
 * Finds a type that somebody has made, by its name and perhaps its schema, or by its number; null for none. Throws 3F000, at the position, for a
 * schema that there is not.
 */
export type FindUserType = (by: readonly string[] | Oid, position?: number) => SqlType | null;

/** Types of PostgreSQL that do not exist here, with the numbers that they have there. */
const notDone: ReadonlyMap<string, Oid> = new Map(
  `xml 142, point 600, lseg 601, path 602, box 603, polygon 604, line 628, circle 718, txid_snapshot 2970, tsvector 3614, tsquery 3615,
  regconfig 3734, regdictionary 3769, int4range 3904, numrange 3906, tsrange 3908, tstzrange 3910, daterange 3912, int8range 3926,
  regcollation 4191, int4multirange 4451, nummultirange 4532, tsmultirange 4533, tstzmultirange 4534, datemultirange 4535, int8multirange 4536,
  pg_snapshot 5038`
    .split(",")
    .map((entry): [string, Oid] => {
      const [name = "", oid = ""] = entry.trim().split(" ");
      return [name, Number(oid)];
    }),
);

/** The number by which PostgreSQL knows a type that does not exist here: what is compared with it is of another type. 0 for any other name. */
export const oidOfTypeNotDone = (name: string): Oid => notDone.get(name) ?? 0;

/** The name of such a type by its number; null for any other number. */
export const nameOfTypeNotDone = (oid: Oid): string | null =>
  [...notDone].find(([, number]) => number === oid)?.[0] ?? null;

const isNotDone = (name: string): boolean => notDone.has(name.replace(/^_/u, ""));

/** A type as the grammar has it: names (`["pg_catalog", "int4"]`), modifiers and whether it is an array. */
export function typeByName(
  names: readonly string[],
  modifiers: readonly number[],
  isArray: boolean,
  find: FindUserType,
  position?: number,
): SqlType {
  const name = names.at(-1) ?? "";
  const schema = names.length > 1 ? names.at(-2) : undefined;
  const builtIn = schema === undefined || schema === "pg_catalog" ? typeFactsByName(name) : null;
  const own = builtIn === null ? find(names, position) : null;
  if (own?.domain !== undefined) {
    if (modifiers.length > 0)
      throw new SqlError("42601", `type modifier is not allowed for type "${name}"`, { position });
    if (!isArray) return own;
    const array = arrayOfType(own);
    if (array === null) throw notSupported("an array of a domain of arrays", position);
    return array;
  }
  const facts = builtIn ?? typeFactsOf(own?.oid ?? 0);
  if (facts === null) {
    const isOfPostgres = (schema === undefined || schema === "pg_catalog") && isNotDone(name);
    throw isOfPostgres
      ? notSupported(`the type ${name}`, position)
      : missing(`${names.join(".")}${isArray ? "[]" : ""}`, position);
  }
  const modifier = modifierOf(facts.oid, modifiers, position);
  if (!isArray) return sqlType(facts.oid, modifier);
  const array = facts.category === "A" ? facts.oid : arrayTypeOf(facts.oid);
  if (array === 0)
    throw new SqlError("42704", `could not find array type for data type ${typeLabel(facts.oid)}`, {
      position,
    });
  return sqlType(array, modifier);
}

/** Digits that are kept of a second's fraction at most. */
export const secondDigitsMax = 6;

const timeNames = new Map<Oid, readonly [name: string, zone: string]>([
  [typeOid.time, ["TIME", ""]],
  [typeOid.timetz, ["TIME", " WITH TIME ZONE"]],
  [typeOid.timestamp, ["TIMESTAMP", ""]],
  [typeOid.timestamptz, ["TIMESTAMP", " WITH TIME ZONE"]],
  [typeOid.interval, ["INTERVAL", ""]],
]);

const withPrecision = (type: Oid, precision: number): string => {
  const [name, zone] = timeNames.get(type) ?? ["", ""];
  return `${name}(${precision})${zone}`;
};

/** What is said of more digits than are kept; null for a type that has no seconds. */
export const precisionWarning = (type: Oid, precision: number): string | null =>
  timeNames.has(type)
    ? `${withPrecision(type, precision)} precision reduced to maximum allowed, ${secondDigitsMax}`
    : null;

/** Checks and encodes the numbers in parentheses after a type's name. */
export function modifierOf(type: Oid, modifiers: readonly number[], position?: number): number {
  if (modifiers.length === 0) return noModifier;
  const invalid = (message: string): SqlError => new SqlError("22023", message, { position });
  const [first = 0, second] = modifiers;
  switch (type) {
    case typeOid.varchar:
    case typeOid.bpchar: {
      const name = type === typeOid.varchar ? "varchar" : "char";
      if (modifiers.length !== 1) throw invalid("invalid type modifier");
      if (first < 1) throw invalid(`length for type ${name} must be at least 1`);
      if (first > lengthMax) throw invalid(`length for type ${name} cannot exceed ${lengthMax}`);
      return first + 4;
    }
    case typeOid.bit:
    case typeOid.varbit: {
      const name = type === typeOid.bit ? "bit" : "varbit";
      if (modifiers.length !== 1) throw invalid("invalid type modifier");
      if (first < 1) throw invalid(`length for type ${name} must be at least 1`);
      if (first > bitsMax) throw invalid(`length for type ${name} cannot exceed ${bitsMax}`);
      return first;
    }
    case typeOid.numeric: {
      if (modifiers.length > 2) throw invalid("invalid NUMERIC type modifier");
      if (first < 1 || first > numericPrecisionMax)
        throw invalid(`NUMERIC precision ${first} must be between 1 and ${numericPrecisionMax}`);
      const scale = second ?? 0;
      if (scale < -1_000 || scale > 1_000) throw invalid(`NUMERIC scale ${scale} must be between -1000 and 1000`);
      return ((first << 16) | (scale & 0x7ff)) + 4;
    }
    case typeOid.time:
    case typeOid.timetz:
    case typeOid.timestamp:
    case typeOid.timestamptz: {
      if (modifiers.length !== 1) throw invalid("invalid type modifier");
      if (first < 0) throw invalid(`${withPrecision(type, first)} precision must not be negative`);
      return Math.min(first, secondDigitsMax);
    }
    case typeOid.interval: {
      if (modifiers.length === 1) return (first << 16) | intervalFullPrecision;
      if (modifiers.length !== 2) throw invalid("invalid INTERVAL type modifier");
      const precision = second ?? 0;
      if (precision < 0) throw invalid(`INTERVAL(${precision}) precision must not be negative`);
      return (first << 16) | Math.min(precision, secondDigitsMax);
    }
    default:
      throw new SqlError("42601", `type modifier is not allowed for type "${typeFactsOf(type)?.name ?? type}"`, {
        position,
      });
  }
}

/** Precision and scale of a numeric modifier, null when it has none. */
export function numericLimits(modifier: number): { readonly precision: number; readonly scale: number } | null {
  if (modifier < 4) return null;
  const packed = modifier - 4;
  return { precision: (packed >> 16) & 0xffff, scale: ((packed & 0x7ff) ^ 1_024) - 1_024 };
}

/** Digits of seconds that an interval modifier keeps, and the fields; null for all. */
export function intervalLimits(
  modifier: number,
): { readonly fields: number; readonly precision: number | null } | null {
  if (modifier < 0) return null;
  const precision = modifier & intervalFullPrecision;
  return {
    fields: (modifier >> 16) & intervalFullRange,
    precision: precision === intervalFullPrecision ? null : precision,
  };
}

/** The type's name in SQL: `character varying(20)`, `timestamp(3) with time zone`, `integer[]`. Unknown oids are `???`, 0 is `-`. */
export function formatType(oid: Oid, modifier: number | null = noModifier): string {
  if (oid === 0) return "-";
  const facts = typeFactsOf(oid);
  if (facts === null) return "???";
  if (elementTypeOf(oid) !== 0 && oid !== typeOid.int2vector && oid !== typeOid.oidvector)
    return `${formatBase(facts.element, modifier ?? noModifier, modifier !== null)}[]`;
  return formatBase(oid, modifier ?? noModifier, modifier !== null);
}

function formatBase(oid: Oid, modifier: number, isModifierGiven = true): string {
  const length = modifier >= 4 ? `(${modifier - 4})` : "";
  const precision = modifier >= 0 ? `(${modifier})` : "";
  switch (oid) {
    case typeOid.bool:
      return "boolean";
    case typeOid.int2:
      return "smallint";
    case typeOid.int4:
      return "integer";
    case typeOid.int8:
      return "bigint";
    case typeOid.float4:
      return "real";
    case typeOid.float8:
      return "double precision";
    case typeOid.char:
      return '"char"';
    case typeOid.any:
      return '"any"';
    case typeOid.varchar:
      return `character varying${length}`;
    case typeOid.bpchar:
      return modifier >= 4 ? `character${length}` : isModifierGiven ? "bpchar" : "character";
    case typeOid.bit:
      // With no length it is not what the grammar calls `bit`, which has one bit.
      return modifier > 0 ? `bit(${modifier})` : isModifierGiven ? '"bit"' : "bit";
    case typeOid.varbit:
      return modifier > 0 ? `bit varying(${modifier})` : "bit varying";
    case typeOid.numeric: {
      const limits = numericLimits(modifier);
      return limits === null ? "numeric" : `numeric(${limits.precision},${limits.scale})`;
    }
    case typeOid.time:
      return `time${precision} without time zone`;
    case typeOid.timetz:
      return `time${precision} with time zone`;
    case typeOid.timestamp:
      return `timestamp${precision} without time zone`;
    case typeOid.timestamptz:
      return `timestamp${precision} with time zone`;
    case typeOid.interval: {
      const limits = intervalLimits(modifier);
      if (limits === null) return "interval";
      const fields = intervalFields.find(([mask]) => mask === limits.fields)?.[1] ?? "";
      return `interval${fields}${limits.precision === null ? "" : `(${limits.precision})`}`;
    }
    default:
      return typeFactsOf(oid)?.name ?? "???";
  }
}

/** The type's name as error messages have it. */
export const typeLabel = (oid: Oid): string => formatType(oid, null);

const readIdentifier = (text: string): string =>
  text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text.toLowerCase();

/** A type's name as text, with everything SQL allows in it: for `'…'::regtype` and the like. */
export function parseTypeName(text: string, find: FindUserType): SqlType {
  const pattern =
    /^\s*(?:("(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)\s*\.\s*)?("(?:[^"]|"")+"|[a-z_][a-z0-9_$]*(?:\s+[a-z]+)*?)\s*(?:\(([^)]*)\))?((?:\s+[a-z]+)*)\s*((?:\[\s*\d*\s*\]\s*)*)$/iu;
  const match = pattern.exec(text);
  if (match === null) throw new SqlError("42601", `syntax error at or near "${text.trim()}"`);
  const [, schema, rawName = "", rawModifiers, suffix = "", brackets = ""] = match;
  const isQuoted = rawName.startsWith('"');
  const spelled = isQuoted ? readIdentifier(rawName) : `${rawName}${suffix}`.toLowerCase().trim().replace(/\s+/gu, " ");
  const name = isQuoted ? spelled : (spellings.get(spelled) ?? spelled);
  const modifiers = rawModifiers === undefined ? [] : rawModifiers.split(",").map((word) => Number(word.trim()));
  // `char` and `bit` without a length have one character and one bit, unless they are the internal ones in quotes.
  const isBareChar =
    !isQuoted && modifiers.length === 0 && (name === "bit" || (name === "bpchar" && spelled !== "bpchar"));
  if (spelled === "float" && modifiers.length === 1)
    return typeByName([(modifiers[0] ?? 0) <= 24 ? "float4" : "float8"], [], brackets !== "", find);
  const qualified = schema === undefined ? [name] : [readIdentifier(schema), name];
  return typeByName(qualified, isBareChar ? [1] : modifiers, brackets.trim() !== "", find);
}
