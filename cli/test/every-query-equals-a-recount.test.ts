/**
 * Random questions about shop traffic, answered cold, from the cache, from the hits themselves where a rollup would do,
 * and after everything that rearranges what is stored: all equal to an independent recount.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testLength } from '../../core/test/length.ts'
import { expectRecounted } from './support/query-answers.ts'
import { createQuerySystem, type QuerySystem } from './support/query-system.ts'
import { type ShopWorld, shopWorld, withRepeats } from './support/query-world.ts'
import { type Asked, type KnownHit, recountQuery } from './support/recount-query.ts'

const settings = { seed: 11, timeZone: 'Europe/Berlin', currency: 'EUR', hitsPerDay: 1_500 }
const days = 35
const count = testLength('QUERY_TEST_COUNT', { short: 16, full: 150 })

describe('random questions', () => {
  let system: QuerySystem
  let world: ShopWorld
  let hits: readonly KnownHit[]
  let queries: readonly Asked[]
  const answers = new Map<Asked, unknown>()

  beforeAll(async () => {
    // The last tenth comes late, after the others were rearranged; one hit in thirty is sent twice.
    world = shopWorld(settings, { days, queries: count, seed: 5 })
    hits = world.knownEarly
    queries = world.queries
    system = await createQuerySystem(settings)
    await system.send(withRepeats(world.early))
  }, 300_000)
  afterAll(() => system?.remove())

  const check = async (asked: Asked) => {
    const answer = await system.query(asked)
    expect(answer.status, JSON.stringify({ asked, answer: answer.body })).toBe(200)
    expectRecounted(answer.body, recountQuery(hits, asked, settings.currency), asked)
    return answer.body
  }

  it('answered cold equal a recount, and are the same from the cache', async () => {
    for (const asked of queries) {
      const cold = await check(asked)
      const warm = await check(asked)
      expect(warm.results).toEqual(cold.results)
      expect(warm.meta.servedFrom.cache, JSON.stringify(asked)).toBeGreaterThan(0)
      answers.set(asked, cold.results)
    }
  }, 600_000)

  it('answered from the hits where a rollup would do are equal', async () => {
    const never = ['is_not', 'term', ['no hit has this']] as const
    for (const asked of queries) await check({ ...asked, filters: [...asked.filters, never] })
  }, 600_000)

  it('are the same after visits and days were derived and everything was folded and compacted', async () => {
    await system.maintained()
    const served = { daily: 0, sessions: 0 }
    await system.restart()
    for (const asked of queries) {
      const body = await check(asked)
      expect(body.results).toEqual(answers.get(asked))
      served.daily += body.meta.servedFrom.daily
      served.sessions += body.meta.servedFrom.sessions
    }
    expect(served.daily).toBeGreaterThan(0)
    expect(served.sessions).toBeGreaterThan(0)
  }, 600_000)

  it('equal a recount again after late hits came into days that were derived and folded', async () => {
    await system.send(world.late)
    hits = world.knownAll
    for (const asked of queries) await check(asked)
  }, 600_000)
})
