-- 17..max statements
SELECT s.userid::bigint AS user_id, s.dbid::bigint AS database_id, s.queryid::text AS query_id, s.toplevel AS top_level,
       pg_get_userbyid(s.userid)::text AS "user", d.datname::text AS database,
       s.calls::float8 AS calls, s.total_exec_time AS total_ms, s.rows::float8 AS rows,
       s.shared_blk_read_time + s.shared_blk_write_time + s.local_blk_read_time + s.local_blk_write_time AS io_ms,
       s.shared_blks_hit::float8 AS blocks_hit, s.shared_blks_read::float8 AS blocks_read,
       s.temp_blks_written::float8 AS temp_blocks, s.wal_bytes::float8 AS wal_bytes,
       s.max_exec_time AS max_ms, s.all_ms
  FROM (SELECT *, sum(total_exec_time) OVER () AS all_ms
          FROM {schema}.pg_stat_statements(false)
         WHERE queryid IS NOT NULL
         ORDER BY total_exec_time DESC
         LIMIT 1000) s
  LEFT JOIN pg_database d ON d.oid = s.dbid
 ORDER BY s.total_exec_time DESC
