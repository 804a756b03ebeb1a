/** The definition of a visit, and why the days around it decide it. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dayMs, eventTime, hourMs, minuteMs, utcDay } from './event-time.ts'
import type { LakeRow } from './tables.ts'
import { daysDecideVisits, type VisitsRule, visitsReadDaysAfter, visitsReadDaysBefore, visitsRule } from './visits.ts'
import { type Visit, visitsOf } from './visits-of.ts'

const midnight = eventTime('2026-03-02T00:00:00Z')
let position = 0
const hit = (time: number, more: LakeRow = {}): LakeRow => ({
  visitor: 'ada',
  session: null,
  bot: false,
  time,
  _src: 'log',
  _part: 0,
  _off: position++,
  _idx: 0,
  ...more,
})

/** Visits as the times of their hits, from `midnight`, rising. */
function times(hits: readonly LakeRow[], rule: VisitsRule = visitsRule): number[][] {
  return visitsOf(hits, rule)
    .map((visit) => visit.map(({ time }) => Number(time) - midnight))
    .toSorted(([a = 0], [b = 0]) => a - b)
}
const at = (...offsets: readonly number[]) => offsets.map((offset) => hit(midnight + offset))

describe('a visit', () => {
  // 00:00        00:29:59.999            00:59:59.999
  //   x -------------- x ------ 30 min -------- x
  it('goes on after a pause one millisecond short of the limit, and ends with one of exactly the limit', () => {
    const short = visitsRule.gapMs - 1
    expect(times(at(0, short))).toEqual([[0, short]])
    expect(times(at(0, short, short + visitsRule.gapMs))).toEqual([[0, short], [short + visitsRule.gapMs]])
  })

  it('that its hits name goes on over pauses, up to the longer limit', () => {
    const named = (...offsets: number[]) => offsets.map((offset) => hit(midnight + offset, { session: 's' }))
    expect(times(named(0, 23 * hourMs))).toEqual([[0, 23 * hourMs]])
    expect(times(named(0, visitsRule.namedGapMs))).toEqual([[0], [visitsRule.namedGapMs]])
    expect(times([...named(0), ...at(1)])).toEqual([[0], [1]])
  })

  it('holds hits of one visitor, and never of a bot and a person', () => {
    expect(times([hit(midnight), hit(midnight + 1, { visitor: 'bob' })])).toEqual([[0], [1]])
    expect(times([hit(midnight), hit(midnight + 1, { bot: true }), hit(midnight + 2)])).toEqual([[0, 2], [1]])
  })

  it('is cut where it reaches the longest there is, and the hit on the cut begins the next', () => {
    const rule = { ...visitsRule, atMostMs: hourMs }
    const minutes = [0, 20, 40, 59, 60, 80, 100, 120].map((minute) => minute * minuteMs)
    expect(times(at(...minutes), rule).map((visit) => visit.length)).toEqual([4, 3, 1])
  })

  it('that ends by a cut leaves slices without hits out', () => {
    const rule = { gapMs: 3 * hourMs, namedGapMs: dayMs, atMostMs: hourMs }
    expect(times(at(0, 2.5 * hourMs, 2.75 * hourMs), rule)).toEqual([[0], [2.5 * hourMs, 2.75 * hourMs]])
  })

  it('goes on over midnight', () => {
    expect(times(at(-minuteMs, minuteMs))).toEqual([[-minuteMs, minuteMs]])
  })

  it('begins anew on the day after one without a pause: a line that never pauses is decided by two days', () => {
    const everyQuarter = Array.from({ length: 4 * 24 * 4 }, (_, n) => n * 15 * minuteMs + 7 * hourMs)
    const starts = times(at(...everyQuarter)).map(([start]) => start)
    expect(starts).toEqual([7 * hourMs, 31 * hourMs, 2 * dayMs, 3 * dayMs, 4 * dayMs])
  })

  it('has hits of one millisecond in the order of their positions, whatever the order they come in', () => {
    const places = [
      { _part: 0, _off: 1, _idx: 0 },
      { _part: 0, _off: 1, _idx: 1 },
      { _part: 0, _off: 2, _idx: 0 },
      { _part: 1, _off: 0, _idx: 0 },
      { _part: 1, _off: 0, _idx: 0, _src: 'zz' },
    ].map((place) => hit(midnight, place))
    const [visit] = visitsOf(places.toReversed(), visitsRule)
    expect(visit).toEqual(places)
  })
})

