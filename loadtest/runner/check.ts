/**
 * Whether a run holds: k6's thresholds, and the law that every hit answered 202 is counted once. What was answered is
 * counted by k6, what became of it by the server's books and by its time series, and the three have to agree.
 *
 * A request without an answer, or answered 5xx, is in doubt: its hits may be stored or not, and equality becomes a range.
 */
import { counted, crossed, type Summary } from './summary.ts'

/** Share of iterations that k6 may fail to begin in time; more, and the load was not the one asked for. */
export const maxDroppedShare = 0.01

export interface Counts {
  readonly offered: number
  readonly accepted: number
  /** Offered, neither accepted nor refused. */
  readonly inDoubt: number
  readonly repeated: number
  readonly books: {
    readonly accepted: number
    readonly stored: number
    readonly duplicates: number
    readonly other: number
  }
  readonly series: number
  /** Of all iterations and frames that were due. */
  readonly droppedShare: number
}

export function countsOf(summary: Summary): Counts {
  const [offered, accepted] = [counted(summary, 'hits_offered'), counted(summary, 'hits_accepted')]
  const dropped = counted(summary, 'dropped_iterations') + counted(summary, 'frames_held')
  const begun = counted(summary, 'iterations') + counted(summary, 'ws_msgs_sent')
  return {
    offered,
    accepted,
    inDoubt: Math.max(0, offered - accepted - counted(summary, 'hits_refused')),
    repeated: counted(summary, 'hits_repeated'),
    books: {
      accepted: counted(summary, 'books_accepted'),
      stored: counted(summary, 'books_stored'),
      duplicates: counted(summary, 'books_duplicates'),
      other: counted(summary, 'books_other'),
    },
    series: counted(summary, 'series_hits'),
    droppedShare: dropped / Math.max(1, begun + dropped),
  }
}

/** What does not hold, each in words; nothing where all does. */
export function problemsOfRun(summary: Summary): readonly string[] {
  const counts = countsOf(summary)
  const problems = crossed(summary).map((threshold) => `threshold crossed: ${threshold}`)
  if (counts.accepted === 0) problems.push('no hit was accepted')
  if (counts.droppedShare > maxDroppedShare) {
    const share = (100 * counts.droppedShare).toFixed(1)
    problems.push(`${share} % of the load could not be sent in time: the machine bears less`)
  }
  return [...problems, ...lostOrDoubled(counts)]
}

/** Hits lost or counted twice, in words. These never depend on how busy a machine is. */
export function lostOrDoubled({ accepted, inDoubt, repeated, books, series }: Counts): readonly string[] {
  const problems: string[] = []
  if (books.accepted < accepted)
    problems.push(`LOST: ${accepted} hits were answered 202, the books know ${books.accepted}`)
  if (books.accepted > accepted + inDoubt) {
    problems.push(`DOUBLED: the books know ${books.accepted} hits, ${accepted} were accepted and ${inDoubt} in doubt`)
  }
  if (books.duplicates < repeated || books.duplicates > repeated + inDoubt) {
    problems.push(`${repeated} hits were sent twice, the books call ${books.duplicates} duplicates`)
  }
  if (books.other !== 0) problems.push(`${books.other} hits failed or were dropped; nothing in this traffic should be`)
  if (series !== books.stored)
    problems.push(`time series count ${series} hits, the books say ${books.stored} are stored`)
  return problems
}
