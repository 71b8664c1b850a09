/**
 * What catalogs show of a session that only its gateway knows, or can find out: the cursors that are open, the statements that are prepared,
 * the databases that there are, where its last write stands.
 */
import { databaseOid } from "../../../actors/sql/evaluation.js";
import { asksForLocks, lockFacts } from "../../../runtime/query/catalog/lock-facts.js";
import { bootstrapName } from "../../../runtime/query/catalog/role-set.js";
import {
  asksForCursors,
  asksForDatabases,
  asksForDefaults,
  asksForPrepared,
  asksForSessions,
  asksForSettings,
  type CursorFact,
  cursorFacts,
  type DatabaseFact,
  type DefaultsFact,
  databaseFacts,
  defaultsFacts,
  type PreparedFact,
  preparedFacts,
  sessionFacts,
} from "../../../runtime/query/catalog/session-facts.js";
import { settingDefinitions } from "../../../runtime/query/settings.js";
import { assert } from "../../../runtime/types/assert.js";
import { isKimberliteError } from "../../../runtime/types/errors.js";
import type { Portal } from "../portals.js";
import { warning } from "../reports.js";
import { shownSetting } from "../shown-setting.js";
import type { Exchange } from "./exchange.js";

type Facts = readonly (readonly [name: string, value: string])[];

const pageMax = 1_000;
/** What is told at most: a request has its limit. */
const databasesMax = 10_000;
const preparedCharactersMax = 1024 * 1024;
/** Nobody waits longer for what is not its own: databases, locks. */
const patienceMs = 1_000;

export async function factsFor(text: string, exchange: Exchange): Promise<Facts> {
  const known = [
    ...(asksForCursors(text) ? [cursorFacts(cursorsNow(exchange.portals.all))] : []),
    ...(asksForPrepared(text) ? [preparedFacts(preparedNow(exchange))] : []),
    ...(asksForSessions(text) ? [sessionFacts(exchange.host.peers.sessions(exchange.identity.tenant))] : []),
    ...(asksForSettings(text) ? settingsNow(exchange) : []),
    ...(asksForLocks(text) ? [lockFacts(await locksNow(exchange))] : []),
    ...(asksForDefaults(text) ? [defaultsFacts(await defaultsNow(exchange))] : []),
  ];
  const { roles } = exchange;
  // Tenants do not see each other; who may use them all does.
  const isTold = asksForDatabases(text) && roles.isSuperuser(roles.currentUser);
  return isTold ? [...known, databaseFacts(await databasesNow(exchange))] : known;
}

/** Settings that do not go with every request. */
const settingsNow = ({ settings, transaction }: Exchange): Facts =>
  settingDefinitions
    .filter(({ isForEngine }) => !isForEngine)
    .map(({ name, default: fallback }) => [name, shownSetting(name, settings, transaction), fallback] as const)
    .flatMap(([name, value, fallback]) => (value === fallback ? [] : [[name, value] as const]));

const cursorsNow = (portals: readonly Portal[]): readonly CursorFact[] =>
  portals
    .filter(({ name }) => name !== "")
    .map(({ name, source, declared, resultFormats, createdAt }) => ({
      name,
      statement: source,
      isHold: declared?.options.isHold ?? false,
      isBinary: declared?.options.isBinary ?? resultFormats.includes(1),
      isScroll: declared?.isScrollable ?? false,
      createdAt,
    }));

/** With a warning those that were prepared first. */
function preparedNow(exchange: Exchange): readonly PreparedFact[] {
  const facts: PreparedFact[] = [];
  let left = preparedCharactersMax;
  for (const { name, source, parameterTypes, isOfSql, createdAt } of exchange.prepared.all) {
    if (name === "") continue;
    left -= source.length;
    if (left < 0) {
      exchange.notice(warning("01000", `the statements that are prepared are long: only ${facts.length} are shown`));
      break;
    }
    facts.push({ name, statement: source, types: parameterTypes, isOfSql, createdAt });
  }
  return facts;
}

/** What is asked for; null when that takes too long. */
async function soon<Asked>({ host }: Exchange, asked: Promise<Asked | null>): Promise<Asked | null> {
  let stopTimer = (): void => {};
  const patience = new Promise<null>((resolve) => {
    stopTimer = host.after(patienceMs, () => resolve(null));
  });
  const found = await Promise.race([asked, patience]);
  stopTimer();
  return found;
}

/** With a warning none, when the shard that leads cannot be asked. */
async function locksNow(exchange: Exchange): Promise<string> {
  const asked = new Promise<string | null>((resolve) => {
    exchange.runs.locks((outcome) => resolve(outcome.kind === "rows" ? outcome.tag : null));
  });
  const told = await soon(exchange, asked);
  if (told === null) exchange.notice(warning("01000", "locks cannot be listed at the moment: none is shown"));
  return told ?? "";
}

