/**
 * Whatever the feed and the machine do, in any order: every durable batch is in the feed, those of a partition for the
 * first time in order of their places, and a job that drops what lies behind the last place it took has each exactly once.
 * Nothing is said to be committed or visible that is not.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import type { SendFault } from '../../../core/adapters/memory/memory-feed.ts'
import { partitionOf } from '../../../core/partition-of.ts'
import { type ForwarderWorld, forwarderWorld, jobs, partitions } from '../forwarder-under-test.ts'

const shops = ['anna', 'ben', 'carla', 'dora', 'emil']
const faults: readonly (SendFault | 'ok')[] = ['ok', 'before', 'after', 'half', 'silent']

type Step =
  | { readonly kind: 'append'; readonly shops: readonly string[] }
  | { readonly kind: 'faults'; readonly faults: readonly (SendFault | 'ok')[] }
  | { readonly kind: 'feed' | 'store'; readonly state: 'there' | 'away' }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'commit'; readonly job: number; readonly partition: number; readonly count: number }
  | { readonly kind: 'publish'; readonly job: number; readonly partition: number }
  | { readonly kind: 'release' | 'crash' | 'stop' | 'lose the mark' | 'trim' | 'work all' }

const state = fc.constantFrom('there' as const, 'away' as const)
const job = fc.nat({ max: jobs.length - 1 })
const partition = fc.nat({ max: partitions - 1 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      shops: fc.array(fc.constantFrom(...shops), { minLength: 1, maxLength: 12 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('faults' as const),
      faults: fc.array(fc.constantFrom(...faults), { maxLength: 4 }),
    }),
  },
  fc.record({ kind: fc.constantFrom('feed' as const, 'store' as const), state }),
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(10, 300, 1_100, 6_000, 61_000) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      job,
      partition,
      count: fc.integer({ min: 1, max: 5 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('publish' as const), job, partition }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'release' as const,
        'crash' as const,
        'stop' as const,
        'lose the mark' as const,
        'trim' as const,
        'work all' as const,
      ),
    }),
  },
)

async function take(w: ForwarderWorld, each: Step): Promise<void> {
  switch (each.kind) {
    case 'append':
      await w.append(...each.shops)
      return w.settle(2)
    case 'faults':
      w.feed.faults.push(...each.faults)
      return
    case 'feed':
      w.feed.state = each.state
      return
    case 'store':
      w.store = each.state
      return
    case 'pass':
      return w.pass(each.ms, Math.max(10, each.ms / 10))
    case 'commit':
      w.commit(jobs[each.job] as (typeof jobs)[number], each.partition, each.count)
      return
    case 'publish':
      w.publish(jobs[each.job] as (typeof jobs)[number], each.partition)
      return
    case 'release':
      return w.feed.release()
    case 'crash':
      return w.crash()
    case 'stop':
      await w.forwarder.stop()
      return w.crash()
    case 'lose the mark':
      w.markFile.bytes = undefined
      return
    case 'work all':
      return w.workAll()
    case 'trim':
      return w.log.trim(w.forwarder.trimmable)
  }
}

function checkClaims(w: ForwarderWorld, merchants: readonly string[]): void {
  const { trimmable, visibleThrough } = w.forwarder
  for (const { place, received } of w.accepted) {
    const where = partitionOf(merchants[place] as string, partitions)
    for (const each of jobs) {
      const { committed, published } = w.part(each, where)
      if (place < trimmable) expect(committed).toBeGreaterThan(place)
      if (received < visibleThrough) expect(published).toBeGreaterThan(place)
    }
  }
}

function checkExactlyOnce(w: ForwarderWorld, merchants: readonly string[]): void {
  for (let where = 0; where < partitions; where++) {
    const due = merchants.flatMap((merchant, place) => (partitionOf(merchant, partitions) === where ? [place] : []))
    const first = [...new Set((w.sent()[where] ?? []).map(({ place }) => place))]
    expect(first).toEqual(due)
    for (const each of jobs) expect(w.part(each, where).taken).toEqual(due)
  }
}

describe('a batch that is durable in a collector’s log', () => {
  it('comes into the feed, and into each job exactly once', async () => {
    const seen = new Set<string>()
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), async (steps) => {
        const w = await forwarderWorld({}, new ManualClock())
        const merchants: string[] = []
        for (const each of steps) {
          if (each.kind === 'append') merchants.push(...each.shops)
          await take(w, each)
          checkClaims(w, merchants)
        }
        if (w.log.oldest > 0) seen.add('trimmed')
        if (w.sent().some((sent) => new Set(sent.map(({ place }) => place)).size < sent.length)) seen.add('repeated')
        // In the end all is well for a while.
        w.feed.state = w.store = 'there'
        w.feed.faults.length = 0
        w.feed.release()
        await w.pass(130_000, 5_000)
        w.feed.release()
        expect(w.forwarder.acked).toBe(merchants.length)
        w.workAll()
        await w.pass(2_000, 500)
        checkExactlyOnce(w, merchants)
        checkClaims(w, merchants)
        expect(w.forwarder.trimmable).toBe(merchants.length)
        expect(w.forwarder.visibleThrough).toBeGreaterThan(w.clock.now() - 1_500)
        await w.forwarder.stop()
      }),
      { numRuns: 150 },
    )
    expect([...seen].sort()).toEqual(['repeated', 'trimmed'])
  })
})
