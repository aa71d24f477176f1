-- 14..max server
SELECT current_setting('server_version_num')::int AS version_num,
       current_setting('server_version') AS version,
       pg_is_in_recovery() AS in_recovery,
       pg_postmaster_start_time() AS started,
       current_database()::text AS database,
       session_user::text AS "user",
       (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) AS superuser,
       pg_has_role(session_user, 'pg_read_all_stats', 'USAGE') AS reads_stats,
       pg_has_role(session_user, 'pg_signal_backend', 'USAGE') AS may_signal,
       (SELECT n.nspname::text FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
         WHERE e.extname = 'pg_stat_statements') AS statements_schema,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescale,
       current_setting('max_connections')::bigint AS max_connections,
       current_setting('superuser_reserved_connections')::bigint
         + coalesce(current_setting('reserved_connections', true)::bigint, 0) AS reserved_connections,
       current_setting('autovacuum') = 'on' AS autovacuum,
       current_setting('autovacuum_freeze_max_age')::bigint AS freeze_max_age,
       coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS encrypted,
       current_setting('statement_timeout') AS statement_timeout,
       current_setting('lock_timeout') AS lock_timeout,
       current_setting('default_transaction_read_only') AS read_only,
       extract(epoch FROM clock_timestamp())::float8 AS now_s
