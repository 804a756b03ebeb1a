import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { VersionChanges } from '../../core/ports/control-store.ts'
import type { GenerationChange } from '../../core/ports/rerun-store.ts'
import { createVersions } from './versions.ts'

const [a, b] = ['a', 'b'] as MerchantId[] as [MerchantId, MerchantId]

/** A store whose answers are scripted: what changed since the last question, or a failure. */
function scripted() {
  const script: (() => Promise<VersionChanges>)[] = []
  const asked: number[] = []
  return {
    asked,
    answers(
      commit: number,
      changes: [MerchantId, number][],
      reset = false,
      generations: readonly GenerationChange[] = [],
    ) {
      const listed = changes.map(([merchant, day]) => ({ merchant, day, version: commit }))
      script.push(async () => ({ commit, changes: listed, reset, positions: [], generations }))
    },
    fails: () => script.push(() => Promise.reject(new Error('the store is away'))),
    hangs() {
      let answer = (_: VersionChanges) => {}
      script.push(() => new Promise((resolve) => (answer = resolve)))
      return (commit: number, changes: [MerchantId, number][]) =>
        answer({
          commit,
          changes: changes.map(([merchant, day]) => ({ merchant, day, version: commit })),
          reset: false,
          positions: [],
          generations: [],
        })
    },
    versionsSince(since: number): Promise<VersionChanges> {
      asked.push(since)
      const last = { commit: since, changes: [], reset: false, positions: [], generations: [] }
      return script.shift()?.() ?? Promise.resolve(last)
    },
  }
}

async function started(options: { maxChanges?: number } = {}) {
  const store = scripted()
  const clock = new ManualClock()
  const versions = createVersions({ store, timers: clock, pollMs: 1_000, ...options })
  store.answers(7, [[a, 1]])
  await versions.start()
  return { store, clock, versions }
}

const settle = () => new Promise((resolve) => setImmediate(resolve))

describe('versions', () => {
  it('rise for the days that changed, and for no others', async () => {
    const { store, versions } = await started()
    const before = [versions.versionOf(a, 1, 1), versions.versionOf(a, 2, 2), versions.versionOf(b, 1, 1)]
    store.answers(8, [[a, 1]])
    await versions.refresh()
    expect(versions.versionOf(a, 1, 1)).toBeGreaterThan(before[0] as number)
    expect(versions.versionOf(a, 2, 2)).toBe(before[1])
    expect(versions.versionOf(b, 1, 1)).toBe(before[2])
  })

  it('of many days rise with any of them, however wide the range is', async () => {
    const { store, versions } = await started()
    for (const [first, last] of [
      [1, 3],
      [3, 3],
      [-1_000_000, 1_000_000],
    ] as const) {
      const before = versions.versionOf(a, first, last)
      const beside = versions.versionOf(a, 4, 9)
      store.answers(9, [
        [a, 3],
        [a, 10],
      ])
      await versions.refresh()
      expect(versions.versionOf(a, first, last)).toBeGreaterThan(before)
      expect(versions.versionOf(a, 4, 9)).toBe(beside)
    }
  })

  it('stay while nothing changes, and ask only for what is new', async () => {
    const { store, clock, versions } = await started()
    store.answers(8, [[a, 1]])
    clock.advance(1_000)
    await settle()
    const version = versions.versionOf(a, 1, 1)
    for (let n = 0; n < 3; n++) {
      clock.advance(1_000)
      await settle()
    }
    expect(versions.versionOf(a, 1, 1)).toBe(version)
    expect(store.asked).toEqual([0, 7, 8, 8, 8])
  })

  it('all rise when the store lists changes no longer, even where its commits begin again lower', async () => {
    const { store, versions } = await started()
    store.answers(50, [[a, 1]])
    await versions.refresh()
    const tags = [versions.versionOf(a, 1, 1), versions.versionOf(b, 9, 9)]
    store.answers(3, [], true)
    await versions.refresh()
    expect(versions.versionOf(a, 1, 1)).toBeGreaterThan(tags[0] as number)
    expect(versions.versionOf(b, 9, 9)).toBeGreaterThan(tags[1] as number)
  })

  it('forget everything rather than grow beyond the limit', async () => {
    const { store, versions } = await started({ maxChanges: 3 })
    store.answers(8, [
      [a, 1],
      [a, 2],
      [a, 3],
    ])
    await versions.refresh()
    const untouched = versions.versionOf(b, 1, 1)
    store.answers(9, [[a, 3]])
    await versions.refresh()
    expect(versions.versionOf(b, 1, 1)).toBe(untouched) // three are within the limit
    const changed = versions.versionOf(a, 1, 1)
    store.answers(10, [[a, 4]])
    await versions.refresh()
    expect(versions.versionOf(b, 1, 1)).toBeGreaterThan(untouched)
    expect(versions.versionOf(a, 1, 1)).toBeGreaterThan(changed)
    const base = versions.versionOf(b, 1, 1)
    store.answers(11, [
      [a, 1],
      [a, 2],
      [a, 3],
    ])
    await versions.refresh()
    expect(versions.versionOf(b, 1, 1)).toBe(base) // counted from nothing again
  })

  it('are the last known ones while the store fails, and say so', async () => {
    const { store, clock, versions } = await started()
    expect(versions.stale).toBe(false)
    const before = versions.versionOf(a, 1, 1)
    store.fails()
    clock.advance(1_000)
    await settle()
    expect(versions.stale).toBe(true)
    expect(versions.versionOf(a, 1, 1)).toBe(before)
    clock.advance(1_000)
    await settle()
    expect(versions.stale).toBe(false)
  })

  it('are stale until the first answer, which a store that is away at the start does not prevent', async () => {
    const store = scripted()
    const clock = new ManualClock()
    store.fails()
    const versions = createVersions({ store, timers: clock })
    await versions.start()
    expect(versions.stale).toBe(true)
    const before = versions.versionOf(a, 1, 1)
    store.answers(70, [])
    clock.advance(1_000)
    await settle()
    expect(versions.stale).toBe(false)
    expect(versions.versionOf(a, 1, 1)).toBeGreaterThan(before)
  })

  it('of a refresh come from an answer asked for after the call', async () => {
    const { store, versions } = await started()
    const before = versions.versionOf(a, 1, 1)
    const answer = store.hangs()
    const early = versions.refresh()
    // A commit is announced while an older question is under way: that question may not have seen it.
    const late = Promise.all([versions.refresh(), versions.refresh()])
    const answerLate = store.hangs()
    answer(8, [])
    await early
    expect(versions.versionOf(a, 1, 1)).toBe(before)
    await settle()
    expect(await Promise.race([late, 'still waits'])).toBe('still waits')
    answerLate(9, [[a, 1]])
    await late
    expect(versions.versionOf(a, 1, 1)).toBeGreaterThan(before)
    expect(store.asked).toEqual([0, 7, 8]) // both late calls shared one question
  })

  it('are no longer asked for after a stop', async () => {
    const { store, clock, versions } = await started()
    versions.stop()
    clock.advance(10_000)
    await settle()
    expect(store.asked).toEqual([0])
    expect(clock.pendingTimers).toBe(0)
  })
})
