/**
 * `TableFiles` over Iceberg metadata in an ObjectStore: manifests decide, no listing, no reading of rows. Each file is held
 * against what its manifest says of it before it is given to anyone for the first time, and is in the table's folder.
 */
import { realpath } from 'node:fs/promises'
import { CorruptTableError, UnsupportedTableError } from '../../../core/errors.ts'
import type { ScanFilter, TableView } from '../../../core/ports/lake.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { createPruner } from '../../core/iceberg/prune.ts'
import { readParquetFacts } from '../../core/iceberg/read-parquet-footer.ts'
import { deletedPathId, deletedPositionId, planScan, type ScanFile } from '../../core/iceberg/read-scan.ts'
import type { TableReader } from '../../core/iceberg/table-reader.ts'
import type { TableFile, TableFiles } from '../../core/table-files.ts'
import type { ParquetFile } from '../duckdb/parquet-sql.ts'

/** Files that are looked at at once; Node's threads for files are four. */
const filesAtOnce = 8
/** Names of files known to be right; beyond, all are looked at again. */
export const checkedFilesMax = 100_000

export interface TableFilesOptions {
  readonly objects: ObjectStore
  readonly reader: (table: TableName) => TableReader
}

/** What `readFiles` reads. */
export type ScannedFile = TableFile & Required<ParquetFile>

export interface LocalTableFiles extends TableFiles {
  /** As `files`, with what position delete files say of them: for readers that leave deleted rows out. */
  scanned(view: TableView, filter?: ScanFilter): Promise<readonly ScannedFile[]>
}

export function createTableFiles({ objects, reader }: TableFilesOptions): LocalTableFiles {
  const checks = createFileChecks(objects)

  async function published(view: TableView, filter: ScanFilter): Promise<readonly ScannedFile[]> {
    if (view.snapshot === null) return []
    const table = reader(view.table)
    const { metadata, snapshot } = await table.metadataOf(view.snapshot)
    const specs = new Map(metadata['partition-specs'].map((spec) => [spec['spec-id'], spec]))
    const planned = await planScan(table, metadata, snapshot, {
      pruner: createPruner(tables[view.table], filter, specs),
      opening: (name) => checks.confine(table, name),
    })
    const place = (file: ScanFile['file'], ids: readonly number[]) =>
      checks.localPath(table, table.nameOf(metadata, file.uri), file, ids)
    return inTurns(planned, async ({ file, deletes }) => ({
      localPath: await place(file, []),
      rows: file.rows,
      bytes: file.bytes,
      published: true,
      deletes: await inTurns(deletes, async (one) => ({
        localPath: await place(one, [deletedPathId, deletedPositionId]),
        uri: file.uri,
      })),
    }))
  }

  async function scanned(view: TableView, filter: ScanFilter = {}): Promise<readonly ScannedFile[]> {
    const { staged } = createPruner(tables[view.table], filter, new Map())
    const pending = await inTurns(view.pending.filter(staged), async ({ name, rows, bytes }) => {
      return { localPath: await objects.localPath(name), rows, bytes, published: false, deletes: [] }
    })
    return [...(await published(view, filter)), ...pending]
  }

  return {
    scanned,
    async files(view, filter) {
      const found = await scanned(view, filter)
      const one = found.find(({ deletes }) => deletes.length > 0)
      if (one === undefined) return found
      const mend = 'compact it with the engine that wrote them (in Trino: ALTER TABLE … EXECUTE optimize)'
      throw new UnsupportedTableError(view.table, one.localPath, 'position deletes', mend)
    },
  }
}

async function inTurns<T, U>(list: readonly T[], work: (item: T) => Promise<U>): Promise<U[]> {
  const done: U[] = []
  for (let at = 0; at < list.length; at += filesAtOnce) {
    done.push(...(await Promise.all(list.slice(at, at + filesAtOnce).map(work))))
  }
  return done
}

type CheckedTable = Pick<TableReader, 'table' | 'folder'>

interface FileChecks {
  /** @throws CorruptTableError where a symbolic link leads out of the table's folder */
  confine(table: CheckedTable, name: string): Promise<void>
  /** `ids`: field ids that it must have. @throws CorruptTableError, UnsupportedTableError */
  localPath(
    table: CheckedTable,
    name: string,
    stated: { readonly rows: number; readonly bytes: number },
    ids: readonly number[],
  ): Promise<string>
}

/**
 * Holds files against what a manifest says of them: there, in the table's folder also behind symbolic links, as large as
 * stated, Parquet of as many rows, with field ids. Files never change, so each is looked at once a process.
 */
function createFileChecks(objects: ObjectStore): FileChecks {
  const confined = new Set<string>()
  const checked = new Set<string>()
  return {
    async confine(table, name) {
      if (confined.has(name)) return
      await confinedPath(table, name)
      await objects.forgetLocal(name)
    },
    async localPath(table, name, stated, ids) {
      if (checked.has(name)) return existing(table, name)
      const path = await confinedPath(table, name)
      await compare(table, name, stated, ids)
      remember(checked, name)
      return path
    },
  }

  async function confinedPath(table: CheckedTable, name: string): Promise<string> {
    const path = await existing(table, name)
    if (!(await isInside(path, name, table.folder))) {
      throw new CorruptTableError(table.table, name, "a link leads out of the table's folder")
    }
    remember(confined, name)
    return path
  }

  async function existing(table: CheckedTable, name: string): Promise<string> {
    try {
      return await objects.localPath(name)
    } catch (cause) {
      if ((await objects.size(name)) !== undefined) throw cause
      throw new CorruptTableError(table.table, name, 'it does not exist', { cause })
    }
  }

  async function compare(
    table: CheckedTable,
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

/** A copy elsewhere, as a bucket's store makes, has no links. */
async function isInside(path: string, name: string, folder: string): Promise<boolean> {
  if (!path.endsWith(`/${name}`)) return true
  const below = name.slice(folder.length)
  // The folder itself may be anywhere, wherever its owner put it.
  const real = await realpath(path.slice(0, -below.length))
  return (await realpath(path)) === `${real}/${below}`
}
