/**
 * A cluster as its books see it: collectors that accept, forward in strict order (with repeats after doubt) and count what
 * Kafka has acknowledged; other producers; a worker that drops what was forwarded twice and commits. Each step is one
 * call, so a test decides what happens between any two readings.
 */
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { hourMs } from '../../core/event-time.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import { partitionOf } from '../../core/partition-of.ts'
import type { BooksDelta, JobPosition } from '../../core/ports/control-store.ts'
import type { FeedRecord } from '../../core/ports/feed.ts'
import { createMemoryControlStore } from '../../lakehouse/adapters/memory/memory-control-store.ts'
import { encodeHitBatch, peekBatch } from '../../schemas/avro/hit-batch.ts'
import { type BatchInFeed, createMemoryFeedScan } from '../adapters/memory/memory-feed-scan.ts'
import { clusterBooksJob } from '../core/cluster-books.ts'
import { batchWithHits } from '../core/forwarder-under-test.ts'
import { HourCounts } from '../core/hour-counts.ts'

export const partitions = 3
export const shops = ['ann', 'bob', 'cat', 'dan', 'eve'] as MerchantId[]
const source = 'kafka:test/hits'

interface Batch {
  readonly merchant: MerchantId
  readonly received: number
  readonly hits: number
  readonly payload: Buffer
}

interface Collector {
  readonly log: string
  readonly batches: Batch[]
  /** Places before it are acknowledged by Kafka. */
  acked: number
  /** End of the chunk that is being sent, until it is acknowledged. */
  chunkEnd: number | null
  flushed: number
}

/** How a send ends: `doubt` after a part of it landed, in which partitions `lands` says. */
export type SendEnd =
  | { readonly kind: 'acked' }
  | { readonly kind: 'doubt'; readonly lands: (partition: number) => boolean }

