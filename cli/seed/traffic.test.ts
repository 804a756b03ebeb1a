import { describe, expect, it } from 'vitest'
import { type SeedSettings, trafficOfDay } from './traffic.ts'

const settings: SeedSettings = { seed: 7, timeZone: 'Europe/Berlin', currency: 'EUR', hitsPerDay: 3_000 }
const dates = (from: string, days: number) =>
  Array.from({ length: days }, (_, i) => new Date(Date.parse(from) + i * 86_400_000).toISOString().slice(0, 10))
const hours = new Intl.DateTimeFormat('en', { timeZone: 'Europe/Berlin', hour: 'numeric', hourCycle: 'h23' })
const berlinHour = (ms: number) => Number(hours.format(ms))

describe('seeded traffic', () => {
  it('of a date is the same whenever and in whatever order it is made, and another with another seed', () => {
    const day = trafficOfDay(settings, '2026-03-10')
    trafficOfDay(settings, '2026-03-09')
    expect(trafficOfDay(settings, '2026-03-10')).toEqual(day)
    expect(trafficOfDay({ ...settings, seed: 8 }, '2026-03-10')).not.toEqual(day)
  })

  it('stays inside its local day, on days of 23 and 25 hours too, in order of time', () => {
    for (const [date, from, to] of [
      ['2026-03-29', '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z'],
      ['2026-10-25', '2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z'],
    ] as const) {
      const times = trafficOfDay(settings, date).map(({ hit }) => hit.time)
      expect(Math.min(...times)).toBeGreaterThanOrEqual(Date.parse(from))
      expect(Math.max(...times)).toBeLessThan(Date.parse(to))
      expect(times).toEqual([...times].sort((a, b) => a - b))
    }
  })

  it('has about the hits asked for, more on Sundays than on Wednesdays, more in the evening than at night', () => {
    const month = dates('2026-02-01', 28).map((date) => trafficOfDay(settings, date))
    const all = month.flat()
    expect(all.length / 28).toBeGreaterThan(2_500)
    expect(all.length / 28).toBeLessThan(3_500)
    const sundays = [0, 7, 14, 21].reduce((sum, i) => sum + (month[i]?.length ?? 0), 0)
    const wednesdays = [3, 10, 17, 24].reduce((sum, i) => sum + (month[i]?.length ?? 0), 0)
    expect(sundays).toBeGreaterThan(wednesdays * 1.1)
    const at = (hour: number) => all.filter(({ hit }) => berlinHour(hit.time) === hour).length
    expect(at(20)).toBeGreaterThan(at(4) * 10)
  })

  it('has orders, refunds, foreign money, bots, campaigns and returning visitors, and no id twice', () => {
    const all = dates('2026-02-01', 28).flatMap((date) => trafficOfDay(settings, date))
    const orders = all.filter(({ hit }) => hit.name === 'purchase')
    expect(orders.length).toBeGreaterThan(100)
    expect(orders.some(({ hit }) => hit.revenue?.amount.startsWith('-'))).toBe(true)
    expect(new Set(orders.map(({ hit }) => hit.revenue?.currency))).toEqual(new Set(['EUR', 'USD', 'GBP', 'CHF']))
    expect(all.filter(({ hit }) => /bot/i.test(hit.context.userAgent)).length).toBeGreaterThan(all.length / 50)
    expect(new Set(all.map(({ hit }) => hit.context.campaign?.name))).toEqual(
      new Set([undefined, 'weekly-letter', 'brand-search', 'monthly-sale']),
    )
    const visitors = new Set(all.map(({ hit }) => hit.visitor)).size
    expect(visitors).toBeGreaterThan(1_000)
    expect(visitors).toBeLessThan(all.length / 5)
    expect(new Set(all.map(({ hit }) => hit.id)).size).toBe(all.length)
  })
})
