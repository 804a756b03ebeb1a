import { describe, expect, it } from 'vitest'
import { dayMs, hourMs, minuteMs } from '../../core/event-time.ts'
import type { GenerationStretch } from '../../core/generations.ts'
import { defaultKeyTtlMs } from './keys.ts'
import { clocksApartMaxMs, formerZoneMarginMs, hoursHold, isSameZones, zonesSettleAt } from './stored-hours.ts'

const changed = Date.parse('2026-03-10T12:07:00Z')
const settled = changed + formerZoneMarginMs
const hour = Date.parse('2026-03-10T12:00:00Z')
/** An hour of Kolkata, by number from that of the change on. */
const kolkata = (n: number) => ({ start: hour + (n - 0.5) * hourMs, end: hour + (n + 0.5) * hourMs })
const moved = { timeZone: 'Asia/Kolkata', formerZones: [{ timeZone: 'Europe/Berlin', until: changed }] }
const always: readonly GenerationStretch[] = [{ from: null, to: null, generation: 1 }]
const today = (zonesAsOf: number) => (generation: number) => (generation === 2 ? zonesAsOf : undefined)
const holds = (stretches = always, zonesAsOf = today(0)) => hoursHold({ zones: moved, stretches, zonesAsOf })

describe('stored hours of a merchant', () => {
  it('that never had another zone hold everywhere', () => {
    const of = hoursHold({ zones: { timeZone: 'Asia/Kolkata' }, stretches: always, zonesAsOf: today(0) })
    expect(of(kolkata(-9))).toBe(true)
  })

  it('hold before a change of zone where borders are those of both, and nowhere else', () => {
    expect(holds()(kolkata(-9))).toBe(false)
    expect(holds()({ start: hour - 9 * hourMs, end: hour - 8 * hourMs })).toBe(true)
    expect(holds()({ start: hour - 9 * hourMs, end: hour - 8.5 * hourMs })).toBe(false)
    expect(holds()({ start: hour - 9.5 * hourMs, end: hour - 9 * hourMs })).toBe(false)
  })

  it('hold from when nobody stamps the former zone any more', () => {
    expect(formerZoneMarginMs).toBeGreaterThanOrEqual(defaultKeyTtlMs + clocksApartMaxMs)
    const at = (start: number) => holds()({ start, end: start + dayMs })
    // Borders in the middle of an hour of Berlin, before and at the limit.
    expect(settled % hourMs).not.toBe(0)
    expect([at(settled - 1), at(settled)]).toEqual([false, true])
    expect(zonesSettleAt(moved)).toBe(settled)
    expect(zonesSettleAt({ timeZone: 'UTC' })).toBe(Number.NEGATIVE_INFINITY)
  })

  it('hold where clocks differ by full hours, on the days on which they do', () => {
    const zones = {
      timeZone: 'UTC',
      formerZones: [{ timeZone: 'Australia/Lord_Howe', until: Date.parse('2026-12-01') }],
    }
    const of = hoursHold({ zones, stretches: always, zonesAsOf: today(0) })
    const day = (date: string) => ({ start: Date.parse(date), end: Date.parse(date) + dayMs })
    expect([of(day('2026-02-01')), of(day('2026-04-04')), of(day('2026-06-01'))]).toEqual([true, false, false])
  })

  it('hold where all generations near the borders were made in present zones after the change', () => {
    const made: readonly GenerationStretch[] = [{ from: null, to: null, generation: 2 }]
    expect(holds(made, today(settled))(kolkata(-9))).toBe(true)
    expect(holds(made, today(settled - 1))(kolkata(-9))).toBe(false)
    expect(holds(made, () => undefined)(kolkata(-9))).toBe(false)
  })

  it('do not hold at the edge of a rerun, where an hour over midnight is of one zone here and of another there', () => {
    const midnight = Date.parse('2026-03-05T00:00:00Z')
    const edge: readonly GenerationStretch[] = [
      { from: null, to: midnight, generation: 1 },
      { from: midnight, to: null, generation: 2 },
    ]
    const of = holds(edge, today(settled))
    // Borders far from it, within, and those before and after it.
    expect(of({ start: midnight + 10.5 * hourMs, end: midnight + 20.5 * hourMs })).toBe(true)
    expect(of({ start: midnight - 10 * hourMs, end: midnight + 10.5 * hourMs })).toBe(false)
    expect(of({ start: midnight + 30 * minuteMs, end: midnight + dayMs + 30 * minuteMs })).toBe(false)
    expect(of({ start: midnight + 150 * minuteMs, end: midnight + dayMs + 30 * minuteMs })).toBe(true)
    // In zones whose hours are the same over midnight it is no edge.
    const zones = { timeZone: 'Europe/Berlin', formerZones: [{ timeZone: 'UTC', until: changed }] }
    const same = hoursHold({ zones, stretches: edge, zonesAsOf: today(settled) })
    expect(same({ start: midnight - 10 * hourMs, end: midnight + 10 * hourMs })).toBe(true)
  })

  it('hold again in a zone that was left and taken back only as long as the others allow', () => {
    const formerZones = [
      { timeZone: 'Asia/Kolkata', until: changed },
      { timeZone: 'UTC', until: changed + dayMs },
    ]
    const of = hoursHold({ zones: { timeZone: 'Asia/Kolkata', formerZones }, stretches: always, zonesAsOf: today(0) })
    expect(of(kolkata(-9))).toBe(false)
    expect(of(kolkata(30))).toBe(true)
  })
})

describe('the zones of a merchant', () => {
  it('are the same where the present one and all former ones are', () => {
    expect(isSameZones(moved, structuredClone(moved))).toBe(true)
    expect(isSameZones(moved, { timeZone: 'Asia/Kolkata' })).toBe(false)
    expect(isSameZones(moved, { ...moved, timeZone: 'UTC' })).toBe(false)
    expect(isSameZones({ timeZone: 'UTC' }, { timeZone: 'UTC', formerZones: [] })).toBe(true)
  })
})
