//! Hypertables of TimescaleDB: many tables that are one. Debian has no package of the extension, so its catalog and the
//! view that this console reads are laid out as the extension has them, as an extension of that name.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod postgres_support;

use postgres_support::{Pg, Running};

/// `_timescaledb_catalog` as of 2.17 with the columns that the view needs; `timescaledb_information.chunks` with its
/// documented columns, leaving out dropped chunks and those of the internal hypertables that hold compressed data.
const LAYOUT: &str = "
CREATE SCHEMA _timescaledb_catalog;
CREATE SCHEMA _timescaledb_internal;
CREATE SCHEMA timescaledb_information;
CREATE TABLE _timescaledb_catalog.hypertable (
    id serial PRIMARY KEY, schema_name name NOT NULL, table_name name NOT NULL,
    associated_schema_name name NOT NULL DEFAULT '_timescaledb_internal', associated_table_prefix name,
    num_dimensions smallint NOT NULL DEFAULT 1, compression_state smallint NOT NULL DEFAULT 0,
    compressed_hypertable_id int, status int NOT NULL DEFAULT 0, UNIQUE (table_name, schema_name));
CREATE TABLE _timescaledb_catalog.dimension (
    id serial PRIMARY KEY, hypertable_id int NOT NULL REFERENCES _timescaledb_catalog.hypertable, column_name name NOT NULL,
    column_type regtype NOT NULL, aligned bool NOT NULL DEFAULT true, interval_length bigint);
CREATE TABLE _timescaledb_catalog.dimension_slice (
    id serial PRIMARY KEY, dimension_id int NOT NULL REFERENCES _timescaledb_catalog.dimension,
    range_start bigint NOT NULL, range_end bigint NOT NULL);
CREATE TABLE _timescaledb_catalog.chunk (
    id serial PRIMARY KEY, hypertable_id int NOT NULL REFERENCES _timescaledb_catalog.hypertable,
    schema_name name NOT NULL, table_name name NOT NULL, compressed_chunk_id int, dropped bool NOT NULL DEFAULT false,
    status int NOT NULL DEFAULT 0, osm_chunk bool NOT NULL DEFAULT false, creation_time timestamptz,
    UNIQUE (schema_name, table_name));
CREATE TABLE _timescaledb_catalog.chunk_constraint (
    chunk_id int NOT NULL REFERENCES _timescaledb_catalog.chunk,
    dimension_slice_id int REFERENCES _timescaledb_catalog.dimension_slice, constraint_name name NOT NULL);
CREATE VIEW timescaledb_information.chunks AS
SELECT f.hypertable_schema, f.hypertable_name, f.chunk_schema, f.chunk_name, f.primary_dimension, f.primary_dimension_type,
       f.range_start, f.range_end, NULL::bigint AS range_start_integer, NULL::bigint AS range_end_integer,
       f.is_compressed, NULL::name AS chunk_tablespace, f.chunk_creation_time
  FROM (SELECT h.schema_name AS hypertable_schema, h.table_name AS hypertable_name, c.schema_name AS chunk_schema,
               c.table_name AS chunk_name, d.column_name AS primary_dimension, d.column_type AS primary_dimension_type,
               row_number() OVER (PARTITION BY k.chunk_id ORDER BY d.id) AS nth,
               to_timestamp(s.range_start / 1e6) AS range_start, to_timestamp(s.range_end / 1e6) AS range_end,
               c.status & 1 = 1 AS is_compressed, c.creation_time AS chunk_creation_time
          FROM _timescaledb_catalog.chunk c
          JOIN _timescaledb_catalog.hypertable h ON h.id = c.hypertable_id
          JOIN _timescaledb_catalog.chunk_constraint k ON k.chunk_id = c.id
          JOIN _timescaledb_catalog.dimension d ON d.hypertable_id = h.id
          JOIN _timescaledb_catalog.dimension_slice s ON s.dimension_id = d.id AND s.id = k.dimension_slice_id
          JOIN (SELECT r.relname, n.nspname FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace) r
            ON r.relname = c.table_name AND r.nspname = c.schema_name
         WHERE NOT c.dropped AND h.compression_state <> 2) f
 WHERE f.nth = 1;
GRANT USAGE ON SCHEMA timescaledb_information, _timescaledb_catalog, _timescaledb_internal TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA timescaledb_information, _timescaledb_catalog TO PUBLIC;
";

/// `readings` with 150 chunks (more than the view lists), the 7th with many dead rows, and a compressed one; and one
/// ordinary table.
const DATA: &str = "
CREATE TABLE readings (at timestamptz NOT NULL, device int, value float8);
INSERT INTO _timescaledb_catalog.hypertable (id, schema_name, table_name, compression_state, compressed_hypertable_id)
    VALUES (1, 'public', 'readings', 1, 2), (2, '_timescaledb_internal', '_compressed_hypertable_2', 2, NULL);