export async function createClusterBooksWorld(logs: readonly string[]) {
  const clock = new ManualClock()
  const store = createMemoryControlStore()
  const feed = createMemoryFeedScan(partitions)
  const all = Array.from({ length: partitions }, (_, partition) => partition)
  const { fence } = await store.acquirePartitions(clusterBooksJob, source, 'worker', all)
  const positions = new Map<number, JobPosition>()
  const collectors: Collector[] = logs.map((log) => ({ log, batches: [], acked: 0, chunkEnd: null, flushed: 0 }))
  const collector = (which: number) => collectors[which % collectors.length] as Collector
  /** Of places that Kafka acknowledges and loses. */
  const lost = new Set<string>()
  let accepted = 0

  return {
    clock,
    store,
    feed,
    collectors,
    /** Hits accepted by anybody: the truth the books are held against. */
    get accepted() {
      return accepted
    },

    accept(which: number, merchant: MerchantId, hits: number): void {
      const { batches } = collector(which)
      batches.push({ merchant, hits, received: clock.now(), payload: encodeBatch(merchant, clock.now(), hits) })
      accepted += hits
    },

    /** Loses the newest batch of the collector, though Kafka will acknowledge it. */
    lose(which: number): void {
      const { log, batches } = collector(which)
      lost.add(`${log}/${batches.length - 1}`)
    },

    /** Sends the next chunk, or the same again where the last was not acknowledged. */
    forward(which: number, batchesAtMost: number, end: SendEnd): void {
      const of = collector(which)
      of.chunkEnd ??= Math.min(of.acked + batchesAtMost, of.batches.length)
      const packs = new Map<number, BatchInFeed[]>()
      for (let place = of.acked; place < of.chunkEnd; place += 1) {
        const { merchant, payload } = of.batches[place] as Batch
        const partition = partitionOf(merchant, partitions)
        const batch = { payload, origin: { log: of.log, place } }
        if (!lost.has(`${of.log}/${place}`)) packs.set(partition, [...(packs.get(partition) ?? []), batch])
      }
      for (const [partition, batches] of packs) {
        if (end.kind === 'doubt' && !end.lands(partition)) continue
        // Large chunks are several records, small ones a single pack.
        for (let at = 0; at < batches.length; at += 2) feed.push(partition, batches.slice(at, at + 2))
      }
      if (end.kind === 'doubt') return
      of.acked = of.chunkEnd
      of.chunkEnd = null
    },

    /** The ledger of a collector: counts at most `places` more of what is acknowledged. */
    async flush(which: number, places: number): Promise<void> {
      const of = collector(which)
      const through = Math.min(of.acked, of.flushed + places)
      const counts = new HourCounts()
      for (const { merchant, received, hits } of of.batches.slice(of.flushed, through)) {
        counts.add(merchant, hourOf(received), hits)
      }
      await store.addAccepted(of.log, of.flushed as Offset, through as Offset, counts.entries())
      of.flushed = through
    },

    /** A producer of somebody else's; keyed right or wrong. */
    produce(partition: number, merchant: MerchantId, hits: number): void {
      feed.push(partition, [{ payload: encodeBatch(merchant, clock.now(), hits), origin: null }])
      accepted += hits
    },

    produceRubbish(partition: number): void {
      feed.push(partition, [{ payload: Buffer.from('rubbish'), origin: null }])
      accepted += 1
    },

    /** An epoch of the worker over at most so many records of one partition. */
    async commit(partition: number, records: number): Promise<void> {
      const before = positions.get(partition)
      const from = before?.next ?? (0 as Offset)
      const next = Math.min(from + records, (await feed.ends()).get(partition) ?? 0) as Offset
      if (next === from) return
      const forwarded = new Map(Object.entries(before?.forwarded ?? {}))
      const books: BooksDelta[] = []
      let received = before?.received ?? null
      await feed.read([{ partition, from, through: next }], (_, record) => {
        const { origin } = record
        if (origin !== null && origin.place < (forwarded.get(origin.log) ?? 0)) return
        if (origin !== null) forwarded.set(origin.log, origin.place + 1)
        const delta = deltaOf(record, received ?? clock.now())
        books.push(delta.delta)
        received = delta.received ?? received
      })
      const position: JobPosition = {
        partition,
        next,
        checkpoint: null,
        watermark: null,
        received,
        forwarded: Object.fromEntries(forwarded),
      }
      const moved = [{ ...position, from }]
      await store.commitEpoch({
        job: clusterBooksJob,
        source,
        plan: '',
        fence,
        partitions: moved,
        staged: [],
        touched: [],
        books,
      })
      positions.set(partition, position)
    },
  }
}

export type ClusterBooksWorld = Awaited<ReturnType<typeof createClusterBooksWorld>>

const hourOf = (ms: number) => Math.floor(ms / hourMs) * hourMs

/** What the worker makes of a batch: hits of every outcome in turn; rubbish fails as one hit of nobody. */
function deltaOf({ payload, origin }: FeedRecord, lastReceived: number): { delta: BooksDelta; received?: number } {
  const none = { accepted: 0, stored: 0, duplicates: 0, failed: 0, dropped: {} }
  if (payload.equals(Buffer.from('rubbish'))) {
    const delta = { ...none, merchant: '' as MerchantId, hour: hourOf(lastReceived), accepted: 1, failed: 1 }
    return { delta }
  }
  const { merchant, received, hits } = peekBatch(payload)
  const accepted = origin === null ? hits : 0
  const [duplicates, failed, byRule] = [hits > 1 ? 1 : 0, hits > 2 ? 1 : 0, hits > 3 ? 1 : 0]
  const stored = hits - duplicates - failed - byRule
  const dropped = byRule > 0 ? { 'by-rule': byRule } : {}
  const delta = {
    merchant: merchant as MerchantId,
    hour: hourOf(received),
    accepted,
    stored,
    duplicates,
    failed,
    dropped,
  }
  return { delta, received }
}

/** A record of a log: one batch of so many hits. */
export function encodeBatch(merchant: MerchantId, received: number, hits: number): Buffer {
  return encodeHitBatch(batchWithHits(merchant, received, hits))
}
