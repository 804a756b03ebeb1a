/**
 * The books: what came in against what became of it, by hour of receipt. They balance when
 * `accepted = stored + duplicates + failed + dropped by a stated rule + in flight`. In flight is counted from the log or
 * the feed, record by record, never by subtraction: a difference that is defined away can show no loss.
 *
 * How the counts are taken differs: `log-books.ts` where the log is the feed, `cluster-books.ts` where the feed is Kafka.
 */
import { dayMs, hourMs } from '../../core/event-time.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { ControlStore } from '../../core/ports/control-store.ts'
import { dayNumber } from '../../core/time/civil.ts'
import { type Fault, faultyRequest, ProblemError } from './problem.ts'

/** Whole UTC hours, half-open. */
export interface BooksRange {
  readonly from: number
  readonly to: number
}

/** The books of one merchant, or of all. */
export interface BooksQuestion extends BooksRange {
  readonly merchant?: MerchantId
}

/** Each counted by itself, all for the same set of accepted hits. */
export interface BooksCounts {
  readonly accepted: number
  readonly stored: number
  readonly duplicates: number
  readonly failed: number
  /** By rule. */
  readonly dropped: Readonly<Record<string, number>>
  readonly inFlight: number
}

/** @throws ProblemError 503 `overloaded` where the counts cannot be taken now */
export type TakeBooks = (question: BooksQuestion) => Promise<BooksCounts>

export interface BooksOptions {
  readonly store: Pick<ControlStore, 'merchant'>
  readonly take: TakeBooks
}

export interface BooksReply extends BooksCounts {
  readonly from: string
  readonly to: string
  readonly balanced: boolean
}

/**
 * The books of a range.
 * @throws ProblemError 404 `not_found` for a merchant that does not exist, and as `take` does
 */
export async function readBooks({ store, take }: BooksOptions, question: BooksQuestion): Promise<BooksReply> {
  const { merchant, from, to } = question
  if (merchant !== undefined && (await store.merchant(merchant)) === undefined) {
    throw new ProblemError(404, 'not_found', `there is no merchant ${JSON.stringify(merchant)}`)
  }
  const { accepted, stored, duplicates, failed, dropped, inFlight } = await take(question)
  const droppedInAll = Object.values(dropped).reduce((sum, count) => sum + count, 0)
  return {
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    accepted,
    stored,
    duplicates,
    failed,
    dropped,
    inFlight,
    balanced: accepted === stored + duplicates + failed + droppedInAll + inFlight,
  }
}

/** First and last instants that `Date` writes as four-digit years, on the hour: "all time". */
const allTime: BooksRange = { from: 0, to: Date.UTC(9999, 11, 31, 23) }

/**
 * The range that `from` and `to` name: instants, or UTC dates (both inclusive); rounded outwards to whole UTC hours,
 * because books are kept by the hour. Left out: since 1970, without an end.
 * @throws ProblemError 400 `bad_query`
 */
export function booksRange(from: string | undefined, to: string | undefined): BooksRange {
  const faults: Fault[] = []
  const start = from === undefined ? allTime.from : placeInTime('/from', from, 'first', faults)
  const end = to === undefined ? allTime.to : placeInTime('/to', to, 'last', faults)
  if (faults.length === 0 && start >= end) {
    faults.push({ pointer: '/to', code: 'bad_query', message: 'to must be after from' })
  }
  if (faults.length > 0) throw faultyRequest(faults)
  return { from: Math.floor(start / hourMs) * hourMs, to: Math.ceil(end / hourMs) * hourMs }
}

const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/

function placeInTime(pointer: string, text: string, date: 'first' | 'last', faults: Fault[]): number {
  const day = dayNumber(text)
  if (day !== undefined) return (date === 'first' ? day : day + 1) * dayMs
  const ms = instant.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(ms)) return ms
  const message = `${pointer.slice(1)} must be a date, 2026-03-01, or an instant with its zone, 2026-03-01T09:00:00Z`
  faults.push({ pointer, code: 'bad_query', message })
  return Number.NaN
}
