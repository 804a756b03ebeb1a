import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dayMs, eventTime, hourMs, minuteMs, utcDay } from '../../../core/event-time.ts'
import type { SnapshotInfo } from '../../../core/ports/lake.ts'
import { defaultSnapshotLadder, type ExpiryQuestion, expirable, oldestWithoutGap } from './snapshot-ladder.ts'

const now = eventTime('2026-03-31T12:00:00Z')

/** Newest first, one for each age; its id is its age in minutes. */
function aged(...minutes: readonly number[]): readonly SnapshotInfo[] {
  return [...minutes]
    .sort((a, b) => a - b)
    .map((age) => ({
      id: String(age),
      parent: null,
      at: now - age * minuteMs,
      operation: 'append',
      publish: null,
      addedRows: 0,
      totalRows: 0,
    }))
}

function asked(snapshots: readonly SnapshotInfo[], change: Partial<ExpiryQuestion> = {}): readonly string[] {
  return expirable({
    snapshots,
    now,
    ladder: defaultSnapshotLadder,
    kept: new Set(),
    before: snapshots[0]?.id ?? '',
    expires: 'each',
    ...change,
  })
}

const hour = 60
const day = 24 * hour

describe('the ladder', () => {
  it('keeps all of the last day, then the newest of each hour for a week, then the newest of each UTC day', () => {
    // 12:00 now. Hours: 1,440 and 1,441 minutes ago are 12:00 and 11:59 of the day before.
    const lastDay = [0, 1, 2, day - 1]
    const hours = [day, day + 1, day + 2, day + hour, day + hour + 1]
    expect(asked(aged(...lastDay, ...hours))).toEqual([day + hour, day + 2].map(String))
    const days = [8 * day, 8 * day + 1, 8 * day + 11 * hour, 8 * day + 13 * hour]
    expect(asked(aged(0, ...days))).toEqual([8 * day + 11 * hour, 8 * day + 1].map(String))
  })

  it('has its rungs to the millisecond', () => {
    const two = (age: number) => [
      { ...(aged(0)[0] as SnapshotInfo), id: 'now' },
      { ...(aged(0)[0] as SnapshotInfo), id: 'b', at: now - age },
      { ...(aged(0)[0] as SnapshotInfo), id: 'a', at: now - age },
    ]
    expect(asked(two(dayMs - 1))).toEqual([])
    expect(asked(two(dayMs))).toEqual(['a'])
    const { hourlyMs, dailyMs } = defaultSnapshotLadder
    const apart = (age: number) => two(age).map((each) => (each.id === 'a' ? { ...each, at: each.at - hourMs } : each))
    expect(asked(apart(hourlyMs - hourMs - 1))).toEqual([])
    expect(asked(apart(hourlyMs))).toEqual(['a'])
    expect(asked(two(dailyMs - 1))).toEqual(['a'])
    expect(asked(two(dailyMs))).toEqual(['a', 'b'])
  })

  it('keeps what any of its ages keeps, in whatever order they are', () => {
    const snapshots = aged(0, hour + 1, hour + 2, day, day + 1, 3 * day)
    const ages = (allMs: number, hourlyMs: number, dailyMs: number) =>
      asked(snapshots, { ladder: { allMs, hourlyMs, dailyMs } })
    expect(ages(4 * dayMs, hourMs, hourMs)).toEqual([])
    expect(ages(hourMs, 4 * dayMs, hourMs)).toEqual([String(hour + 2)])
    expect(ages(hourMs, hourMs, 4 * dayMs)).toEqual([day + 1, hour + 2].map(String))
    expect(ages(hourMs, hourMs, hourMs)).toEqual([3 * day, day + 1, day, hour + 2, hour + 1].map(String))
  })

  it('takes nothing that is kept, nothing from the bound on, and nothing where there is no bound', () => {
    const snapshots = aged(0, ...Array.from({ length: 9 }, (_, n) => 10 * day + n))
    const all = asked(snapshots)
    expect(all).toHaveLength(8)
    const [oldest = '', second = ''] = all
    expect(asked(snapshots, { kept: new Set([second]) })).toEqual(all.filter((id) => id !== second))
    expect(asked(snapshots, { before: second })).toEqual([oldest])
    expect(asked(snapshots, { before: oldest })).toEqual([])
    expect(asked(snapshots, { before: 'gone' })).toEqual([])
  })

  it('asked again later takes only what time took off: what was kept for its hour or day stays until then', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 60 * day }), { maxLength: 60 }), (ages) => {
        const snapshots = aged(...new Set([0, ...ages]))
        const going = new Set(asked(snapshots))
        const left = snapshots.filter(({ id }) => !going.has(id))
        expect(asked(left)).toEqual([])
        // The days that end before the last week have one each, of every day that had any.
        const daysOf = (of: readonly SnapshotInfo[]) =>
          new Set(of.map(({ at }) => utcDay(at)).filter((one) => one < utcDay(now - 8 * dayMs)))
        expect(daysOf(left)).toEqual(daysOf(snapshots))
      }),
    )
  })
})

describe('a lake that takes only the oldest', () => {
  it('keeps all for a week and a day, and all after one that must stay', () => {
    const snapshots = aged(0, day, 2 * day, 2 * day + 1, 8 * day - 1, 8 * day, 9 * day, 10 * day)
    const oldest = { expires: 'oldest' } as const
    expect(asked(snapshots, oldest)).toEqual([10 * day, 9 * day, 8 * day].map(String))
    expect(asked(snapshots, { ...oldest, kept: new Set([String(9 * day)]) })).toEqual([String(10 * day)])
    expect(asked(snapshots, { ...oldest, kept: new Set([String(10 * day)]) })).toEqual([])
  })

  it('is never asked for one with an older one that stays', () => {
    const snapshots = aged(0, 1, 2, 3)
    expect(oldestWithoutGap(snapshots, ['1', '3'])).toEqual(['3'])
    expect(oldestWithoutGap(snapshots, ['2', '1'])).toEqual([])
    expect(oldestWithoutGap(snapshots, ['0', '1', '2', '3'])).toEqual(['3', '2', '1', '0'])
  })
})
