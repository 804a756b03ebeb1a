/**
 * Books where the log itself is the feed. Two counters run apart: the ledger counts accepted hits through one place of the
 * log, the job has committed through another. One read of the store gives both places with both sums, and what lies
 * between them is in flight.
 */
import { OffsetTrimmedError } from '../../core/errors.ts'
import type { Offset } from '../../core/ids.ts'
import type { Books, ControlStore } from '../../core/ports/control-store.ts'
import type { BooksQuestion, TakeBooks } from './books.ts'
import { ProblemError } from './problem.ts'

/** Times the store is read again because the job had overtaken the ledger. Each time the ledger is brought up to date. */
export const booksMaxReads = 8

export interface Ledger {
  /** Counts everything durable into the store; returns one past the last record counted. */
  flush(): Promise<Offset>
  /** Hits of the records [processed, through) of the log that the question is about. */
  inFlight(range: BooksQuestion & { readonly processed: Offset; readonly through: Offset }): Promise<number>
}

export interface LogBooksOptions {
  readonly store: Pick<ControlStore, 'books'>
  readonly ledger: Ledger
  /** The log whose records are accounted for, and the job that accounts for them. */
  readonly log: string
  readonly job: string
}

/** Counts of one moment. @throws ProblemError 503 `overloaded` where the job overtook the ledger each time */
export function takeLogBooks({ store, ledger, log, job }: LogBooksOptions): TakeBooks {
  return async (question) => {
    for (let read = 0; read < booksMaxReads; read += 1) {
      await ledger.flush()
      const books = await store.books(question)
      const through = books.acceptedThrough[log] ?? (0 as Offset)
      const processed = committedThrough(books, job)
      if (processed > through) continue
      const inFlight = await untrimmed(ledger.inFlight({ ...question, processed, through }))
      if (inFlight === 'trimmed') continue
      const { accepted, stored, duplicates, failed, dropped } = books
      return { accepted, stored, duplicates, failed, dropped, inFlight }
    }
    throw new ProblemError(503, 'overloaded', 'the books moved on while they were read; ask again')
  }
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
