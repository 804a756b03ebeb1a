import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { dayMs } from '../../core/event-time.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { GenerationChange } from '../../core/ports/rerun-store.ts'
import { createVersions, knownGenerations, knownMerchantsMax } from './versions.ts'

const [a, b] = ['a', 'b'] as MerchantId[] as [MerchantId, MerchantId]
const everything = { merchant: null, from: null, to: null }
const promoted = {
  ...everything,
  rerun: 1,
  sink: 'hourly',
  generation: 2,
  answers: true,
  order: 1,
  version: 7,
} as const

async function started(first: readonly GenerationChange[] = [], maxChanges?: number) {
  let changes = first
  let commit = 1
  const store = {
    versionsSince: async () => ({ commit, changes: [], reset: false, positions: [], generations: changes }),
  }
  const versions = createVersions({ store, timers: new ManualClock(), ...(maxChanges && { maxChanges }) })
  await versions.start()
  const now = () => [1, 2, 3].flatMap((day) => [versions.versionOf(a, day, day), versions.versionOf(b, day, day)])
  return {
    versions,
    /** Which of (a, b) × days 1 to 3 rose. */
    async says(next: readonly GenerationChange[]): Promise<readonly boolean[]> {
      const before = now()
      changes = next
      commit += 1
      await versions.refresh()
      return now().map((version, n) => version > (before[n] as number))
    },
  }
}
const all = [true, true, true, true, true, true]
const none = all.map(() => false)

describe('versions where another generation comes to answer', () => {
  it('rise in its place, for its merchant and its days, and nowhere else', async () => {
    const { says } = await started()
    const place = { merchant: a, from: 2 * dayMs, to: 3 * dayMs }
    expect(await says([{ ...promoted, ...place }])).toEqual([false, false, true, false, false, false])
    expect(await says([{ ...promoted, ...place }])).toEqual(none)
    const second = { ...promoted, ...everything, to: 2 * dayMs, rerun: 2, order: 2, version: 9 }
    expect(await says([second, { ...promoted, ...place }])).toEqual([true, true, false, false, false, false])
  })

  it('rise again where it answers no more, and where it is promoted once more', async () => {
    const { says } = await started([promoted])
    expect(await says([{ ...promoted, answers: false, version: 8 }])).toEqual(all)
    expect(await says([{ ...promoted, order: 2, version: 9 }])).toEqual(all)
    // A store that was put back to a backup says it by lower numbers.
    expect(await says([{ ...promoted, order: 1, version: 3 }])).toEqual(all)
  })

  it('all rise where the map says nothing of a place any more', async () => {
    const { says, versions } = await started([{ ...promoted, merchant: a }])
    expect(await says([])).toEqual(all)
    expect(versions.generations.of(a).hourly).toEqual([{ from: null, to: null, generation: 1 }])
  })

  it('of a range rise with any day of it', async () => {
    const { versions, says } = await started()
    const wide = () => [versions.versionOf(b, -1_000_000, 1_000_000), versions.versionOf(b, 2, 4)]
    const before = wide()
    await says([{ ...promoted, merchant: b, from: dayMs, to: 2 * dayMs }])
    expect(wide().map((version, n) => version > (before[n] as number))).toEqual([true, false])
  })

  it('are remembered by place up to the limit of changes; then all is forgotten', async () => {
    const { says } = await started([], 3)
    const places = [1, 2, 3, 4].map((n) => ({
      ...promoted,
      rerun: n,
      merchant: a,
      from: n * dayMs,
      to: (n + 1) * dayMs,
    }))
    expect(await says(places.slice(0, 3))).toEqual([true, false, true, false, true, false])
    expect(await says(places)).toEqual(all)
  })
})

describe('generations that are known', () => {
  it('are those of the last answer, in the order of promotions', async () => {
    const { versions, says } = await started()
    const before = versions.generations
    const places = { merchant: null, from: dayMs, to: 2 * dayMs }
    await says([
      { ...promoted, ...places, rerun: 2, generation: 3, order: 2, version: 9 },
      promoted,
      { ...promoted, rerun: 3, generation: 4, answers: false, order: 3, version: 11 },
      { ...promoted, sink: 'hits', merchant: b },
    ])
    expect(versions.generations.of(a)).toEqual({
      hits: [{ from: null, to: null, generation: 1 }],
      hourly: [
        { from: null, to: dayMs, generation: 2 },
        { from: dayMs, to: 2 * dayMs, generation: 3 },
        { from: 2 * dayMs, to: null, generation: 2 },
      ],
    })
    expect(versions.generations.of(b).hits).toEqual([{ from: null, to: null, generation: 2 }])
    expect(before.of(a).hourly).toEqual([{ from: null, to: null, generation: 1 }])
  })

  it('know whether changes are the ones they came of', () => {
    const second = { ...promoted, rerun: 2, order: 2 }
    const known = knownGenerations([promoted, second])
    expect(known.isThatOf([second, promoted])).toBe(true)
    for (const other of [
      [],
      [promoted],
      [promoted, { ...second, version: 8 }],
      [promoted, { ...second, merchant: a }],
    ]) {
      expect(known.isThatOf(other)).toBe(false)
    }
  })

  it('are worked out for so many merchants, and anew for more', () => {
    const known = knownGenerations([])
    const first = known.of(a)
    expect(known.of(a)).toBe(first)
    for (let n = 0; n < knownMerchantsMax - 1; n++) known.of(`shop-${n}` as MerchantId)
    expect(known.of(a)).toBe(first)
    known.of(b)
    expect(known.of(a)).toEqual(first)
    expect(known.of(a)).not.toBe(first)
  })
})