INSERT INTO _timescaledb_catalog.dimension (id, hypertable_id, column_name, column_type) VALUES (1, 1, 'at', 'timestamptz'::regtype);
CREATE TABLE _timescaledb_internal._compressed_hypertable_2 ();
DO $$ BEGIN
    FOR n IN 1..150 LOOP
        EXECUTE format('CREATE TABLE _timescaledb_internal._hyper_1_%s_chunk () INHERITS (public.readings)', n);
        EXECUTE format('INSERT INTO _timescaledb_internal._hyper_1_%s_chunk SELECT now(), g, g FROM generate_series(1, 100) g', n);
        INSERT INTO _timescaledb_catalog.dimension_slice VALUES (n, 1, n * 1000000, (n + 1) * 1000000);
        INSERT INTO _timescaledb_catalog.chunk (id, hypertable_id, schema_name, table_name)
            VALUES (n, 1, '_timescaledb_internal', format('_hyper_1_%s_chunk', n));
        INSERT INTO _timescaledb_catalog.chunk_constraint VALUES (n, n, format('constraint_%s', n));
    END LOOP;
    FOR n IN 151..152 LOOP
        EXECUTE format('CREATE TABLE _timescaledb_internal.compress_hyper_2_%s_chunk (device int, value text)', n);
        INSERT INTO _timescaledb_catalog.chunk (id, hypertable_id, schema_name, table_name)
            VALUES (n, 2, '_timescaledb_internal', format('compress_hyper_2_%s_chunk', n));
    END LOOP;
END $$;
INSERT INTO _timescaledb_internal._hyper_1_7_chunk SELECT now(), g, g FROM generate_series(1, 2000) g;
DELETE FROM _timescaledb_internal._hyper_1_7_chunk;
CREATE TABLE ordinary (id int);
INSERT INTO ordinary SELECT generate_series(1, 300);
DELETE FROM ordinary WHERE id <= 60;
";

#[tokio::test(flavor = "multi_thread")]
async fn chunks_are_folded_under_their_hypertable_and_the_worst_of_them_tells() {
    // From 18 on a server looks for extensions where it is told to.
    let files = tempfile::tempdir().unwrap();
    let folder = files.path().join("extension");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(
        folder.join("timescaledb.control"),
        "default_version = '2.17.2'\nrelocatable = false\n",
    )
    .unwrap();
    std::fs::write(folder.join("timescaledb--2.17.2.sql"), LAYOUT).unwrap();
    for path in [files.path(), &folder] {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let path = format!(
        "extension_control_path = '{}:$system'\nautovacuum = off",
        files.path().display()
    );
    let pg = Pg::start(18, &path).await;
    let admin = pg.admin().await;
    admin.batch_execute("CREATE EXTENSION timescaledb").await.unwrap();
    admin.batch_execute(DATA).await.unwrap();
    let mut feed = Running::start(pg.server("qd"));
    let seen = feed
        .until("the hypertable with all dead rows", |p, _| {
            let tables = p.tables.fresh();
            tables.is_some_and(|t| t.iter().any(|t| t.chunks.is_some() && t.dead >= 2100))
        })
        .await;
    let tables = seen.tables.fresh().unwrap();
    let named = |name: &str| tables.iter().find(|t| t.full_name() == name).unwrap();
    let readings = named("public.readings");
    let chunks = readings.chunks.as_ref().unwrap();
    assert_eq!((chunks.count, readings.live), (150, 149 * 100));
    assert_eq!(chunks.worst, "_timescaledb_internal._hyper_1_7_chunk");
    // 2100 dead rows over a limit of 50 that 150 chunks do not thin out.
    assert!(chunks.ratio > 10.0 && readings.ratio() > 10.0, "{chunks:?}");
    assert_eq!(tables[0].full_name(), "public.readings");
    let oid: i64 = admin
        .query_one("SELECT 'public.readings'::regclass::oid::bigint", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(
        readings.oid, oid,
        "an action on it is on the hypertable, not on a chunk"
    );
    assert_eq!(
        named("_timescaledb_internal._compressed_hypertable_2")
            .chunks
            .as_ref()
            .map(|c| c.count),
        Some(2)
    );
    assert_eq!(
        (named("public.ordinary").dead, &named("public.ordinary").chunks),
        (60, &None)
    );
    assert!(
        !tables.iter().any(|t| t.name.ends_with("_chunk")),
        "no chunk stands by itself"
    );

    // Where its views may not be read, the chunks are shown as what they are.
    admin
        .batch_execute("REVOKE USAGE ON SCHEMA timescaledb_information FROM PUBLIC")
        .await
        .unwrap();
    let mut feed = Running::start(pg.server("qd"));
    let seen = feed.until("tables", |p, _| p.tables.fresh().is_some()).await;
    let tables = seen.tables.fresh().unwrap();
    assert!(tables.iter().any(|t| t.name == "_hyper_1_7_chunk"));
}
