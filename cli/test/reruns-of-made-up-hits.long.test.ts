/** Made-up shop traffic, made three ways: as it came in, by operators over a snapshot, and its hours by SQL: equal rows. */
import { beforeAll, describe, expect, it } from 'vitest'
import { testLength } from '../../core/test/length.ts'
import { type MadeThreeWays, madeThreeWays } from './support/made-three-ways.ts'

const hits = testLength('RERUN_TEST_HITS', { short: 100_000, full: 5_000_000 })
const days = 30

describe(`${hits} made-up hits`, () => {
  let made: MadeThreeWays
  beforeAll(async () => {
    const perDay = Math.ceil(hits / days)
    made = await madeThreeWays(['seed', '--days', String(days), '--hits-per-day', String(perDay), '--json'], {
      // Of how many it makes up a day it says about; the last day is not over.
      rows: Math.floor(hits * 0.8),
      env: { HITLAKE_EPOCH: '2s', HITLAKE_PUBLISH_EVERY: '10s' },
    })
    console.info(`hits: ${JSON.stringify([...made.hits])}; hourly: ${JSON.stringify([...made.hourly])}`)
  }, 12_000_000)

  it('differ in no metric, whoever makes them', () => {
    expect(made.differences).toBe(0)
  })

  it('give equal rows as a stream and by operators over a snapshot', () => {
    expect([...made.hits.keys()].sort()).toEqual([1, 2])
    expect(made.hits.get(2)).toEqual(made.hits.get(1))
    expect(made.hits.get(1)?.rows).toBeGreaterThan(hits * 0.8)
  })

  it('give equal hours as a stream, by operators, and by SQL', () => {
    expect([...made.hourly.keys()].sort()).toEqual([1, 2, 3])
    expect(made.hourly.get(2)).toEqual(made.hourly.get(1))
    expect(made.hourly.get(3)).toEqual(made.hourly.get(1))
  })
})
