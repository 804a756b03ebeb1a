/** The files that a question must read, table by table: of each table those of the days in which its pieces lie. */
import { utcDay } from '../../../core/event-time.ts'
import type { TableView } from '../../../core/ports/lake.ts'
import type { BucketRange, Question } from '../../../core/ports/query-engine.ts'
import type { TableName } from '../../../core/tables.ts'
import { tableOf, viewsOf } from '../../core/sql/pieces.ts'
import { visitsHitRanges } from '../../core/sql/visits-select.ts'
import type { TableFile, TableFiles } from '../../core/table-files.ts'

/** Tables without such files have no entry. */
export type FilesByTable = ReadonlyMap<TableName, readonly TableFile[]>

/** Most stretches of days that are looked up apart; where there are more, what lies between them is opened too. */
export const maxFileRanges = 16

type Tenant = Pick<Question, 'merchant' | 'generation'>

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

export function filesInRange(
  files: TableFiles,
  view: TableView,
  { merchant, generation }: Tenant,
  { start, end }: BucketRange,
): Promise<readonly TableFile[]> {
  return files.files(view, { merchant, generation, firstDay: utcDay(start), lastDay: utcDay(end - 1) })
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