/** With a warning none, beside the session's own: many clients look there for that alone. */
async function databasesNow(exchange: Exchange): Promise<readonly DatabaseFact[]> {
  const found = await soon(exchange, listed(exchange));
  if (found !== null && found.length <= databasesMax) return found;
  const why = found === null ? "cannot be listed at the moment" : `are more than ${databasesMax}`;
  exchange.notice(warning("01000", `the databases of this node ${why}: only the session's own is shown`));
  return [];
}

/** What sessions begin with: those of the roles that the tenant knows, and of the databases that the user may see. With a warning none. */
async function defaultsNow(exchange: Exchange): Promise<readonly DefaultsFact[]> {
  const { host, identity, roles } = exchange;
  const seesAll = roles.isSuperuser(roles.currentUser) && host.roles.tenantsOf(identity.user) === null;
  const list = async (method: string, params: Readonly<Record<string, unknown>>): Promise<readonly Described[]> =>
    (await host.administration.call(method, params, roles.sessionUser)) as readonly Described[];
  try {
    const facts = new Map<string, DefaultsFact>();
    const change = (tenant: number, role: string, next: (before: DefaultsFact) => Partial<DefaultsFact>): void => {
      if (tenant !== 0 && tenant !== identity.tenant && !seesAll) return;
      const key = `${tenant} ${role}`;
      const database = tenant === 0 ? 0 : databaseOid(tenant);
      const before = facts.get(key) ?? { database, role, settings: [], comment: null };
      facts.set(key, { ...before, ...next(before) });
    };
    const add = (tenant: number, role: string, { name, value }: Described): void =>
      change(tenant, role, ({ settings }) => ({ settings: [...settings, `${String(name)}=${String(value)}`] }));
    const tell = (tenant: number, role: string, comment: unknown): void => {
      if (typeof comment === "string") change(tenant, role, () => ({ comment }));
    };
    await eachPage(
      async (last) => list("tenant.list", { after: last?.["id"] ?? 0, limit: pageMax }),
      ({ id, settings, comment }) => {
        tell(Number(id), "", comment);
        for (const kept of listIn(settings)) add(Number(id), "", kept);
      },
    );
    await eachPage(
      async (last) => list("user.list", { after: last?.["name"] ?? "", limit: pageMax }),
      ({ name, settings, comment }) => {
        const role = String(name);
        if (roles.set.find(role) === null) return;
        tell(0, role, comment);
        for (const kept of listIn(settings)) add(Number(kept["tenantId"]), role, kept);
      },
    );
    return [...facts.values()];
  } catch (error) {
    if (!isKimberliteError(error)) throw error;
    exchange.notice(
      warning("01000", "what sessions begin with cannot be listed at the moment: nothing of it is shown"),
    );
    return [];
  }
}

/** As administrative calls describe something. */
type Described = Readonly<Record<string, unknown>>;

const listIn = (value: unknown): readonly Described[] => (Array.isArray(value) ? (value as readonly Described[]) : []);

async function eachPage(
  page: (last: Described | null) => Promise<readonly Described[]>,
  take: (item: Described) => void,
): Promise<void> {
  for (let last: Described | null = null; ; ) {
    const items: readonly Described[] = await page(last);
    for (const item of items) take(item);
    last = items.at(-1) ?? null;
    if (items.length < pageMax) return;
  }
}

async function listed({ host, identity, roles }: Exchange): Promise<readonly DatabaseFact[] | null> {
  const mayUse = host.roles.tenantsOf(identity.user);
  const found: DatabaseFact[] = [];
  try {
    for (let after = 0; found.length <= databasesMax; ) {
      const params = { after, limit: pageMax };
      const page = rowsOf(await host.administration.call("tenant.list", params, roles.sessionUser));
      for (const { id, name, owner } of page)
        if (mayUse === null || mayUse.includes(id)) found.push({ oid: databaseOid(id), name, owner });
      if (page.length < pageMax) break;
      after = page.at(-1)?.id ?? after;
    }
    return found;
  } catch (error) {
    if (isKimberliteError(error)) return null;
    throw error;
  }
}

function rowsOf(answer: unknown): readonly { readonly id: number; readonly name: string; readonly owner: string }[] {
  assert(Array.isArray(answer), "tenants are listed");
  return (answer as readonly Readonly<Record<string, unknown>>[]).map(({ id, name, owner = bootstrapName }) => {
    assert(typeof id === "number" && typeof name === "string", "a tenant has a number and a name");
    assert(typeof owner === "string", "a tenant is somebody's");
    return { id, name, owner };
  });
}
