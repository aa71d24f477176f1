-- 14..max hypertables
SELECT coalesce(min(p.oid) FILTER (WHERE NOT p.chunk), min(p.oid)) AS oid, p.schema, p.name,
       sum(p.live)::bigint AS live, sum(p.dead)::bigint AS dead, sum(p.modified)::bigint AS modified,
       sum(p.threshold) AS threshold, bool_and(p.autovacuum) AS autovacuum, sum(p.bytes)::bigint AS bytes,
       (array_agg(p.vacuumed ORDER BY p.ratio DESC))[1] AS vacuumed,
       (array_agg(p.analyzed ORDER BY p.ratio DESC))[1] AS analyzed,
       sum(p.vacuums)::bigint AS vacuums, max(p.frozen_age) AS frozen_age,
       CASE WHEN bool_or(p.chunk)
            THEN json_build_object('count', count(*) FILTER (WHERE p.chunk), 'ratio', max(p.ratio),
                                   'worst', (array_agg(p.part ORDER BY p.ratio DESC))[1]) END AS chunks
  FROM (
       SELECT s.relid::bigint AS oid, s.schemaname || '.' || s.relname AS part,
              coalesce(k.hypertable_schema, s.schemaname)::text AS schema,
              CASE WHEN z.compressed THEN regexp_replace(s.relname::text, '^compress_hyper_([0-9]+)_.*$', '_compressed_hypertable_\1')
                   ELSE coalesce(k.hypertable_name, s.relname)::text END AS name,
              z.compressed OR k.chunk_name IS NOT NULL AS chunk,
              s.n_live_tup AS live, s.n_dead_tup AS dead, s.n_mod_since_analyze AS modified,
              t.threshold, s.n_dead_tup / greatest(t.threshold, 1) AS ratio,
              coalesce(o.enabled, true) AND current_setting('autovacuum') = 'on' AS autovacuum,
              c.relpages::bigint * current_setting('block_size')::bigint AS bytes,
              greatest(s.last_vacuum, s.last_autovacuum) AS vacuumed,
              greatest(s.last_analyze, s.last_autoanalyze) AS analyzed,
              s.vacuum_count + s.autovacuum_count AS vacuums,
              CASE WHEN c.relfrozenxid = '0' THEN NULL ELSE age(c.relfrozenxid)::bigint END AS frozen_age
         FROM pg_stat_user_tables s
         JOIN pg_class c ON c.oid = s.relid
         LEFT JOIN timescaledb_information.chunks k ON k.chunk_schema = s.schemaname AND k.chunk_name = s.relname
        CROSS JOIN LATERAL (
              SELECT s.schemaname = '_timescaledb_internal' AND s.relname ~ '^compress_hyper_[0-9]+_[0-9]+_chunk$' AS compressed
         ) z
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
  ) p
 GROUP BY p.schema, p.name
 ORDER BY max(p.ratio) DESC, sum(p.dead) DESC, 1
 LIMIT 100
