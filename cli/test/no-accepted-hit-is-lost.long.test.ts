import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { recount } from './support/recount.ts'
import { createSystem, type System } from './support/system.ts'
import { type Sending, shops, traffic } from './support/traffic.ts'

// Every kill is `kill -9` of the whole process at a random moment; a third of them within a millisecond of a 202.
// A client sends what was not answered again, under the same ids, as trackers do.
describe('200 random kills lose nothing that was answered 202, and count nothing twice', () => {
  let system: System
  let sendings: Sending[]

  beforeAll(async () => {
    system = await createSystem()
    sendings = traffic({ seed: 11, count: 110_000, now: Date.now() - 60_000 })
    await system.send(sendings, { kills: 200, seed: 11 })
    await system.settle()
  }, 1_500_000)
  afterAll(() => system?.remove())

  it('was killed 200 times, a third of them right after an answer', () => {
    expect(system.kills).toMatchObject({ total: 200 })
    expect(system.kills.afterAnswer).toBeGreaterThanOrEqual(60)
  })

  for (const shop of shops) {
    it(`every hour of ${shop.timeZone} equals a recount`, async () => {
      const expected = recount(sendings, shop, 'hour')
      expect(await system.series(shop, 'hour')).toEqual(expected.buckets)
      expect(await system.series(shop, 'day')).toEqual(recount(sendings, shop, 'day').buckets)
      const books = await system.books(shop)
      expect(books).toMatchObject({ stored: expected.stored, failed: expected.failed, inFlight: 0, balanced: true })
    })
  }
})
