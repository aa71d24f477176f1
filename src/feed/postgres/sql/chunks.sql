-- 14..max chunks
SELECT k.chunk_schema::text || '.' || k.chunk_name::text AS chunk,
       k.hypertable_schema::text AS schema, k.hypertable_name::text AS name
  FROM timescaledb_information.chunks k
