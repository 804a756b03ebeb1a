import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Mergeable, pickMerge } from './merge-policy.ts'

const limits = { fanout: 4, maxEntries: 100 }
const segments = (hour: number, ...shapes: (readonly [level: number, count: number])[]): Mergeable[] =>
  shapes.map(([level, count]) => ({ level, count, hour }))

describe('what merges next', () => {
  it('is a full level of the open hour, the newest first', () => {
    const three = segments(5, [0, 1], [0, 1], [0, 1])
    expect(pickMerge(three, 5, limits)).toBeUndefined()
    expect(pickMerge([...three, ...segments(5, [0, 1])], 5, limits)).toEqual({ from: 0, to: 4 })
    const two = segments(5, [1, 4], [1, 4], [1, 4], [1, 4], [0, 1], [0, 1], [0, 1], [0, 1])
    expect(pickMerge(two, 5, limits)).toEqual({ from: 4, to: 8 })
    expect(pickMerge(two.slice(0, 6), 5, limits)).toEqual({ from: 0, to: 4 })
    expect(pickMerge(segments(5, [1, 26], [1, 26], [1, 26], [1, 26]), 5, limits)).toBeUndefined()
  })

  it('is anything small enough of a closed hour, from its newest end, at most a fanout at once', () => {
    const closed = segments(4, [2, 60], [1, 30], [0, 1], [0, 1])
    expect(pickMerge(closed, 5, limits)).toEqual({ from: 0, to: 4 })
    expect(pickMerge(segments(4, [2, 90], [1, 30], [0, 1], [0, 1]), 5, limits)).toEqual({ from: 1, to: 4 })
    expect(pickMerge(segments(4, [0, 1], [0, 1], [0, 1], [0, 1], [0, 1]), 5, limits)).toEqual({ from: 1, to: 5 })
    expect(pickMerge(segments(4, [1, 60], [1, 60]), 5, limits)).toBeUndefined()
    expect(pickMerge(segments(4, [1, 40], [1, 60]), 5, limits)).toEqual({ from: 0, to: 2 })
  })

  it('never crosses hours, the largest size or the fanout, and always comes to an end', () => {
    const shape = fc.record({
      level: fc.nat({ max: 2 }),
      count: fc.integer({ min: 1, max: 150 }),
      hour: fc.nat({ max: 3 }),
    })
    fc.assert(
      fc.property(fc.array(shape, { maxLength: 60 }), (shapes) => {
        const left = shapes.sort((a, b) => a.hour - b.hour)
        for (;;) {
          const before = left.length
          const run = pickMerge(left, 3, limits)
          if (run === undefined) break
          const merged = left.slice(run.from, run.to)
          expect(merged.length).toBeGreaterThan(1)
          expect(merged.length).toBeLessThanOrEqual(limits.fanout)
          expect(new Set(merged.map(({ hour }) => hour)).size).toBe(1)
          const count = merged.reduce((sum, one) => sum + one.count, 0)
          expect(count).toBeLessThanOrEqual(limits.maxEntries)
          left.splice(run.from, merged.length, { level: 3, count, hour: merged[0]?.hour ?? 0 })
          expect(left.length).toBeLessThan(before)
        }
        for (const hour of [0, 1, 2]) {
          const counts = left.filter((one) => one.hour === hour).map(({ count }) => count)
          counts.slice(1).forEach((count, i) => {
            expect(count + (counts[i] ?? 0)).toBeGreaterThan(limits.maxEntries)
          })
        }
      }),
    )
  })
})
