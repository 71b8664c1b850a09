/** The rows of every system relation. One that is not named here is empty, because what it lists does not exist in this database. */
import type { EvaluationContext } from "../../functions/context.js";
import { SqlArray } from "../../types/array.js";
import type { Datum } from "../../types/datum.js";
import { elementTypeOf, typeFactsOf } from "../../types/type-table.js";
import type { ColumnDefinition, TableDefinition } from "../model.js";
import { descriptionRows } from "./comments.js";
import { dependRows } from "./depend-rows.js";
import { ExpressionWorld } from "./expression-world.js";
import * as extension from "./extension-rows.js";
import * as information from "./information-schema.js";
import * as language from "./language-rows.js";
import { lockRows } from "./lock-rows.js";
import { operatorClassRows, operatorFamilyRows } from "./operator-classes.js";
import { columnPrivilegeRows, tablePrivilegeRows } from "./privilege-rows.js";
import * as relation from "./relation-rows.js";
import { systemRelationByOid } from "./relations.js";
import { ruleRows } from "./rule-rows.js";
import * as sequence from "./sequence-rows.js";
import { sequenceRow } from "./sequence-table.js";
import * as session from "./session-rows.js";
import * as statistics from "./statistics-rows.js";
import { enumRows, typeRows } from "./type-rows.js";
import type { SystemRow } from "./world.js";

type Producer = (world: ExpressionWorld, context: EvaluationContext) => Iterable<SystemRow>;

const ofDatabase =
  (rows: (world: ExpressionWorld, database: string) => Iterable<SystemRow>): Producer =>
  (world, context) =>
    rows(world, context.database);
const ofSession =
  (rows: (context: EvaluationContext) => Iterable<SystemRow>): Producer =>
  (_world, context) =>
    rows(context);
const fixed =
  (rows: () => Iterable<SystemRow>): Producer =>
  () =>
    rows();

