import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testLength } from '../../core/test/length.ts'
import { type Interval, recount } from './support/recount.ts'
import { createSystem, type System } from './support/system.ts'
import { type Sending, shops, traffic } from './support/traffic.ts'

const count = testLength('NUMBERS_TEST_HITS', { short: 25_000, full: 110_000 })

// So many hits of four shops over a year: shuffled, one in twenty a repeat, a third spread over the last 20 days, the
// rest around both clock changes of New York and of Lord Howe. Killed ten times on the way (200 times in
// no-accepted-hit-is-lost.long.test.ts), then stopped and started.
describe('after any history of crashes, every number equals a recount of what was sent', () => {
  let system: System
  let sendings: Sending[]

  beforeAll(async () => {
    system = await createSystem()
    sendings = traffic({ seed: 7, count, now: Date.now() - 60_000 })
    await system.send(sendings, { kills: 10, seed: 7 })
    await system.settle()
  }, 600_000)
  afterAll(() => system?.remove())

  for (const shop of shops) {
    for (const interval of ['hour', 'day', 'week', 'month'] as Interval[]) {
      it(`${shop.timeZone} by ${interval}`, async () => {
        expect(await system.series(shop, interval)).toEqual(recount(sendings, shop, interval).buckets)
      })
    }
  }

  it("in another zone whose hours line up with the shop's", async () => {
    const [shop] = shops.filter(({ id }) => id === 'new-york')
    if (!shop) throw new Error('no such shop')
    expect(await system.series(shop, 'day', 'Europe/Berlin')).toEqual(
      recount(sendings, shop, 'day', 'Europe/Berlin').buckets,
    )
  })

  it("in another zone whose hours do not line up with the shop's, from the hits themselves", async () => {
    const [shop] = shops.filter(({ id }) => id === 'new-york')
    if (!shop) throw new Error('no such shop')
    expect(await system.series(shop, 'hour', 'Asia/Kathmandu')).toEqual(
      recount(sendings, shop, 'hour', 'Asia/Kathmandu').buckets,
    )
  })

  it('the books balance to the hit', async () => {
    for (const shop of shops) {
      const { stored, duplicates, failed } = recount(sendings, shop, 'month')
      const books = await system.books(shop)
      // What was sent again after a kill without an answer is a repeat more: the books may hold more of these.
      expect(books).toMatchObject({ stored, failed, dropped: {}, inFlight: 0, balanced: true })
      expect(books.duplicates).toBeGreaterThanOrEqual(duplicates)
      expect(books.accepted).toBe(stored + failed + books.duplicates)
    }
  })

  it('the same after a stop and a start', async () => {
    await system.restart()
    for (const shop of shops) {
      expect(await system.series(shop, 'day')).toEqual(recount(sendings, shop, 'day').buckets)
    }
  })
})
