-- 14..max statement_texts
SELECT s.queryid::text AS query_id, left(min(s.query), 4000) AS query
  FROM {schema}.pg_stat_statements(true) s
 WHERE s.queryid IN ({ids})
 GROUP BY s.queryid
