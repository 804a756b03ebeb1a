/**
 * In a cluster a number is visible once it is published. Whatever publication, report and poll come between the steps of
 * an answer: it holds every hit received before its `asOf`, and what is cached is never given for newer than it is.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { utcDay } from '../../core/event-time.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import type { HitsQuestion, QueryEngine } from '../../core/ports/query-engine.ts'
import type { TableName } from '../../core/tables.ts'
import { createMemoryControlStore } from '../../lakehouse/adapters/memory/memory-control-store.ts'
import { createCells } from '../core/cells.ts'
import { createClusterFreshness } from '../core/cluster-freshness.ts'
import { createVersions } from '../core/versions.ts'

const merchant = 'shop' as MerchantId
const start = Date.parse('2026-03-01T09:00:00.000Z')
const bucket = { start, end: start + 3_600_000 }
const day = utcDay(start)
const job = 'hits-rollups'
const source = 'kafka:test/hits'
const lease = 'publish-hourly'

/** One collector, one partition, one bucket. Every call of gateway to store and engine first waits for `turn`. */
async function createWorld(turn: () => Promise<void> = async () => {}) {
  const clock = new ManualClock(start)
  const store = createMemoryControlStore({ visible: 'published' })
  const { fence } = await store.acquirePartitions(job, source, 'worker', [0])
  const { fence: leaseFence } = (await store.acquireLease(lease, 'publisher', 1e9, 0)) ?? { fence: 0 }
  /** `received` of each hit: of all, of those committed, and of each snapshot. */
  const received: number[] = []
  let committed = 0
  const rowsOf = new Map<string, number>()
  const snapshots = new Map<string | null, number>([[null, 0]])
  let published = 0
  let asked = 0

  const later =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      await turn()
      const answer = await call(...args)
      await turn()
      return answer
    }
  const engine: Pick<QueryEngine, 'hits' | 'visits'> = {
    hits: later(async (question: HitsQuestion) => {
      asked += 1
      // Files that are not published are nothing that Trino could read.
      const hits = BigInt(question.from === 'rollup' ? (snapshots.get(question.hourly.snapshot) ?? 0) : 0)
      const none = { pageviews: 0n, orders: 0n, revenueMicros: 0n }
      return hits === 0n ? [] : [{ bucket: 0, values: [], other: false, hits, ...none }]
    }),
    visits: async () => [],
  }
  const seen = {
    versionsSince: later((since: number) => store.versionsSince(since)),
    collectors: later(() => store.collectors()),
    tableView: later((table: TableName) => store.tableView(table)),
    derivedRanges: async () => [],
    erasedOf: async () => new Map(),
  }
  const versions = createVersions({ store: seen, timers: clock })
  const freshness = createClusterFreshness({ store: seen, versions, clock, timers: clock })
  const cells = createCells({ engine, store: seen, versions })

  return {
    freshness,
    received,
    get asked() {
      return asked
    },
    get published() {
      return published
    },
    hit(): void {
      clock.advance(1_000)
      received.push(clock.now())
    },
    async commit(): Promise<void> {
      const [from, next] = [committed as Offset, received.length as Offset]
      if (next === from) return
      committed = next
      const name = `staged/${next}`
      rowsOf.set(name, next - from)
      const newest = received[next - 1] ?? 0
      await store.commitEpoch({
        job,
        source,
        plan: '',
        fence,
        partitions: [
          { partition: 0, from, next, checkpoint: null, watermark: newest, received: newest, forwarded: { log: next } },
        ],
        staged: [{ name, table: 'hourly', rows: next - from, bytes: 1, firstDay: day, lastDay: day }],
        touched: [{ merchant, day }],
        books: [],
      })
    },
    async publish(): Promise<void> {
      const files = await store.unpublished('hourly')
      if (files.length === 0) return
      const names = files.map(({ name }) => name)
      const { id } = await store.beginPublication('hourly', lease, leaseFence, names)
      const rows = published + names.reduce((sum, name) => sum + (rowsOf.get(name) ?? 0), 0)
      snapshots.set(`${id}`, rows)
      await store.finishPublication('hourly', lease, leaseFence, id, `${id}`)
      published = rows
    },
    /** As a collector does: all that it received before this time is published. */
    async report(): Promise<void> {
      const [progress] = await store.logProgress('log')
      const place = progress?.published ?? 0
      const visibleThrough = place >= received.length ? clock.now() + 1 : (received[place] ?? 0)
      await store.reportCollector({ log: 'log', visibleThrough, state: 'live' })
    },
    /** Hits of the bucket, what the answer promises, and how many cells came from the cache. */
    async ask() {
      const asOf = freshness.read()
      const source = { from: 'rollup', breakdown: 'total' } as const
      const asked = { merchant, buckets: [bucket], dimensions: [], filter: null, asOf }
      const answer = await cells.hits({ ...asked, source, parts: [] })
      const hits = Number(answer.cells[0]?.groups[0]?.numbers.hits ?? 0n)
      return { hits, asOf: answer.asOf, cached: answer.served[0] === 'cache' ? 1 : 0 }
    },
  }
}

