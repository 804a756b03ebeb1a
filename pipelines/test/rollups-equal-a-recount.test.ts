/** What is in `hourly` equals a recount of what was accepted, whatever the order of arrival, the partitions, the epochs. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dayMs, hourMs, minuteMs } from '../../core/event-time.ts'
import type { Hit, HitBatch } from '../../core/hit.ts'
import type { MerchantId } from '../../core/ids.ts'
import { breakdowns } from '../../core/ports/query-engine.ts'
import {
  at,
  batch,
  booksOf,
  createWorld,
  drain,
  hit,
  merged,
  push,
  receivedAt,
  rowsOf,
  shop,
  type World,
} from './support/world.ts'

const merchants = ['m1', 'm2', 'm3']
/** Zone by merchant: whole hours, half hours and quarters off UTC. */
const zones: Readonly<Record<string, { readonly name: string; readonly offsetMs: number }>> = {
  m1: { name: 'Asia/Kolkata', offsetMs: 330 * minuteMs },
  m2: { name: 'Asia/Kathmandu', offsetMs: 345 * minuteMs },
  m3: { name: 'UTC', offsetMs: 0 },
}

interface Sent {
  readonly merchant: string
  readonly hit: Hit
}

const sent: fc.Arbitrary<Sent> = fc
  .record({
    merchant: fc.constantFrom(...merchants),
    time: fc.integer({ min: -40 * dayMs, max: 0 }),
    name: fc.constantFrom('page_view', 'purchase', 'custom'),
    visitor: fc.constantFrom('v1', 'v2', 'v3', 'v4'),
    micros: fc.bigInt(-(10n ** 17n), 10n ** 17n),
    currency: fc.constantFrom('EUR', 'USD'),
    bot: fc.boolean(),
  })
  .map(({ merchant, time, name, visitor, micros, currency, bot }) => ({
    merchant,
    hit: hit({
      ...{ time: at(time), name, visitor, revenue: { micros, currency } },
      context: { userAgent: bot ? 'a bot' : 'UA', language: null, screen: null, timeZone: null, campaign: null },
    }),
  }))

/** Hits with ids of their own, some of them sent twice, in some order. */
const history = fc
  .array(sent, { minLength: 1, maxLength: 60 })
  .map((all) => all.map((each, i) => ({ ...each, hit: { ...each.hit, id: `h${i}` } })))
  .chain((all) => fc.tuple(fc.constant(all), fc.subarray(all)))
  .chain(([all, again]) => fc.shuffledSubarray([...all, ...again], { minLength: all.length + again.length }))

/** The same by the plainest means: first of each id, no bots, one object an hour. */
function recount(all: readonly Sent[]) {
  const seen = new Set<string>()
  const hours = new Map<
    string,
    { hits: bigint; pageviews: bigint; orders: bigint; revenue: bigint; visitors: Set<string> }
  >()
  for (const { merchant, hit } of all) {
    if (seen.has(hit.id) || hit.context?.userAgent === 'a bot') continue
    seen.add(hit.id)
    const offset = zones[merchant]?.offsetMs ?? 0
    const start = Math.floor((hit.time + offset) / hourMs) * hourMs - offset
    const key = `${merchant} ${new Date(start).toISOString()}`
    const hour = hours.get(key) ?? { hits: 0n, pageviews: 0n, orders: 0n, revenue: 0n, visitors: new Set() }
    hours.set(key, hour)
    hour.hits += 1n
    if (hit.name === 'page_view') hour.pageviews += 1n
    if (hit.name === 'purchase') hour.orders += 1n
    if (hit.revenue?.currency === 'EUR') hour.revenue += hit.revenue.micros
    hour.visitors.add(hit.visitor)
  }
  return sorted([...hours].map(([key, hour]) => [key, { ...hour, visitors: hour.visitors.size }]))
}

async function counted(world: World) {
  const hours = merged(await rowsOf(world, 'hourly'))
  return sorted([...hours].map(([key, hour]) => [key, { ...hour, visitors: hour.visitors.length }]))
}

function sorted<T>(entries: (readonly [string, T] | (string | T)[])[]) {
  return [...entries].sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1))
}

