-- 14..max scanned
SELECT s.schemaname::text AS schema, s.relname::text AS name, s.seq_scan AS scans, s.seq_tup_read AS rows_read,
       coalesce(s.idx_scan, 0) AS index_scans, s.n_live_tup AS live,
       c.relpages::bigint * current_setting('block_size')::bigint AS bytes
  FROM pg_stat_user_tables s
  JOIN pg_class c ON c.oid = s.relid
 WHERE s.seq_scan > coalesce(s.idx_scan, 0) AND s.n_live_tup > 1000
 ORDER BY s.seq_tup_read DESC, s.relid
 LIMIT 50
