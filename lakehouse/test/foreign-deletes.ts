/**
 * What another engine does to a table of the embedded lake, for tests: rows deleted by position delete files (Iceberg spec,
 * "Position Delete Files"), each of one data file or of all of a partition.
 */
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBInstance } from '@duckdb/node-api'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import type { LakeWriter } from '../../core/ports/lake.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import type { TableName } from '../../core/tables.ts'
import { tables } from '../../schemas/tables.ts'
import { copyToParquet, withConnection } from '../adapters/duckdb/parquet.ts'
import { quoteName, quoteText, readParquet } from '../adapters/duckdb/parquet-sql.ts'
import { type AppendFile, type CommitOptions, commitUpdates } from '../core/iceberg/commit.ts'
import { encodeManifest } from '../core/iceberg/encode-manifest.ts'
import { tableFolder, tableLayout } from '../core/iceberg/layout.ts'
import type { DataFile, ManifestFile } from '../core/iceberg/manifest.ts'
import { currentSchema, currentSnapshot, specFor, type TableMetadata } from '../core/iceberg/metadata.ts'
import { deletedPathId, planScan, type ScanFile, wholeTable } from '../core/iceberg/read-scan.ts'
import { overwriteFiles } from '../core/iceberg/replace.ts'
import { drawSnapshotId, nextSequence, stageSnapshot } from '../core/iceberg/stage-snapshot.ts'
import { summaryOf } from '../core/iceberg/summary.ts'
import { TableReader } from '../core/iceberg/table-reader.ts'

/** `file`: a delete file of each data file alone. `partition`: one of all data files of a partition. */
export type DeleteScope = 'file' | 'partition'

export interface ForeignEngineOptions {
  readonly objects: ObjectStore
  readonly instance: DuckDBInstance
  readonly scratch: string
  /** The lake's, as `createLocalLake` has it. */
  readonly location: string
}

export interface ForeignEngine {
  /** Deletes the rows for which the SQL condition holds; the new snapshot's id. */
  deleteWhere(table: TableName, where: string, scope: DeleteScope): Promise<string>
  /** Writes every data file without deletes anew, each row twice, and deletes the second ones: the same rows. The new snapshot's id. */
  double(table: TableName): Promise<string>
}

let engines = 0

export function foreignEngine({ objects, instance, scratch, location }: ForeignEngineOptions): ForeignEngine {
  const seed = ++engines
  const random = seededRandom(900 + seed)
  let files = 0
  const scratchFile = () => join(scratch, `foreign-${seed}-${files++}.parquet`)

  function open(table: TableName): CommitOptions {
    const definition = tables[table]
    const layout = tableLayout(definition, location)
    const reader = new TableReader({ objects, definition, layout })
    return { objects, definition, layout, reader, random, clock: new ManualClock() }
  }

  async function live({ reader }: CommitOptions): Promise<{ metadata: TableMetadata; files: readonly ScanFile[] }> {
    const loaded = await reader.load()
    const snapshot = loaded && currentSnapshot(loaded.metadata)
    if (loaded === undefined || snapshot === undefined) throw new Error('the table has no snapshot')
    const { metadata } = loaded
    return { metadata, files: await planScan(reader, metadata, snapshot, { pruner: wholeTable }) }
  }

  const pathOf = ({ reader }: CommitOptions, metadata: TableMetadata, { file }: ScanFile) =>
    objects.localPath(reader.nameOf(metadata, file.uri))

  async function positions(options: CommitOptions, path: string, where: string): Promise<readonly number[]> {
    return withConnection(instance, async (connection) => {
      const rows = `${readParquet(options.definition.columns, [path])} WHERE ${where}`
      const found = await connection.runAndReadAll(`SELECT file_row_number FROM ${rows} ORDER BY 1`)
      return found.getRows().map(([position]) => Number(position))
    })
  }

  async function deleteFile(
    options: CommitOptions,
    metadata: TableMetadata,
    rows: readonly (readonly [uri: string, position: number])[],
    partition: DataFile['partition'],
  ): Promise<DataFile> {
    const path = scratchFile()
    const values = rows.map(([uri, position]) => `(${quoteText(uri)}, ${position}::BIGINT)`).join(', ')
    await withConnection(instance, (connection) =>
      connection.run(
        `COPY (SELECT * FROM (VALUES ${values}) t(file_path, pos) ORDER BY ALL) TO ${quoteText(path)} ` +
          '(FORMAT parquet, FIELD_IDS {file_path: 2147483546, pos: 2147483545})',
      ),
    )
    const bytes = await readFile(path)
    await rm(path)
    const name = `${tableFolder(options.definition.name)}data/deletes-${seed}-${files++}.parquet`
    await objects.put(name, bytes)
    const uris = rows.map(([uri]) => uri).sort()
    const bound = (uri = '') => new Map([[deletedPathId, Buffer.from(uri)]])
    const none = new Map<number, never>()
    return {
      uri: options.layout.uriOf(name, metadata.location),
      partition,
      rows: rows.length,
      bytes: bytes.length,
      columnBytes: none,
      valueCounts: none,
      nullCounts: none,
      lowerBounds: bound(uris[0]),
      upperBounds: bound(uris.at(-1)),
      content: 1,
    }
  }

  async function commitDeletes(
    options: CommitOptions,
    wanted: (path: string, file: DataFile) => Promise<readonly number[]>,
    scope: DeleteScope,
  ): Promise<string> {
    const { metadata, files } = await live(options)
    const groups = new Map<string, { partition: DataFile['partition']; rows: [string, number][] }>()
    for (const one of files) {
      const key = scope === 'file' ? one.file.uri : one.file.partition.join('/')
      const group = groups.get(key) ?? { partition: one.file.partition, rows: [] }
      groups.set(key, group)
      for (const at of await wanted(await pathOf(options, metadata, one), one.file)) group.rows.push([one.file.uri, at])
    }
    const added: DataFile[] = []
    for (const { partition, rows } of groups.values()) {
      if (rows.length > 0) added.push(await deleteFile(options, metadata, rows, partition))
    }
    return commitUpdates(options, async (_base, now) => stagedDeletes(options, now, added))
  }

  return {
    async deleteWhere(table, where, scope) {
      const options = open(table)
      return commitDeletes(options, (path) => positions(options, path, where), scope)
    },

    async double(table) {
      const options = open(table)
      await mkdir(scratch, { recursive: true })
      const { metadata, files: all } = await live(options)
      const before = all.filter(({ deletes }) => deletes.length === 0)
      const added: AppendFile[] = []
      for (const one of before) {
        const path = scratchFile()
        const source = await pathOf(options, metadata, one)
        const { columns } = options.definition
        const names = columns.map(({ name }) => quoteName(name)).join(', ')
        const twice = `SELECT ${names} FROM ${readParquet(columns, [source])} AS r CROSS JOIN (VALUES (0), (1)) AS t(n) ORDER BY r.file_row_number, n`
        const facts = await withConnection(instance, (connection) =>
          copyToParquet(connection, twice, columns, path, { use: 'data file' }),
        )
        const name = `${tableFolder(table)}data/doubled-${seed}-${files++}.parquet`
        await objects.put(name, await readFile(path))
        await rm(path)
        added.push({ name, partition: one.file.partition, ...facts })
      }
      await overwriteFiles(options, { removed: before.map(({ file }) => file), added, named: {} })
      const names = new Set(added.map(({ name }) => options.layout.uriOf(name, metadata.location)))
      const second = async (path: string, { uri }: DataFile) =>
        names.has(uri) ? positions(options, path, 'file_row_number % 2 = 1') : []
      return commitDeletes(options, second, 'partition')
    },
  }
}

