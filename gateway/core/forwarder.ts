/**
 * Brings what a collector's log holds into the feed (Kafka), strictly in order of the log: a chunk is sent only when all of
 * the one before is acknowledged, and one that was not is sent again as it was. So every durable batch is in the feed at
 * least once, first occurrences stand in order of their places in each partition, and whoever reads drops a batch whose
 * place lies behind the last one it took from this log: exactly once.
 *
 * Back pressure: none towards the log, which takes hits until it is full. One chunk is held in memory.
 */
import type { ReceivedTime } from '../../core/event-time.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import type { Clock, Timers } from '../../core/ports/clock.ts'
import type { ClusterStore } from '../../core/ports/cluster-store.ts'
import type { FeedReader } from '../../core/ports/feed.ts'
import type { FeedWriter } from '../../core/ports/feed-writer.ts'
import type { HitLog } from '../../core/ports/hit-log.ts'
import type { AcceptedLedger } from './accepted-ledger.ts'
import { type Chunk, chunkMaxBytes, makeChunk } from './forwarder-chunk.ts'
import { createForwardHistory, type ForwardHistory } from './forwarder-history.ts'
import { readMark, writeMark } from './forwarder-mark.ts'
import { createForwardReports } from './forwarder-reports.ts'
import { createWaiters, type Durability, defaultConfirmMaxMs, inKafka, onDisk } from './forwarder-waiters.ts'
import { createWaits } from './forwarder-waits.ts'
import type { KeptFile } from './kept-file.ts'
import type { KnownCollector } from './known-collector.ts'
import type { ReportedTime } from './reported-time.ts'

/** Pause before the first repetition; doubled for each, up to the second. */
export const retryFirstMs = 100
export const retryMaxMs = 5_000
/** A send or connect that has said nothing by then is repeated; above what the client of Kafka takes to give up. */
export const attemptMaxMs = 60_000
/** The log is looked at so often though it said nothing. */
const idleWaitMs = 1_000

/** `flowing`: what becomes durable is in the feed at once; `draining`: a backlog goes first; `away`: the feed refuses. */
export type ForwardState = 'flowing' | 'draining' | 'away'

export interface ForwarderOptions {
  readonly log: Pick<HitLog, 'id' | 'oldest' | 'next' | 'durable'>
  /** A reader of the log's durable records from an offset on. */
  readonly openReader: (from: Offset) => Promise<FeedReader>
  readonly writer: FeedWriter
  readonly store: Pick<ClusterStore, 'logProgress' | 'reportCollector'>
  /** Those whose positions say what is processed. */
  readonly jobs: readonly string[]
  /** `forwarded.json` beside the log. */
  readonly markFile: KeptFile
  /** Keeps each time before it is reported. Left out: after a restart `receivedNow` may run back. */
  readonly reported?: Pick<ReportedTime, 'keep'>
  /** Told of reports. Left out: nobody asks whether the store knows of this log. */
  readonly known?: Pick<KnownCollector, 'told' | 'forget'>
  /** A time that no hit to come is received before: `Collector.receivedNow`. */
  readonly receivedNow: () => number
  /** Told of every record once it is in the feed, in order of offsets; after a restart some again. */
  readonly ledger?: Pick<AcceptedLedger, 'note' | 'notePoison'>
  readonly clock: Pick<Clock, 'monotonic'>
  readonly timers: Timers
  readonly confirmMaxMs?: number
  /** The state changed; `error` is why it is `away`. */
  readonly onState?: (state: ForwardState, error: unknown) => void
  /** `trimmable` or `visibleThrough` may have risen. */
  readonly onProgress?: () => void
  /** The store, or the mark's file, does not answer; told once until it does again. */
  readonly onTrouble?: (what: 'store' | 'mark', error: unknown) => void
}

export interface Forwarder {
  /** Begins; resolves once it goes on by itself, whether or not feed and store answer. */
  start(): Promise<void>
  /**
   * What may be promised of the durable record at `offset`: waits for Kafka at most `confirmMaxMs`, and not at all while
   * Kafka is away or a backlog goes first. Never rejects.
   */
  confirm(offset: Offset): Promise<Durability>
  readonly state: ForwardState
  /** One past the last record known to be in the feed. */
  readonly acked: Offset
  /** Every job has committed all records before it. */
  readonly trimmable: Offset
  /** Ms since 1970: all hits received before are published. */
  readonly visibleThrough: number
  /**
   * Call when no more hits are accepted. Resolves with `retired` when all of the log is in the feed, committed and
   * published and the store knows it; with `stopped` when `stop` came first.
   */
  drain(): Promise<'retired' | 'stopped'>
  /** Ends it where it is; the next start goes on from there. */
  stop(): Promise<void>
}

