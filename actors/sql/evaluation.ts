/**
 * The world of one statement: what its session's request says of settings, users and times, and what is known here of the rest. Time points
 * of SQL count µs from 2000, those of requests from 1970.
 */
import type { Catalog } from "../../runtime/query/catalog/model.js";
import { bootstrapName, decodeRoles, noRole, plainRole, RoleSet } from "../../runtime/query/catalog/role-set.js";
import { schemasOf, temporarySchemaSetting } from "../../runtime/query/catalog/temporary.js";
import { readsOfView, showExpression, showView } from "../../runtime/query/deparse/show.js";
import { SqlError } from "../../runtime/query/error.js";
import type { EvaluationContext, SessionPort } from "../../runtime/query/functions/context.js";
import { bytesOf, millisecondsOf, nodeStartSetting, settingNamed } from "../../runtime/query/settings.js";
import type { Int64 } from "../../runtime/query/types/datum.js";
import { lowerAscii, trimSpaces } from "../../runtime/query/types/spaces.js";
import type { DateStyle, ObjectNames, TextContext } from "../../runtime/query/types/text-context.js";
import { assert } from "../../runtime/types/assert.js";
import type { SettingChange, SqlNotice, SqlRequest, SqlShape } from "../messages/sql.js";
import { backendPidOf } from "./backend-pid.js";
import type { NamingUser } from "./engine.js";

/** µs from 1970 to 2000. */
const sqlEpochMicros = 946_684_800_000_000;
export const sqlTimeOf = (unixMicros: number): number => unixMicros - sqlEpochMicros;
export const unixTimeOf = (sqlMicros: number): number => sqlMicros + sqlEpochMicros;

/** Settings of one request: given ones before defaults. */
export class RequestSettings {
  readonly #given: ReadonlyMap<string, string>;

  constructor(settings: SqlRequest["settings"]) {
    this.#given = new Map(settings.map(([name, value]) => [name.toLowerCase(), value]));
  }

  find(name: string): string | null {
    return this.#given.get(name.toLowerCase()) ?? settingNamed(name)?.default ?? null;
  }

  get(name: string): string {
    return this.find(name) ?? "";
  }
}

/** A function of a text that is asked for the same few again and again. */
function remembered<Result>(compute: (text: string) => Result): (text: string) => Result {
  const known = new Map<string, Result>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    if (known.size >= rememberedMax) known.clear();
    const result = compute(text);
    known.set(text, result);
    return result;
  };
}
const rememberedMax = 1_000;

/** Names in a list, as `search_path` has them. */
const namesInList = remembered((list): readonly string[] => {
  const names: string[] = [];
  for (const [, plain, quoted] of list.matchAll(/[ \t-\r]*(?:"((?:[^"]|"")*)"|([^,"]+))[ \t-\r]*(?:,|$)/g)) {
    const name = plain === undefined ? lowerAscii(trimSpaces(quoted ?? "")) : plain.replaceAll('""', '"');
    if (name !== "") names.push(name);
  }
  return names;
});

const searchPathOf = (list: string, user: string): string[] =>
  namesInList(list).map((name) => (name === "$user" ? user : name));

const orders: readonly DateStyle["order"][] = ["MDY", "DMY", "YMD"];
const formats: readonly DateStyle["format"][] = ["ISO", "SQL", "Postgres", "German"];

const dateStyleOf = remembered((text): DateStyle => {
  const words = text.split(",").map((word) => word.trim().toLowerCase());
  return {
    format: formats.find((format) => words.includes(format.toLowerCase())) ?? "ISO",
    order: orders.find((order) => words.includes(order.toLowerCase())) ?? "MDY",
  };
});

/** What functions do to the session beyond reading it; the shard gives more than a projection can. */
export interface SessionEffects {
  nextSequenceValue(sequence: number): Int64;
  transactionNumber(): number;
  assignedTransactionNumber(): number | null;
  currentSequenceValue(sequence: number): Int64;
  lastSequenceValue(): Int64;
  setSequenceValue(sequence: number, value: Int64, isCalled: boolean): void;
  sequenceState: SessionPort["sequenceState"];
  storedBytes: SessionPort["storedBytes"];
  advisoryLock: SessionPort["advisoryLock"];
  notify(channel: string, payload: string, process: number): void;
}

const notHere = (): never => {
  throw new SqlError("XX000", "a statement that changes something was sent to a reader");
};

/** Where nothing may be changed. */
export const noEffects: SessionEffects = {
  nextSequenceValue: notHere,
  transactionNumber: notHere,
  assignedTransactionNumber: notHere,
  currentSequenceValue: notHere,
  lastSequenceValue: notHere,
  setSequenceValue: notHere,
  sequenceState: notHere,
  storedBytes: notHere,
  advisoryLock: notHere,
  notify: notHere,
};

