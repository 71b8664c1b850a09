/**
 * Reads from a running PostgreSQL 15 the numbers and signatures that clients hard-code (oids of types, functions, operators and casts),
 * and writes them as the tables in `runtime/query/functions/facts/`. Run by hand when another server version is to be answered for:
 *
 *   npm run build && node dist/test/query/postgres/facts.js
 */
import { writeFileSync } from "node:fs";
import { withPostgres } from "./server.js";

const supportedTypes = `
  select oid, typname from pg_type where typnamespace = 'pg_catalog'::regnamespace and (typname in (
    'bool','bytea','char','name','int8','int2','int2vector','int4','regproc','text','oid','tid','xid','cid','oidvector','json','float4',
    'float8','unknown','bpchar','varchar','date','time','timestamp','timestamptz','interval','timetz','numeric','refcursor','regprocedure',
    'regoper','regoperator','regclass','regtype','uuid','jsonb','regnamespace','regrole','record','void','trigger','any','anyarray',
    'anyelement','anynonarray','anyenum','anycompatible','anycompatiblearray','anycompatiblenonarray','cstring','xid8','pg_lsn','aclitem',
    'pg_node_tree','event_trigger','_record','jsonpath','inet','cidr','bit','varbit',
    'macaddr','macaddr8','money')
    or typcategory = 'A' and typelem in (select oid from pg_type where typname in (
    'bool','bytea','char','name','int8','int2','int4','text','oid','json','float4','float8','bpchar','varchar','date','time','timestamp',
    'timestamptz','interval','timetz','numeric','uuid','jsonb','record','regclass','regtype','regproc','regprocedure','regnamespace',
    'regrole','xid','cid','tid','aclitem','jsonpath','inet','cidr','bit','varbit',
    'macaddr','macaddr8','money')))`;

const typesQuery = `
  with sup as (${supportedTypes})
  select concat_ws(' ', t.oid, t.typname, t.typlen, left(t.typbyval::text, 1), t.typtype, t.typcategory, left(t.typispreferred::text, 1),
    t.typdelim, t.typelem, t.typarray, t.typinput::oid, t.typoutput::oid, t.typreceive::oid, t.typsend::oid, t.typmodin::oid,
    t.typmodout::oid, t.typalign, t.typstorage, t.typcollation)
  from pg_type t join sup using (oid) order by t.oid`;

const castsQuery = `
  with sup as (${supportedTypes})
  select concat_ws(' ', c.oid, c.castsource, c.casttarget, c.castfunc, c.castcontext, c.castmethod)
  from pg_cast c where castsource in (select oid from sup) and casttarget in (select oid from sup) order by castsource, casttarget`;

const operatorsQuery = `
  with sup as (${supportedTypes})
  select concat_ws(' ', o.oid, o.oprname, oprleft, oprright, oprresult, oprcode::oid, oprcom, oprnegate,
    left(oprcanmerge::text, 1), left(oprcanhash::text, 1))
  from pg_operator o
  where oprleft in (select oid from sup union select 0) and oprright in (select oid from sup) and oprresult in (select oid from sup)
  order by o.oid`;

const unwanted =
  "^(hash(?!(text|int[48])(extended)?$|int2$)|gin|gist|brin|spg|bthandler|btree|amvalidate|pg_indexam_progress|pg_stat_(?!get_|clear_|reset)|pg_logical|pg_replication|binary_upgrade|lo_|lo(read|write)|" +
  "RI_|pg_event_trigger|pg_ls_|pg_read_|pg_copy_|pg_create_|pg_drop_|pg_walfile|pg_wal_replay_(pause|resume)|pg_get_(multixact|shmem|" +
  "publication|replication|backend_memory|catalog_foreign|wal)|pg_(hba|ident)_file|pg_show_(all_file|replication)|ts_|tsvector|fmgr_|" +
  "postgresql_fdw|plpgsql|pg_backup|pg_extension|pg_import|pg_rotate|pg_safe_snap|pg_isolation|pg_promote|pg_log_|pg_nextoid|pg_stop_making|" +
  "currtid|xml|.*range_subdiff|.*_combine$|.*_accum$|.*_accum_inv$|.*_hash(_extended)?$|.*(sel|joinsel|_support|sortsupport)$|in_range)";

/** Rows of catalogs that functions are given: they are records here, where tables are no types. */
const rowTypes = "'pg_attribute'::regtype, 'pg_type'::regtype";

