/** The files that a question must read, table by table: of each table those of the days in which its pieces lie. */
import { utcDay } from '../../../core/event-time.ts'
import { stretchesWithin } from '../../../core/generations.ts'
import type { TableView } from '../../../core/ports/lake.ts'
import type { BucketRange, Question } from '../../../core/ports/query-engine.ts'
import type { TableName } from '../../../core/tables.ts'
import { sinkOfTable } from '../../core/sql/of-generations.ts'
import { tableOf, viewsOf } from '../../core/sql/pieces.ts'
import { visitsHitRanges } from '../../core/sql/visits-select.ts'
import type { TableFile, TableFiles } from '../../core/table-files.ts'

/** Tables without such files have no entry. */
export type FilesByTable = ReadonlyMap<TableName, readonly TableFile[]>

/** Most stretches of days that are looked up apart; where there are more, what lies between them is opened too. */
export const maxFileRanges = 16

type Tenant = Pick<Question, 'merchant'> & Partial<Pick<Question, 'generations'>>

/** @throws SnapshotNotFoundError, CorruptTableError */
export async function filesOfQuestion(files: TableFiles, question: Question): Promise<FilesByTable> {
  const found = new Map<TableName, readonly TableFile[]>()
  for (const view of viewsOf(question)) {
    const byPath = new Map<string, TableFile>()
    for (const range of dayStretches(rangesOf(question, view.table))) {
      // A file of a month lies in several stretches.
      for (const file of await filesInRange(files, view, question, range)) byPath.set(file.localPath, file)
    }
    if (byPath.size > 0) found.set(view.table, [...byPath.values()])
  }
  return found
}

/** Of every generation that answers in the range, the files of the days that it answers; of all generations where none are given. */
export async function filesInRange(
  files: TableFiles,
  view: TableView,
  { merchant, generations }: Tenant,
  { start, end }: BucketRange,
): Promise<readonly TableFile[]> {
  const days = (from: number, to: number) => ({ merchant, firstDay: utcDay(from), lastDay: utcDay(to - 1) })
  if (generations === undefined) return files.files(view, days(start, end))
  const stretches = stretchesWithin(generations[sinkOfTable[view.table]], { from: start, to: end })
  if (stretches.length > maxFileRanges) {
    const among = [...new Set(stretches.map(({ generation }) => generation))]
    return files.files(view, { ...days(start, end), generations: among })
  }
  const byPath = new Map<string, TableFile>()
  for (const { from, to, generation } of stretches) {
    const own = days(Math.max(start, from ?? start), Math.min(end, to ?? end))
    for (const file of await files.files(view, { ...own, generations: [generation] })) byPath.set(file.localPath, file)
  }
  return [...byPath.values()]
}

function rangesOf(question: Question, table: TableName): readonly BucketRange[] {
  if (question.from === 'visits' && table === 'hits') return visitsHitRanges(question)
  return question.pieces.filter((piece) => tableOf(question, piece) === table)
}

/** Ranges, rising, as stretches of which no two touch the same or neighbouring UTC days. */
function dayStretches(ranges: readonly BucketRange[]): readonly BucketRange[] {
  const stretches: { start: number; end: number }[] = []
  for (const { start, end } of ranges) {
    const last = stretches.at(-1)
    if (last !== undefined && utcDay(start) <= utcDay(last.end - 1) + 1) last.end = Math.max(last.end, end)
    else stretches.push({ start, end })
  }
  const [first] = stretches
  if (first === undefined || stretches.length <= maxFileRanges) return stretches
  return [{ start: first.start, end: stretches.at(-1)?.end ?? first.end }]
}
