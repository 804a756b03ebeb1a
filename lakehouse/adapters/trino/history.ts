/**
 * How snapshots of a Trino table differ, and the way back. Trino says of two snapshots which files they hold only by scanning
 * them: rows are counted file by file, no column is read.
 */
import { CommitConflictError, SnapshotNotFoundError, TrinoQueryError } from '../../../core/errors.ts'
import { dayMs } from '../../../core/event-time.ts'
import type { FilesChanged, LakeHistory, PartitionChange, RollbackStep } from '../../../core/ports/lake-history.ts'
import type { TableDefinition, TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { byPartition } from '../../core/iceberg/changes.ts'
import { partitionTime, periodDays, periodField } from '../../core/partition.ts'
import type { PublicationTurn } from '../../core/publication-turn.ts'
import { quotedName } from '../../core/sql/printer.ts'
import type { Trino } from './client.ts'
import { allSnapshots, currentSnapshot } from './lake-snapshots.ts'
import type { LakeStatements } from './lake-statements.ts'
import { type TrinoPlace, trinoTable } from './tables.ts'

export interface TrinoHistoryOptions extends TrinoPlace {
  readonly trino: Pick<Trino, 'query'>
  readonly statements: LakeStatements
}

export interface TrinoHistory extends Omit<LakeHistory, 'rollback'> {
  rollback(table: TableName, step: RollbackStep, turn?: PublicationTurn): Promise<void>
}

export function createTrinoHistory(options: TrinoHistoryOptions): TrinoHistory {
  const { trino, statements } = options
  const at = (table: TableName, snapshot: string) => {
    if (!/^\d{1,19}$/.test(snapshot)) throw new SnapshotNotFoundError(table, snapshot)
    return `${trinoTable(options, table)} FOR VERSION AS OF ${snapshot}`
  }

  async function asked(table: TableName, snapshot: string, sql: string) {
    try {
      return await trino.query(sql)
    } catch (error) {
      // Of a snapshot that is not there Trino only says that it does not support that.
      if (!(error instanceof TrinoQueryError) || error.errorType !== 'USER_ERROR') throw error
      const known = await allSnapshots(options, tables[table])
      throw known.some(({ id }) => id === snapshot) ? error : new SnapshotNotFoundError(table, snapshot)
    }
  }

  async function rowsByFile(table: TableName, snapshot: string): Promise<ReadonlyMap<string, FileRows>> {
    const rows = await asked(
      table,
      snapshot,
      `SELECT "$path", "$partition", count(*) FROM ${at(table, snapshot)} GROUP BY 1, 2`,
    )
    return new Map(
      rows.map(([path, partition, count]) => [
        String(path),
        { partition: partitionIn(tables[table], String(partition)), rows: Number(count) },
      ]),
    )
  }

  return {
    async changes(table, from, to) {
      const [before, after] = [await rowsByFile(table, from), await rowsByFile(table, to)]
      const changes = new Map<string, PartitionChange>()
      const count = (partition: PartitionChange['partition'], side: 'added' | 'removed', change: FilesChanged) => {
        const key = JSON.stringify(partition)
        const known = changes.get(key) ?? { partition, added: nothing, removed: nothing }
        const one = known[side]
        changes.set(key, { ...known, [side]: { files: one.files + change.files, rows: one.rows + change.rows } })
      }
      for (const [path, { partition, rows }] of after) {
        const old = before.get(path)
        if (old === undefined) count(partition, 'added', { files: 1, rows })
        else if (old.rows < rows) count(partition, 'added', { files: 0, rows: rows - old.rows })
        else if (old.rows > rows) count(partition, 'removed', { files: 0, rows: old.rows - rows })
      }
      for (const [path, { partition, rows }] of before) {
        if (!after.has(path)) count(partition, 'removed', { files: 1, rows })
      }
      return [...changes.values()].sort(byPartition)
    },

    async daysOf(table, snapshots, partitions) {
      const days = new Map<string, { readonly merchant: string; readonly day: number }>()
      for (const snapshot of partitions.length === 0 ? [] : snapshots) {
        const rows = await asked(table, snapshot, daysQuery(tables[table], at(table, snapshot), partitions))
        for (const [merchant, day] of rows) {
          const one = { merchant: String(merchant), day: Number(day) }
          days.set(`${one.day} ${one.merchant}`, one)
        }
      }
      return [...days.values()]
    },

    // The history says nothing of them: the largest number rises with each.
    async publishedSince(table, snapshot, since) {
      const largest = async (id: string) => {
        const [row] = await asked(table, id, `SELECT coalesce(max("_publish"), 0) FROM ${at(table, id)}`)
        return Number(row?.[0] ?? 0)
      }
      const before = await largest(snapshot)
      const found = new Set<number>()
      for (const id of since) {
        const publish = await largest(id)
        if (publish > before) found.add(publish)
      }
      return [...found].sort((a, b) => a - b)
    },

    async rollback(table, { from, to }, turn) {
      if (turn !== undefined) await statements.begin(table, turn)
      const current = await currentSnapshot(options, tables[table])
      if (current === to) return
      if (current !== from) throw new CommitConflictError(table, from, current)
      at(table, to)
      await statements.runner(
        table,
        turn,
      )(`ALTER TABLE ${trinoTable(options, table)} EXECUTE rollback_to_snapshot(${to})`)
    },
  }
}

const nothing: FilesChanged = { files: 0, rows: 0 }

interface FileRows {
  readonly partition: PartitionChange['partition']
  readonly rows: number
}

/** `_gen=1/time_day=2026-03-01`, as Trino's `$partition` has it. */
export function partitionIn(definition: TableDefinition, text: string): PartitionChange['partition'] {
  const parts = new Map(text.split('/').map((part) => part.split('=', 2) as [string, string]))
  const wanted = periodField(definition)
  const [generation, period] = [parts.get('_gen'), parts.get(wanted)]
  const match = /^(\d{4})-(\d{2})(-\d{2})?$/.exec(period ?? '')
  if (match === null || parts.size !== (definition.partition.generation ? 2 : 1)) return null
  if (definition.partition.generation && !/^\d+$/.test(generation ?? '')) return null
  const isDay = partitionTime(definition).transform === 'day'
  if (isDay !== (match[3] !== undefined)) return null
  const months = (Number(match[1]) - 1970) * 12 + Number(match[2]) - 1
  return {
    generation: definition.partition.generation ? Number(generation) : null,
    period: isDay ? Math.floor(Date.parse(`${period}T00:00:00Z`) / dayMs) : months,
  }
}

function daysQuery(
  definition: TableDefinition,
  table: string,
  partitions: readonly PartitionChange['partition'][],
): string {
  const { column } = partitionTime(definition)
  const day = `date_diff('day', DATE '1970-01-01', CAST(${quotedName(column)} AT TIME ZONE 'UTC' AS date))`
  const ranges = partitions.map((partition) => {
    if (partition === null) return 'true'
    const { first, end } = periodDays(partitionTime(definition), partition.period)
    const instant = (days: number) => `TIMESTAMP '${new Date(days * dayMs).toISOString().slice(0, 10)} 00:00:00 UTC'`
    return `(${quotedName(column)} >= ${instant(first)} AND ${quotedName(column)} < ${instant(end)})`
  })
  return `SELECT DISTINCT merchant, ${day} FROM ${table} WHERE merchant IS NOT NULL AND (${ranges.join(' OR ')})`
}
