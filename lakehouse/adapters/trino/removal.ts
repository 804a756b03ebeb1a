/**
 * Rows taken out of a cluster's tables. Trino's DELETE says which rows are gone in a file beside the data; the partition is
 * then written anew, so that their bytes are in no file of the newest snapshot. Statements may be repeated at any time.
 */
import type { Timers } from '../../../core/ports/clock.ts'
import type { LakePartition } from '../../../core/ports/lake.ts'
import type { LakeRemoval, RecomputeWork, RemovedRows } from '../../../core/ports/lake-removal.ts'
import type { TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import type { RewriteTurn } from '../../core/maintenance/maintained-lake.ts'
import { checkRemovedGenerations, checkRemovedRows, hourlyQuestionOf } from '../../core/removal-work.ts'
import { type CountedHour, countedDaysOf, countedHoursSelect } from '../../core/sql/counted-days-select.ts'
import { hourZonesSelect } from '../../core/sql/hourly-select.ts'
import { printTrino } from '../../core/sql/trino-printer.ts'
import type { Trino } from './client.ts'
import { versionOf } from './derive.ts'
import { currentSnapshot } from './lake-snapshots.ts'
import { type LakeStatements, untilCertain } from './lake-statements.ts'
import {
  apartQuery,
  conditionLists,
  countGenerations,
  countRemoved,
  deleteGenerations,
  deleteRemoved,
  lastPublishOf,
  nextRowOf,
  partitionsWithQuery,
  recomputeDelete,
  recomputeMerge,
} from './removal-statements.ts'
import { optimize } from './rewrite-statements.ts'
import type { TrinoPlace } from './tables.ts'

export interface TrinoRemovalOptions extends TrinoPlace {
  readonly trino: Pick<Trino, 'query'>
  readonly timers: Timers
  readonly statements: LakeStatements
}

export interface TrinoRemoval extends Pick<LakeRemoval, 'countedDays' | 'partitionsWith'> {
  removeRows(
    table: TableName,
    partition: LakePartition,
    rows: readonly RemovedRows[],
    given?: RewriteTurn,
  ): ReturnType<LakeRemoval['removeRows']>
  removeGenerations(
    table: TableName,
    generations: readonly number[],
    given?: RewriteTurn,
  ): ReturnType<LakeRemoval['removeGenerations']>
  recomputeHourly(work: RecomputeWork, given?: RewriteTurn): ReturnType<LakeRemoval['recomputeHourly']>
}

export function createTrinoRemoval(options: TrinoRemovalOptions): TrinoRemoval {
  const { trino, timers, statements, catalog, schema } = options
  const place = { catalog, schema }

  async function numberOf(sql: string): Promise<number> {
    const [row] = await trino.query(sql)
    return Number(row?.[0] ?? 0)
  }

  return {
    async partitionsWith(table, rows) {
      checkRemovedRows(rows)
      const found = new Map<string, LakePartition>()
      for (const list of conditionLists(table, rows)) {
        for (const [generation, period] of await trino.query(partitionsWithQuery(place, table, list))) {
          const partition = { generation: generation === null ? null : Number(generation), period: Number(period) }
          found.set(`${partition.generation}/${partition.period}`, partition)
        }
      }
      return [...found.values()].sort((a, b) => (a.generation ?? 0) - (b.generation ?? 0) || a.period - b.period)
    },

    async removeRows(table, { generation, period }, rows, given) {
      checkRemovedRows(rows)
      const definition = tables[table]
      const through = given?.through ?? Number.MAX_SAFE_INTEGER
      const work = { ...place, definition, partition: { generation, period }, through }
      let removed = 0
      for (const list of conditionLists(table, rows)) {
        const count = await numberOf(countRemoved(work, list))
        if (count === 0) continue
        removed += count
        if (given !== undefined) await statements.begin(table, given.turn)
        const run = statements.runner(table, given?.turn)
        await untilCertain(timers, () => run(deleteRemoved(work, list)))
      }
      if (removed === 0) return null
      // Without: the rows would still be in the data files, named by a file of deletes.
      await statements.runner(table, given?.turn)(optimize(work))
      return { snapshot: await currentSnapshot(options, definition), removed }
    },

    async removeGenerations(table, generations, given) {
      checkRemovedGenerations(table, generations)
      if (generations.length === 0) return null
      const removed = await numberOf(countGenerations(place, table, generations))
      if (removed === 0) return null
      if (given !== undefined) await statements.begin(table, given.turn)
      const run = statements.runner(table, given?.turn)
      // Of whole partitions: Trino takes their files out and writes none.
      await untilCertain(timers, () => run(deleteGenerations(place, table, generations)))
      return { snapshot: await currentSnapshot(options, tables[table]), removed }
    },

    async countedDays(hits, generations, erased) {
      if (erased.length === 0 || hits.snapshot === null) return []
      const source = versionOf(place, 'hits', hits.snapshot)
      const hours: CountedHour[] = []
      // All at once: what is counted with each of them does not hang on how they are cut into statements.
      const rows = await trino.query(printTrino(countedHoursSelect(erased), () => source))
      for (const [merchant, visitor, user, zone, hour, generation, count] of rows) {
        const whose = { merchant: String(merchant), visitor: textOrNull(visitor), user: textOrNull(user) }
        const when = { zone: String(zone), hour: Number(hour), generation: Number(generation) }
        hours.push({ ...whose, ...when, hits: Number(count) })
      }
      return countedDaysOf(hours, generations, erased)
    },

    async recomputeHourly(work, given) {
      const { reads: _reads, ...question } = hourlyQuestionOf(work)
      const hourly = versionOf(place, 'hourly', work.hourly)
      const hits = work.hits.snapshot === null ? undefined : versionOf(place, 'hits', work.hits.snapshot)
      if (work.both !== undefined && hits !== undefined && work.both.length > 0) {
        const [row] = await trino.query(apartQuery(work, hits, hourly))
        if (row?.[0] === true) return null
      }
      const zones =
        hits === undefined
          ? []
          : (await trino.query(printTrino(hourZonesSelect(question), () => hits))).map(([zone]) => String(zone))
      const publish = await numberOf(lastPublishOf(hourly))
      const firstRow = await numberOf(nextRowOf(place, work, publish))
      if (given !== undefined) await statements.begin('hourly', given.turn)
      const run = statements.runner('hourly', given?.turn)
      const statement =
        zones.length === 0 || hits === undefined
          ? recomputeDelete(place, work, publish)
          : recomputeMerge(place, work, { hits, zones, publish, firstRow })
      await untilCertain(timers, () => run(statement))
      return { snapshot: await currentSnapshot(options, tables.hourly) }
    },
  }
}

const textOrNull = (value: unknown) => (value === null || value === undefined ? null : String(value))