describe('visits that start on a day', () => {
  const days = 8
  /** Gaps that hurt: exactly the limits, one beside them, whole days, none. */
  const gap = ({ gapMs, namedGapMs, atMostMs }: VisitsRule) =>
    fc.oneof(
      fc.constantFrom(
        0,
        1,
        gapMs - 1,
        gapMs,
        gapMs + 1,
        namedGapMs - 1,
        namedGapMs,
        atMostMs,
        atMostMs - 1,
        dayMs,
        2 * dayMs,
      ),
      fc.integer({ min: 0, max: gapMs - 1 }),
      fc.integer({ min: 0, max: 3 * hourMs }),
    )
  function runningSums(gaps: readonly number[]): number[] {
    let sum = 0
    return gaps.map((each) => {
      sum += each
      return sum
    })
  }
  const times = ['gapMs', 'namedGapMs', 'atMostMs'] as const
  const anyRule: fc.Arbitrary<VisitsRule> = fc.oneof(
    fc.constant(visitsRule),
    fc.constantFrom(1, 2, 3, 4, 6, 8, 12, 24).chain((longest) => {
      const upToIt = fc.integer({ min: 1, max: longest }).map((hours) => hours * hourMs)
      return fc
        .tuple(fc.record({ gapMs: upToIt, namedGapMs: upToIt, atMostMs: upToIt }), fc.constantFrom(...times))
        .map(([rule, one]) => ({ ...rule, [one]: longest * hourMs }))
    }),
  )
  const midnights = fc.integer({ min: 0, max: days - 1 }).chain((day) => fc.constantFrom(day * dayMs, day * dayMs - 1))

  /** A line by its gaps; or one that never pauses, with a few hits missing; or hits at midnights. */
  const offsets = (rule: VisitsRule) =>
    fc.oneof(
      fc.array(gap(rule), { minLength: 1, maxLength: 30 }).map(runningSums),
      fc
        .record({
          start: fc.integer({ min: 0, max: dayMs }),
          missing: fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 3 }),
          step: fc.constantFrom(rule.gapMs - 1, Math.max(1, Math.floor(rule.gapMs / 2))),
        })
        .map(({ start, missing, step }) =>
          Array.from({ length: Math.min(400, Math.floor((6 * dayMs) / step)) }, (_, n) => start + n * step).filter(
            (_, n) => !missing.includes(n),
          ),
        ),
      fc.array(midnights, { maxLength: 12 }),
    )
  const anyLine = (rule: VisitsRule) =>
    fc
      .tuple(fc.constantFrom(null, 's'), fc.constantFrom('ada', 'bob'), offsets(rule))
      .map(([session, visitor, line]) =>
        line.filter((offset) => offset < days * dayMs).map((offset) => hit(midnight + offset, { session, visitor })),
      )
  const world = anyRule.chain((rule) =>
    fc.tuple(
      fc.constant(rule),
      fc.array(anyLine(rule), { minLength: 1, maxLength: 3 }).map((lines) => lines.flat()),
    ),
  )

  /** `hits` of the days that are read for visits that start on `day`. */
  const readFor = (day: number, hits: readonly LakeRow[]) =>
    hits.filter(({ time }) => {
      const distance = utcDay(Number(time)) - day
      return distance >= -visitsReadDaysBefore && distance <= visitsReadDaysAfter
    })
  const startingOn = (day: number, visits: readonly Visit[]) =>
    visits
      .filter(([first]) => utcDay(Number(first.time)) === day)
      .map((visit) => visit.map(({ _off }) => Number(_off)).join(' '))
      .toSorted()

  it('are decided by the hits of that day, two before and one after', () => {
    fc.assert(
      fc.property(world, ([rule, hits]) => {
        expect(daysDecideVisits(rule)).toBe(true)
        const all = visitsOf(hits, rule)
        for (let day = utcDay(midnight); day < utcDay(midnight) + days; day++) {
          expect(startingOn(day, visitsOf(readFor(day, hits), rule))).toEqual(startingOn(day, all))
        }
      }),
      { numRuns: 1_000 },
    )
  })

  it('are not where stretches do not begin with days, and such a rule is known', () => {
    const rule = { gapMs: 17 * hourMs, namedGapMs: 20 * hourMs, atMostMs: 19 * hourMs }
    const line = Array.from({ length: 8 }, (_, n) => hit(midnight + 19 * hourMs + 5 + n * (rule.gapMs - 1)))
    const day = utcDay(midnight) + 5
    expect(startingOn(day, visitsOf(readFor(day, line), rule))).not.toEqual(startingOn(day, visitsOf(line, rule)))
    expect(daysDecideVisits(rule)).toBe(false)
    expect(daysDecideVisits({ ...rule, namedGapMs: dayMs })).toBe(true)
    for (const wrong of [0, -1, 1.5, Number.NaN, 2 * dayMs])
      expect(daysDecideVisits({ ...rule, gapMs: wrong })).toBe(false)
  })

  it('share no hit and leave none out, and none is longer than the rule says', () => {
    fc.assert(
      fc.property(world, ([rule, hits]) => {
        const visits = visitsOf(hits, rule)
        expect(visits.flat().length).toBe(hits.length)
        expect(new Set(visits.flat()).size).toBe(hits.length)
        for (const visit of visits) {
          expect(Number(visit.at(-1)?.time) - Number(visit[0].time)).toBeLessThan(rule.atMostMs)
        }
      }),
    )
  })
})
