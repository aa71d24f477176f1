-- 14..15 slots
SELECT s.slot_name::text AS name, s.slot_type AS kind, s.database::text AS database, s.active, s.wal_status,
       pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END,
                       s.restart_lsn)::bigint AS retained_bytes,
       s.safe_wal_size AS safe_bytes,
       NULL::float8 AS inactive_s,
       NULL::text AS invalid
  FROM pg_replication_slots s
 ORDER BY 6 DESC NULLS LAST, 1
 LIMIT 200
