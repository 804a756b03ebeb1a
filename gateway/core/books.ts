/**
 * The books: what came in against what became of it, by hour of receipt. They balance when
 * `accepted = stored + duplicates + failed + dropped by a stated rule + in flight`. In flight is counted from the log,
 * record by record, never by subtraction: a difference that is defined away can show no loss.
 *
 * Two counters run apart: the ledger counts accepted hits through one place of the log, jobs have committed through
 * another. One read of the store gives both places with both sums, and what lies between them is in flight.
 */
import { OffsetTrimmedError } from '../../core/errors.ts'
import { dayMs, hourMs } from '../../core/event-time.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import type { Books, ControlStore } from '../../core/ports/control-store.ts'
import { dayNumber } from '../../core/time/civil.ts'
import { type Fault, faultyRequest, ProblemError } from './problem.ts'

/** Times the store is read again because the job had overtaken the ledger. Each time the ledger is brought up to date. */
export const booksMaxReads = 8

export interface Ledger {
  /** Counts everything durable into the store; returns one past the last record counted. */
  flush(): Promise<Offset>
  /** Hits of the records [processed, through) of the log, by `received` in [from, to), of one merchant or of all. */
  inFlight(range: {
    readonly merchant?: MerchantId
    readonly from: number
    readonly to: number
    readonly processed: Offset
    readonly through: Offset
  }): Promise<number>
}

export interface BooksOptions {
  readonly store: Pick<ControlStore, 'books' | 'merchant'>
  readonly ledger: Ledger
  /** The log whose records are accounted for, and the job that accounts for them. */
  readonly log: string
  readonly job: string
}

/** Whole UTC hours, half-open. */
export interface BooksRange {
  readonly from: number
  readonly to: number
}

export interface BooksReply {
  readonly from: string
  readonly to: string
  readonly accepted: number
  readonly stored: number
  readonly duplicates: number
  readonly failed: number
  readonly dropped: Readonly<Record<string, number>>
  readonly inFlight: number
  readonly balanced: boolean
}

/**
 * The books of a range, taken at one moment.
 * @throws ProblemError 404 `not_found` for a merchant that does not exist; 503 `overloaded` where the job overtook the
 * ledger each time they were read
 */
export async function readBooks(
  { store, ledger, log, job }: BooksOptions,
  range: BooksRange & { readonly merchant?: MerchantId },
): Promise<BooksReply> {
  const { merchant, from, to } = range
  if (merchant !== undefined && (await store.merchant(merchant)) === undefined) {
    throw new ProblemError(404, 'not_found', `there is no merchant ${JSON.stringify(merchant)}`)
  }
  for (let read = 0; read < booksMaxReads; read += 1) {
    await ledger.flush()
    const books = await store.books({ ...(merchant !== undefined && { merchant }), from, to })
    const through = books.acceptedThrough[log] ?? (0 as Offset)
    const processed = committedThrough(books, job)
    if (processed > through) continue
    const inFlight = await untrimmed(
      ledger.inFlight({ ...(merchant !== undefined && { merchant }), from, to, processed, through }),
    )
    if (inFlight === 'trimmed') continue
    const { accepted, stored, duplicates, failed, dropped } = books
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
  throw new ProblemError(503, 'overloaded', 'the books moved on while they were read; ask again')
}

function committedThrough(books: Books, job: string): Offset {
  // One partition in this mode: partition 0 is the log.
  return books.positions.find((each) => each.job === job && each.partition === 0)?.next ?? (0 as Offset)
}

// The job committed, and retention trimmed, what was about to be counted: the store now says so too.
async function untrimmed(count: Promise<number>): Promise<number | 'trimmed'> {
  try {
    return await count
  } catch (error) {
    if (error instanceof OffsetTrimmedError) return 'trimmed'
    throw error
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
