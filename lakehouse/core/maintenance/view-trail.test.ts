import { describe, expect, it } from 'vitest'
import { createViewTrail, leftSnapshotHoldMs, viewsRememberedMax } from './view-trail.ts'

describe('what readers were seen to read', () => {
  it('is settled once it was first seen so long ago that nobody holds what it replaced', () => {
    const trail = createViewTrail()
    expect(trail.settled('hits', 1e9)).toBeUndefined()
    trail.seen('hits', 'a', 1_000)
    trail.seen('hits', 'a', 2_000)
    expect(trail.settled('hits', 1_000 + leftSnapshotHoldMs - 1)).toBeUndefined()
    expect(trail.settled('hits', 1_000 + leftSnapshotHoldMs)).toBe('a')
    expect(trail.settled('hourly', 1e9)).toBeUndefined()
    trail.seen('hits', 'b', 1_000 + leftSnapshotHoldMs)
    expect(trail.settled('hits', 1_000 + 2 * leftSnapshotHoldMs - 1)).toBe('a')
    expect(trail.settled('hits', 1_000 + 2 * leftSnapshotHoldMs)).toBe('b')
  })

  it('is settled at once where nobody can have read before', () => {
    const trail = createViewTrail()
    trail.first('hits', 'a')
    expect(trail.settled('hits', 0)).toBe('a')
    trail.seen('hits', 'b', 0)
    expect(trail.settled('hits', leftSnapshotHoldMs - 1)).toBe('a')
    expect(trail.settled('hits', leftSnapshotHoldMs)).toBe('b')
  })

  it(`remembers at most ${viewsRememberedMax} views; however many come, some settle and none too early`, () => {
    const trail = createViewTrail()
    const step = leftSnapshotHoldMs / 500
    for (let n = 0; n < 5_000; n++) {
      trail.seen('hits', String(n), n * step)
      const settled = trail.settled('hits', n * step)
      if (settled !== undefined) expect(Number(settled)).toBeLessThanOrEqual(n - 500)
      if (n > 1_500) expect(Number(settled)).toBeGreaterThan(n - 1_500)
    }
  })
})
