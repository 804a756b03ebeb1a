/**
 * Books where the feed is Kafka and collectors, workers and this gateway are processes of their own.
 *
 * - Accepted: what the collectors' ledgers have counted, by log through `acceptedThrough`; and what came into the feed past
 *   every collector, which the worker counts when it processes it. A ledger counts only what Kafka has acknowledged.
 * - Outcomes: what the job has committed, by partition through `next`; of each log what comes before the `forwarded` mark.
 * - In flight: what the feed holds beyond those positions and accepted counts: at a place of its log below
 *   `acceptedThrough` and not below the mark, each place once, for forwarding may repeat.
 *
 * Workers overtake ledgers all the time, and with many of both there may be no moment when none has. So outcomes are
 * taken from one reading of the store, and accepted from a later one, in which every ledger has passed the marks of the
 * first; what was processed between the two counts as in flight. The feed has it still: nothing is taken by subtraction.
 */
import { FeedUnavailableError, PoisonRecordError } from '../../core/errors.ts'
import { hourMs } from '../../core/event-time.ts'
import type { Offset } from '../../core/ids.ts'
import { type Clock, sleep, type Timers } from '../../core/ports/clock.ts'
import type { Books, ControlStore, JobPosition } from '../../core/ports/control-store.ts'
import type { FeedRecord } from '../../core/ports/feed.ts'
import { type BatchFacts, peekBatch } from '../../schemas/avro/hit-batch.ts'
import type { BooksQuestion, TakeBooks } from './books.ts'
import type { FeedScan } from './cluster-feed-scan.ts'
import { ProblemError } from './problem.ts'

/** The job that keeps the books of a cluster. */
export const clusterBooksJob = 'hits-warehouse'
/** How long ledgers are waited for: several times their flush delay. */
export const clusterBooksMaxWaitMs = 20_000
/** Pause before the store is read again. */
export const clusterBooksPauseMs = 500

export interface ClusterBooksOptions {
  readonly store: Pick<ControlStore, 'books'>
  readonly scan: FeedScan
  readonly clock: Clock
  readonly timers: Timers
  readonly job?: string
}

/**
 * Counts for the set of hits accepted by the later reading.
 * @throws ProblemError 503 `overloaded` where a ledger does not catch up in time (a collector that is away), or the feed
 * cannot be looked through now
 */
export function takeClusterBooks(options: ClusterBooksOptions): TakeBooks {
  const { store, scan, clock, timers, job = clusterBooksJob } = options

  /** Books read once every ledger has passed what `earlier` says was processed. */
  async function whenCounted(earlier: Books, question: BooksQuestion): Promise<Books> {
    const deadline = clock.monotonic() + clusterBooksMaxWaitMs
    for (let books = earlier; ; books = await store.books(question)) {
      const behind = logBehind(positionsOf(earlier, job), books)
      if (behind === undefined) return books
      if (clock.monotonic() >= deadline) {
        const detail = `collector log ${behind} has not counted what workers have processed of it; ask again, or look why its collector is away`
        throw new ProblemError(503, 'overloaded', detail)
      }
      await sleep(timers, clusterBooksPauseMs)
    }
  }

  return async (question) => {
    const earlier = await store.books(question)
    const later = await whenCounted(earlier, question)
    // After the later reading: what a ledger has counted by then was acknowledged before, and lies before these ends.
    const inFlight = await asProblem(async () => {
      const counts = partitionCounts(earlier, later, { question, job, nowMs: clock.now() }, await scan.ends())
      const ranges = counts.flatMap(({ range }) => (range.from < range.through ? [range] : []))
      const byPartition = new Map(counts.map((count) => [count.range.partition, count]))
      await scan.read(ranges, (partition, record) => byPartition.get(partition)?.add(record))
      return counts.reduce((sum, { hits }) => sum + hits, 0)
    })
    const { stored, duplicates, failed, dropped } = earlier
    return { accepted: later.accepted, stored, duplicates, failed, dropped, inFlight }
  }
}

