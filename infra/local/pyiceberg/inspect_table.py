"""Opens a table by its metadata file as a stranger would, and prints what it found as one JSON object.

usage: inspect_table.py <metadata.json> [<row filter>]
"""
import json
import sys

import duckdb
from pyiceberg.table import StaticTable

metadata, row_filter = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
table = StaticTable.from_metadata(metadata)
scan = table.scan(row_filter=row_filter) if row_filter else table.scan()
files = [task.file.file_path for task in table.scan().plan_files()]
planned = [task.file.file_path for task in scan.plan_files()]
paths = [path.removeprefix("file://") for path in files]


def stats(file):
    return {
        "rows": file.record_count,
        "bytes": file.file_size_in_bytes,
        "lower": {str(id): value.hex() for id, value in (file.lower_bounds or {}).items()},
        "upper": {str(id): value.hex() for id, value in (file.upper_bounds or {}).items()},
    }


print(
    json.dumps(
        {
            "schema": [[field.field_id, field.name, str(field.field_type)] for field in table.schema().fields],
            "columnIds": sorted(table.schema()._lazy_id_to_name.keys()),
            "spec": [[field.field_id, field.name, str(field.transform), field.source_id] for field in table.spec().fields],
            "sort": [field.source_id for field in table.sort_order().fields],
            "snapshots": {
                str(snapshot.snapshot_id): table.scan(snapshot_id=snapshot.snapshot_id).to_arrow().num_rows
                for snapshot in table.snapshots()
            },
            "current": str(table.current_snapshot().snapshot_id),
            "summary": dict(table.current_snapshot().summary.additional_properties),
            "files": len(files),
            "planned": len(planned),
            "rows": scan.to_arrow().to_pylist() if row_filter else [],
            "rowCount": scan.to_arrow().num_rows,
            "partitions": [list(map(str, row.values())) for row in table.inspect.partitions()["partition"].to_pylist()],
            "stats": [stats(task.file) for task in table.scan().plan_files()],
            "duckdb": duckdb.sql(f"select count(*) from read_parquet({paths})").fetchall()[0][0] if paths else 0,
        },
        default=str,
    )
)
