-- 14..max locks
WITH waiting AS MATERIALIZED (
    SELECT pid, pg_blocking_pids(pid) AS blocked_by FROM pg_stat_activity WHERE wait_event_type = 'Lock'
), involved AS (
    SELECT pid FROM waiting WHERE cardinality(blocked_by) > 0
    UNION
    SELECT unnest(blocked_by) FROM waiting
)
SELECT i.pid, coalesce(w.blocked_by, '{}') AS blocked_by,
       a.datname::text AS database, a.usename::text AS "user", a.application_name AS application,
       host(a.client_addr) AS client, a.state, a.backend_start::text AS backend_start,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS xact_s,
       extract(epoch FROM clock_timestamp() - a.query_start)::float8 AS query_s,
       extract(epoch FROM clock_timestamp() - a.state_change)::float8 AS state_s,
       left(a.query, 2000) AS query,
       l.locktype AS lock_type, l.mode AS lock_mode, l.relation,
       extract(epoch FROM clock_timestamp() - l.waitstart)::float8 AS wait_s
  FROM involved i
  LEFT JOIN waiting w USING (pid)
  LEFT JOIN pg_stat_activity a USING (pid)
  LEFT JOIN LATERAL (
       SELECT k.locktype, k.mode, k.waitstart,
              CASE WHEN k.database IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
                   THEN (SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                          WHERE c.oid = k.relation)
                   ELSE k.relation::text END AS relation
         FROM pg_locks k WHERE k.pid = i.pid AND NOT k.granted LIMIT 1
  ) l ON true
