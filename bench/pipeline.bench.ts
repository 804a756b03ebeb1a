/**
 * The stream runner with everything around it (feed, epochs, checkpoints, commits, all in memory) against a hand-written
 * loop that computes the same rows of the same records and stages them: what the engine costs over no engine.
 */
import { seededRandom } from '../core/adapters/memory/seeded-random.ts'
import { hourMs } from '../core/event-time.ts'
import type { Hit } from '../core/hit.ts'
import type { MerchantId } from '../core/ids.ts'
import { createHasher } from '../core/sketch/hasher.ts'
import type { LakeRow } from '../core/tables.ts'
import { calendarBucket } from '../core/time/calendar.ts'
import { kSmallest } from '../pipelines/core/k-smallest.ts'
import { enrich } from '../pipelines/jobs/enrich.ts'
import { govern } from '../pipelines/jobs/govern.ts'
import { hits as hitsSink } from '../pipelines/jobs/hit-sinks.ts'
import { createHitsJob, type HitsContext } from '../pipelines/jobs/hits.ts'
import { createUserAgentReader } from '../pipelines/jobs/user-agent.ts'
import { feedHit } from '../pipelines/runtime/partition.ts'
import { createStreamRunner } from '../pipelines/runtime/stream-runner.ts'
import { at, batch, createWorld, hit, nextTurn, receivedAt, type World } from '../pipelines/test/support/world.ts'
import { decodeHitBatch, encodeHitBatch } from '../schemas/avro/hit-batch.ts'
import { totalSketchSize } from '../schemas/tables.ts'
import type { Bench } from './runner.ts'

const records = 4_000
const hitsPerRecord = 25
const total = records * hitsPerRecord
const epochHits = total / 4
const merchants = Array.from({ length: 200 }, (_, n) => `bench-${n}`)
const agents = Array.from(
  { length: 50 },
  (_, n) => `Mozilla/5.0 (X11; Linux x86_64; rv:${n}.0) Gecko/20100101 Firefox/${n}.0`,
)

const { visitorHash } = await createHasher()
const userAgents = createUserAgentReader()
const country = () => 'DE'
// Staging is the lake's figure, not the pipeline's: both sides hand their rows over and that is all.
const lake = {
  stage: async (table: LakeRow['table'], name: string, rows: readonly LakeRow[]) =>
    ({ name, table, rows: rows.length, bytes: 0, firstDay: 0, lastDay: 0 }) as never,
  discard: async () => {},
}

/** Made once: a run is to measure the pipeline, not the making of its input. */
let payloads: readonly Buffer[] | null = null

async function filledWorld(): Promise<World> {
  const world = await createWorld({ merchants })
  payloads ??= encodedRecords()
  for (const payload of payloads) world.feed.push(0, payload)
  return world
}

function encodedRecords(): readonly Buffer[] {
  const random = seededRandom(1)
  const encoded: Buffer[] = []
  for (let record = 0; record < records; record++) {
    const some: Hit[] = Array.from({ length: hitsPerRecord }, (_, n) =>
      hit({
        id: `${record}-${n}`,
        name: random.below(20) === 0 ? 'purchase' : 'page_view',
        visitor: `visitor-${random.below(50_000)}`,
        time: at(-random.below(3 * hourMs)),
        url: `https://shop.example/products/${random.below(500)}?ref=mail`,
        referrer: 'https://www.search.example/results',
        context: {
          userAgent: agents[random.below(50)] ?? '',
          language: 'de',
          screen: null,
          timeZone: null,
          campaign: null,
        },
      }),
    )
    const merchant = merchants[random.below(merchants.length)] as MerchantId
    encoded.push(encodeHitBatch(batch(some, { merchant, zone: 'Europe/Berlin', received: receivedAt(record) })))
  }
  return encoded
}

async function throughRunner(): Promise<number> {
  const world = await filledWorld()
  const { clock, store, feed, objects, random } = world
  const job = createHitsJob({ store, visitorHash, country, userAgents, dataSets: {} })
  const ports = { feed, store, lake: lake as never, objects, clock, timers: clock, random }
  const runner = createStreamRunner({ ...job, ...ports, owner: 'bench', epochMaxHits: epochHits, turn: nextTurn })
  const began = performance.now()
  await runner.start()
  await runner.stop()
  const seconds = (performance.now() - began) / 1_000
  if (runner.positions[0]?.next !== records) throw new Error('the runner did not process everything')
  return total / seconds
}

interface Totals {
  hits: number
  pageviews: number
  orders: number
  revenue: bigint
  visitors: bigint[] | readonly bigint[]
}

async function byHand(): Promise<number> {
  const world = await filledWorld()
  const context: HitsContext = {
    ...{ visitorHash, country, userAgents },
    visitorSeed: () => '00000000000000aa',
    blockedNames: () => new Set<string>(),
  }
  const run = { plan: 'by hand', dataSets: '{}', source: 'log-1', partition: 0, generation: 1 }
  const reader = await world.feed.read(0, 0 as never)
  const seen = new Set<string>()
  let rows: LakeRow[] = []
  let handedOver = 0
  const hours = new Map<string, Totals>()
  const began = performance.now()
  for (let done = 0; done < records; ) {
    for (const { offset, payload } of await reader.next({ maxBytes: 256 * 1024, waitMs: 0 })) {
      const decoded = decodeHitBatch(payload)
      done += 1
      for (let index = 0; index < decoded.hits.length; index++) {
        const one = feedHit(decoded, decoded.hits[index] as Hit, 'log-1', 0, offset, index)
        const key = `${one.merchant} ${one.id}`
        if (seen.has(key)) continue
        seen.add(key)
        const governed = govern(enrich(one, context), context)
        if (governed.to === 'quarantined') continue
        rows.push(hitsSink.toRow(governed.row, run))
        if (!governed.row.bot) count(hours, governed.row)
      }
      if (rows.length < epochHits) continue
      for (const totals of hours.values()) totals.visitors = kSmallest(totals.visitors, totalSketchSize)
      handedOver += rows.length
      rows = []
      hours.clear()
    }
  }
  const seconds = (performance.now() - began) / 1_000
  await reader.close()
  if (handedOver !== total) throw new Error('the loop did not process everything')
  return total / seconds
}

function count(hours: Map<string, Totals>, row: ReturnType<typeof enrich>): void {
  const { start } = calendarBucket('hour', row.zone, row.time)
  const key = `${row.merchant} ${start}`
  let totals = hours.get(key)
  if (totals === undefined) {
    totals = { hits: 0, pageviews: 0, orders: 0, revenue: 0n, visitors: [] }
    hours.set(key, totals)
  }
  totals.hits += 1
  if (row.isPageView) totals.pageviews += 1
  if (row.isOrder) totals.orders += 1
  totals.revenue += row.revenueHomeMicros
  ;(totals.visitors as bigint[]).push(row.visitorHash)
}

export const benches: readonly Bench[] = [
  {
    name: 'hits through the stream runner',
    unit: 'hits/s',
    control: { name: 'a hand-written loop', run: byHand },
    candidate: { name: 'the runner', run: throughRunner },
  },
]
