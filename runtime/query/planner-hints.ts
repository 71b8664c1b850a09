/** Parameters of PostgreSQL that plans here do without, and those that do not exist here. */

/** Hints to PostgreSQL's planner: name, what they are at first, their kind, and the least and greatest of numbers. */
export const plannerHints = `
constraint_exclusion partition partition,on,off
cpu_index_tuple_cost 0.005 real 0 1.79769e308
cpu_operator_cost 0.0025 real 0 1.79769e308
cpu_tuple_cost 0.01 real 0 1.79769e308
cursor_tuple_fraction 0.1 real 0 1
default_statistics_target 100 integer 1 10000
effective_cache_size 4GB kB 8 2147483647
effective_io_concurrency 1 integer 0 1000
enable_async_append on boolean
enable_gathermerge on boolean
enable_incremental_sort on boolean
enable_material on boolean
enable_memoize on boolean
enable_parallel_append on boolean
enable_parallel_hash on boolean
enable_partition_pruning on boolean
enable_partitionwise_aggregate off boolean
enable_partitionwise_join off boolean
enable_tidscan on boolean
from_collapse_limit 8 integer 1 2147483647
geqo_effort 5 integer 1 10
geqo_generations 0 integer 0 2147483647
geqo_pool_size 0 integer 0 2147483647
geqo_seed 0 real 0 1
geqo_selection_bias 2 real 1.5 2
geqo_threshold 12 integer 2 2147483647
hash_mem_multiplier 2 real 1 1000
jit_above_cost 100000 real -1 1.79769e308
jit_inline_above_cost 500000 real -1 1.79769e308
jit_optimize_above_cost 500000 real -1 1.79769e308
join_collapse_limit 8 integer 1 2147483647
max_parallel_maintenance_workers 2 integer 0 1024
max_parallel_workers 8 integer 0 1024
max_parallel_workers_per_gather 2 integer 0 1024
min_parallel_index_scan_size 512kB kB 0 2147483647
min_parallel_table_scan_size 8MB kB 0 2147483647
parallel_leader_participation on boolean
parallel_setup_cost 1000 real 0 1.79769e308
parallel_tuple_cost 0.1 real 0 1.79769e308
recursive_worktable_factor 10 real 0.001 1000000
seq_page_cost 1 real 0 1.79769e308
temp_buffers 8MB kB 800 2147483647
`;

/** What a session of PostgreSQL 15 may set, too: refused by its name. */
export const parametersNotDone: ReadonlySet<string> = new Set(
  `allow_in_place_tablespaces allow_system_table_mods backend_flush_after backtrace_functions client_connection_check_interval commit_delay
  commit_siblings composite_type_mismatch compute_query_id deadlock_timeout debug_discard_caches debug_pretty_print debug_print_parse
  debug_print_plan debug_print_rewritten default_text_search_config default_toast_compression dynamic_library_path exit_on_error
  extension_destdir force_parallel_mode gin_fuzzy_search_limit gin_pending_list_limit ignore_checksum_failure jit_dump_bitcode jit_expressions
  jit_tuple_deforming lo_compat_privileges local_preload_libraries log_duration log_error_verbosity log_executor_stats log_lock_waits
  log_min_duration_sample log_min_duration_statement log_min_error_statement log_min_messages log_parameter_max_length
  log_parameter_max_length_on_error log_parser_stats log_planner_stats log_replication_commands log_statement log_statement_sample_rate
  log_statement_stats log_temp_files log_transaction_sample_rate logical_decoding_work_mem maintenance_io_concurrency max_stack_depth
  output_plugin_libraries restrict_nonsystem_relation_kind session_preload_libraries stats_fetch_consistency
  tcp_keepalives_count tcp_keepalives_idle tcp_keepalives_interval tcp_user_timeout temp_file_limit temp_tablespaces timezone_abbreviations
  trace_notify trace_sort track_activities track_counts track_functions track_io_timing track_wal_io_timing update_process_title
  vacuum_cost_delay vacuum_cost_limit vacuum_cost_page_dirty vacuum_cost_page_hit vacuum_cost_page_miss vacuum_failsafe_age
  vacuum_freeze_min_age vacuum_freeze_table_age vacuum_multixact_failsafe_age vacuum_multixact_freeze_min_age
  vacuum_multixact_freeze_table_age wal_compression wal_consistency_checking wal_init_zero wal_recycle wal_sender_timeout wal_skip_threshold
  xmlbinary zero_damaged_pages`.split(/\s+/u),
);
