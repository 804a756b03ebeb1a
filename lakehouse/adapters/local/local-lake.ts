/**
 * The embedded lake: Parquet by DuckDB, Iceberg tables by our own commits, everything in one ObjectStore.
 *
 * Staging and publication are durable when they resolve and may be repeated at any time: a publication that landed is
 * found in the table's history, one that did not leaves files nobody names. Several writers of one table are safe (one
 * commit after the other), several publications of one id are not meant to run at once: the publisher's lease sees to it.
 */
import type { DuckDBInstance } from '@duckdb/node-api'
import type { Clock, Random } from '../../../core/ports/clock.ts'
import type {
  LakeMaintainer,
  LakeManifests,
  LakePins,
  LakeReader,
  LakeUpkeep,
  LakeWriter,
  ScanFilter,
} from '../../../core/ports/lake.ts'
import type { LakeHistory } from '../../../core/ports/lake-history.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { LakeRow, TableDefinition, TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { erasedRowTest } from '../../core/erased-rows.ts'
import { appendFiles, publishedSnapshot } from '../../core/iceberg/append.ts'
import { tableFolder, tableLayout } from '../../core/iceberg/layout.ts'
import { snapshotId, snapshotInfo } from '../../core/iceberg/metadata.ts'
import { TableReader } from '../../core/iceberg/table-reader.ts'
import type { TableFile, TableFiles } from '../../core/table-files.ts'
import { readFiles } from '../duckdb/deleted-rows.ts'
import { chunkRows } from '../duckdb/parquet-columns.ts'
import { partitionDay, quoteName, stagedColumns } from '../duckdb/parquet-sql.ts'
import { confinedObjects } from './confined-objects.ts'
import { createLocalDerive } from './derive.ts'
import { createExpiry } from './expiry.ts'
import { createHistory } from './history.ts'
import { createManifests } from './manifests.ts'
import { createPins } from './pins.ts'
import { createRemoval } from './removal.ts'
import { createRewrites, type LocalTable } from './rewrites.ts'
import { createStaging } from './staging.ts'
import { createTableFiles } from './table-files.ts'
import { createVerify } from './verify.ts'

export interface LocalLakeOptions {
  readonly objects: ObjectStore
  /** Its memory limit and temporary folder bound what a merge takes. */
  readonly instance: DuckDBInstance
  /** Where rows are staged, if apart: an epoch must not wait for memory that a merge or a question has taken. */
  readonly stagingInstance?: DuckDBInstance
  /** A folder of this machine for files on their way into the store; emptied by whoever starts the process. */
  readonly scratch: string
  readonly random: Random
  readonly clock: Clock
  /** URI of the folder `lake/` as metadata names it: `file:///var/hitlake/lake`. */
  readonly location: string
  readonly sliceMaxRows?: number
  readonly smallManifestsMax?: number
  /** Values that a merchant, breakdown and day keeps when it is folded; `foldMaxValues` of the tables where absent. */
  readonly foldMaxValues?: number
  /** When an object was last written, ms; by its file's time where absent. */
  readonly writtenAt?: (object: string) => Promise<number | undefined>
}

export type LocalLake = Pick<LakeUpkeep, 'verify'> &
  LakeWriter &
  LakeReader &
  TableFiles &
  LakeMaintainer &
  LakeHistory &
  LakeManifests &
  LakePins

export function createLocalLake(given: LocalLakeOptions): LocalLake {
  const folders = new Map(Object.values(tables).map(({ name }) => [tableFolder(name), name]))
  const objects = confinedObjects({ objects: given.objects, folders })
  const options = { ...given, objects }
  const { instance } = options
  const staging = createStaging(options)
  const local = Object.fromEntries(
    Object.values(tables).map((definition) => {
      const layout = tableLayout(definition, options.location)
      return [definition.name, { definition, layout, reader: new TableReader({ objects, definition, layout }) }]
    }),
  ) as Record<TableName, LocalTable>
  const tableFiles = createTableFiles({ objects, reader: (table) => local[table].reader })

  const table = (name: TableName) => local[name]

  return {
    ...createRewrites({ ...options, table }),
    ...createExpiry({ ...options, table }),
    ...createManifests({ ...options, table }),
    ...createPins({ ...options, table }),
    ...createHistory({ ...options, table, files: tableFiles }),
    ...createRemoval({ ...options, table, files: tableFiles }),
    ...createLocalDerive({ ...options, table, staging, files: tableFiles }),

    verify: createVerify({ objects, instance, table }),

    files: tableFiles.files,

    stage: staging.stage,
    discard: staging.discard,
    stagedNames: staging.stagedNames,

    async publish(table, id, files) {
      const { definition, layout, reader } = local[table]
      const done = await publishedSnapshot(reader, id)
      if (done !== undefined) return { snapshot: done }
      const merged = await staging.merge(local[table], id, files)
      return { snapshot: await appendFiles({ ...options, definition, layout, reader }, id, merged) }
    },

    async snapshots(table) {
      const loaded = await local[table].reader.load()
      const newestFirst = (loaded?.metadata.snapshots ?? []).map(snapshotInfo).reverse()
      const current = loaded && snapshotId(loaded.metadata['current-snapshot-id'])
      return newestFirst.sort((a, b) => Number(b.id === current) - Number(a.id === current))
    },

    async currentSnapshot(table) {
      return snapshotId((await local[table].reader.load())?.metadata['current-snapshot-id'])
    },

    async *scan(view, filter = {}) {
      const { definition } = local[view.table]
      const found = await tableFiles.files(view, filter)
      for (const published of [true, false]) {
        const files = found.filter((file) => file.published === published)
        if (files.length > 0) yield* scanFiles(instance, definition, files, filter, published)
      }
    },
  }
}

async function* scanFiles(
  instance: DuckDBInstance,
  definition: TableDefinition,
  files: readonly TableFile[],
  filter: ScanFilter,
  published: boolean,
): AsyncGenerator<readonly LakeRow[]> {
  const columns = published ? definition.columns : stagedColumns(definition)
  const names = columns.map((column) => quoteName(column.name)).join(', ')
  const { where, values } = filterSql(definition, filter)
  const isErased = erasedRowTest(filter.erased ?? [], definition.name)
  const connection = await instance.connect()
  try {
    await connection.run(`SET TimeZone = 'UTC'`)
    const result = await connection.stream(`SELECT ${names} FROM ${readFiles(columns, files)} ${where}`, values)
    for (;;) {
      const chunk = await result.fetchChunk()
      if (chunk === null || chunk.rowCount === 0) return
      yield chunkRows(chunk, columns).filter((row) => !isErased(row))
    }
  } finally {
    connection.closeSync()
  }
}

function filterSql(definition: TableDefinition, filter: ScanFilter): { where: string; values: (string | number)[] } {
  const day = partitionDay(definition)
  const terms: [string, string | number | undefined][] = [
    ['"merchant" =', filter.merchant],
    [`${day} >=`, filter.firstDay],
    [`${day} <=`, filter.lastDay],
  ]
  const values: (string | number)[] = []
  const parts: string[] = []
  for (const [term, value] of terms) if (value !== undefined) parts.push(`${term} $${values.push(value)}`)
  if (filter.generations !== undefined) {
    parts.push(`"_gen" IN (NULL${filter.generations.map((generation) => `, $${values.push(generation)}`).join('')})`)
  }
  return { where: parts.length === 0 ? '' : `WHERE ${parts.join(' AND ')}`, values }
}
