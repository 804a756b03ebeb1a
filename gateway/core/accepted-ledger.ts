/**
 * The books' first column: how many hits were accepted, per merchant and UTC hour of receipt. Counted from the records
 * that are durable in the log, each exactly once: the store moves the counts and the place up to which the log is counted
 * in one step, and what a crash left uncounted is read from the log again. A record nobody can decode is one hit of the
 * merchant '', as the worker has it, received with the record before it.
 *
 * The store may be away, or be set back to an older state: the ledger begins where the store says, as soon as it does.
 */
import { ControlStoreUnavailableError, OffsetTrimmedError, PlatformError, StartError } from '../../core/errors.ts'
import { hourMs, type ReceivedTime } from '../../core/event-time.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import type { Timers } from '../../core/ports/clock.ts'
import type { ControlStore } from '../../core/ports/control-store.ts'
import type { FeedReader } from '../../core/ports/feed.ts'
import type { HitLog } from '../../core/ports/hit-log.ts'
import { type BatchFacts, peekBatch } from '../../schemas/avro/hit-batch.ts'
import { HourCounts } from './hour-counts.ts'

export const defaultFlushDelayMs = 5_000
/** (merchant, hour)s held unflushed; beyond, records are not counted but read from the log once the store answers. */
export const defaultMaxUnflushed = 50_000
const readBytes = 1024 * 1024
/** Whose an undecodable record is. */
const nobody = ''

export interface AcceptedLedger {
  /**
   * Reads from the log what was accepted and not counted before this start; later, where the store is away. Call once,
   * before the first `note`.
   * @throws StartError where the store has counted more than the log holds
   */
  start(): Promise<void>
  /** A record became durable. Calls come in order of offsets; a record left out is read from the log later. */
  note(offset: Offset, merchant: MerchantId, received: ReceivedTime, hits: number): void
  /** The same of a record that cannot be decoded. */
  notePoison(offset: Offset): void
  /** Brings the store up to what is durable now and returns the place. Rejects as the store does; nothing is lost. */
  flush(): Promise<Offset>
  /** All records before it are counted in the store: those may be trimmed. */
  readonly flushedThrough: Offset
  /** `received` of the newest record met, null before the first: a restarted collector must not go behind it. */
  readonly lastReceived: ReceivedTime | null
  /**
   * Hits in the records [processed, through) received in [from, to), of one merchant or of all: counted from the log
   * itself. `through` defaults to `flushedThrough`. 0 where a job is ahead of the ledger.
   */
  inFlight(range: InFlightRange): Promise<number>
  /** No more flushes by timer. Flush first. */
  stop(): void
}

export interface InFlightRange {
  readonly merchant?: MerchantId
  readonly from: number
  readonly to: number
  readonly processed: Offset
  readonly through?: Offset
}

export interface AcceptedLedgerOptions {
  readonly log: Pick<HitLog, 'id' | 'durable' | 'oldest'>
  readonly store: Pick<ControlStore, 'addAccepted' | 'acceptedThrough'>
  /** A reader of the log's durable records from an offset on. */
  readonly openReader: (from: Offset) => Promise<FeedReader>
  readonly timers: Timers
  /** Records from there on are not counted yet. Left out: all that is durable is. */
  readonly countThrough?: () => Offset
  readonly flushDelayMs?: number
  readonly maxUnflushed?: number
  /** A record that cannot be decoded; where it is read again, it is told again. */
  readonly onPoison?: (offset: Offset, error: unknown) => void
  /** A flush by timer failed; it is tried again after the same delay. Told once, until one succeeds or fails otherwise. */
  readonly onFlushError?: (error: unknown) => void
}

