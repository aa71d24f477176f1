-- 14..max connections
SELECT a.datname::text AS database, a.usename::text AS "user", a.application_name AS application, a.state,
       count(*) AS count
  FROM pg_stat_activity a
 WHERE a.backend_type = 'client backend' OR a.backend_type IS NULL AND a.datid IS NOT NULL
 GROUP BY 1, 2, 3, 4
 ORDER BY 5 DESC
 LIMIT 1000
