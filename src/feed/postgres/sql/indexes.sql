-- 14..max indexes
SELECT * FROM (
    SELECT i.indexrelid::bigint AS oid, n.nspname::text AS schema, t.relname::text AS "table", c.relname::text AS name,
           c.relpages::bigint * current_setting('block_size')::bigint AS bytes, coalesce(s.idx_scan, 0) AS scans,
           NOT i.indisvalid AS invalid,
           i.indisvalid AND coalesce(s.idx_scan, 0) = 0 AND NOT i.indisunique AND c.relpages > 1
             AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid) AS unused,
           nullif(first_value(c.relname::text) OVER (
               PARTITION BY i.indrelid, i.indkey::text, i.indclass::text, i.indcollation::text, i.indoption::text,
                            i.indexprs::text, i.indpred::text, i.indnkeyatts, i.indisvalid, c.relam
               ORDER BY i.indisprimary DESC, i.indisunique DESC, i.indexrelid), c.relname::text) AS duplicate_of
      FROM pg_index i
      JOIN pg_class c ON c.oid = i.indexrelid
      JOIN pg_class t ON t.oid = i.indrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_stat_user_indexes s ON s.indexrelid = i.indexrelid
     WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname NOT LIKE 'pg_temp%'
) f
 WHERE f.invalid
    OR (f.unused OR f.duplicate_of IS NOT NULL) AND f.schema NOT LIKE '\_timescaledb%'
 ORDER BY f.invalid DESC, f.bytes DESC, f.oid
 LIMIT 200
