/**
 * The stream runner with everything around it (feed, epochs, checkpoints, commits, all in memory) against a hand-written
 * loop that computes the same rows of the same records and stages them: what the engine costs over no engine.
 */
import assert from 'node:assert/strict'
import { seededRandom } from '../core/adapters/memory/seeded-random.ts'
import { hourMs } from '../core/event-time.ts'
import type { Hit } from '../core/hit.ts'
import type { MerchantId } from '../core/ids.ts'
import { createHasher } from '../core/sketch/hasher.ts'
import type { LakeRow, TableName } from '../core/tables.ts'
import { calendarBucket } from '../core/time/calendar.ts'
import { Partials } from '../pipelines/core/partials.ts'
import { type EnrichedHit, enrich } from '../pipelines/jobs/enrich.ts'
import { createHitsJob, type HitsContext, hitsPipeline } from '../pipelines/jobs/hits.ts'
import { hourly } from '../pipelines/jobs/rollup-sinks.ts'
import { createUserAgentReader } from '../pipelines/jobs/user-agent.ts'
import { feedHit } from '../pipelines/runtime/partition.ts'
import { createStreamRunner } from '../pipelines/runtime/stream-runner.ts'
import { at, batch, createWorld, hit, nextTurn, receivedAt, type World } from '../pipelines/test/support/world.ts'
import { decodeHitBatch, encodeHitBatch } from '../schemas/avro/hit-batch.ts'
import { HoursByHand, PipelineByHand } from './pipeline-by-hand.ts'
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
const lakeOf = (take: (table: TableName, rows: readonly LakeRow[]) => void) => ({
  stage: async (table: TableName, name: string, rows: readonly LakeRow[]) => {
    take(table, rows)
    return { name, table, rows: rows.length, bytes: 0, firstDay: 0, lastDay: 0 } as never
  },
  discard: async () => {},
})

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
    const some: Hit[] = Array.from({ length: hitsPerRecord }, (_, n) => {
      const isOrder = random.below(20) === 0
      const currency = random.below(10) === 0 ? 'CHF' : 'EUR'
      return hit({
        id: `${record}-${n}`,
        name: isOrder ? 'purchase' : 'page_view',
        revenue: isOrder ? { micros: BigInt(random.below(100_000)) * 10_000n, currency } : null,
        props: isOrder ? {} : { load_ms: 200 + random.below(2_000) },
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
      })
    })
    const merchant = merchants[random.below(merchants.length)] as MerchantId
    encoded.push(encodeHitBatch(batch(some, { merchant, zone: 'Europe/Berlin', received: receivedAt(record) })))
  }
  return encoded
}

/** Runs all records through the runner and gives what was staged, by table, to `stage`. */
async function run(epochMaxHits: number, stage: (table: TableName, rows: readonly LakeRow[]) => void): Promise<number> {
  const world = await filledWorld()
  const { clock, store, feed, objects, random } = world
  const job = createHitsJob({ store, visitorHash, country, userAgents, dataSets: {} })
  const ports = { feed, store, lake: lakeOf(stage) as never, objects, clock, timers: clock, random }
  const limits = { epochMaxHits, epochMaxBytes: 2 ** 40 }
  const runner = createStreamRunner({ ...job, ...ports, ...limits, owner: 'bench', turn: nextTurn })
  const began = performance.now()
  await runner.start()
  await runner.stop()
  const seconds = (performance.now() - began) / 1_000
  if (runner.positions[0]?.next !== records) throw new Error('the runner did not process everything')
  return total / seconds
}

const throughRunner = () => run(epochHits, () => {})

const context: HitsContext = {
  ...{ visitorHash, country, userAgents },
  visitorSeed: () => '00000000000000aa',
  isErased: () => false,
  blockedNames: () => new Set<string>(),
}

