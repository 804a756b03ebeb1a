/**
 * `TableFiles` over Iceberg metadata in an ObjectStore: manifests decide, no listing, no reading of rows. Each file is held
 * against what its manifest says of it before it is given to anyone for the first time.
 */
import { CorruptTableError, UnsupportedTableError } from '../../../core/errors.ts'
import type { ScanFilter, TableView } from '../../../core/ports/lake.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableDefinition, TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { currentSchema, type SnapshotJson, snapshotId, type TableMetadata } from '../../core/iceberg/metadata.ts'
import { createPruner } from '../../core/iceberg/prune.ts'
import { readParquetFacts } from '../../core/iceberg/read-parquet-footer.ts'
import { deletedPathId, deletedPositionId, planScan, type ScanFile } from '../../core/iceberg/read-scan.ts'
import { fieldId } from '../../core/iceberg/schema-updates.ts'
import type { TableReader } from '../../core/iceberg/table-reader.ts'
import type { TableFile, TableFiles } from '../../core/table-files.ts'

/** Files that are looked at at once; Node's threads for files are four. */
const filesAtOnce = 8
/** Names of files known to be right; beyond, all are looked at again. */
export const checkedFilesMax = 100_000

export interface TableFilesOptions {
  readonly objects: ObjectStore
  readonly reader: (table: TableName) => TableReader
}

export function createTableFiles({ objects, reader }: TableFilesOptions): TableFiles {
  const checks = createFileChecks(objects)

  async function published(view: TableView, filter: ScanFilter): Promise<readonly TableFile[]> {
    if (view.snapshot === null) return []
    const table = reader(view.table)
    const { metadata, snapshot } = await table.metadataOf(view.snapshot)
    const specs = new Map(metadata['partition-specs'].map((spec) => [spec['spec-id'], spec]))
    const pruner = createPruner(tables[view.table], filter, specs)
    const dropped = droppedColumns(tables[view.table], metadata, snapshot)
    return inTurns(await planScan(table, metadata, snapshot, { pruner }), async ({ file, deletes }) => ({
      ...(await checks.localFile(table, metadata, { file, deletes })),
      ...(dropped.length > 0 ? { dropped } : {}),
      rows: file.rows,
      bytes: file.bytes,
      published: true,
    }))
  }

  return {
    async files(view, filter = {}) {
      const { staged } = createPruner(tables[view.table], filter, new Map())
      const pending = await inTurns(view.pending.filter(staged), async ({ name, rows, bytes }) => {
        return { localPath: await objects.localPath(name), rows, bytes, published: false }
      })
      return [...(await published(view, filter)), ...pending]
    },
  }
}

/**
 * Our columns that the snapshot's schema has not: of the current snapshot the table's current schema, of others their own
 * (Iceberg spec, "Snapshots", schema-id), as other engines read them.
 */
export function droppedColumns(
  { columns }: TableDefinition,
  metadata: TableMetadata,
  snapshot: SnapshotJson,
): readonly number[] {
  const isCurrent = snapshotId(metadata['current-snapshot-id']) === String(snapshot['snapshot-id'])
  const own = isCurrent ? undefined : metadata.schemas.find((one) => one['schema-id'] === snapshot['schema-id'])
  const ids = new Set((own ?? currentSchema(metadata)).fields.map(fieldId))
  return columns.map(({ id }) => id).filter((id) => !ids.has(id))
}

async function inTurns<T, U>(list: readonly T[], work: (item: T) => Promise<U>): Promise<U[]> {
  const done: U[] = []
  for (let at = 0; at < list.length; at += filesAtOnce) {
    done.push(...(await Promise.all(list.slice(at, at + filesAtOnce).map(work))))
  }
  return done
}

type LocalFile = Pick<TableFile, 'localPath' | 'deletes'>

export interface FileChecks {
  /**
   * A data file on this machine's disk, with its delete files, each held against its manifest.
   * @throws CorruptTableError, UnsupportedTableError
   */
  localFile(
    table: TableReader,
    metadata: TableMetadata,
    { file, deletes }: Pick<ScanFile, 'file' | 'deletes'>,
  ): Promise<LocalFile>
}

/**
 * Holds files against what a manifest says of them: there, as large as stated, Parquet of as many rows, with field ids.
 * Files never change, so each is looked at once a process.
 */
export function createFileChecks(objects: ObjectStore): FileChecks {
  const checked = new Set<string>()
  return {
    async localFile(table, metadata, { file, deletes }) {
      const localPath = await checkedPath(table, table.nameOf(metadata, file.uri), file, [])
      if (deletes.length === 0) return { localPath }
      const own = await inTurns(deletes, async (one) => ({
        localPath: await checkedPath(table, table.nameOf(metadata, one.uri), one, [deletedPathId, deletedPositionId]),
        uri: file.uri,
      }))
      return { localPath, deletes: own }
    },
  }

  /** `ids`: field ids that it must have. */
  async function checkedPath(
    table: TableReader,
    name: string,
    stated: { readonly rows: number; readonly bytes: number },
    ids: readonly number[],
  ): Promise<string> {
    const path = await existing(table, name)
    if (checked.has(name)) return path
    await compare(table, name, stated, ids)
    remember(checked, name)
    return path
  }

  async function existing(table: TableReader, name: string): Promise<string> {
    try {
      return await objects.localPath(name)
    } catch (cause) {
      if ((await objects.size(name)) !== undefined) throw cause
      throw new CorruptTableError(table.table, name, 'it does not exist', { cause })
    }
  }

  async function compare(
    table: TableReader,
    name: string,
    stated: { readonly rows: number; readonly bytes: number },
    ids: readonly number[],
  ): Promise<void> {
    const corrupt = (what: string, cause?: unknown) => new CorruptTableError(table.table, name, what, { cause })
    const bytes = (await objects.size(name)) ?? 0
    if (bytes !== stated.bytes) throw corrupt(`it has ${bytes} bytes, its manifest says ${stated.bytes}`)
    const { rows, fieldIds } = await readParquetFacts(objects, name, bytes).catch((cause) => {
      throw cause instanceof RangeError ? corrupt(cause.message, cause) : cause
    })
    if (rows !== stated.rows) throw corrupt(`it has ${rows} rows, its manifest says ${stated.rows}`)
    if (fieldIds.size === 0) {
      const mend = 'write it anew with them; by name alone no column is found'
      throw new UnsupportedTableError(table.table, name, 'columns without field ids', mend)
    }
    if (!ids.every((id) => fieldIds.has(id))) throw corrupt('it is no position delete file')
  }
}

function remember(names: Set<string>, name: string): void {
  if (names.size >= checkedFilesMax) names.clear()
  names.add(name)
}
