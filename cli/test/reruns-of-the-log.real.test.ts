/** The real log, made three ways: as it came in, by operators over a snapshot, and its hours by SQL: equal rows. */
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { type MadeThreeWays, madeThreeWays } from './support/made-three-ways.ts'

const file = fileURLToPath(new URL('../../../shared/data/access-log.gz', import.meta.url))
const lines = 9_999

describe('the real log', () => {
  let made: MadeThreeWays
  beforeAll(async () => {
    made = await madeThreeWays(['import', '--access-log', file, '--merchant', 'site'], { rows: lines })
  }, 600_000)

  it('differs in no metric, whoever makes it', () => {
    expect(made.differences).toBe(0)
  })

  it('gives equal hits as a stream and by operators over a snapshot', () => {
    const { hits } = made
    expect([...hits.keys()].sort()).toEqual([1, 2])
    expect(hits.get(2)).toEqual(hits.get(1))
    expect(hits.get(1)?.rows).toBeGreaterThanOrEqual(lines)
  })

  it('gives equal hours as a stream, by operators, and by SQL', () => {
    const { hourly } = made
    expect([...hourly.keys()].sort()).toEqual([1, 2, 3])
    expect(hourly.get(2)).toEqual(hourly.get(1))
    expect(hourly.get(3)).toEqual(hourly.get(1))
    expect(hourly.get(1)?.rows).toBeGreaterThan(1_000)
  })
})