type Position = Books['positions'][number]

function positionsOf({ positions }: Books, job: string): readonly Position[] {
  return positions.filter((each) => each.job === job)
}

/** A log of which more is processed at `positions` than `books` count as accepted. */
function logBehind(positions: readonly JobPosition[], { acceptedThrough }: Books): string | undefined {
  for (const { forwarded } of positions) {
    const behind = Object.entries(forwarded).find(([log, mark]) => mark > (acceptedThrough[log] ?? 0))
    if (behind !== undefined) return behind[0]
  }
  return undefined
}

interface Asked {
  readonly question: BooksQuestion
  readonly job: string
  readonly nowMs: number
}

function partitionCounts(
  earlier: Books,
  later: Books,
  { question, job, nowMs }: Asked,
  ends: ReadonlyMap<number, Offset>,
): readonly PartitionCount[] {
  const before = new Map(positionsOf(earlier, job).map((position) => [position.partition, position]))
  const after = new Map(positionsOf(later, job).map((position) => [position.partition, position]))
  return [...ends].map(([partition, through]) => {
    const position = before.get(partition)
    const range = { partition, from: position?.next ?? (0 as Offset), through }
    return new PartitionCount(range, question, {
      marks: new Map(Object.entries(position?.forwarded ?? {})),
      received: position?.received ?? nowMs,
      acceptedThrough: later.acceptedThrough,
      processedThrough: after.get(partition)?.next ?? (0 as Offset),
    })
  })
}

interface Bounds {
  /** By log: places before it are processed, or were met in this count. */
  readonly marks: Map<string, number>
  /** Of the last batch before the range, as the worker has it. */
  readonly received: number
  readonly acceptedThrough: Books['acceptedThrough']
  /** Hits that came past every collector are accepted in `later` up to this offset. */
  readonly processedThrough: Offset
}

/** Hits in flight in one partition. Goes through its records exactly as the worker will. */
class PartitionCount {
  hits = 0
  readonly range: { readonly partition: number; readonly from: Offset; readonly through: Offset }
  readonly #question: BooksQuestion
  readonly #bounds: Bounds
  #received: number

  constructor(range: PartitionCount['range'], question: BooksQuestion, bounds: Bounds) {
    this.range = range
    this.#question = question
    this.#bounds = bounds
    this.#received = bounds.received
  }

  add({ offset, payload, origin }: FeedRecord): void {
    const { marks, acceptedThrough, processedThrough } = this.#bounds
    const facts = factsOf(payload)
    if (origin === null) {
      if (offset < processedThrough) this.#count(facts ?? this.#undecodable())
    } else {
      if (origin.place < (marks.get(origin.log) ?? 0)) return
      marks.set(origin.log, origin.place + 1)
      if (origin.place < (acceptedThrough[origin.log] ?? 0)) this.#count(facts ?? this.#undecodable())
    }
    if (facts !== null) this.#received = facts.received
  }

  #count({ merchant, received, hits }: BatchFacts): void {
    const { from, to, merchant: asked } = this.#question
    if (received >= from && received < to && (asked === undefined || asked === merchant)) this.hits += hits
  }

  // Ledger and worker take it for one hit of nobody, received with the batch before it.
  #undecodable(): BatchFacts {
    return { merchant: '', received: Math.floor(this.#received / hourMs) * hourMs, hits: 1 }
  }
}

function factsOf(payload: Buffer): BatchFacts | null {
  try {
    return peekBatch(payload)
  } catch (error) {
    if (error instanceof PoisonRecordError) return null
    throw error
  }
}

async function asProblem<T>(look: () => Promise<T>): Promise<T> {
  try {
    return await look()
  } catch (cause) {
    if (!(cause instanceof FeedUnavailableError)) throw cause
    const detail = 'Kafka does not say what is in flight; without it there are no books, ask again'
    throw new ProblemError(503, 'overloaded', detail, {}, { cause })
  }
}
