/** Records as a feed in a cluster has them: packs, packs sent twice, batches from elsewhere, bytes nobody can read. */
import fc from 'fast-check'
import type { Hit } from '../../../core/hit.ts'
import { encodeHitBatch } from '../../../schemas/avro/hit-batch.ts'
import type { MemoryBatch } from '../../adapters/memory/memory-feed.ts'
import { at, batch, hit, receivedAt, type World } from './world.ts'

export type Part =
  | { readonly kind: 'hits'; readonly hits: readonly Hit[]; readonly zone: string }
  | { readonly kind: 'poison' }

export interface Traffic {
  readonly partition: number
  /** From a collector's log, sent again `again` records later; or from elsewhere. */
  readonly parts: readonly Part[]
  readonly from: 'collector' | 'elsewhere'
  readonly again: boolean
}

export interface Expected {
  /** Ids that are stored, sorted. */
  readonly stored: readonly string[]
  readonly accepted: number
  readonly duplicates: number
  readonly failed: number
  /** Hits of rollups. */
  readonly counted: number
  readonly repeatedForwards: number
}

const someHit = fc
  .record({
    id: fc.integer({ min: 0, max: 12 }),
    name: fc.constantFrom('page_view', 'purchase', 'secret'),
    hoursAgo: fc.integer({ min: 0, max: 3 }),
    bot: fc.boolean(),
  })
  .map(({ id, name, hoursAgo, bot }) =>
    hit({
      ...{ id: `${id}`, name, time: at(-hoursAgo * 3_600_000), revenue: { micros: 7n, currency: 'EUR' } },
      context: { userAgent: bot ? 'a bot' : null, language: null, screen: null, timeZone: null, campaign: null },
    }),
  )

const part: fc.Arbitrary<Part> = fc.oneof(
  { arbitrary: hits('UTC'), weight: 8 },
  // The last step refuses these: they are in no table but that of failures.
  { arbitrary: hits('Not/AZone'), weight: 1 },
  { arbitrary: fc.constant<Part>({ kind: 'poison' }), weight: 1 },
)

function hits(zone: string): fc.Arbitrary<Part> {
  return fc.array(someHit, { minLength: 1, maxLength: 3 }).map((some) => ({ kind: 'hits', hits: some, zone }))
}

/** Records over so many partitions. Ids are the partition's own, as a merchant's hits are all in one. */
export const trafficOver = (partitions: number): fc.Arbitrary<readonly Traffic[]> =>
  fc.array(
    fc.record({
      partition: fc.integer({ min: 0, max: partitions - 1 }),
      parts: fc.array(part, { minLength: 1, maxLength: 3 }),
      from: fc.constantFrom('collector', 'collector', 'collector', 'elsewhere'),
      again: fc.boolean(),
    }),
    { minLength: 1, maxLength: 14 },
  )

/** Puts it into the feed; gives what must come of it. */
export function send(world: World, traffic: readonly Traffic[]): Expected {
  const seen = new Set<string>()
  const stored: string[] = []
  const expected = { accepted: 0, duplicates: 0, failed: 0, counted: 0, repeatedForwards: 0 }
  let place = 0
  for (const { partition, parts, from, again } of traffic) {
    const pack: MemoryBatch[] = parts.map((each) => ({
      payload: payloadOf(each, partition),
      origin: from === 'collector' ? { log: 'c1', place: place++ } : null,
    }))
    world.feed.pushPack(partition, pack)
    if (from === 'collector' && again) {
      world.feed.pushPack(partition, pack)
      expected.repeatedForwards += pack.length
    }
    for (const each of parts) {
      const all = each.kind === 'hits' ? each.hits : []
      if (from === 'elsewhere') expected.accepted += Math.max(all.length, 1)
      if (each.kind === 'poison') expected.failed += 1
      for (const one of all) {
        const id = `${partition}-${one.id}`
        if (seen.has(id)) expected.duplicates += 1
        else if (one.name === 'secret') expected.failed += 1
        else if (each.kind === 'hits' && each.zone !== 'UTC' && one.context?.userAgent === null) expected.failed += 1
        else {
          stored.push(id)
          if (one.context?.userAgent === null) expected.counted += 1
        }
        seen.add(id)
      }
    }
  }
  return { ...expected, stored: stored.sort() }
}

function payloadOf(part: Part, partition: number): Buffer {
  if (part.kind === 'poison') return Buffer.from('nobody can read this')
  const own = part.hits.map((each) => ({ ...each, id: `${partition}-${each.id}` }))
  return encodeHitBatch(batch(own, { zone: part.zone, received: receivedAt(0) }))
}
