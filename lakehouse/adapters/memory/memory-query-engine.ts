/** The query engine in plain JavaScript over any lake: slow, plain, and what the others are held equal to. */
import { RawBudgetError } from '../../../core/errors.ts'
import { utcDay } from '../../../core/event-time.ts'
import { generationAt } from '../../../core/generations.ts'
import type { LakeReader, TableView } from '../../../core/ports/lake.ts'
import type { BucketRange, QueryEngine, Question } from '../../../core/ports/query-engine.ts'
import type { LakeRow } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { erasedRowTest } from '../../core/erased-rows.ts'
import { partitionTime } from '../../core/partition.ts'
import { erasedDaysRange } from '../../core/sql/erased-days-select.ts'
import { checkKnownIds } from '../../core/sql/known-ids-select.ts'
import { sinkOfTable } from '../../core/sql/of-generations.ts'
import { checkPieces, tableOf, viewsOf } from '../../core/sql/pieces.ts'
import { visitsHitRanges } from '../../core/sql/visits-select.ts'
import { spanOfAll } from './memory-query-engine-groups.ts'
import { MemoryHitsAnswer } from './memory-query-engine-hits.ts'
import { MemoryVisitsAnswer } from './memory-query-engine-visits.ts'

/** Counts every row of the merchant and the days asked for against the budget. */
export function createMemoryQueryEngine({ lake }: { readonly lake: Pick<LakeReader, 'scan'> }): QueryEngine {
  /** Rows of the merchant on the days of a range: those that answer, or all. */
  async function* rowsOf(
    view: TableView,
    { merchant, generations }: Pick<Question, 'merchant'> & Partial<Pick<Question, 'generations'>>,
    range: BucketRange,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<readonly LakeRow[]> {
    const { column } = partitionTime(tables[view.table])
    const stretches = generations?.[sinkOfTable[view.table]]
    const answers = (row: LakeRow) =>
      stretches === undefined || Number(row._gen) === generationAt(stretches, Number(row[column]))
    const filter = { merchant, firstDay: utcDay(range.start), lastDay: utcDay(range.end - 1) }
    for await (const rows of lake.scan(view, filter)) {
      signal?.throwIfAborted()
      yield rows.filter(answers)
    }
  }

  async function readAll(
    question: Question,
    signal: AbortSignal | undefined,
    add: (view: TableView, row: LakeRow) => void,
  ): Promise<void> {
    checkPieces(question.pieces)
    signal?.throwIfAborted()
    for (const view of viewsOf(question)) {
      const ranges =
        question.from === 'visits' && view.table === 'hits'
          ? visitsHitRanges(question)
          : question.pieces.filter((piece) => tableOf(question, piece) === view.table)
      const range = spanOfAll(ranges)
      const isErased = erasedRowTest(question.from === 'rollup' ? [] : question.erased, view.table)
      let scanned = 0
      if (range === undefined) continue
      for await (const rows of rowsOf(view, question, range, signal)) {
        scanned += rows.length
        if (question.from !== 'rollup' && view.table === 'hits' && scanned > question.rawRowBudget) {
          throw new RawBudgetError(scanned, question.rawRowBudget)
        }
        for (const row of rows) if (!isErased(row)) add(view, row)
      }
    }
  }

  return {
    async hits(question, { signal }) {
      const answer = new MemoryHitsAnswer(question)
      await readAll(question, signal, ({ table }, row) => answer.add(table as 'hits' | 'hourly' | 'daily', row))
      return answer.answer()
    },
    async visits(question, { signal }) {
      const answer = new MemoryVisitsAnswer(question)
      await readAll(question, signal, ({ table }, row) => answer.add(table as 'hits' | 'sessions', row))
      return answer.answer()
    },
    async knownIds(question, { signal }) {
      checkKnownIds(question)
      signal?.throwIfAborted()
      const { range } = question
      const asked = new Set(question.ids)
      const known = new Set<string>()
      for await (const rows of rowsOf(question.hits, question, range, signal)) {
        for (const row of rows) {
          const time = Number(row.time)
          if (time >= range.start && time < range.end && asked.has(String(row.id))) known.add(String(row.id))
        }
      }
      return [...known]
    },
    async erasedDays(question, { signal }) {
      const isErased = erasedRowTest([question.erased], 'hits')
      const days = new Set<number>()
      for await (const rows of rowsOf(question.hits, question, erasedDaysRange, signal)) {
        for (const row of rows) if (isErased(row)) days.add(utcDay(Number(row.time)))
      }
      return [...days].sort((a, b) => a - b)
    },
  }
}
