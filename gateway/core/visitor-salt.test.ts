import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { dayMs, hourMs } from '../../core/event-time.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { ControlStore } from '../../core/ports/control-store.ts'
import { createMemoryControlStore } from '../../lakehouse/adapters/memory/memory-control-store.ts'
import { createLocalDate, createVisitorSalts, secretRetryMs, type VisitorFacts } from './visitor-salt.ts'

const noon = Date.parse('2026-03-01T12:00:00Z')
const shop = 'demo' as MerchantId
const visit: VisitorFacts = {
  merchant: shop,
  zone: 'UTC',
  atMs: noon,
  addressPrefix: '203.0.113.0/24',
  userAgent: 'Firefox',
}

function setUp(startMs = noon) {
  const clock = new ManualClock(startMs)
  const memory = createMemoryControlStore()
  const asked: { dates: readonly string[]; keepFrom: string }[] = []
  const state = { answers: 'yes' as 'yes' | 'no' }
  const store: Pick<ControlStore, 'dailySecrets'> = {
    async dailySecrets(dates, keepFrom, make) {
      if (state.answers === 'no') throw new Error('the store is away')
      asked.push({ dates, keepFrom })
      return memory.dailySecrets(dates, keepFrom, make)
    },
  }
  const make = (seed = 3) => createVisitorSalts({ store, clock, timers: clock, random: seededRandom(seed) })
  return { clock, asked, state, make, salts: make() }
}
const settle = () => new Promise((resolve) => setImmediate(resolve))

describe('a cookieless visitor', () => {
  it('is the same all day for one merchant, network and user agent, and another one for any other', async () => {
    const { salts } = setUp()
    await salts.load(noon)
    const id = salts.visitor(visit)
    expect(id).toMatch(/^[\w-]{22}$/)
    expect(salts.visitor({ ...visit, atMs: noon + 11 * hourMs })).toBe(id)
    const others = [
      { ...visit, merchant: 'other' as MerchantId },
      { ...visit, addressPrefix: '203.0.114.0/24' },
      { ...visit, addressPrefix: null },
      { ...visit, userAgent: 'Chrome' },
      { ...visit, userAgent: null },
      { ...visit, atMs: noon + 12 * hourMs },
      { ...visit, atMs: noon - 13 * hourMs },
    ]
    expect(new Set([id, ...others.map((other) => salts.visitor(other))]).size).toBe(others.length + 1)
  })

  it('changes at the merchant’s own midnight, not at ours', async () => {
    const { salts } = setUp()
    await salts.load(noon)
    // 23:59 and 00:00 in Kathmandu, 5:45 before UTC.
    const midnight = Date.parse('2026-03-02T00:00:00+05:45')
    const at = (atMs: number) => salts.visitor({ ...visit, zone: 'Asia/Kathmandu', atMs })
    expect(at(midnight - 1)).toBe(at(noon))
    expect(at(midnight)).not.toBe(at(midnight - 1))
    expect(salts.visitor({ ...visit, atMs: midnight })).toBe(salts.visitor(visit))
  })

  it('is the same in a second process, and after a restart', async () => {
    const { salts, make } = setUp()
    await salts.load(noon)
    const second = make(99)
    await second.load(noon)
    expect(second.visitor(visit)).toBe(salts.visitor(visit))
  })

  it('does not mix up where one fact ends and the next begins', async () => {
    const { salts } = setUp()
    await salts.load(noon)
    expect(salts.visitor({ ...visit, addressPrefix: 'a', userAgent: 'b' })).not.toBe(
      salts.visitor({ ...visit, addressPrefix: null, userAgent: 'a\nb' }),
    )
  })
})

describe('secrets of days', () => {
  it('are asked for once and then known from yesterday to the day after tomorrow, in every zone', async () => {
    const { salts, asked } = setUp()
    expect(salts.ready('UTC', noon)).toBe(false)
    expect(() => salts.visitor(visit)).toThrow(/ask ready/)
    await Promise.all([salts.load(noon), salts.load(noon)])
    expect(asked).toEqual([{ dates: ['2026-02-28', '2026-03-01', '2026-03-02', '2026-03-03'], keepFrom: '2026-02-28' }])
    for (const zone of ['UTC', 'Pacific/Kiritimati', 'Etc/GMT+12', 'Asia/Kathmandu']) {
      for (let hour = -12; hour < 36; hour++)
        expect(salts.ready(zone, noon + hour * hourMs), `${zone} ${hour}`).toBe(true)
    }
  })

  it('are renewed and deleted at every UTC midnight, though no hit comes', async () => {
    const { salts, asked, clock } = setUp()
    await salts.start()
    salts.visitor(visit)
    for (let day = 0; day < 3; day++) {
      clock.advance(dayMs)
      await settle()
    }
    expect(asked.map(({ keepFrom }) => keepFrom)).toEqual(['2026-02-28', '2026-03-01', '2026-03-02', '2026-03-03'])
    // Within 48 h of its start a day's secret is gone, from the store and from here.
    expect(salts.ready('UTC', noon)).toBe(false)
    expect(() => salts.visitor(visit)).toThrow(/no secret of 2026-03-01/)
    expect(salts.ready('UTC', noon + 2 * dayMs)).toBe(true)
  })

  it('outlast a store that is away for a day, and are asked for again all the while', async () => {
    const { salts, asked, clock, state } = setUp()
    await salts.start()
    state.answers = 'no'
    clock.advance(12 * hourMs)
    await settle()
    expect(salts.ready('Pacific/Kiritimati', clock.now())).toBe(true)
    clock.advance(12 * hourMs)
    await settle()
    expect(salts.ready('UTC', clock.now())).toBe(true)
    state.answers = 'yes'
    clock.advance(secretRetryMs)
    await settle()
    expect(asked.at(-1)?.keepFrom).toBe('2026-03-01')
  })

  it('are reported missing by a store that is away, and asked for again by the next who needs them', async () => {
    const { salts, state } = setUp()
    state.answers = 'no'
    await expect(salts.load(noon)).rejects.toThrow('the store is away')
    state.answers = 'yes'
    await salts.load(noon)
    expect(salts.ready('UTC', noon)).toBe(true)
  })

  it('are not asked for any more after stop, also while an answer is awaited', async () => {
    const { salts, clock } = setUp()
    const starting = salts.start()
    salts.stop()
    await starting
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('a local date', () => {
  it('is the one that calendars of the zone show, also from one quarter of an hour to the next', () => {
    const localDate = createLocalDate()
    const zones = ['UTC', 'Asia/Kathmandu', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Apia', 'Etc/GMT+12']
    fc.assert(
      fc.property(fc.constantFrom(...zones), fc.integer({ min: 0, max: 2 ** 41 }), (zone, atMs) => {
        const parts = new Intl.DateTimeFormat('en-US', {
          timeZone: zone,
          year: 'numeric',
          month: '2-digit',
          day: '2-digit',
        })
        const [month, day, year] = parts.format(atMs).split('/')
        expect(localDate(zone, atMs)).toBe(`${year}-${month}-${day}`)
      }),
      { numRuns: 500 },
    )
    const midnight = Date.parse('2026-03-02T00:00:00+05:45')
    expect([midnight - 1, midnight].map((atMs) => localDate('Asia/Kathmandu', atMs))).toEqual([
      '2026-03-01',
      '2026-03-02',
    ])
  })
})
