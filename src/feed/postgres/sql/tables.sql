-- 14..max tables
WITH own AS (
    SELECT c.oid, max(o.option_value) FILTER (WHERE o.option_name = 'autovacuum_vacuum_threshold')::float8 AS base,
           max(o.option_value) FILTER (WHERE o.option_name = 'autovacuum_vacuum_scale_factor')::float8 AS scale,
           max(o.option_value) FILTER (WHERE o.option_name = 'autovacuum_vacuum_max_threshold')::float8 AS most,
           bool_and(o.option_value::bool) FILTER (WHERE o.option_name = 'autovacuum_enabled') AS enabled
      FROM pg_class c CROSS JOIN LATERAL pg_options_to_table(c.reloptions) o
     WHERE c.reloptions IS NOT NULL
     GROUP BY c.oid
), worst AS (
    SELECT d.oid, d.dead, t.threshold, coalesce(o.enabled, true) AS enabled
      FROM (SELECT c.oid, c.reltuples, pg_stat_get_dead_tuples(c.oid) AS dead
              FROM pg_class c
             WHERE c.relkind IN ('r', 'm', 'p') AND c.relnamespace NOT IN (
                   SELECT n.oid FROM pg_namespace n
                    WHERE n.nspname IN ('pg_catalog', 'information_schema') OR n.nspname LIKE 'pg\_toast%')) d
      LEFT JOIN own o ON o.oid = d.oid
     CROSS JOIN (SELECT current_setting('autovacuum_vacuum_threshold')::float8 AS base,
                        current_setting('autovacuum_vacuum_scale_factor')::float8 AS scale,
                        current_setting('autovacuum_vacuum_max_threshold', true)::float8 AS most) g
     CROSS JOIN LATERAL (
           SELECT least(coalesce(o.base, g.base) + coalesce(o.scale, g.scale) * greatest(d.reltuples, 0),
                        nullif(coalesce(o.most, g.most), -1))::float8 AS threshold
     ) t
     ORDER BY d.dead / greatest(t.threshold, 1) DESC, d.dead DESC, d.oid
     LIMIT 100
)
SELECT c.oid::bigint AS oid, n.nspname::text AS schema, c.relname::text AS name,
       pg_stat_get_live_tuples(c.oid) AS live, w.dead, pg_stat_get_mod_since_analyze(c.oid) AS modified,
       w.threshold, w.enabled AND current_setting('autovacuum') = 'on' AS autovacuum,
       c.relpages::bigint * current_setting('block_size')::bigint AS bytes,
       greatest(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid)) AS vacuumed,
       greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)) AS analyzed,
       pg_stat_get_vacuum_count(c.oid) + pg_stat_get_autovacuum_count(c.oid) AS vacuums,
       CASE WHEN c.relfrozenxid = '0' THEN NULL ELSE age(c.relfrozenxid)::bigint END AS frozen_age
  FROM worst w
  JOIN pg_class c ON c.oid = w.oid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 ORDER BY w.dead / greatest(w.threshold, 1) DESC, w.dead DESC, w.oid
