/** Statements that define things, and those about whole tables, in the shard. */
import { actorOf } from "../../../runtime/query/bind/authority.js";
import type { BoundDefinition, BoundQuery, BoundSession, RowRules } from "../../../runtime/query/bind/bound.js";
import type { Catalog, MaterializedViewDefinition, TableDefinition } from "../../../runtime/query/catalog/model.js";
import { ObjectCatalog } from "../../../runtime/query/catalog/over-trees.js";
import { expectPrivilege, mayUse } from "../../../runtime/query/catalog/privileges.js";
import { errorWithNames } from "../../../runtime/query/catalog/system/names.js";
import { temporaryMadeSetting } from "../../../runtime/query/catalog/temporary.js";
import type { RowBatch } from "../../../runtime/query/engine.js";
import { notSupported, SqlError } from "../../../runtime/query/error.js";
import { copyOf } from "../../../runtime/query/execute/vector.js";
import type { EvaluationContext } from "../../../runtime/query/functions/context.js";
import { isImmutable, isVolatile, mayTouchRows } from "../../../runtime/query/plan/walk.js";
import type { Expression } from "../../../runtime/query/syntax/ast-expression.js";
import type { Query } from "../../../runtime/query/syntax/ast-query.js";
import { TreeTableSource } from "../../../runtime/query/table/tree-table-source.js";
import type { Datum } from "../../../runtime/query/types/datum.js";
import { quoteIdentifier } from "../../../runtime/query/types/quote.js";
import type { SqlType } from "../../../runtime/query/types/sql-type.js";
import { formatType, typeLabel } from "../../../runtime/query/types/type-name.js";
import { bindingOf } from "../../../runtime/query/view/compile.js";
import { ViewMaintenance } from "../../../runtime/query/view/maintain.js";
import { Cascades } from "../../../runtime/query/write/definition/cascades.js";
import { define } from "../../../runtime/query/write/definition/definition.js";
import { CatalogDraft } from "../../../runtime/query/write/definition/draft.js";
import type {
  DefinitionLoad,
  DefinitionPorts,
  DefinitionResult,
} from "../../../runtime/query/write/definition/ports.js";
import { withSequences } from "../../../runtime/query/write/definition/stored-sequences.js";
import { numbered } from "../../../runtime/query/write/definition/stored-types.js";
import type { WritePorts } from "../../../runtime/query/write/ports.js";
import { assert } from "../../../runtime/types/assert.js";
import type { Around } from "../../sql/engine.js";
import { setConstraints } from "./deferred-constraints.js";
import { lockChanges } from "./definition-locks.js";
import type { DrawnOids } from "./drawn-oids.js";
import { RowLoad } from "./row-load.js";
import { elementsOf, type SchemaElements } from "./schema-elements.js";
import { effectsOf } from "./session-effects.js";
import type { StatementParts, StatementResult, StatementRun } from "./statement-run.js";
import { defining, tableLockName } from "./table-locks.js";
import { dropSchema } from "./temporary-tables.js";

export interface DefinitionHost {
  /** A number below 0 that stands for no other catalog. */
  nextVersion(): number;
  readonly oids: DrawnOids;
}

export function runDefinition(
  parts: StatementParts,
  run: StatementRun,
  body: BoundDefinition | BoundSession,
  { nextVersion, oids }: DefinitionHost,
): StatementResult {
  const { statement } = body;
  if (body.kind === "session") {
    if (statement.kind === "lockTable") return lockTables(parts, body);
    if (statement.kind === "setConstraints") return setConstraints(parts, run, statement);
    if (statement.kind === "discard" && statement.what === "sequences") {
      parts.session.forgetDrawn();
      return { rows: null, count: 0, tag: () => "DISCARD SEQUENCES" };
    }
    if (statement.kind !== "truncate" && statement.kind !== "discard") throw notSupported(statement.kind);
  }
  const { request, locks, catalog, evaluation, transaction, reader } = parts;
  const { tenant } = request;
  assert(catalog instanceof ObjectCatalog, "the shard's catalogs are read from its trees");
  const version = nextVersion();
  const elements = body.kind === "definition" ? elementsOf(body.statement, evaluation.context) : null;
  const draft = new CatalogDraft(
    catalog,
    elements?.context ?? evaluation.context,
    version,
    oids.first(tenant, catalog.head.nextOid, locks.hasOthers),
  );
  const query = body.kind === "definition" ? body.query : null;
  const ports = portsOf(parts, run, draft, query);
  const { tag } = defined(body, ports, evaluation.context);
  if (elements !== null) defineElements(parts, run, draft, elements);
  tellTemporary(evaluation, catalog, draft.catalog);
  if (draft.hasChanged) {
    lockChanges(draft, tenant, locks);
    oids.drawn(tenant, draft.nextOid);
    const computed = transaction.overlay.written;
    draft.finish(tenant, transaction.overlay, reader);
    transaction.catalogVersion = version;
    transaction.defined(computed);
  }
  return { rows: null, count: 0, tag: () => tag };
}

