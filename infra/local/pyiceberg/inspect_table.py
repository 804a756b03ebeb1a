"""Opens a table by its metadata file as a stranger would, and says what it found.

Answers lines of JSON, [<metadata.json>] or [<metadata.json>, <row filter>], as answering.py says. With a filter it reads
what the filter lets through, and nothing else.
"""
import duckdb
from answering import answer
from pyiceberg.table import StaticTable


def inspect(metadata, row_filter=None):
    table = StaticTable.from_metadata(metadata)
    if row_filter is None:
        return whole(table)
    scan = table.scan(row_filter=row_filter)
    rows = scan.to_arrow()
    return {"planned": len(list(scan.plan_files())), "rowCount": rows.num_rows, "rows": rows.to_pylist()}


def whole(table):
    files = [task.file.file_path for task in table.scan().plan_files()]
    paths = [path.removeprefix("file://") for path in files]
    return {
        "schema": [[field.field_id, field.name, str(field.field_type)] for field in table.schema().fields],
        "spec": [[field.field_id, field.name, str(field.transform), field.source_id] for field in table.spec().fields],
        "sort": [field.source_id for field in table.sort_order().fields],
        "snapshots": {
            str(snapshot.snapshot_id): table.scan(snapshot_id=snapshot.snapshot_id).to_arrow().num_rows
            for snapshot in table.snapshots()
        },
        "current": str(table.current_snapshot().snapshot_id),
        "summary": dict(table.current_snapshot().summary.additional_properties),
        "files": len(files),
        "rowCount": table.scan().to_arrow().num_rows,
        "partitions": [list(map(str, row.values())) for row in table.inspect.partitions()["partition"].to_pylist()],
        "duckdb": duckdb.sql(f"select count(*) from read_parquet({paths})").fetchall()[0][0] if paths else 0,
    }


answer(inspect)
