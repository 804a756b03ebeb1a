/**
 * Rows taken out of the embedded lake's tables, and `hourly` computed again: files that hold such rows are replaced by files
 * without them, in one commit. What fails or dies leaves files nobody names; it may be repeated at any time.
 */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { Clock, Random } from '../../../core/ports/clock.ts'
import type { LakePartition } from '../../../core/ports/lake.ts'
import type { LakeRemoval, RemovedRows } from '../../../core/ports/lake-removal.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableName } from '../../../core/tables.ts'
import type { AppendFile } from '../../core/iceberg/append.ts'
import type { DataFile } from '../../core/iceberg/manifest.ts'
import { rewriteKey, specFor } from '../../core/iceberg/metadata.ts'
import { createPruner } from '../../core/iceberg/prune.ts'
import { deleteFiles, replaceFiles } from '../../core/iceberg/replace.ts'
import { checkRemovedGenerations, checkRemovedRows, removedDays } from '../../core/removal-work.ts'
import type { Expression } from '../../core/sql/ast.ts'
import { isAnyRemoved } from '../../core/sql/removed-rows.ts'
import type { TableFiles } from '../../core/table-files.ts'
import { withConnection } from '../duckdb/parquet.ts'
import { countGoing, writeStaying } from '../duckdb/parquet-removal.ts'
import { type LiveFile, liveFiles } from './partition-files.ts'
import { createRecompute } from './removal-hourly.ts'
import type { LocalTable } from './rewrites.ts'
import { fileBytes, hashOf } from './staging.ts'
import { createFileChecks } from './table-files.ts'

export interface RemovalOptions {
  readonly objects: ObjectStore
  readonly instance: DuckDBInstance
  readonly scratch: string
  readonly random: Random
  readonly clock: Clock
  readonly sliceMaxRows?: number
  readonly smallManifestsMax?: number
  readonly table: (name: TableName) => LocalTable
  readonly files: TableFiles
}

/** What the files of a partition become: those that go, and what is put in their place. */
export interface Replaced {
  readonly going: readonly LiveFile[]
  readonly added: readonly AppendFile[]
  readonly rows: number
}

/** The partition's files less the rows that go; those that hold none stay. */
export type WithoutRows = (
  connection: DuckDBConnection,
  table: LocalTable,
  files: readonly LiveFile[],
  goes: Expression,
) => Promise<Replaced>

export function createRemoval(options: RemovalOptions): LakeRemoval {
  const { objects, instance, random } = options
  const checks = createFileChecks(objects)
  const scratchFile = () => join(options.scratch, `${Buffer.from(random.bytes(12)).toString('hex')}.parquet`)
  const rowGroupMaxRows = options.sliceMaxRows ?? Number.POSITIVE_INFINITY

  const withoutRows: WithoutRows = async (connection, { definition, layout }, files, goes) => {
    const going: LiveFile[] = []
    const added: AppendFile[] = []
    let rows = 0
    for (const live of files) {
      const work = { connection, definition, file: await live.open(), goes }
      const count = await countGoing(work)
      if (count === 0) continue
      going.push(live)
      rows += count
      const path = scratchFile()
      try {
        const facts = await writeStaying(work, path, rowGroupMaxRows)
        if (facts.rows === 0) continue
        const name = layout.rewrittenFile(live.partition, await hashOf(path))
        await objects.put(name, fileBytes(path))
        added.push({ name, partition: live.file.partition.map(Number), ...facts })
      } finally {
        await rm(path, { force: true })
      }
    }
    return { going, added, rows }
  }

  async function mayHold(name: TableName, rows: readonly RemovedRows[]): Promise<readonly LiveFile[]> {
    const table = options.table(name)
    const pruners = await prunersOf(table, rows)
    return (await liveFiles(table, checks)).filter(({ file }) => pruners.some((mayHold) => mayHold(file)))
  }

  return {
    ...createRecompute({ ...options, withoutRows, scratchFile, liveFiles: (table) => liveFiles(table, checks) }),

    async partitionsWith(name, rows) {
      checkRemovedRows(rows)
      const { definition } = options.table(name)
      const goes = isAnyRemoved(rows, name, 'rows')
      const found = new Map<string, LakePartition>()
      await withConnection(instance, async (connection) => {
        for (const { partition, open } of await mayHold(name, rows)) {
          const key = `${partition.generation}/${partition.period}`
          if (found.has(key)) continue
          if ((await countGoing({ connection, definition, file: await open(), goes })) > 0) found.set(key, partition)
        }
      })
      return [...found.values()].sort((a, b) => (a.generation ?? 0) - (b.generation ?? 0) || a.period - b.period)
    },

    async removeRows(name, partition, rows) {
      checkRemovedRows(rows)
      const table = options.table(name)
      const own = (await mayHold(name, rows)).filter(({ partition: each }) => isSame(each, partition))
      await mkdir(options.scratch, { recursive: true })
      const replaced = await withConnection(instance, (connection) =>
        withoutRows(connection, table, own, isAnyRemoved(rows, name, 'rows')),
      )
      if (replaced.rows === 0) return null
      const removed = replaced.going.map(({ file }) => file)
      const commit = { ...options, ...table }
      const folder = table.layout.partitionFolder(partition)
      const snapshot =
        replaced.added.length === 0
          ? await deleteFiles(commit, { removed, named: { [rewriteKey]: folder } })
          : await replaceFiles(commit, {
              ...{ removed, added: replaced.added, operation: 'overwrite', partition: folder },
              applied: replaced.going.flatMap(({ deletes }) => deletes.map(({ uri }) => uri)),
            })
      return { snapshot, removed: replaced.rows }
    },

    async removeGenerations(name, generations) {
      checkRemovedGenerations(name, generations)
      const table = options.table(name)
      const dead = new Set<number | null>(generations)
      const going = (await liveFiles(table, checks)).filter(({ partition }) => dead.has(partition.generation))
      if (going.length === 0) return null
      const named = {
        [rewriteKey]: [...new Set(going.map(({ partition }) => `_gen=${partition.generation}`))].join(','),
      }
      const snapshot = await deleteFiles({ ...options, ...table }, { removed: going.map(({ file }) => file), named })
      return { snapshot, removed: going.reduce((sum, { file }) => sum + file.rows, 0) }
    },
  }
}

export function isSame(a: LakePartition, b: LakePartition): boolean {
  return a.generation === b.generation && a.period === b.period
}

/** One a condition: whether a file, partitioned as ours are, may hold rows of it. */
async function prunersOf(
  { definition, reader }: LocalTable,
  rows: readonly RemovedRows[],
): Promise<readonly ((file: DataFile) => boolean)[]> {
  const loaded = await reader.load()
  const spec = loaded && specFor(loaded.metadata, definition)
  if (spec === undefined) return []
  const id = spec['spec-id']
  return rows.map((each) => {
    const whose = 'generations' in each ? each : { merchant: each.merchant }
    const pruner = createPruner(definition, { ...whose, ...removedDays(each) }, new Map([[id, spec]]))
    return (file) => pruner.file(file, id)
  })
}
