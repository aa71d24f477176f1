-- 14..max replicas
SELECT coalesce(nullif(r.application_name, ''), r.pid::text) AS name, host(r.client_addr) AS client, r.state, r.sync_state,
       extract(epoch FROM r.replay_lag)::float8 AS lag_s,
       pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END,
                       r.replay_lsn)::bigint AS lag_bytes
  FROM pg_stat_replication r
 ORDER BY 6 DESC NULLS LAST, 1
 LIMIT 100