const producers: Readonly<Record<string, Producer>> = {
  "pg_catalog.pg_class": relation.classRows,
  "pg_catalog.pg_attribute": relation.attributeRows,
  "pg_catalog.pg_attrdef": relation.defaultRows,
  "pg_catalog.pg_index": relation.indexRows,
  "pg_catalog.pg_constraint": relation.constraintRows,
  "pg_catalog.pg_depend": dependRows,
  "pg_catalog.pg_rewrite": ruleRows,
  "pg_catalog.pg_extension": extension.extensionRows,
  "pg_catalog.pg_available_extensions": fixed(extension.availableExtensionRows),
  "pg_catalog.pg_available_extension_versions": fixed(extension.availableVersionRows),
  "pg_catalog.pg_description": descriptionRows,
  "pg_catalog.pg_sequence": sequence.sequenceRows,
  "pg_catalog.pg_sequences": sequence.sequenceViewRows,
  "pg_catalog.pg_tables": relation.tableViewRows,
  "pg_catalog.pg_views": relation.viewViewRows,
  "pg_catalog.pg_matviews": relation.materializedViewRows,
  "pg_catalog.pg_indexes": relation.indexViewRows,
  "pg_catalog.pg_namespace": session.schemaRows,
  "pg_catalog.pg_type": typeRows,
  "pg_catalog.pg_enum": enumRows,
  "pg_catalog.pg_proc": language.procedureRows,
  "pg_catalog.pg_operator": fixed(language.operatorRows),
  "pg_catalog.pg_cast": fixed(language.castRows),
  "pg_catalog.pg_aggregate": fixed(language.aggregateRows),
  "pg_catalog.pg_am": fixed(language.accessMethodRows),
  "pg_catalog.pg_language": fixed(language.languageRows),
  "pg_catalog.pg_collation": fixed(language.collationRows),
  "pg_catalog.pg_opclass": fixed(operatorClassRows),
  "pg_catalog.pg_opfamily": fixed(operatorFamilyRows),
  "pg_catalog.pg_timezone_names": (_world, context) => language.zoneNameRows(context.transactionTime),
  "pg_catalog.pg_timezone_abbrevs": fixed(language.zoneAbbreviationRows),
  "pg_catalog.pg_database": ofSession(session.databaseRows),
  "pg_catalog.pg_db_role_setting": ofSession(session.defaultRows),
  "pg_catalog.pg_shdescription": ofSession(session.sharedDescriptionRows),
  "pg_catalog.pg_default_acl": session.defaultAclRows,
  "pg_catalog.pg_locks": ofSession(lockRows),
  "pg_catalog.pg_cursors": ofSession(session.cursorRows),
  "pg_catalog.pg_prepared_statements": ofSession(session.preparedRows),
  "pg_catalog.pg_tablespace": fixed(session.tablespaceRows),
  "pg_catalog.pg_roles": ofSession(session.shownRoleRows),
  "pg_catalog.pg_authid": ofSession((context) => session.roleRows(context)),
  "pg_catalog.pg_auth_members": ofSession(session.membershipRows),
  "pg_catalog.pg_group": ofSession(session.groupRows),
  "pg_catalog.pg_user": ofSession(session.userRows),
  "pg_catalog.pg_shadow": ofSession(session.userRows),
  "pg_catalog.pg_settings": ofSession(session.settingRows),
  "pg_catalog.pg_stat_activity": (world, context) => session.activityRows(context, world),
  "pg_catalog.pg_stat_ssl": ofSession(session.tlsRows),
  "pg_catalog.pg_stat_gssapi": ofSession(session.gssapiRows),
  // One row, of which nothing is counted.
  "pg_catalog.pg_stat_bgwriter": fixed(() => [{}]),
  "pg_catalog.pg_stat_archiver": fixed(() => [{}]),
  "pg_catalog.pg_stat_wal": fixed(() => [{}]),
  "pg_catalog.pg_stat_database": ofSession(statistics.databaseStatisticsRows),
  "pg_catalog.pg_stat_all_tables": statistics.allTableRows,
  "pg_catalog.pg_stat_sys_tables": statistics.systemTableRows,
  "pg_catalog.pg_stat_user_tables": statistics.userTableRows,
  "pg_catalog.pg_statio_all_tables": statistics.allTableRows,
  "pg_catalog.pg_statio_sys_tables": statistics.systemTableRows,
  "pg_catalog.pg_statio_user_tables": statistics.userTableRows,
  "pg_catalog.pg_statio_all_indexes": statistics.indexRows,
  "pg_catalog.pg_statio_user_indexes": statistics.indexRows,
  "pg_catalog.pg_statio_all_sequences": statistics.sequenceRows,
  "pg_catalog.pg_statio_user_sequences": statistics.sequenceRows,
  "pg_catalog.pg_stat_all_indexes": statistics.indexRows,
  "pg_catalog.pg_stat_user_indexes": statistics.indexRows,
  "information_schema.columns": ofDatabase(information.columnRows),
  "information_schema.tables": ofDatabase(information.tableRows),
  "information_schema.views": ofDatabase(information.viewRows),
  "information_schema.domains": ofDatabase(information.domainRows),
  "information_schema.domain_constraints": ofDatabase(information.domainConstraintRows),
  "information_schema.schemata": ofDatabase(information.schemataRows),
  "information_schema.table_constraints": ofDatabase(information.tableConstraintRows),
  "information_schema.key_column_usage": ofDatabase(information.keyColumnRows),
  "information_schema.referential_constraints": ofDatabase(information.referentialRows),
  "information_schema.constraint_column_usage": ofDatabase(information.constraintColumnRows),
  "information_schema.constraint_table_usage": ofDatabase(information.constraintTableRows),
  "information_schema.check_constraints": ofDatabase(information.checkRows),
  "information_schema.sequences": ofDatabase(information.sequenceInformationRows),
  "information_schema.user_defined_types": ofDatabase(information.userDefinedTypeRows),
  "information_schema.attributes": ofDatabase(information.attributeRows),
  "information_schema.element_types": ofDatabase(information.elementTypeRows),
  "information_schema.table_privileges": tablePrivilegeRows,
  "information_schema.role_table_grants": tablePrivilegeRows,
  "information_schema.column_privileges": columnPrivilegeRows,
  "information_schema.role_column_grants": columnPrivilegeRows,
  "information_schema.information_schema_catalog_name": (_world, context) => [{ catalog_name: context.database }],
  "information_schema.enabled_roles": ofSession(information.enabledRoleRows),
  "information_schema.applicable_roles": ofSession(information.applicableRoleRows),
  "information_schema.administrable_role_authorizations": ofSession(information.administrableRoleRows),
};

/** What stands in a column that is never NULL and that a row leaves out. */
function nothing({ type, isNotNull }: ColumnDefinition): Datum {
  if (!isNotNull) return null;
  const facts = typeFactsOf(type.oid);
  const element = elementTypeOf(type.oid);
  if (element !== 0) return new SqlArray(element, []);
  if (facts?.category === "B") return false;
  return facts?.category === "N" || facts?.length === 4 || facts?.length === 8 ? 0 : "";
}

/** Rows of a system relation, each with a value for every column. */
export function* systemRows(table: TableDefinition, context: EvaluationContext): Iterable<readonly Datum[]> {
  const found = systemRelationByOid(table.oid);
  if (found === null) {
    yield sequenceRow(table.oid, context);
    return;
  }
  const producer = producers[`${found.schema}.${table.name}`];
  if (producer === undefined) return;
  const columns = table.columns.map((column) => ({ name: column.name, nothing: nothing(column) }));
  for (const row of producer(new ExpressionWorld(context), context))
    yield columns.map(({ name, nothing: absent }) => {
      const value = row[name];
      return value === undefined || value === null ? absent : value;
    });
}
