-- 14..max statement_info
SELECT dealloc AS thrown_out, stats_reset::text AS stats_reset FROM {schema}.pg_stat_statements_info
