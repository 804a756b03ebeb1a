import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { createMemoryFeed } from '../../../core/adapters/memory/memory-feed.ts'
import { FeedUnavailableError } from '../../../core/errors.ts'
import type { FeedHit } from '../../../core/hit.ts'
import type { MerchantId, Offset } from '../../../core/ids.ts'
import type { RerunLake, SplitRows } from '../../../core/ports/rerun-lake.ts'
import { decodeHistoryBatch, type HistoryEntry } from '../../../schemas/avro/history.ts'
import { firstGeneration } from '../../../schemas/tables.ts'
import { memoryFeed } from '../../adapters/memory/memory-feed.ts'
import { batch, during, hit } from '../../test/support/world.ts'
import { openFeedTarget, recordsOf } from './feed-target.ts'
import { historyFeed } from './history-feed.ts'
import {
  emitGroupMaxMerchants,
  emitSendMaxBytes,
  emitSendPauseMs,
  emitSendTriesMax,
  historyBatchMaxBytes,
  historyBatchMaxHits,
  historyStallMs,
} from './limits.ts'
import { readHistory } from './read-history.ts'

function entry(n: number, changes: Partial<FeedHit> = {}): HistoryEntry {
  const { hits: _, ...facts } = batch([])
  const position = { partition: 0, offset: n as Offset, index: 0 }
  return { hour: 1, hit: { ...hit(), ...facts, source: 'log', position, ...changes } }
}
const entries = (count: number, changes: Partial<FeedHit> = {}) =>
  Array.from({ length: count }, (_, n) => entry(n, changes))
const sizes = (of: readonly HistoryEntry[]) =>
  [...recordsOf('all', of, 1)].map(({ value }) => decodeHistoryBatch(value).entries.length)

describe('a record of a history topic', () => {
  it('holds so many hits and no more', () => {
    expect(sizes(entries(historyBatchMaxHits))).toEqual([historyBatchMaxHits])
    expect(sizes(entries(historyBatchMaxHits + 1))).toEqual([historyBatchMaxHits, 1])
  })

  it('is closed by the hit that fills it', () => {
    const records = [...recordsOf('all', entries(400, { title: 'x'.repeat(20_000) }), 1)]
    expect(records.length).toBeGreaterThan(1)
    for (const { value } of records) expect(value.length).toBeLessThan(historyBatchMaxBytes + 100_000)
  })

  it('goes in a send of its own where the send would be too big', async () => {
    const topic = createMemoryFeed(64)
    const writer = topic.writer()
    const sends: number[] = []
    const counted = {
      ...writer,
      send: async (records: Parameters<typeof writer.send>[0]) => {
        sends.push(records.reduce((sum, { value }) => sum + value.length, 0))
        await writer.send(records)
      },
    }
    const clock = new ManualClock()
    const target = await openFeedTarget({
      ...{ writer: counted, emission: 'all', output: 'kafka:x', topic: null, timers: clock },
    })
    const title = 'x'.repeat(20_000)
    const all = Array.from({ length: 40 }, (_, n) => entries(20, { title, merchant: `m${n}` as MerchantId })).flat()
    await target.append(all)
    expect(sends.length).toBeGreaterThan(1)
    for (const bytes of sends) expect(bytes).toBeLessThanOrEqual(emitSendMaxBytes)
  })
})

describe('a send that is refused', () => {
  async function refused(times: number) {
    const clock = new ManualClock()
    const topic = createMemoryFeed(1)
    topic.faults.push(...Array.from({ length: times }, () => 'before' as const))
    const target = await openFeedTarget({
      ...{ writer: topic.writer(), emission: 'all', output: 'kafka:x', topic: null, timers: clock },
    })
    return { clock, topic, sent: during({ clock }, target.append(entries(1)), emitSendPauseMs) }
  }

  it('is tried so often in a row, and then the emission stops', async () => {
    const well = await refused(emitSendTriesMax - 1)
    await well.sent
    expect(well.topic.records.flat()).toHaveLength(1)
    await expect((await refused(emitSendTriesMax)).sent).rejects.toThrow(FeedUnavailableError)
  })
})

describe('a feed that says there is more and gives nothing', () => {
  it('is given up after a while', async () => {
    const clock = new ManualClock()
    const feed = memoryFeed({ source: 'topic', partitions: [0], timers: clock })
    const silent = { ...feed, end: async () => 5 as Offset }
    const reading = historyFeed({ feed: silent, emission: 'all', clock })
      .read(0, { next: 0 as Offset, last: null }, new AbortController().signal)
      .next()
    await expect(during({ clock }, reading, 1_000)).rejects.toThrow(FeedUnavailableError)
    expect(clock.monotonic()).toBeGreaterThanOrEqual(historyStallMs)
    expect(clock.monotonic()).toBeLessThan(historyStallMs + 10_000)
  })
})

describe('one reading of the lake', () => {
  it('names so many merchants and no more', async () => {
    const count = emitGroupMaxMerchants + 1
    const named: number[] = []
    const lake: Pick<RerunLake, 'days' | 'read'> = {
      days: async () => [{ day: 0, rows: count, bytes: 1 }],
      async *read({ merchants }: SplitRows) {
        if (merchants !== null) named.push(merchants.length)
        else yield Array.from({ length: count }, (_, n) => ({ merchant: `m${n}`, time: 1, _gen: firstGeneration }))
      },
    }
    const question = {
      rows: [{ table: 'hits' as const, snapshot: '1', after: 0, through: null }],
      ...{ answers: { base: firstGeneration, entries: [] }, from: null, to: null, merchant: null },
    }
    const store = { erasedOf: async () => new Map() }
    for await (const _ of readHistory({ lake, store }, question, null, new AbortController().signal));
    expect(named).toEqual([emitGroupMaxMerchants, 1])
  })

  it('is asked only of a table and day that hold rows, and says about how many these are', async () => {
    const held = { hits: [3, 4], failed_hits: [4, 6] }
    const asked: [string, number | null, number | null][] = []
    const lake: Pick<RerunLake, 'days' | 'read'> = {
      days: async ({ table }) => held[table].map((day) => ({ day, rows: 10 * day, bytes: 1 })),
      async *read({ rows: { table }, day, estimatedRows }) {
        asked.push([table, day, estimatedRows])
        yield []
      },
    }
    const rows = (['hits', 'failed_hits'] as const).map((table) => ({ table, snapshot: '1', after: 0, through: null }))
    const answers = { base: firstGeneration, entries: [] }
    const question = { rows, answers, from: null, to: null, merchant: null }
    const store = { erasedOf: async () => new Map() }
    for await (const _ of readHistory({ lake, store }, question, null, new AbortController().signal));
    expect(asked).toEqual([
      ['hits', 3, 30],
      ['hits', 4, 40],
      ['failed_hits', 4, 40],
      ['failed_hits', 6, 60],
    ])
  })
})
