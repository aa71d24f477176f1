-- 14..max horizon
SELECT 'session' AS kind, a.pid::text AS name, age(a.backend_xmin)::bigint AS age, a.datname::text AS database,
       a.usename::text AS "user", a.state, extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS since_s,
       left(a.query, 500) AS query
  FROM pg_stat_activity a
 WHERE a.backend_xmin IS NOT NULL AND a.pid <> pg_backend_pid() AND a.backend_type <> 'walsender'
   AND a.application_name NOT LIKE 'qd/%' AND a.query NOT LIKE 'autovacuum: VACUUM%'
UNION ALL
SELECT 'prepared transaction', x.gid, age(x.transaction)::bigint, x.database::text, x.owner::text, 'prepared',
       extract(epoch FROM clock_timestamp() - x.prepared)::float8, NULL
  FROM pg_prepared_xacts x
UNION ALL
SELECT 'slot', s.slot_name::text, greatest(age(s.xmin), age(s.catalog_xmin))::bigint, s.database::text, NULL,
       CASE WHEN s.active THEN 'active' ELSE 'inactive' END, NULL, NULL
  FROM pg_replication_slots s
 WHERE s.xmin IS NOT NULL OR s.catalog_xmin IS NOT NULL
UNION ALL
SELECT 'replica', r.application_name, age(r.backend_xmin)::bigint, NULL, r.usename::text, r.state,
       extract(epoch FROM clock_timestamp() - r.backend_start)::float8, NULL
  FROM pg_stat_replication r
 WHERE r.backend_xmin IS NOT NULL
 ORDER BY 3 DESC
 LIMIT 20