async function loop(epochMaxHits: number, stage: (table: TableName, rows: readonly LakeRow[]) => void) {
  const world = await filledWorld()
  const reader = await world.feed.read(0, 0 as never)
  const pipeline = new PipelineByHand(context)
  const handOver = () => {
    const made = pipeline.take()
    stage('hits', made.hits)
    stage('hourly', made.hourly)
    return made.hits.length
  }
  let handedOver = 0
  const began = performance.now()
  for (let done = 0; done < records; ) {
    for (const { offset, payload } of await reader.next({ maxBytes: 256 * 1024, waitMs: 0 })) {
      pipeline.add(decodeHitBatch(payload), offset)
      done += 1
      if (pipeline.size >= epochMaxHits) handedOver += handOver()
    }
  }
  handedOver += handOver()
  const seconds = (performance.now() - began) / 1_000
  await reader.close()
  if (handedOver !== total) throw new Error('the loop did not process everything')
  return total / seconds
}

const byHand = () => loop(epochHits, () => {})

/** Both sides make the same rows, or the figure compares two things. */
async function expectEqualRows(): Promise<void> {
  const sides = [run, loop].map(async (side) => {
    const made = new Map<TableName, readonly LakeRow[]>()
    // One epoch: where epochs are cut, partial rows differ.
    await side(2 * total, (table, rows) => made.set(table, [...(made.get(table) ?? []), ...rows]))
    return made
  })
  const [ours, theirs] = await Promise.all(sides)
  for (const table of ['hits', 'hourly'] as const) {
    assert.deepStrictEqual(byName(ours?.get(table)), byName(theirs?.get(table)))
  }
}

function byName(rows: readonly LakeRow[] = []): ReadonlyMap<string, unknown> {
  const named = rows.map(({ plan, data_sets, ...row }) => {
    const { merchant, bucket, breakdown, value, _off, _idx } = row
    return [JSON.stringify([merchant, bucket, breakdown, value, _off, _idx]), row] as const
  })
  if (new Set(named.map(([name]) => name)).size < rows.length) throw new Error('two rows have one name')
  return new Map(named.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Rows that passed all steps, as a window takes them. */
let enriched: readonly EnrichedHit[] = []
function enrichedHits(): readonly EnrichedHit[] {
  payloads ??= encodedRecords()
  return payloads.flatMap((payload, offset) => {
    const batch = decodeHitBatch(payload)
    return batch.hits.map((one, index) => enrich(feedHit(batch, one, 'log-1', 0, offset as never, index), context))
  })
}

async function partialsOf(): Promise<number> {
  const steps = hitsPipeline.plan.steps
  const group = steps.find((step) => step.kind === 'group')
  const aggregate = steps.find((step) => step.kind === 'aggregate')
  const facts = { plan: '', dataSets: '', source: 'log-1', partition: 0, generation: 1 }
  const partials = new Partials(aggregate?.aggregates ?? {}, group?.sets ?? {})
  const began = performance.now()
  for (let from = 0; from < total; from += epochHits) {
    const rows: LakeRow[] = []
    for (let at = from; at < from + epochHits; at++) {
      const row = enriched[at] as EnrichedHit
      partials.check(row as never)
      partials.add(row.merchant, calendarBucket('hour', row.zone, row.time), row as never, row.position.offset)
    }
    for (const pane of partials.panes()) rows.push(hourly.toRow(pane as never, facts))
    partials.clear()
  }
  return total / ((performance.now() - began) / 1_000)
}

async function hoursByHand(): Promise<number> {
  const began = performance.now()
  for (let from = 0; from < total; from += epochHits) {
    const hours = new HoursByHand()
    for (let at = from; at < from + epochHits; at++) hours.add(enriched[at] as EnrichedHit)
    hours.rows()
  }
  return total / ((performance.now() - began) / 1_000)
}

export const benches: readonly Bench[] = [
  {
    name: 'hits through the stream runner',
    unit: 'hits/s',
    setup: expectEqualRows,
    control: { name: 'a hand-written loop', run: byHand },
    candidate: { name: 'the runner', run: throughRunner },
  },
  {
    name: 'rows of hourly from enriched hits',
    unit: 'hits/s',
    setup: async () => {
      enriched = enrichedHits()
    },
    control: { name: 'hand-written maps', run: hoursByHand },
    candidate: { name: 'partials', run: partialsOf },
  },
]
