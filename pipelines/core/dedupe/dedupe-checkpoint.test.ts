import { describe, expect, it } from 'vitest'
import { memoryObjectStore } from '../../../core/adapters/memory/memory-object-store.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import { decodeState } from './checkpoint-format.ts'
import { removeOrphans } from './orphans.ts'
import { day, hour, noon, open, prefix, small } from './test/support.ts'

describe('what a checkpoint writes', () => {
  it('is nothing but itself while few hits are new', async () => {
    const objects = memoryObjectStore()
    const state = await open({ objects, inlineMaxEntries: 100 })
    for (let i = 0; i < 100; i++) state.firstSeen('shop', `${i}`, noon)
    await state.checkpoint()
    expect(await objects.list('')).toEqual([])
    state.firstSeen('shop', '100', noon)
    await state.checkpoint()
    expect(await objects.list('')).toHaveLength(1)
  })

  it('comes back whole, however many entries it holds itself, and with the time it had', async () => {
    const objects = memoryObjectStore()
    const state = await open({ objects, inlineMaxEntries: 10_000 })
    for (let i = 0; i < 9_000; i++) state.firstSeen('shop', `${i}`, noon)
    const { saved } = await state.checkpoint()
    const again = await open({ objects, saved })
    expect(again.entries).toBe(9_000)
    for (let i = 0; i < 9_000; i++) expect(again.firstSeen('shop', `${i}`, noon)).toBe(false)
    // A time before the newest is the newest, also where that was before the restart.
    const third = await open({ objects, saved })
    expect(third.firstSeen('shop', 'late', noon - day)).toBe(true)
    expect(third.firstSeen('shop', 'late', noon + day - 1)).toBe(false)
  })

  it('is what is new, and each entry again only when segments merge: about log n times', async () => {
    const objects = memoryObjectStore()
    let written = 0
    const counting: ObjectStore = {
      ...objects,
      async put(name, body) {
        await objects.put(name, body)
        written += (await objects.size(name)) ?? 0
      },
    }
    const state = await open({ objects: counting, inlineMaxEntries: 0, fanout: 4 })
    let largest = 0
    const perEpoch = 500
    const epochs = 256
    for (let epoch = 0; epoch < epochs; epoch++) {
      for (let i = 0; i < perEpoch; i++) state.firstSeen('shop', `${epoch}-${i}`, noon + epoch)
      const { saved, obsolete } = await state.checkpoint()
      largest = Math.max(largest, saved.length)
      for (const name of obsolete) await objects.remove(name)
      expect((await objects.list('')).length).toBeLessThanOrEqual(4 * 5)
    }
    const entryBytes = 12 + 1.3 + 0.1
    expect(written).toBeLessThan(epochs * perEpoch * entryBytes * (Math.log(epochs) / Math.log(4) + 1.2))
    expect(largest).toBeLessThan(2_000)
  })

  it('keeps the number of objects bounded when hours close and segments are at their largest', async () => {
    const objects = memoryObjectStore()
    const state = await open({ objects, inlineMaxEntries: 0, fanout: 4, segmentMaxEntries: 1_000 })
    let most = 0
    for (let epoch = 0; epoch < 24 * 40; epoch++) {
      for (let i = 0; i < 50; i++) state.firstSeen('shop', `${epoch}-${i}`, noon + epoch * 90_000)
      const { obsolete } = await state.checkpoint()
      for (const name of obsolete) await objects.remove(name)
      most = Math.max(most, state.entries / 1_000)
      expect((await objects.list('')).length).toBeLessThanOrEqual(25 * 3 + 12)
    }
    expect(most).toBeGreaterThan(40)
  })

  it('names the objects it no longer needs, and never one it does', async () => {
    const objects = memoryObjectStore()
    const state = await open({ objects, ...small })
    for (let epoch = 0; epoch < 40; epoch++) {
      for (let i = 0; i < 20; i++) state.firstSeen('shop', `${epoch}-${i}`, noon + epoch * hour)
      const { saved, obsolete } = await state.checkpoint()
      for (const name of obsolete) await objects.remove(name)
      const named = decodeState('', saved).segments.map(({ name }) => `${prefix}/${name}`)
      expect(await objects.list('')).toEqual(named.sort())
    }
  })
})

describe('after a crash', () => {
  it('leftovers are removed once the state has gone on, committed objects never', async () => {
    const objects = memoryObjectStore()
    const random = seededRandom(3)
    const fill = async (saved: Uint8Array | null, from: number) => {
      const state = await open({ objects, random, saved, inlineMaxEntries: 0 })
      for (let i = from; i < from + 100; i++) state.firstSeen('shop', `${i}`, noon)
      return state.checkpoint()
    }
    const first = await fill(null, 0)
    await fill(first.saved, 100) // never committed
    expect(await removeOrphans({ objects, prefix, saved: first.saved })).toEqual([])
    const second = await fill(first.saved, 100)
    const removed = await removeOrphans({ objects, prefix, saved: second.saved })
    expect(removed).toHaveLength(1)
    expect(await objects.list('')).toHaveLength(2)
    const state = await open({ objects, saved: second.saved })
    for (let i = 0; i < 200; i++) expect(state.firstSeen('shop', `${i}`, noon)).toBe(false)
  })

  it('an owner that was replaced and does not know it removes nothing of the new one', async () => {
    const objects = memoryObjectStore()
    const random = seededRandom(3)
    const old = await open({ objects, random, ...small })
    for (let i = 0; i < 10; i++) old.firstSeen('shop', `${i}`, noon)
    const before = await old.checkpoint()
    let saved: Uint8Array = before.saved
    for (let epoch = 1; epoch < 9; epoch++) {
      const next = await open({ objects, random, saved, ...small })
      for (let i = 0; i < 10; i++) next.firstSeen('shop', `${epoch}-${i}`, noon)
      saved = (await next.checkpoint()).saved
      await removeOrphans({ objects, prefix, saved: before.saved })
    }
    const state = await open({ objects, saved, ...small })
    expect(state.firstSeen('shop', '0', noon)).toBe(false)
    for (let epoch = 1; epoch < 9; epoch++) expect(state.firstSeen('shop', `${epoch}-3`, noon)).toBe(false)
  })

  it('leaves objects beside its folder alone', async () => {
    const objects = memoryObjectStore()
    await objects.put(`${prefix}-of-another/000000000000-aa`, new Uint8Array(1))
    const state = await open({ objects, inlineMaxEntries: 0 })
    state.firstSeen('shop', 'a', noon)
    const { saved } = await state.checkpoint()
    expect(await removeOrphans({ objects, prefix, saved })).toEqual([])
    expect(await removeOrphans({ objects, prefix, saved: null })).toEqual([])
  })
})