export function createAcceptedLedger(options: AcceptedLedgerOptions): AcceptedLedger {
  const { log, store, timers } = options
  const flushDelayMs = options.flushDelayMs ?? defaultFlushDelayMs
  const maxUnflushed = options.maxUnflushed ?? defaultMaxUnflushed

  let flushed = 0 as Offset
  /** `counts` holds the records [flushed, counted). */
  let counted = 0 as Offset
  let counts = new HourCounts()
  /** `behind`: notes are not taken, because the log is read from `counted` at the next flush. */
  let state: 'in step' | 'behind' = 'behind'
  /** `asked for`: the store's place is not known, or it is one that the log cannot go on from. */
  let place: 'known' | 'asked for' = 'asked for'
  let told = ''
  let lastReceived: ReceivedTime | null = null
  let timer: 'running' | 'stopped' = 'running'
  let cancelTimer: (() => void) | undefined
  let flushing: Promise<Offset> = Promise.resolve(flushed)

  function armTimer(): void {
    if (timer === 'stopped') return
    cancelTimer ??= timers.after(flushDelayMs, () => {
      cancelTimer = undefined
      flush().catch(tell)
    })
  }

  function tell(error: unknown): void {
    const what = error instanceof PlatformError ? error.code : String(error)
    if (what !== told) options.onFlushError?.(error)
    told = what
  }

  /** One past the last record to count. */
  function limit(): Offset {
    return options.countThrough === undefined ? log.durable : (Math.min(log.durable, options.countThrough()) as Offset)
  }

  function count(merchant: MerchantId, received: number, hits: number): void {
    counts.add(merchant, Math.floor(received / hourMs) * hourMs, hits)
    lastReceived = Math.max(lastReceived ?? 0, received) as ReceivedTime
  }

  function note(offset: Offset, merchant: MerchantId, received: number, hits: number): void {
    if (state === 'in step' && offset === counted && offset < limit() && counts.size < maxUnflushed) {
      counted = (offset + 1) as Offset
      count(merchant, received, hits)
    } else if (offset >= counted) state = 'behind'
    armTimer()
  }

  async function* records(from: Offset, through: () => Offset): AsyncGenerator<LogRecord> {
    if (from >= through()) return
    const reader = await options.openReader(from)
    try {
      for (let next = from; next < through(); ) {
        const batch = await reader.next({ maxBytes: readBytes, waitMs: 0 })
        // Nothing though more is durable: the reader's view of the log is older than ours. The next flush sees it.
        if (batch.length === 0) return
        for (const { offset, payload } of batch) {
          if (offset >= through()) return
          next = (offset + 1) as Offset
          yield { offset, ...readFacts(payload) }
        }
      }
    } finally {
      await reader.close()
    }
  }

  /**
   * Reads what is durable and not counted. `in step` is set in the very moment when nothing is left, so that the next
   * note continues where the reading ended.
   */
  async function catchUp(): Promise<void> {
    if (counted >= limit()) state = 'in step'
    if (state === 'in step' || counts.size >= maxUnflushed) return
    for await (const { offset, facts, poison } of records(counted, limit)) {
      if (facts === null) options.onPoison?.(offset, poison)
      count((facts?.merchant ?? nobody) as MerchantId, facts?.received ?? lastReceived ?? 0, facts?.hits ?? 1)
      counted = (offset + 1) as Offset
      if (counted >= limit()) state = 'in step'
      if (state === 'in step' || counts.size >= maxUnflushed) return
    }
  }

  async function flushOnce(): Promise<Offset> {
    if (place === 'asked for') beginAt(await store.acceptedThrough(log.id))
    const target = limit()
    // The limit rises by itself; where it bounds us, records below it may never have been noted.
    if (options.countThrough !== undefined && counted < target) state = 'behind'
    for (;;) {
      const before = flushed
      if (state === 'behind') await catchUpOrAsk()
      if (counted > flushed) await send()
      if (flushed >= target || flushed === before) break
    }
    told = ''
    return flushed
  }

  function beginAt(from: Offset): void {
    if (from > log.durable) {
      throw new StartError(
        `the control store has counted ${from} records of the log, which holds ${log.durable}: restore the log's folder`,
      )
    }
    counts = new HourCounts()
    flushed = counted = from
    state = 'behind'
    place = 'known'
  }

  /** A store that was set back asks for records that are gone: until it is brought up to date it is asked again. */
  async function catchUpOrAsk(): Promise<void> {
    try {
      await catchUp()
    } catch (error) {
      if (error instanceof OffsetTrimmedError) place = 'asked for'
      throw error
    }
  }

  async function send(): Promise<void> {
    const [from, through, sent] = [flushed, counted, counts]
    counts = new HourCounts()
    try {
      await store.addAccepted(log.id, from, through, sent.entries())
    } catch (error) {
      // The answer may have been lost after the store had done it: its own place decides.
      const found = await store.acceptedThrough(log.id).catch(() => from)
      if (found === from) {
        // Counts noted meanwhile join those that are still to be sent.
        sent.addAll(counts)
        counts = sent
        throw error
      }
      // A former self that was slow to die has counted on, or the store was set back: begin again where it is.
      if (found !== through) return beginAt(found)
    }
    flushed = through
  }

  /** Of the last record that can be decoded: mostly the very last. */
  async function findLastReceived(): Promise<void> {
    for (const from of new Set([Math.max(log.oldest, log.durable - 1), log.oldest])) {
      for await (const { facts } of records(from as Offset, () => log.durable)) {
        if (facts !== null) lastReceived = facts.received as ReceivedTime
      }
      if (lastReceived !== null) return
    }
  }

  function flush(): Promise<Offset> {
    cancelTimer?.()
    cancelTimer = undefined
    flushing = flushing.then(flushOnce, flushOnce)
    flushing.then(
      () => flushed < log.durable && armTimer(),
      () => armTimer(),
    )
    return flushing
  }

  return {
    async start() {
      await findLastReceived()
      try {
        await flush()
      } catch (error) {
        if (!(error instanceof ControlStoreUnavailableError)) throw error
        tell(error)
      }
    },
    note,
    notePoison: (offset) => note(offset, nobody as MerchantId, lastReceived ?? 0, 1),
    flush,
    get flushedThrough() {
      return flushed
    },
    get lastReceived() {
      return lastReceived
    },
    async inFlight({ merchant, from, to, processed, through = flushed }) {
      let hitsInFlight = 0
      let before: number = lastReceived ?? 0
      for await (const { facts } of records(processed, () => through)) {
        const { merchant: whose, received, hits } = facts ?? { merchant: nobody, received: before, hits: 1 }
        before = received
        if (received < from || received >= to) continue
        if (merchant === undefined || whose === merchant) hitsInFlight += hits
      }
      return hitsInFlight
    },
    stop() {
      timer = 'stopped'
      cancelTimer?.()
      cancelTimer = undefined
    },
  }
}

interface LogRecord {
  readonly offset: Offset
  /** null where the record cannot be decoded: then `poison` is why. */
  readonly facts: BatchFacts | null
  readonly poison: unknown
}

function readFacts(payload: Uint8Array): Omit<LogRecord, 'offset'> {
  try {
    return { facts: peekBatch(payload), poison: null }
  } catch (poison) {
    return { facts: null, poison }
  }
}