function batches(all: readonly Sent[], size: number): readonly HitBatch[] {
  const result: HitBatch[] = []
  for (const { merchant, hit } of all) {
    const last = result.at(-1)
    if (last?.merchant === merchant && last.hits.length < size) {
      result[result.length - 1] = { ...last, hits: [...last.hits, hit] }
    } else {
      const zone = zones[merchant]?.name ?? 'UTC'
      result.push(batch([hit], { merchant: merchant as MerchantId, zone, received: receivedAt(result.length) }))
    }
  }
  return result
}

describe('hourly', () => {
  it('merged equals a recount, for any history, batches, partitions and lengths of epochs', async () => {
    const shape = fc.record({
      partitions: fc.integer({ min: 1, max: 3 }),
      epochMaxHits: fc.integer({ min: 1, max: 40 }),
      batchSize: fc.integer({ min: 1, max: 8 }),
      restarts: fc.integer({ min: 1, max: 3 }),
    })
    await fc.assert(
      fc.asyncProperty(history, shape, async (all, { partitions, epochMaxHits, batchSize, restarts }) => {
        const numbers = Array.from({ length: partitions }, (_, n) => n)
        const world = await createWorld({ partitions: numbers, merchants })
        const records = batches(all, batchSize)
        const share = Math.ceil(records.length / restarts)
        for (let from = 0; from < records.length; from += share) {
          for (const each of records.slice(from, from + share)) {
            push(world, [each], merchants.indexOf(each.merchant) % partitions)
          }
          await drain(world, { epochMaxHits })
        }
        expect(await counted(world)).toEqual(recount(all))
        const unique = new Set(all.map((each) => each.hit.id)).size
        expect(await booksOf(world)).toMatchObject({ stored: unique, duplicates: all.length - unique, failed: 0 })
      }),
      { numRuns: 60 },
    )
  })

  it('takes 1,000 hits over 30 days in one batch in one epoch', async () => {
    const world = await createWorld()
    const spread = Array.from({ length: 1_000 }, (_, n) =>
      hit({ id: `h${n}`, time: at(-Math.floor((n * 30 * dayMs) / 1_000)) }),
    )
    push(world, [batch(spread)])
    await drain(world)
    const hours = merged(await rowsOf(world, 'hourly'))
    expect([...hours.values()].reduce((sum, hour) => sum + hour.hits, 0n)).toBe(1_000n)
    // 43.2 minutes apart, so no hour of the 30 days is empty; 09:00 sharp is the first minute of one more.
    expect(hours.size).toBe(721)
    const { changes } = await world.store.versionsSince(0)
    expect(new Set(changes.map((change) => change.day)).size).toBe(31)
  })

  it('takes one hit of each of 10,000 merchants in one epoch, asking the store for merchants once a read', async () => {
    const many = Array.from({ length: 10_000 }, (_, n) => `m-${n}`)
    const world = await createWorld({ merchants: many })
    push(
      world,
      many.map((merchant) => batch([hit()], { merchant: merchant as MerchantId })),
    )
    let questions = 0
    let commits = 0
    const store = {
      ...world.store,
      merchantsById: (ids: readonly MerchantId[]) => {
        questions += 1
        return world.store.merchantsById(ids)
      },
    }
    await drain({ ...world, store }, { onCommitted: () => void commits++ })
    expect(await rowsOf(world, 'hourly')).toHaveLength(10_000 * (1 + breakdowns.length))
    expect(commits).toBe(1)
    // One a read of 256 KiB.
    expect(questions).toBeLessThanOrEqual(12)
    expect(await booksOf(world, 'm-9999' as MerchantId)).toMatchObject({ stored: 1 })
  })

  it('of one merchant with everything keeps the exact number of visitors', async () => {
    const world = await createWorld()
    for (let record = 0; record < 20; record++) {
      push(world, [
        batch(Array.from({ length: 200 }, (_, n) => hit({ id: `${record}-${n}`, visitor: `v${record * 200 + n}` }))),
      ])
    }
    await drain(world, { epochMaxHits: 600 })
    const [hour] = merged(await rowsOf(world, 'hourly')).values()
    expect(hour).toMatchObject({ hits: 4_000n })
    expect(hour?.visitors).toHaveLength(4_000)
    expect(await booksOf(world, shop)).toMatchObject({ stored: 4_000 })
  })
})