/** The session hears whether it has a schema of temporary tables, where a definition may have changed that. */
function tellTemporary({ context, changed }: StatementParts["evaluation"], before: Catalog, after: Catalog): void {
  const { temporarySchema: schema } = context;
  if (schema === null) return;
  const isThere = after.schemaByName(schema) !== null;
  if (isThere || before.schemaByName(schema) !== null)
    changed.push([temporaryMadeSetting, isThere ? "on" : "", "session"]);
}

/** What is made in a new schema: each is bound as the catalog is by then. */
function defineElements(
  parts: StatementParts,
  run: StatementRun,
  draft: CatalogDraft,
  { statements, context }: SchemaElements,
): void {
  const { engine, request } = parts;
  for (const statement of statements) {
    const { catalog } = draft;
    const names = engine.names(catalog, ["pg_catalog", ...context.searchPath], context);
    const inside: EvaluationContext = { ...context, catalog, names };
    const statistics = run.ports.source;
    const { body } = engine.bind({
      statement,
      text: request.text,
      catalog,
      parameterTypes: [],
      context: inside,
      statistics,
    });
    assert(body.kind === "definition", "what is made in a schema is a definition");
    defined(body, portsOf(parts, run, draft, body.query, inside), inside);
  }
}

/** Errors are told with the names of the types that they are about. */
function defined(
  body: BoundDefinition | BoundSession,
  ports: DefinitionPorts,
  { names }: EvaluationContext,
): DefinitionResult {
  try {
    return body.kind === "definition" ? define(body.statement, ports) : defineOf(body, ports);
  } catch (error) {
    throw errorWithNames(error, names);
  }
}

/** TRUNCATE and DISCARD TEMP. */
function defineOf({ statement }: BoundSession, ports: DefinitionPorts): DefinitionResult {
  if (statement.kind === "truncate") return define(statement, ports);
  if (statement.kind !== "discard") throw notSupported(statement.kind);
  const { temporarySchema } = ports;
  if (temporarySchema !== null) dropSchema(ports.draft, temporarySchema, () => true);
  return { tag: "DISCARD TEMP" };
}

/** LOCK TABLE, for as long as the transaction is open. */
function lockTables(
  { locks, request, catalog, evaluation }: StatementParts,
  { statement }: BoundSession,
): StatementResult {
  if (statement.kind !== "lockTable") throw notSupported(statement.kind);
  assert(catalog instanceof ObjectCatalog, "the shard's catalogs are read from its trees");
  const draft = new CatalogDraft(catalog, evaluation.context, -1);
  for (const name of statement.tables) {
    const table = draft.table(name);
    expectLockable(table, statement.mode, evaluation.context);
    try {
      locks.lockWhole(tableLockName(request.tenant, table.oid), statement.mode);
    } catch (error) {
      if (!statement.isNoWait) throw error;
      throw new SqlError("55P03", `could not obtain lock on relation "${table.name}"`);
    }
  }
  return { rows: null, count: 0, tag: () => "LOCK TABLE" };
}

/** A lock is for those who could do what it makes room for. Throws 42501. */
function expectLockable(table: TableDefinition, mode: string, context: StatementParts["evaluation"]["context"]): void {
  const letters = mode === "ACCESS SHARE" ? "r" : mode === "ROW EXCLUSIVE" ? "awdD" : "wdD";
  const actor = actorOf(context);
  if (!Array.from(letters).some((letter) => mayUse(table, actor, letter))) expectPrivilege(table, actor, letters);
}

