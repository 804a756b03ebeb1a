/** Taking rows out of the lake in memory. */
import { hourMs, utcDay } from '../../../core/event-time.ts'
import type { Clock, Random } from '../../../core/ports/clock.ts'
import type { LakeReader } from '../../../core/ports/lake.ts'
import type { LakeRemoval } from '../../../core/ports/lake-removal.ts'
import type { LakeRow } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { hourlyRows } from '../../core/hourly-rows.ts'
import { plainRow } from '../../core/plain-row.ts'
import {
  checkRemovedGenerations,
  checkRemovedRows,
  dayOfWork,
  hourlyQuestionOf,
  isBeyond,
  removedRowTest,
} from '../../core/removal-work.ts'
import { rowOrder } from '../../core/row-order.ts'
import { type CountedHour, countedDaysOf } from '../../core/sql/counted-days-select.ts'
import { addSnapshot, type MemoryFile, type MemoryLakeState } from './memory-lake-state.ts'

export interface MemoryRemovalOptions {
  readonly state: MemoryLakeState
  readonly random: Random
  readonly clock: Clock
  readonly lake: Pick<LakeReader, 'scan'>
}

export function createMemoryRemoval(options: MemoryRemovalOptions): LakeRemoval {
  const { state, lake } = options

  return {
    async partitionsWith(table, rows) {
      checkRemovedRows(rows)
      const goes = removedRowTest(rows, table)
      const holding = newest(state, table).filter((file) => file.rows.some(goes))
      const found = new Map(holding.map(({ partition: p }) => [`${p.generation}/${p.period}`, p]))
      return [...found.values()].sort((a, b) => (a.generation ?? 0) - (b.generation ?? 0) || a.period - b.period)
    },

    async removeRows(table, { generation, period }, rows) {
      checkRemovedRows(rows)
      const goes = removedRowTest(rows, table)
      const files = newest(state, table)
      const isOwn = ({ partition: p }: MemoryFile) => p.generation === generation && p.period === period
      const removed = files.filter(isOwn).reduce((sum, file) => sum + file.rows.filter(goes).length, 0)
      if (removed === 0) return null
      const left = files
        .map((file) =>
          isOwn(file) && file.rows.some(goes) ? { ...file, rows: file.rows.filter((row) => !goes(row)) } : file,
        )
        .filter((file) => file.rows.length > 0)
      const kept = left.filter((file) => !files.includes(file))
      const operation = kept.length > 0 ? 'overwrite' : 'delete'
      const addedRows = kept.reduce((sum, file) => sum + file.rows.length, 0)
      return { ...addSnapshot(options, table, { operation, publish: null, addedRows, files: left }), removed }
    },

    async removeGenerations(table, generations) {
      checkRemovedGenerations(table, generations)
      const files = newest(state, table)
      const left = files.filter(({ partition: { generation } }) => !generations.includes(generation ?? 0))
      if (left.length === files.length) return null
      const count = (of: readonly MemoryFile[]) => of.reduce((sum, { rows }) => sum + rows.length, 0)
      const change = { operation: 'delete', publish: null, addedRows: 0, files: left } as const
      return { ...addSnapshot(options, table, change), removed: count(files) - count(left) }
    },

    async countedDays(hits, generations, erased) {
      if (erased.length === 0) return []
      const isErased = removedRowTest(erased, 'hits')
      const asked = (kind: 'visitor' | 'user') =>
        new Set(erased.flatMap(({ subject }) => (subject.kind === kind ? [subject.value] : [])))
      const [visitors, users] = [asked('visitor'), asked('user')]
      const askedFor = (of: ReadonlySet<string>, value: unknown) =>
        typeof value === 'string' && of.has(value) ? value : null
      const hours: CountedHour[] = []
      for await (const rows of lake.scan(hits)) {
        for (const row of rows) {
          if (row.bot === true || !isErased(row)) continue
          const hour = Math.floor(Number(row.time) / hourMs)
          const whose = { visitor: askedFor(visitors, row.visitor), user: askedFor(users, row.user) }
          const [merchant, zone, generation] = [String(row.merchant), String(row.zone), Number(row._gen)]
          hours.push({ ...whose, merchant, zone, hour, generation, hits: 1 })
        }
      }
      return countedDaysOf(hours, generations, erased)
    },

    async recomputeHourly(work) {
      const { reads, ...question } = hourlyQuestionOf(work)
      const day = dayOfWork(work)
      const isErased = removedRowTest(work.erased, 'hits')
      const hits: LakeRow[] = []
      for await (const rows of lake.scan(work.hits, reads)) hits.push(...rows.filter((row) => !isErased(row)))
      const definition = tables.hourly
      const merchants = new Set<string>(question.merchants)
      const goes = (row: LakeRow) => merchants.has(String(row.merchant)) && utcDay(Number(row.bucket)) === day
      if (state.of('hourly').at(-1)?.id !== work.hourly) return null
      const files = newest(state, 'hourly')
      const beyond = [...hourlyRows(question, hits), ...files.flatMap(({ rows }) => rows.filter(goes))].some((row) =>
        isBeyond(work, Number(row._part), Number(row._off_to)),
      )
      if (beyond) return null
      const isOwn = ({ partition: p }: MemoryFile) => p.generation === work.generation && p.period === day
      const numbers = files
        .filter(isOwn)
        .flatMap(({ rows }) => rows)
        .filter(({ _publish }) => Number(_publish) === work.publish)
        .map(({ _row }) => Number(_row))
      const first = Math.max(-1, ...numbers) + 1
      const added = [...hourlyRows(question, hits)]
        .sort(rowOrder(definition))
        .map((row, at) => plainRow(definition.columns, { ...row, _publish: work.publish, _row: first + at }))
      const left = files
        .map((file) => (isOwn(file) ? { ...file, rows: file.rows.filter((row) => !goes(row)) } : file))
        .filter((file) => file.rows.length > 0)
      const partition = { generation: work.generation, period: day }
      return addSnapshot(options, 'hourly', {
        operation: 'overwrite',
        publish: null,
        addedRows: added.length,
        files: added.length === 0 ? left : [...left, { partition, rows: added }],
      })
    },
  }
}

function newest(state: MemoryLakeState, table: Parameters<MemoryLakeState['of']>[0]): readonly MemoryFile[] {
  return state.of(table).at(-1)?.files ?? []
}