export function createForwarder(options: ForwarderOptions): Forwarder {
  const { log, writer, timers, clock } = options
  let state: ForwardState = 'draining'
  let source: string | undefined
  let connected = false
  /** The next record to read, and one past the last that is acknowledged. */
  let position = 0
  let acked = 0
  let ackedLast: readonly number[] = []
  let reader: FeedReader | undefined
  /** Read and not acknowledged. */
  let chunk: Chunk | undefined
  let history: ForwardHistory | undefined
  let running: Promise<void> | undefined
  let failures = 0
  const waits = createWaits(timers)

  const waiters = createWaiters({
    clock,
    timers,
    confirmMaxMs: options.confirmMaxMs ?? defaultConfirmMaxMs,
    onLate: () => enter('draining'),
  })
  const reports = createForwardReports({
    ...options,
    history: () => history,
    mark: () => (source === undefined ? undefined : { log: log.id, source, acked, last: ackedLast }),
    isForwarded: () => acked >= log.durable,
  })

  function enter(to: ForwardState, error?: unknown): void {
    if (to === state) return
    state = to
    if (to !== 'flowing') waiters.giveUp()
    options.onState?.(to, error)
  }

  async function begin(): Promise<void> {
    const mark = await readMark(options.markFile).catch((error: unknown) => {
      options.onTrouble?.('mark', error)
      return undefined
    })
    const { partitions } = writer
    const fits =
      mark !== undefined &&
      mark.log === log.id &&
      mark.last.length === partitions &&
      mark.acked >= log.oldest &&
      mark.acked <= log.durable
    if (fits) source = mark.source
    position = acked = fits ? mark.acked : log.oldest
    history = createForwardHistory({ jobs: options.jobs, partitions, from: position, ...(fits && { last: mark.last }) })
    ackedLast = [...history.last]
  }

  /** Into a feed that has nothing of ours, all goes again that is not processed. */
  async function connect(): Promise<void> {
    const found = await waits.answer(writer.connect(), attemptMaxMs)
    if (source !== undefined && source !== found) {
      await dropReader()
      chunk = undefined
      position = acked = Math.max(log.oldest, history?.trimmable ?? 0)
      history?.restart(position)
      ackedLast = [...(history?.last ?? [])]
    }
    source = found
    connected = true
  }

  async function forward(): Promise<void> {
    while (!waits.stopped) {
      try {
        if (!connected) await connect()
        chunk ??= await nextChunk()
        if (chunk !== undefined) await send(chunk)
      } catch (error) {
        if (waits.stopped) return
        // Reach anew what could not be sent to, read again what could not be read.
        if (chunk !== undefined) connected = false
        else await dropReader()
        enter('away', error)
        await waits.pause(Math.min(retryMaxMs, retryFirstMs * 2 ** Math.min(failures++, 16)))
      }
    }
  }

  async function nextChunk(): Promise<Chunk | undefined> {
    if (position >= log.durable) enter('flowing')
    reader ??= await options.openReader(position as Offset)
    if (waits.stopped) return undefined
    const records = await reader.next({ maxBytes: chunkMaxBytes, waitMs: idleWaitMs })
    if (records.length === 0 || waits.stopped) return undefined
    const made = makeChunk(log.id, records, writer.partitions)
    for (const { place, partition, facts } of made.places) history?.assign(place, partition, facts?.received ?? null)
    position = made.through
    return made
  }

  async function send(made: Chunk): Promise<void> {
    // All there is: who comes while it is under way waits for one more chunk at most.
    const isAll = made.through >= log.durable
    await waits.answer(writer.send(made.records), attemptMaxMs)
    chunk = undefined
    acked = made.through
    ackedLast = [...(history?.last ?? [])]
    failures = 0
    waiters.acked(acked)
    if (options.ledger !== undefined) count(made, options.ledger)
    if (isAll) enter('flowing')
    else if (state === 'away') enter('draining')
  }

  async function dropReader(): Promise<void> {
    const old = reader
    reader = undefined
    await old?.close().catch(() => undefined)
  }

  return {
    async start() {
      if (running !== undefined) return
      await begin()
      running = forward()
      reports.start()
    },
    confirm(offset) {
      if (offset < acked) return inKafka
      return state === 'flowing' && !waits.stopped ? waiters.add(offset) : onDisk
    },
    get state() {
      return state
    },
    get acked() {
      return acked as Offset
    },
    get trimmable() {
      return (history?.trimmable ?? 0) as Offset
    },
    get visibleThrough() {
      return history?.visibleThrough ?? 0
    },
    drain: () => reports.retire(),
    async stop() {
      waits.stop()
      reader?.wake()
      waiters.giveUp()
      await running
      await reports.stop()
      if (source !== undefined) {
        await writeMark(options.markFile, { log: log.id, source, acked, last: ackedLast }).catch((error: unknown) =>
          options.onTrouble?.('mark', error),
        )
      }
      await dropReader()
      await writer.close()
    },
  }
}

function count({ places }: Chunk, ledger: Pick<AcceptedLedger, 'note' | 'notePoison'>): void {
  for (const { place, facts } of places) {
    if (facts === null) ledger.notePoison(place as Offset)
    else ledger.note(place as Offset, facts.merchant as MerchantId, facts.received as ReceivedTime, facts.hits)
  }
}
