-- 14..max activity
SELECT a.pid, a.leader_pid, a.backend_type, a.datname::text AS database, a.usename::text AS "user",
       a.application_name AS application, host(a.client_addr) AS client, a.state, a.wait_event_type, a.wait_event,
       a.query_id::text AS query_id, a.backend_start::text AS backend_start,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS xact_s,
       extract(epoch FROM clock_timestamp() - a.query_start)::float8 AS query_s,
       extract(epoch FROM clock_timestamp() - a.state_change)::float8 AS state_s,
       age(a.backend_xmin)::bigint AS xmin_age,
       left(a.query, 2000) AS query
  FROM pg_stat_activity a
 WHERE a.pid <> pg_backend_pid()
   AND coalesce(a.application_name, '') NOT LIKE 'qd/%'
   AND a.state IS DISTINCT FROM 'idle'
   AND (a.backend_type IN ('client backend', 'autovacuum worker', 'parallel worker', 'background worker')
        OR a.backend_type IS NULL AND a.datid IS NOT NULL)
   AND (a.backend_type <> 'background worker' OR a.state IS NOT NULL OR a.backend_type IS NULL)
 ORDER BY a.xact_start NULLS LAST, a.pid
 LIMIT 500
