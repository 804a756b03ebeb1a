/**
 * Maintenance of a Trino table's files. A rewrite is a few statements, each a commit of its own: rows say the same after any
 * of them, so one that fails or dies halfway is just begun anew by the next round.
 */
import type { LakeMaintainer, LakePartition } from '../../../core/ports/lake.ts'
import type { TableName } from '../../../core/tables.ts'
import { foldMaxValues, tables } from '../../../schemas/tables.ts'
import { isCut } from '../../core/fold-cut.ts'
import type { MaintainedLake, RewriteTurn } from '../../core/maintenance/maintained-lake.ts'
import { partitionTime, periodDays } from '../../core/partition.ts'
import type { Trino } from './client.ts'
import { currentSnapshot } from './lake-snapshots.ts'
import type { LakeStatements } from './lake-statements.ts'
import { deleteSuperseded, foldMerge, longBreakdowns, optimize, partitionsQuery } from './rewrite-statements.ts'
import { type TrinoPlace, trinoTable } from './tables.ts'

export interface TrinoRewritesOptions extends TrinoPlace {
  readonly trino: Pick<Trino, 'query'>
  readonly statements: LakeStatements
  /** Values that a merchant, breakdown and day keeps; `foldMaxValues` where absent. */
  readonly foldMaxValues?: number
}

export interface TrinoRewrites extends Pick<MaintainedLake, 'lastPublish' | 'partitions'> {
  rewrite(table: TableName, partition: LakePartition, given?: RewriteTurn): ReturnType<LakeMaintainer['rewrite']>
}

export function createTrinoRewrites(options: TrinoRewritesOptions): TrinoRewrites {
  const { trino } = options
  const maxValues = options.foldMaxValues ?? foldMaxValues

  async function lastPublish(table: TableName): Promise<number> {
    const [row] = await trino.query(`SELECT coalesce(max("_publish"), 0) FROM ${trinoTable(options, table)}`)
    return Number(row?.[0] ?? 0)
  }

  async function partitions(table: TableName) {
    const rows = await trino.query(partitionsQuery(options, tables[table]))
    return rows.map(([generation, period, files, rowCount, bytes]) => ({
      generation: generation === null ? null : Number(generation),
      period: Number(period),
      files: Number(files),
      rows: Number(rowCount),
      bytes: Number(bytes),
    }))
  }

  return {
    lastPublish,
    partitions,

    async rewrite(table, { generation, period }, given) {
      const definition = tables[table]
      const partition = { generation, period }
      const found = (await partitions(table)).find(
        (other) => other.generation === generation && other.period === period,
      )
      if (found === undefined) return null
      const through = given?.through ?? (await lastPublish(table))
      const work = { catalog: options.catalog, schema: options.schema, definition, partition, through }
      const long = isCut(definition) ? await trino.query(longBreakdowns(work, maxValues)) : []
      if (found.files === 1 && long.length === 0) return null
      const before = await currentSnapshot(options, definition)
      if (given !== undefined) await options.statements.begin(table, given.turn)
      const run = options.statements.runner(table, given?.turn)
      if (definition.fold !== undefined) await run(foldMerge(work, long.length > 0 ? maxValues : null))
      const superseded = deleteSuperseded(work)
      if (superseded !== undefined) await run(superseded)
      await run(optimize(work))
      const snapshot = await currentSnapshot(options, definition)
      if (snapshot === before) return null
      const day = periodDays(partitionTime(definition), period).first
      return { snapshot, truncated: long.map(([merchant]) => ({ merchant: String(merchant), day })) }
    },
  }
}
