import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dayMs } from '../../../core/event-time.ts'
import { type GenerationEntry, type GenerationMap, generationFinder } from '../../../core/generations.ts'
import type { MerchantId } from '../../../core/ids.ts'
import { printDuckDbExpression } from './duckdb-printer.ts'
import {
  answering,
  generationConditionsMax,
  generationDaysMax,
  ofGenerationMap,
  ofGenerations,
} from './of-generations.ts'

const day = Date.parse('2026-03-01T00:00:00Z')
const tea = 'tea' as MerchantId
const range = { start: day - dayMs, end: day + 2 * dayMs }
const rows = { as: 'r', time: 'time', range }
const entry = (change: Partial<GenerationEntry>): GenerationEntry => ({
  ...{ sink: 'hits', merchant: null, from: day, to: day + dayMs, generation: 2 },
  ...change,
})
const map = (...entries: readonly GenerationEntry[]): GenerationMap => ({ base: 1, entries })
const of = (...args: Parameters<typeof ofGenerations>) => printDuckDbExpression(ofGenerations(...args))
const ofMap = (given: GenerationMap, more = {}) =>
  printDuckDbExpression(ofGenerationMap(given, 'hits', { ...rows, ...more }))

const one = `"r"."_gen" = CAST('1' AS BIGINT)`

describe('the condition that a row answers', () => {
  it('is one comparison where one generation answers all that is asked', () => {
    expect(of([{ from: null, to: null, generation: 1 }], 'r', 'time', range)).toBe(one)
    const stretches = [
      { from: null, to: day + 9 * dayMs, generation: 1 },
      { from: day + 9 * dayMs, to: null, generation: 2 },
    ]
    expect(of(stretches, 'r', 'time', range)).toBe(one)
    expect(ofMap(map())).toBe(one)
    expect(ofMap(map(entry({ sink: 'hourly' }), entry({ from: day + 9 * dayMs, to: null })))).toBe(one)
    expect(ofMap(map(entry({ merchant: tea })), { merchants: ['shop'] })).toBe(one)
  })

  it('names each stretch with the borders that lie in the range', () => {
    const stretches = [
      { from: null, to: day, generation: 1 },
      { from: day, to: day + dayMs, generation: 2 },
      { from: day + dayMs, to: null, generation: 1 },
    ]
    expect(of(stretches, 'r', 'time', range)).toBe(
      `((${one}) AND ("r"."time" < TIMESTAMPTZ '2026-03-01 00:00:00.000+00')) OR ` +
        `(("r"."_gen" = CAST('2' AS BIGINT)) AND ("r"."time" >= TIMESTAMPTZ '2026-03-01 00:00:00.000+00') AND ("r"."time" < TIMESTAMPTZ '2026-03-02 00:00:00.000+00')) OR ` +
        `((${one}) AND ("r"."time" >= TIMESTAMPTZ '2026-03-02 00:00:00.000+00'))`,
    )
  })

  it('of many merchants asks the last place first, and repeats what partitions there are', () => {
    expect(ofMap(map(entry({}), entry({ merchant: tea, from: null, to: null, generation: 3 })))).toBe(
      `("r"."_gen" IN (CAST('1' AS BIGINT), CAST('2' AS BIGINT), CAST('3' AS BIGINT))) AND ("r"."_gen" = ` +
        `CASE WHEN ("r"."merchant" = 'tea') THEN CAST('3' AS BIGINT) ` +
        `WHEN ("r"."time" >= TIMESTAMPTZ '2026-03-01 00:00:00.000+00') AND ("r"."time" < TIMESTAMPTZ '2026-03-02 00:00:00.000+00') ` +
        `THEN CAST('2' AS BIGINT) ELSE CAST('1' AS BIGINT) END)`,
    )
  })

  it('looks days up where there are more places than conditions may be, and so many days, not more', () => {
    const places = (count: number) =>
      map(...Array.from({ length: count }, (_, n) => entry({ merchant: `m${n}` as MerchantId })))
    const print = (count: number, more = {}) =>
      printDuckDbExpression(answering(places(count), 'hits', { ...rows, ...more }))
    expect(print(generationConditionsMax)).not.toContain(`'${day / dayMs}'`)
    expect(print(generationConditionsMax + 1)).toContain(`WHEN '${day / dayMs}'`)
    expect(print(generationConditionsMax, { range: undefined })).toContain("'m63'")
    const long = entry({ merchant: 'long' as MerchantId, from: day - 98 * dayMs })
    const wide = (merchants: number) =>
      map(
        long,
        ...Array.from({ length: merchants }, (_, n) =>
          entry({ merchant: `m${n}` as MerchantId, from: null, to: null }),
        ),
      )
    // One has 99 days; each other all from the first border to the last, and one either side.
    const most = Math.floor((generationDaysMax - 99) / 101)
    const days = (merchants: number) => answering(wide(merchants), 'hits', { as: 'r', time: 'time' })
    expect(days(most)).toMatchObject({ kind: 'orElse' })
    expect(() => days(most + 1)).toThrow(RangeError)
  })

  it('says of every row what the map does', async () => {
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
    const connection = await instance.connect()
    await connection.run("SET TimeZone = 'UTC'")
    const merchants = ['a', 'b', "o'c", 'd'] as MerchantId[]
    const border = fc.option(fc.integer({ min: -3, max: 5 }).map((n) => day + n * dayMs))
    const places = fc
      .record({
        merchant: fc.option(fc.constantFrom(...merchants.slice(0, 3))),
        from: border,
        to: border,
        generation: fc.integer({ min: 1, max: 4 }),
      })
      .filter(({ from, to }) => from === null || to === null || from < to)
      .map((place) => entry(place))
    const many = fc.array(places, { minLength: generationConditionsMax + 1, maxLength: generationConditionsMax + 9 })
    const times = Array.from({ length: 44 }, (_, n) => day - 5 * dayMs + n * 6 * 3_600_000)
    const values = merchants.flatMap((merchant) =>
      times.map((time) => `('${merchant.replace("'", "''")}', epoch_ms(${time})::TIMESTAMP AT TIME ZONE 'UTC')`),
    )
    try {
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(fc.array(places, { maxLength: 5 }), many),
          fc.boolean(),
          async (entries, isRanged) => {
            const within = isRanged ? times.filter((time) => time >= range.start && time < range.end) : times
            const given = { as: 'r', time: 'time', ...(isRanged && { range }) }
            const sql = printDuckDbExpression(answering(map(...entries), 'hits', given))
            const rows = `(VALUES ${values.join(', ')}) AS r(merchant, time)`
            const found = await connection.runAndReadAll(`SELECT r.merchant, epoch_ms(r.time), ${sql} FROM ${rows}`)
            const at = generationFinder(map(...entries), 'hits')
            const told = found
              .getRows()
              .flatMap(([merchant, time, generation]) =>
                within.includes(Number(time)) ? [`${merchant} ${time} ${generation}`] : [],
              )
            const expected = merchants.flatMap((merchant) =>
              within.map((time) => `${merchant} ${time} ${at(merchant, time)}`),
            )
            expect(told.sort()).toEqual(expected.sort())
          },
        ),
        { numRuns: 60 },
      )
    } finally {
      connection.closeSync()
      instance.closeSync()
    }
  })
})