function portsOf(
  parts: StatementParts,
  run: StatementRun,
  draft: CatalogDraft,
  query: BoundQuery | null,
  context: EvaluationContext = parts.evaluation.context,
): DefinitionPorts {
  const { request, engine, transaction, reader, locks, sequences } = parts;
  const { currentUser, sessionUser, roles } = context;
  const around = (catalog: Catalog): Around => ({ catalog, context: under(catalog, parts, context) });
  const stored = <Tree extends Expression | Query>(given: Tree): { readonly text: string; readonly syntax: Tree } => {
    const syntax = numbered(given, draft.findType, draft.catalog);
    return { text: engine.print(syntax), syntax };
  };
  return {
    tenant: request.tenant,
    user: currentUser,
    sessionUser,
    actor: actorOf(context),
    actorNamed: (role) => roles.actor(role),
    rightsOf: (role) => roles.rightsOf(role),
    databaseOwner: roles.databaseOwner,
    isMember: (role) => roles.isMember(currentUser, role),
    database: request.database,
    temporarySchema: context.temporarySchema,
    draft,
    overlay: transaction.overlay,
    reader,
    query,
    queryBatches: ({ plan, outputs }) =>
      !transaction.overlay.hasRows && !mayTouchRows(plan)
        ? run.batchesOfState(plan, outputs)
        : [...copies(run.batchesOf(plan, run.environment, outputs))],
    notice: (severity, sqlState, message, detail) =>
      context.session.notice(severity, sqlState, message, detail === undefined ? {} : { detail }),
    cascades: new Cascades(),
    write: (catalog) => ({
      ...run.ports,
      catalog,
      rulesOf: (table: TableDefinition) => engine.rulesOf(table, around(catalog)),
      defaultOf: (table: TableDefinition, column: number) => defaultValue(parts, run, around(catalog), table, column),
    }),
    committed: () =>
      transaction.overlay.hasRows
        ? null
        : new TreeTableSource(parts.state, request.tenant, parts.position, false, { past: parts.state }),
    load: () => loadOf(parts),
    validate: (catalog, table, telling = "unplaced") => {
      // An ALTER TABLE of a thousand actions binds as often, and is no hang.
      run.check();
      const world = { ...around(catalog), tellsPlaces: telling === "placed" };
      expectImmutable(engine.rulesOf(table, world));
      for (const column of table.columns)
        if (!column.isDropped && column.default !== null) engine.defaultOf(table, column.number, world);
    },
    validateDomain: (catalog, domain) => engine.validateDomain(domain, around(catalog)),
    constantDefault: (catalog, table, column) => {
      const expression = engine.defaultOf(table, column, around(catalog));
      if (expression === null) return { value: null };
      if (isVolatile(expression)) return null;
      return { value: engine.compile(expression, [], run.environment)([]) };
    },
    typeOf: (catalog, table, { syntax }, clause) =>
      engine.overRow(table, { expression: syntax, clause, target: null }, around(catalog)).expression.type,
    conversion: (catalog, table, column, type, using) =>
      conversionOf(parts, run, around(catalog), table, column, type, using),
    storeExpression: (given) => withSequences(stored(given), draft),
    storeQuery: (given) => stored(given),
    columnsRead: (catalog, { syntax }) => engine.columnsRead(syntax, around(catalog)),
    expectSettled: (table, command) => {
      if (!transaction.deferred.hasLeft(table.oid)) return;
      throw new SqlError("55006", `cannot ${command} "${table.name}" because it has pending trigger events`);
    },
    lockTable: (table, mode = defining) => locks.lockWhole(tableLockName(request.tenant, table.oid), mode),
    views: {
      binding: bindingOf({ context }),
      position: Math.max(0, parts.position),
      describe: (query) => engine.describeView(query, bindingOf({ context }), around(draft.catalog), run.ports.source),
      refresh: (view) => refreshView(parts, run, view, around(draft.catalog)),
    },
    restart: (sequence, value) => {
      transaction.restarts.note(sequence, sequences.find(reader, request.tenant, sequence));
      transaction.sequences.add(sequence);
      sequences.set(request.tenant, sequence, { value, isCalled: false });
    },
  };
}

function* copies(batches: Iterable<RowBatch>): Iterable<RowBatch> {
  for (const batch of batches) yield copyOf(batch);
}

