"""What PyIceberg and DuckDB find in a table that was evolved, tagged, compacted, expired or moved.

Answers lines of JSON, [<metadata.json>, <row filter>, <properties of the store>] without the last or the last two, as
answering.py says.
"""
import duckdb
from answering import answer
from pyiceberg.table import StaticTable


def by_field_ids(table, paths):
    """The files as DuckDB reads them by the field ids of the table's schema: renamed and added columns included."""
    types = {"string": "VARCHAR", "long": "BIGINT", "int": "INTEGER", "timestamptz": "TIMESTAMPTZ", "boolean": "BOOLEAN"}
    columns = ", ".join(
        f"{field.field_id}: {{name: '{field.name}', type: '{types[str(field.field_type)]}', default_value: NULL}}"
        for field in table.schema().fields
        if str(field.field_type) in types
    )
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    # DuckDB has no reader for a bucket without an extension.
    if not paths or not table.location().startswith("file:"):
        return {"columns": [field.name for field in table.schema().fields], "rows": 0}
    # As texts: Python needs another package for times with a zone.
    found = duckdb.sql(f"select columns(*)::varchar from read_parquet([{listed}], schema = MAP {{{columns}}}, hive_partitioning = false)")
    return {"columns": found.columns, "rows": len(found.fetchall())}


def partition_rows(table):
    found = table.inspect.partitions().to_pylist()
    return sorted([[str(value) for value in row["partition"].values()], row["record_count"], row["file_count"]] for row in found)


def inspect(metadata, row_filter="True", properties={}):
    table = StaticTable.from_metadata(metadata, properties)

    def rows(**scan):
        return table.scan(**scan).to_arrow()

    filtered = table.scan(row_filter=row_filter)
    paths = [task.file.file_path.removeprefix("file://") for task in table.scan().plan_files()]
    return {
        "location": table.location(),
        "columns": [field.name for field in table.schema().fields],
        "refs": {
            name: [ref.snapshot_ref_type.value, str(ref.snapshot_id), rows(snapshot_id=ref.snapshot_id).num_rows]
            for name, ref in table.metadata.refs.items()
        },
        "snapshots": [
            {
                "id": str(snapshot.snapshot_id),
                "operation": snapshot.summary.operation.value,
                "rows": rows(snapshot_id=snapshot.snapshot_id).num_rows,
                "columns": rows(snapshot_id=snapshot.snapshot_id).column_names,
                "manifests": len(snapshot.manifests(table.io)),
            }
            for snapshot in table.snapshots()
        ],
        "byName": {
            name: sorted(row["id"] for row in table.scan().use_ref(name).to_arrow().select(["id"]).to_pylist())
            for name in table.metadata.refs
        },
        "partitions": partition_rows(table),
        "deleteFiles": sum(len(task.delete_files) for task in table.scan().plan_files()),
        "filtered": {
            "files": len(list(filtered.plan_files())),
            "ids": sorted(row["id"] for row in filtered.to_arrow().select(["id"]).to_pylist()),
        },
        "log": [str(entry.snapshot_id) for entry in table.history()],
        "rows": sorted(rows().to_pylist(), key=lambda row: row["id"] or ""),
        "duckdb": by_field_ids(table, paths),
    }


answer(inspect)