export interface Surroundings {
  readonly catalog: Catalog;
  /** Position of the state that is read. */
  readonly position: number;
  /** µs since 1970, when the statement began to be run. */
  readonly now: number;
  /** ms since 1970, at each call. */
  readonly clock: () => number;
  readonly random: () => number;
  readonly effects: SessionEffects;
  readonly names: (searchPath: readonly string[], user: NamingUser) => ObjectNames;
}

/** What the shape of a request says of its session: worked out once, and the same for every run of the statement. */
class SessionFrame {
  readonly settings: RequestSettings;
  readonly searchPath: readonly string[];
  readonly temporarySchema: string | null;
  readonly roles: RoleSet;
  readonly sessionUser: string;
  readonly currentUser: string;
  readonly isSuperuser: boolean;
  readonly text: Omit<TextContext, "transactionTime" | "names">;
  readonly databaseOid: number;
  /** Bytes that a query may keep in memory. */
  readonly queryMemory: number;
  /** ms; 0 is no limit. */
  readonly statementTimeout: number;
  /** Of SQL. */
  readonly applicationStartTime: number;
  #catalog: Catalog | null = null;
  #names: ObjectNames | null = null;

  constructor({ settings, user, roles, tenant }: SqlShape) {
    this.settings = new RequestSettings(settings);
    this.sessionUser = this.settings.get("session_authorization") || user;
    const role = this.settings.get("role");
    this.currentUser = role === noRole ? this.sessionUser : role;
    this.searchPath = searchPathOf(this.settings.get("search_path"), this.currentUser);
    this.temporarySchema = this.settings.get(temporarySchemaSetting) || null;
    const isBelievedSuperuser = this.settings.get("is_superuser") === "on";
    this.roles = rolesOf(roles, this.currentUser, isBelievedSuperuser);
    this.isSuperuser = this.roles.actor(this.currentUser, isBelievedSuperuser).isSuperuser;
    this.text = textContextOf(this.settings);
    this.databaseOid = databaseOid(tenant);
    this.queryMemory = bytesOf(this.settings.get("kimberlite.query_memory"));
    this.statementTimeout = millisecondsOf(this.settings.get("statement_timeout"));
    this.applicationStartTime = sqlTimeOf(Number(this.settings.get(nodeStartSetting)));
  }

  names(catalog: Catalog, make: Surroundings["names"], database: string): ObjectNames {
    if (this.#names === null || this.#catalog !== catalog) {
      const { temporarySchema, roles, currentUser, isSuperuser } = this;
      const path = schemasOf({ searchPath: ["pg_catalog", ...this.searchPath], temporarySchema });
      this.#names = make(path, { roles, currentUser, isSuperuser, database });
      this.#catalog = catalog;
    }
    return this.#names;
  }
}

const frames = new WeakMap<SqlShape, SessionFrame>();

function frameOf(request: SqlRequest): SessionFrame {
  const { shape } = request;
  if (shape === undefined || shape === null) return new SessionFrame(request);
  let frame = frames.get(shape);
  if (frame === undefined) {
    frame = new SessionFrame(shape);
    frames.set(shape, frame);
  }
  return frame;
}

/** Schema of a session's temporary tables; null while it has made none. */
export const temporarySchemaOf = (request: SqlRequest): string | null => frameOf(request).temporarySchema;

/** A request's settings as functions see them, and what they change of them. */
export class Evaluation {
  readonly settings: RequestSettings;
  /** Bytes that a query may keep in memory. */
  readonly queryMemory: number;
  /** ms; 0 is no limit. */
  readonly statementTimeout: number;
  readonly notices: SqlNotice[] = [];
  /** Settings that `set_config` changed. */
  readonly changed: SettingChange[] = [];
  readonly context: EvaluationContext;
  /** What `pg_sleep` has asked for in all, and what of it no answer was held back for yet. ms */
  #sleptMs = 0;
  #delayMs = 0;