/** The statement's world with another catalog, whose sequences can be drawn from: they may be new. */
function under(catalog: Catalog, parts: StatementParts, context: EvaluationContext): EvaluationContext {
  const { nextSequenceValue } = effectsOf({ ...parts, catalog }, (wanted) => context.session.advisoryLock(wanted));
  return { ...context, catalog, session: { ...context.session, nextSequenceValue } };
}

/** Computes a view as a whole; how many rows it has then. */
function refreshView(
  parts: StatementParts,
  run: StatementRun,
  view: MaterializedViewDefinition,
  around: Around,
): number {
  const { engine, transaction, position } = parts;
  const program = engine.compileView(view, around, run.ports.source);
  const write: WritePorts = {
    ...run.ports,
    catalog: around.catalog,
    rulesOf: (table) => engine.rulesOf(table, around),
  };
  const environment = { ...run.environment, parameters: [] };
  const isApart = !transaction.overlay.hasRows && !program.mayTouchRows;
  const source = isApart ? run.committed : run.current;
  // A key that the transaction has removed is not one that a load takes for new.
  const isUntouched = !transaction.overlay.touches(new Set([view.rows.storage]));
  const count = new ViewMaintenance(
    program,
    { environment, before: source, after: source, changes: new Map() },
    write,
  ).refresh(isUntouched ? { isApart, load: () => loadOf(parts) } : null);
  transaction.computed(view.oid, position);
  return count;
}

const loadOf = ({ state, request, transaction, locks, limits }: StatementParts): DefinitionLoad =>
  new RowLoad(state, request.tenant, transaction.overlay, locks, limits).writing;

/** What is stored with a row has to be what would be computed of it at any later time, under any settings. */
function expectImmutable({ generated, indexes }: RowRules): void {
  if (!generated.every(({ expression }) => isImmutable(expression)))
    throw new SqlError("42P17", "generation expression is not immutable");
  for (const { keys, predicate } of indexes) {
    if (predicate !== null && !isImmutable(predicate))
      throw new SqlError("42P17", "functions in index predicate must be marked IMMUTABLE");
    if (!keys.every(isImmutable)) throw new SqlError("42P17", "functions in index expression must be marked IMMUTABLE");
  }
}

function defaultValue(
  { engine }: Pick<StatementParts, "engine">,
  run: StatementRun,
  around: Around,
  table: TableDefinition,
  column: number,
): Datum {
  const expression = engine.defaultOf(table, column, around);
  return expression === null
    ? null
    : engine.compile(expression, [], { ...run.environment, context: around.context })([]);
}

/** How a row changes when a column gets another type. */
function conversionOf(
  { engine }: StatementParts,
  run: StatementRun,
  around: Around,
  table: TableDefinition,
  column: number,
  type: SqlType,
  using: Parameters<DefinitionPorts["conversion"]>[4],
): (values: readonly Datum[]) => Datum[] {
  const definition = table.columns[column - 1];
  assert(definition !== undefined, "a column that is changed is one of its table's");
  const syntax = using ?? {
    kind: "columnName" as const,
    parts: [definition.name],
    isStar: false,
    location: -1,
  };
  const live = table.columns.filter(({ isDropped }) => !isDropped);
  const given = { expression: syntax, clause: "transform expressions" };
  // What is wrong with the expression itself is told as that.
  if (using !== null) engine.overRow(table, { ...given, target: null }, around);
  let bound: ReturnType<typeof engine.overRow>;
  try {
    bound = engine.overRow(table, { ...given, target: type }, around);
  } catch (error) {
    if (!(error instanceof SqlError) || error.sqlState !== "42804") throw error;
    const wanted = formatType(type.oid, type.modifier);
    const what = using === null ? "column" : "result of USING clause for column";
    throw new SqlError(
      "42804",
      `${what} "${definition.name}" cannot be cast automatically to type ${typeLabel(type.oid)}`,
      {
        hint:
          using === null
            ? `You might need to specify "USING ${quoteIdentifier(definition.name)}::${wanted}".`
            : "You might need to add an explicit cast.",
      },
    );
  }
  const compute = engine.compile(bound.expression, bound.ids, run.environment);
  return (values) => {
    const next = [...values];
    next[column - 1] = compute(live.map(({ number }) => values[number - 1] ?? null));
    return next;
  };
}
