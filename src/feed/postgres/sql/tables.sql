-- 14..max tables
SELECT s.relid::bigint AS oid, s.schemaname::text AS schema, s.relname::text AS name,
       s.n_live_tup AS live, s.n_dead_tup AS dead, s.n_mod_since_analyze AS modified,
       t.threshold, coalesce(o.enabled, true) AND current_setting('autovacuum') = 'on' AS autovacuum,
       c.relpages::bigint * current_setting('block_size')::bigint AS bytes,
       greatest(s.last_vacuum, s.last_autovacuum) AS vacuumed,
       greatest(s.last_analyze, s.last_autoanalyze) AS analyzed,
       s.vacuum_count + s.autovacuum_count AS vacuums,
       CASE WHEN c.relfrozenxid = '0' THEN NULL ELSE age(c.relfrozenxid)::bigint END AS frozen_age
  FROM pg_stat_user_tables s
  JOIN pg_class c ON c.oid = s.relid
 CROSS JOIN LATERAL (
       SELECT max(option_value) FILTER (WHERE option_name = 'autovacuum_vacuum_threshold')::float8 AS base,
              max(option_value) FILTER (WHERE option_name = 'autovacuum_vacuum_scale_factor')::float8 AS scale,
              max(option_value) FILTER (WHERE option_name = 'autovacuum_vacuum_max_threshold')::float8 AS most,
              bool_and(option_value::bool) FILTER (WHERE option_name = 'autovacuum_enabled') AS enabled
         FROM pg_options_to_table(c.reloptions)
  ) o
 CROSS JOIN LATERAL (
       SELECT least(coalesce(o.base, current_setting('autovacuum_vacuum_threshold')::float8)
                      + coalesce(o.scale, current_setting('autovacuum_vacuum_scale_factor')::float8)
                        * greatest(c.reltuples, 0),
                    nullif(coalesce(o.most, current_setting('autovacuum_vacuum_max_threshold', true)::float8), -1)
              )::float8 AS threshold
  ) t
 ORDER BY s.n_dead_tup / greatest(t.threshold, 1) DESC, s.n_dead_tup DESC, s.relid
 LIMIT 100