  constructor(request: SqlRequest, around: Surroundings) {
    const frame = frameOf(request);
    this.settings = frame.settings;
    this.queryMemory = frame.queryMemory;
    this.statementTimeout = frame.statementTimeout;
    const { database, session } = request;
    const transactionTime = sqlTimeOf(request.transaction.startedAt);
    const { timeZone, dateStyle, intervalStyle, extraFloatDigits, byteaOutput } = frame.text;
    const backendPid = backendPidOf(session);
    this.context = {
      timeZone,
      dateStyle,
      intervalStyle,
      extraFloatDigits,
      byteaOutput,
      transactionTime,
      names: frame.names(around.catalog, around.names, database),
      // Clocks of two threads differ by a little: no statement is before its transaction.
      statementTime: Math.max(transactionTime, sqlTimeOf(around.now)),
      clock: () => Math.max(transactionTime, sqlTimeOf(Math.floor((around.clock() + this.#sleptMs) * 1_000))),
      random: around.random,
      randomBytes: (length) => Uint8Array.from({ length }, () => Math.floor(around.random() * 256)),
      currentUser: frame.currentUser,
      sessionUser: frame.sessionUser,
      isSuperuser: frame.isSuperuser,
      database,
      databaseOid: frame.databaseOid,
      backendPid,
      position: around.position,
      applicationStartTime: frame.applicationStartTime,
      query: request.text,
      searchPath: frame.searchPath,
      temporarySchema: frame.temporarySchema,
      catalog: around.catalog,
      roles: frame.roles,
      session: this.#port(around, backendPid),
      showExpression,
      showView,
      readsOfView,
    };
  }

  get isSleeping(): boolean {
    return this.#delayMs > 0;
  }

  /** How long the next answer is to be held back. ms, whole */
  takeDelay(): number {
    const delayMs = Math.min(delayMsMax, Math.ceil(this.#delayMs));
    this.#delayMs = 0;
    return delayMs;
  }

  #port({ effects }: Surroundings, process: number): SessionPort {
    return {
      setting: (name) => {
        const changed = this.changed.findLast(([each]) => each.toLowerCase() === name.toLowerCase());
        return changed?.[1] ?? this.settings.find(name);
      },
      setSetting: (name, value, isLocal) => void this.changed.push([name, value, isLocal ? "local" : "session"]),
      notice: (severity, sqlState, message, fields = {}) => {
        this.notices.push({ severity, sqlState, message, fields });
      },
      nextSequenceValue: (sequence) => effects.nextSequenceValue(sequence),
      transactionNumber: () => effects.transactionNumber(),
      assignedTransactionNumber: () => effects.assignedTransactionNumber(),
      currentSequenceValue: (sequence) => effects.currentSequenceValue(sequence),
      lastSequenceValue: () => effects.lastSequenceValue(),
      setSequenceValue: (sequence, value, isCalled) => effects.setSequenceValue(sequence, value, isCalled),
      sequenceState: (sequence) => effects.sequenceState(sequence),
      storedBytes: (part, object, when) => effects.storedBytes(part, object, when),
      advisoryLock: (wanted) => effects.advisoryLock(wanted),
      notify: (channel, payload) => effects.notify(channel, payload, process),
      sleep: (spanMs) => {
        assert(spanMs > 0, "whoever sleeps, sleeps for some time");
        this.#delayMs = Math.min(delayMsMax, this.#delayMs + spanMs);
        this.#sleptMs = Math.min(delayMsMax, this.#sleptMs + spanMs);
      },
    };
  }
}

/** Longer than any client waits, and what a timer can count. */
const delayMsMax = 2 ** 31 - 1;

export const databaseOid = (tenant: number): number => (5 + (tenant % 2 ** 31)) >>> 0;

const decodedRoles = remembered(decodeRoles);
const first = plainRole(bootstrapName, true);

/** Roles that nothing was said of: whoever asks, and the one that owns what nobody else does. */
const unsaidRoles = remembered((user) => {
  const asking = plainRole(user.slice(1), user.startsWith("+"));
  return new RoleSet(asking.name === bootstrapName ? [asking] : [first, asking]);
});

const rolesOf = (text: string, user: string, isSuperuser: boolean): RoleSet =>
  text === "" ? unsaidRoles(`${isSuperuser ? "+" : "-"}${user}`) : decodedRoles(text);

/** The roles that a request is judged by. */
export const roleSetOf = (request: SqlRequest): RoleSet => frameOf(request).roles;

/** What the text of values depends on, of a session's settings. */
export function textContextOf(settings: RequestSettings): SessionFrame["text"] {
  return {
    timeZone: settings.get("TimeZone"),
    dateStyle: dateStyleOf(settings.get("DateStyle")),
    intervalStyle: intervalStyleOf(settings.get("IntervalStyle")),
    extraFloatDigits: Number(settings.get("extra_float_digits")),
    byteaOutput: settings.get("bytea_output") === "escape" ? "escape" : "hex",
  };
}

const intervalStyles = ["postgres", "postgres_verbose", "sql_standard", "iso_8601"] as const;
const intervalStyleOf = (text: string): TextContext["intervalStyle"] =>
  intervalStyles.find((style) => style === text) ?? "postgres";
