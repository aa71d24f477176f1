-- 14..16 work
WITH p AS (
    SELECT pid, 'vacuum' AS what, datname, relid, phase,
           CASE WHEN phase = 'scanning heap' THEN 100.0 * heap_blks_scanned / nullif(heap_blks_total, 0)
                WHEN phase = 'vacuuming heap' THEN 100.0 * heap_blks_vacuumed / nullif(heap_blks_total, 0)
                 END AS percent,
           index_vacuum_count AS index_rounds, NULL::bigint AS dead_bytes, NULL::bigint AS dead_bytes_max,
           NULL::bigint AS indexes_done, NULL::bigint AS indexes
      FROM pg_stat_progress_vacuum
    UNION ALL
    SELECT pid, 'analyze', datname, relid, phase, 100.0 * sample_blks_scanned / nullif(sample_blks_total, 0),
           NULL, NULL, NULL, NULL, NULL
      FROM pg_stat_progress_analyze
    UNION ALL
    SELECT pid, lower(command), datname, relid, phase,
           coalesce(100.0 * blocks_done / nullif(blocks_total, 0), 100.0 * lockers_done / nullif(lockers_total, 0)),
           NULL, NULL, NULL, NULL, NULL
      FROM pg_stat_progress_create_index
    UNION ALL
    SELECT pid, lower(command), datname, relid, phase, 100.0 * heap_blks_scanned / nullif(heap_blks_total, 0),
           NULL, NULL, NULL, NULL, NULL
      FROM pg_stat_progress_cluster
)
SELECT p.pid, p.what, p.datname::text AS database,
       coalesce((SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                  WHERE c.oid = p.relid AND p.datname = current_database()), p.relid::text) AS "table",
       coalesce(p.phase, 'not shown') AS phase, p.percent::float8 AS percent, p.index_rounds, p.dead_bytes::bigint AS dead_bytes,
       p.dead_bytes_max::bigint AS dead_bytes_max, p.indexes_done::bigint AS indexes_done, p.indexes::bigint AS indexes,
       coalesce(a.backend_type = 'autovacuum worker', false) AS autovacuum,
       coalesce(a.query LIKE '%(to prevent wraparound)', false) AS against_wraparound,
       extract(epoch FROM clock_timestamp() - a.query_start)::float8 AS since_s, a.application_name AS application
  FROM p LEFT JOIN pg_stat_activity a USING (pid)
 ORDER BY a.query_start NULLS LAST, p.pid
