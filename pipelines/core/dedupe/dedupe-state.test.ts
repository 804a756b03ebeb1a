import { describe, expect, it } from 'vitest'
import { memoryObjectStore } from '../../../core/adapters/memory/memory-object-store.ts'
import { StateLimitError } from '../../../core/errors.ts'
import { nodeSyncReader } from '../../adapters/local/node-sync-reader.ts'
import { type DedupeOptions, windowMaxMs } from './dedupe-state.ts'
import { day, hour, noon, open, small } from './test/support.ts'

describe('the dedupe state', () => {
  //   passed            repeat            passed
  //   |------------ 24 h ------------)
  //   12:00             11:59:59.999      12:00:00.000
  it('takes a hit as a repeat until exactly the window has gone by', async () => {
    const state = await open({ objects: memoryObjectStore() })
    expect(state.firstSeen('shop', 'a', noon)).toBe(true)
    expect(state.firstSeen('shop', 'a', noon)).toBe(false)
    expect(state.firstSeen('shop', 'a', noon + day - 1)).toBe(false)
    expect(state.firstSeen('shop', 'a', noon + day)).toBe(true)
    expect(state.firstSeen('shop', 'a', noon + 2 * day - 1)).toBe(false)
  })

  it('keeps the same boundary for what lies in a segment, read from a file or held in memory', async () => {
    const objects = memoryObjectStore()
    const reader = nodeSyncReader()
    for (const heldMaxEntries of [0, 1_000]) {
      const state = await open({
        objects,
        reader,
        inlineMaxEntries: 0,
        heldMaxEntries,
        prefix: `held-${heldMaxEntries}`,
      })
      state.firstSeen('shop', 'a', noon)
      state.firstSeen('shop', 'b', noon + 1)
      await state.checkpoint()
      expect(state.firstSeen('shop', 'a', noon + day - 1)).toBe(false)
      expect(state.firstSeen('shop', 'a', noon + day)).toBe(true)
      expect(state.firstSeen('shop', 'b', noon + day)).toBe(false)
      expect(state.firstSeen('shop', 'b', noon + day + 1)).toBe(true)
    }
    reader.close()
    await objects.cleanup()
  })

  it('does not let a repeat extend the window', async () => {
    const state = await open({ objects: memoryObjectStore() })
    state.firstSeen('shop', 'a', noon)
    for (let h = 1; h < 24; h++) expect(state.firstSeen('shop', 'a', noon + h * hour)).toBe(false)
    expect(state.firstSeen('shop', 'a', noon + day)).toBe(true)
  })

  it('keeps merchants apart', async () => {
    const state = await open({ objects: memoryObjectStore() })
    expect(state.firstSeen('shop', 'a', noon)).toBe(true)
    expect(state.firstSeen('shop2', 'a', noon)).toBe(true)
    expect(state.firstSeen('sho', 'pa', noon)).toBe(true)
  })

  it('takes a time that falls back as the newest before it', async () => {
    const state = await open({ objects: memoryObjectStore() })
    state.firstSeen('shop', 'a', noon)
    expect(state.firstSeen('shop', 'b', noon - day)).toBe(true)
    expect(state.firstSeen('shop', 'b', noon + day - 1)).toBe(false)
    expect(state.firstSeen('shop', 'b', noon + day)).toBe(true)
  })

  it('refuses windows that its time stamps cannot hold', async () => {
    for (const withinMs of [0, -1, 1.5, windowMaxMs + 1, Number.NaN]) {
      await expect(open({ objects: memoryObjectStore(), withinMs })).rejects.toThrow(RangeError)
    }
    await expect(open({ objects: memoryObjectStore(), withinMs: windowMaxMs })).resolves.toBeDefined()
  })

  it('can only be asked between checkpoints, not during one', async () => {
    const state = await open({ objects: memoryObjectStore() })
    state.firstSeen('shop', 'a', noon)
    const saving = state.checkpoint()
    expect(() => state.firstSeen('shop', 'b', noon)).toThrow(/while its state is being saved/)
    await saving
    expect(state.firstSeen('shop', 'b', noon)).toBe(true)
  })
})

describe('at its limit', () => {
  const limitBytes = 600_000

  async function full(settings: Partial<DedupeOptions> = {}) {
    const objects = memoryObjectStore()
    const state = await open({ objects, limitBytes, ...settings })
    let count = 0
    let error: unknown
    try {
      for (;;) {
        state.firstSeen('shop', `${count}`, noon + Math.floor(count / 100))
        count += 1
        if (count % 1_000 === 0) await state.checkpoint()
      }
    } catch (thrown) {
      error = thrown
    }
    return { objects, state, count, error }
  }

  it('refuses the next hit, and has changed nothing: what it knew it knows, and asks again the same', async () => {
    const { state, count, error } = await full({ job: 'hits' })
    expect(error).toBeInstanceOf(StateLimitError)
    expect(error).toMatchObject({ job: 'hits', limit: limitBytes, code: 'STATE_LIMIT', retry: 'afterBackoff' })
    expect((error as StateLimitError).bytes).toBeGreaterThan(limitBytes)
    expect(state.bytes).toBeLessThanOrEqual(limitBytes)
    const now = noon + Math.floor(count / 100)
    const before = { bytes: state.bytes, entries: state.entries }
    expect(() => state.firstSeen('shop', `${count}`, now)).toThrow(StateLimitError)
    expect({ bytes: state.bytes, entries: state.entries }).toEqual(before)
    for (let i = 0; i < count; i++) expect(state.firstSeen('shop', `${i}`, now)).toBe(false)
  })

  it('never holds more than the limit, whatever is flushed and merged on the way', async () => {
    for (const settings of [small, { inlineMaxEntries: 0 }, { fanout: 3 }]) {
      const { state, count } = await full(settings)
      expect(state.bytes).toBeLessThanOrEqual(limitBytes)
      await state.checkpoint()
      expect(state.bytes).toBeLessThanOrEqual(limitBytes)
      expect(count).toBeGreaterThan(10_000)
    }
  })

  it('goes on with the same hit when it is opened with a higher one', async () => {
    const { objects, state, count } = await full()
    const { saved } = await state.checkpoint()
    const larger = await open({ objects, saved, limitBytes: 10 * limitBytes })
    expect(larger.firstSeen('shop', `${count}`, noon + Math.floor(count / 100))).toBe(true)
    expect(larger.firstSeen('shop', '0', noon + Math.floor(count / 100))).toBe(false)
  })

  it('goes on when what it holds expires with the time of the hits', async () => {
    const { state, count } = await full({ inlineMaxEntries: 0 })
    await state.checkpoint()
    expect(state.firstSeen('shop', `${count}`, noon + day + hour)).toBe(true)
    expect(state.entries).toBe(1)
  })
})
