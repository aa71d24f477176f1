-- 14..max databases
SELECT d.datname::text AS name, age(d.datfrozenxid)::bigint AS age, mxid_age(d.datminmxid)::bigint AS multixact_age,
       current_setting('autovacuum_freeze_max_age')::bigint AS freeze_max_age,
       current_setting('autovacuum_multixact_freeze_max_age')::bigint AS multixact_freeze_max_age
  FROM pg_database d
 ORDER BY age(d.datfrozenxid) DESC, d.datname
 LIMIT 200
