-- 14..max standby
-- A receiver that has just begun names the start of its segment, which lies behind what has been replayed.
SELECT CASE WHEN pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn() THEN 0
            ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END::float8 AS lag_s,
       greatest(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), 0)::bigint AS lag_bytes,
       (SELECT status FROM pg_stat_wal_receiver LIMIT 1) AS receiver
 WHERE pg_is_in_recovery()
