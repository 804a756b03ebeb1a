import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { memoryObjectStore } from '../../../core/adapters/memory/memory-object-store.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { nodeSyncReader } from '../../adapters/local/node-sync-reader.ts'
import { removeOrphans } from './orphans.ts'
import { hour, noon, open, prefix } from './test/support.ts'

// Against a model: a Map of the last time each identity passed.

type Step =
  | { readonly do: 'hit'; readonly merchant: string; readonly id: string; readonly later: number }
  | { readonly do: 'burst'; readonly from: number; readonly count: number; readonly later: number }
  | { readonly do: 'commit' | 'fail' | 'crash' | 'clean' }

const withinMs = 2_400
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('hit' as const),
      merchant: fc.constantFrom('a', 'b'),
      id: fc.integer({ min: 0, max: 12 }).map(String),
      later: fc.oneof(fc.constantFrom(0, 1, withinMs - 1, withinMs, withinMs + 1), fc.integer({ min: 0, max: 900 })),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('burst' as const),
      from: fc.integer({ min: 0, max: 2_000 }),
      count: fc.integer({ min: 1, max: 700 }),
      later: fc.integer({ min: 0, max: 120 }),
    }),
  },
  { weight: 5, arbitrary: fc.constantFrom<Step>({ do: 'commit' }, { do: 'fail' }, { do: 'crash' }, { do: 'clean' }) },
)

describe('the law of dedupe', () => {
  const reader = nodeSyncReader({ maxOpen: 3 })
  afterAll(() => reader.close())

  it('holds over any run of hits, checkpoints, failed epochs, crashes and merges', async () => {
    const shape = fc.record({
      inlineMaxEntries: fc.constantFrom(0, 5, 300),
      heldMaxEntries: fc.constantFrom(0, 40),
      segmentMaxEntries: fc.constantFrom(50, 1_000, 1e6),
      fanout: fc.integer({ min: 2, max: 4 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 120 }), shape, async (steps, sizes) => {
        const objects = memoryObjectStore()
        const random = seededRandom(7)
        let committed: { saved: Uint8Array | null; model: Map<string, number>; now: number } = {
          saved: null,
          model: new Map(),
          now: noon,
        }
        const reopen = () => open({ objects, reader, random, withinMs, saved: committed.saved, ...sizes })
        let state = await reopen()
        let model = new Map<string, number>()
        let now = noon
        const hit = (merchant: string, id: string) => {
          const key = `${merchant} ${id}`
          const before = model.get(key)
          const passes = before === undefined || now - before >= withinMs
          if (passes) model.set(key, now)
          expect(state.firstSeen(merchant, id, now)).toBe(passes)
        }
        for (const one of steps) {
          if (one.do === 'hit') {
            now += one.later
            hit(one.merchant, one.id)
          } else if (one.do === 'burst') {
            now += one.later
            for (let i = 0; i < one.count; i++) hit('c', `x${one.from + i}`)
          } else if (one.do === 'clean') {
            await removeOrphans({ objects, prefix, saved: committed.saved })
          } else {
            const { saved, obsolete } = await state.checkpoint()
            if (one.do === 'commit') {
              committed = { saved, model: new Map(model), now }
              for (const name of obsolete) await objects.remove(name)
            } else {
              // `fail`: the commit failed, its objects stay behind. `crash`: it landed, its obsolete objects stay behind.
              if (one.do === 'crash') committed = { saved, model: new Map(model), now }
              await state.close()
              state = await reopen()
              model = new Map(committed.model)
              now = committed.now
            }
          }
        }
        await state.close()
        await objects.cleanup()
      }),
      { numRuns: 150 },
    )
  })

  it('holds over 30 days of one hit an hour and a million identities in three hours', async () => {
    const objects = memoryObjectStore()
    let state = await open({ objects, reader, heldMaxEntries: 1_000 })
    const epochs = 100
    const perEpoch = 10_000
    let now = noon
    let passed = 0
    for (let epoch = 0; epoch < epochs; epoch++) {
      now += Math.floor((3 * hour) / epochs)
      for (let i = 0; i < perEpoch; i++) passed += Number(state.firstSeen('shop', `id-${epoch * perEpoch + i}`, now))
      const { saved, obsolete } = await state.checkpoint()
      for (const name of obsolete) await objects.remove(name)
      if (epoch % 40 === 39) {
        await state.close()
        state = await open({ objects, reader, heldMaxEntries: 1_000, saved })
      }
    }
    expect(passed).toBe(epochs * perEpoch)
    expect(state.entries).toBe(epochs * perEpoch)
    // Filter and fences: 10 + 0.375 bits an entry, and what is held of small segments.
    expect(state.bytes).toBeLessThan(epochs * perEpoch * 1.4 + 30_000)
    expect((await objects.list(prefix)).length).toBeLessThan(30)
    for (let i = 0; i < epochs * perEpoch; i += 7) expect(state.firstSeen('shop', `id-${i}`, now)).toBe(false)
    for (let h = 0; h < 30 * 24; h++) {
      now += hour
      expect(state.firstSeen('quiet', `q-${h}`, now)).toBe(true)
      const { obsolete } = await state.checkpoint()
      for (const name of obsolete) await objects.remove(name)
    }
    expect(state.firstSeen('shop', 'id-1', now)).toBe(true)
    expect(await objects.list(prefix)).toEqual([])
    await state.close()
    await objects.cleanup()
  }, 120_000)
})