type World = Awaited<ReturnType<typeof createWorld>>

async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1) await Promise.resolve()
}

const receivedBefore = (world: World, asOf: number) => world.received.filter((at) => at < asOf).length

describe('answers of a cluster', () => {
  it('change when hits are published, not when they are committed', async () => {
    const world = await createWorld()
    await world.freshness.refresh()
    world.hit()
    expect(await world.ask()).toMatchObject({ hits: 0, cached: 0 })
    await world.commit()
    await world.freshness.refresh()
    expect(await world.ask()).toMatchObject({ hits: 0, cached: 1 })
    await world.publish()
    await world.freshness.refresh()
    expect(await world.ask()).toMatchObject({ hits: 1, cached: 0 })
    expect(await world.ask()).toMatchObject({ hits: 1, cached: 1 })
  })

  it.each(['version and view', 'view and number'])(
    'are asked anew where a publication came between %s',
    async (place) => {
      // Turns of one answer: around the view (1, 2), around the engine (3, 4).
      const between = place === 'version and view' ? 1 : 3
      let turn = Number.NaN
      let meanwhile = async () => {}
      const world = await createWorld(async () => {
        turn += 1
        if (turn === between) await meanwhile()
      })
      await world.freshness.refresh()
      world.hit()
      await world.commit()
      turn = 0
      meanwhile = () => world.publish()
      // Newer than its version, or as old: either is right, and neither is kept beyond the next poll.
      expect((await world.ask()).hits).toBe(place === 'version and view' ? 1 : 0)
      await world.report()
      await world.freshness.refresh()
      const { hits, cached, asOf } = await world.ask()
      expect({ hits, cached }).toEqual({ hits: 1, cached: 0 })
      expect(receivedBefore(world, asOf)).toBe(1)
    },
  )

  it('hold every hit received before their asOf, whatever happens meanwhile', async () => {
    const steps = fc.array(
      fc.constantFrom('hit', 'hit', 'commit', 'publish', 'report', 'refresh', 'ask', 'ask', 'turn', 'rest'),
      { minLength: 30, maxLength: 150, size: 'max' },
    )
    let promised = 0
    let fromCache = 0
    await fc.assert(
      fc.asyncProperty(steps, fc.array(fc.nat(6), { minLength: 5, maxLength: 40 }), async (history, delays) => {
        let at = 0
        const world = await createWorld(async () => {
          at += 1
          await turns(delays[at % delays.length] ?? 0)
        })
        const running: Promise<unknown>[] = []
        for (const step of history) {
          if (step === 'hit') world.hit()
          else if (step === 'refresh') running.push(world.freshness.refresh())
          else if (step === 'turn') await turns(7)
          else if (step === 'rest') await turns(60)
          else if (step === 'ask') {
            running.push(
              world.ask().then(({ hits, asOf, cached }) => {
                expect(hits).toBeGreaterThanOrEqual(receivedBefore(world, asOf))
                if (receivedBefore(world, asOf) > 0) promised += 1
                fromCache += cached
              }),
            )
          } else await world[step]()
        }
        await Promise.all(running)
        await world.freshness.refresh()
        expect((await world.ask()).hits).toBe(world.published)
      }),
      { numRuns: 500 },
    )
    // Else the law above says nothing.
    expect(promised).toBeGreaterThan(100)
    expect(fromCache).toBeGreaterThan(100)
  })
})