async function stagedDeletes(options: CommitOptions, metadata: TableMetadata, added: readonly DataFile[]) {
  const { objects, layout, random, reader, definition } = options
  const parent = currentSnapshot(metadata)
  const spec = specFor(metadata, definition)
  if (parent === undefined || spec === undefined) throw new Error('the table has no snapshot')
  const id = drawSnapshotId(random)
  const sequence = nextSequence(metadata)
  const name = layout.manifestFile(`foreign-${id}`)
  const bytes = encodeManifest(
    added.map((file) => ({ status: 'added', snapshot: id, sequence: null, fileSequence: null, file }) as const),
    { schema: currentSchema(metadata), spec, sortOrderId: 0, sync: random.bytes(16), content: 1 },
  )
  await objects.put(name, bytes)
  const rows = added.reduce((sum, file) => sum + file.rows, 0)
  const nothing = { files: 0, rows: 0 }
  const manifest: ManifestFile = {
    uri: layout.uriOf(name, metadata.location),
    bytes: bytes.length,
    specId: spec['spec-id'],
    content: 1,
    sequence,
    minSequence: sequence,
    snapshot: id,
    added: { files: added.length, rows },
    existing: nothing,
    deleted: nothing,
    partitions: spec.fields.map(() => ({ lower: null, upper: null, hasNull: true })),
  }
  const summary = summaryOf({ operation: 'delete', named: {}, added: [], removed: [] }, parent)
  const before = (key: string) => Number(parent.summary?.[key] ?? 0)
  const manifests = [...(await reader.manifestList(metadata, parent)), ...(added.length > 0 ? [manifest] : [])]
  return stageSnapshot(options, metadata, {
    id,
    manifests,
    summary: {
      ...summary,
      'total-files-size': String(added.reduce((sum, file) => sum + file.bytes, before('total-files-size'))),
      'total-delete-files': String(before('total-delete-files') + added.length),
      'total-position-deletes': String(before('total-position-deletes') + rows),
    },
    now: metadata['last-updated-ms'],
  })
}

/** The lake, whose tables another engine doubles after every publication: the same rows, half of what is in files deleted. */
export function doubling<T extends Pick<LakeWriter, 'publish'>>(lake: T, foreign: ForeignEngine): T {
  return {
    ...lake,
    async publish(table, id, files) {
      await lake.publish(table, id, files)
      return { snapshot: await foreign.double(table) }
    },
  }
}