const proceduresQuery = `
  with sup as (${supportedTypes}),
  io as (select unnest(array[typinput, typoutput, typreceive, typsend, typmodin, typmodout]::oid[]) as oid from pg_type join sup using (oid)
    union select unnest(array['enum_in', 'enum_out', 'enum_recv', 'domain_in', 'domain_recv']::regproc[]))
  select concat_ws(' ', p.oid,
    case when p.pronamespace = 'information_schema'::regnamespace then 'information_schema.' else '' end || p.proname || '(' ||
      coalesce((select string_agg(case when a.oid in (${rowTypes}) then 'record' else a.typname end, ',' order by o)
        from unnest(p.proargtypes) with ordinality as u (oid, o) join pg_type a using (oid)), '') || ')',
    r.typname, p.prokind,
    p.provolatile::text || case when p.proisstrict then 's' else '' end || case when p.proretset then 'r' else '' end
      || case when ag.aggkind <> 'n' then ag.aggkind::text || ag.aggnumdirectargs else '' end,
    case when p.pronargdefaults > 0 then 'd=' || p.pronargdefaults end,
    case when p.provariadic > 0 then 'v=' || (select typname from pg_type where oid = p.provariadic) end,
    'out=' || (select string_agg(n || ':' || a.typname, ',' order by o)
       from unnest(p.proallargtypes, p.proargmodes, p.proargnames) with ordinality as u (oid, m, n, o) join pg_type a using (oid) where m in ('o', 't', 'b')),
    'in=' || (select string_agg(n, ',' order by o)
       from unnest(p.proargnames, p.proargmodes) with ordinality as u (n, m, o) where (m is null or m in ('i', 'v', 'b')) and o <= p.pronargs and n <> '')
  )
  from pg_proc p join sup r on r.oid = p.prorettype left join pg_aggregate ag on ag.aggfnoid = p.oid
  where not exists (select from unnest(p.proargtypes) a where a not in (select oid from sup union select ${rowTypes.replace(", ", " union select ")})
      and a <> 'internal'::regtype)
    and p.pronamespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
    and (p.oid in (select oid from io) or p.proname !~ '${unwanted}'
      and not (p.prorettype = 'cstring'::regtype or 'cstring'::regtype = any (p.proargtypes) or 'internal'::regtype = any (p.proargtypes)))
  order by p.oid`;

/** What can be called by its name. */
const namesQuery = `
  select distinct proname from pg_proc where pronamespace = 'pg_catalog'::regnamespace
    and not proargtypes::oid[] && array['internal'::regtype::oid, 'cstring'::regtype::oid]
    and prorettype not in ('internal'::regtype, 'cstring'::regtype, 'trigger'::regtype, 'event_trigger'::regtype)
  order by proname`;

/** System relations that there are here too: with rows, or truly empty because what they list does not exist. */
const relations = `
  pg_class pg_attribute pg_type pg_namespace pg_proc pg_operator pg_cast pg_aggregate pg_index pg_constraint pg_attrdef pg_depend pg_shdepend
  pg_description pg_shdescription pg_roles pg_authid pg_user pg_shadow pg_group pg_auth_members pg_database pg_tablespace pg_settings pg_am
  pg_language pg_collation pg_opclass pg_opfamily pg_amop pg_amproc pg_sequence pg_sequences pg_tables pg_views pg_matviews pg_indexes
  pg_locks pg_timezone_names pg_timezone_abbrevs pg_trigger pg_rewrite pg_rules pg_inherits pg_policy pg_policies pg_publication
  pg_publication_rel pg_publication_namespace pg_publication_tables pg_subscription pg_subscription_rel pg_event_trigger pg_extension
  pg_available_extensions pg_enum pg_range pg_statistic_ext pg_foreign_table pg_foreign_server pg_foreign_data_wrapper pg_user_mapping
  pg_user_mappings pg_partitioned_table pg_conversion pg_ts_config pg_ts_dict pg_ts_parser pg_ts_template pg_default_acl pg_seclabel
  pg_seclabels pg_shseclabel pg_transform pg_init_privs pg_prepared_xacts pg_cursors pg_prepared_statements pg_largeobject_metadata
  pg_db_role_setting pg_stat_activity pg_stat_database pg_stat_all_tables pg_stat_user_tables pg_stat_sys_tables pg_statio_all_tables
  pg_statio_user_tables pg_stat_all_indexes pg_stat_user_indexes pg_stat_ssl pg_stat_gssapi pg_stat_bgwriter
  pg_stat_archiver pg_stat_wal pg_stat_slru pg_stat_database_conflicts pg_stat_sys_indexes pg_statio_all_indexes pg_statio_user_indexes
  pg_statio_sys_tables pg_statio_sys_indexes pg_statio_all_sequences pg_statio_user_sequences pg_statio_sys_sequences
  pg_stat_subscription_stats pg_stat_replication_slots pg_stat_recovery_prefetch pg_available_extension_versions pg_hba_file_rules
  pg_ident_file_mappings pg_file_settings pg_config pg_shmem_allocations pg_backend_memory_contexts
  pg_parameter_acl pg_statistic pg_stats pg_statistic_ext_data pg_stats_ext pg_stats_ext_exprs pg_largeobject pg_replication_slots
  pg_replication_origin pg_stat_replication pg_stat_wal_receiver pg_stat_subscription pg_stat_progress_vacuum pg_stat_progress_analyze
  pg_stat_progress_create_index pg_stat_progress_cluster pg_stat_progress_copy pg_stat_progress_basebackup pg_stat_user_functions
  tables columns views schemata table_constraints key_column_usage referential_constraints constraint_column_usage constraint_table_usage
  check_constraints sequences routines parameters triggers triggered_update_columns domains domain_constraints element_types
  column_privileges table_privileges role_table_grants role_column_grants usage_privileges information_schema_catalog_name enabled_roles
  applicable_roles administrable_role_authorizations character_sets collations collation_character_set_applicability view_column_usage
  view_table_usage view_routine_usage user_defined_types attributes column_domain_usage column_udt_usage data_type_privileges
  foreign_tables foreign_servers foreign_data_wrappers foreign_table_options foreign_server_options foreign_data_wrapper_options
  column_options user_mappings user_mapping_options transforms role_routine_grants routine_privileges`;

const relationsQuery = `
  with sup as (${supportedTypes})
  select c.oid || ' ' || n.nspname || '.' || c.relname || ' ' || c.relkind::text || ' ' || (
    select string_agg(a.attname || ':' || coalesce(s.typname, b.typname, case when t.typcategory = 'A' then '_text' else 'text' end)
      || case when a.attnotnull then '!' else '' end, ' ' order by a.attnum)
    from pg_attribute a join pg_type t on t.oid = a.atttypid left join sup s on s.oid = a.atttypid
      left join sup b on b.oid = t.typbasetype and t.typtype = 'd'
    where a.attrelid = c.oid and a.attnum > 0)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname in ('pg_catalog', 'information_schema') and c.relname in ('${relations.trim().split(/\s+/u).join("','")}')
  order by n.nspname desc, c.relname`;

const keywordsQuery = `
  select concat_ws(' ', catcode, left(barelabel::text, 1), string_agg(word, ' ' order by word)) from pg_get_keywords()
  group by catcode, barelabel order by catcode, barelabel`;

const tables = [
  {
    folder: "runtime/query/catalog/system/facts",
    file: "keywords",
    constant: "keywordFacts",
    query: keywordsQuery,
    legend: "category (U unreserved, C, T, R reserved), whether it can be a label without AS, then the words",
  },
  {
    folder: "runtime/query/catalog/system/facts",
    file: "relations",
    constant: "relationFacts",
    query: relationsQuery,
    legend: "oid schema.name kind (r table, v view), then name:type of each column, with ! where it is never NULL",
  },
  {
    folder: "runtime/query/types/facts",
    file: "types",
    constant: "typeFacts",
    query: typesQuery,
    legend:
      "oid name length isByValue kind category isPreferred delimiter element array input output receive send modifierIn modifierOut align storage collation",
  },
  {
    folder: "runtime/query/functions/facts",
    file: "casts",
    constant: "castFacts",
    query: castsQuery,
    legend: "oid source target function context method",
  },
  {
    folder: "runtime/query/functions/facts",
    file: "operators",
    constant: "operatorFacts",
    query: operatorsQuery,
    legend: "oid name left right result function commutator negator canMerge canHash",
  },
  {
    folder: "runtime/query/functions/facts",
    file: "procedures",
    constant: "procedureFacts",
    query: proceduresQuery,
    legend:
      "oid name(arguments) result kind (f function, a aggregate, w window) flags (i s v volatility, s strict, r set, o/h ordered-set with direct arguments) d=defaults v=variadic element out=columns in=argument names",
  },
] as const;

function write(folder: string, file: string, constant: string, legend: string, lines: readonly string[]): void {
  const text = `/**\n * Facts of PostgreSQL 15, one a line, written by \`test/query/postgres/facts.ts\`:\n *\n * ${legend}\n */\nexport const ${constant} = \`\n${lines.join("\n").replaceAll("\\", "\\\\").replaceAll("`", "\\`")}\n\`;\n`;
  writeFileSync(`${folder}/${file}.ts`, text);
  console.log(`${file}: ${lines.length}`);
}

await withPostgres(async (postgres) => {
  const known = new Set<string>();
  for (const { folder, file, constant, query, legend } of tables) {
    const lines = (await postgres.lines(query)).map((line) => line.trimEnd());
    write(folder, file, constant, legend, lines);
    if (file === "procedures") for (const line of lines) known.add(/^\d+ ([^(]+)\(/u.exec(line)?.[1] ?? "");
  }
  const absent = (await postgres.lines(namesQuery)).map((line) => line.trim()).filter((name) => !known.has(name));
  const folder = "runtime/query/functions/facts";
  write(folder, "absent", "absentFunctionFacts", "names of functions that are not here, with any arguments", absent);
});
