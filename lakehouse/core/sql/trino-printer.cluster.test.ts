/** What a real Trino understands of our literals, and of the range that holds a point. */
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { systemClock, systemTimers } from '../../../core/adapters/node/system.ts'
import { testLength } from '../../../core/test/length.ts'
import { createTrino } from '../../adapters/trino/client.ts'
import type { Literal, Select } from './ast.ts'
import { anyInstant, hostileRuns, hostileTexts, instantEnds, wholeEnds } from './literals-under-test.ts'
import { printTrino, trinoLiteral } from './trino-printer.ts'

/** Lists of a thousand texts each. Trino parses a thousand literals in a second or two. */
const lists = testLength('CLUSTER_TEST_HOSTILE_LISTS', { short: 5, full: hostileRuns })

const { HITLAKE_TRINO_URL: url = '', HITLAKE_TRINO_CATALOG: catalog = 'lake' } = process.env
const trino = createTrino({ url, user: 'test', source: 'test', catalog, clock: systemClock, timers: systemTimers })
afterAll(() => trino.close())

/** Trino's own view of each literal, as text, in the order given; one statement for all of them. */
async function understood(literals: readonly Literal[], print: (literal: string) => string): Promise<unknown[]> {
  const rows = literals.map((literal, i) => `(${i}, ${print(trinoLiteral(literal))})`).join(', ')
  const answer = await trino.query(`SELECT i, v FROM (VALUES ${rows}) AS t(i, v)`)
  return answer.toSorted(([a], [b]) => Number(a) - Number(b)).map(([, value]) => value)
}

const asLiterals = <T extends Literal['type']>(type: T, values: readonly unknown[]) =>
  values.map((value) => ({ type, value }) as Literal)
const millisOf = (literal: string) =>
  `CAST(date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00 UTC', ${literal}) AS varchar)`

describe('literals, as Trino reads them', () => {
  it(`mean exactly the text they were given: ${lists * 1_000} hostile strings`, async () => {
    await fc.assert(
      fc.asyncProperty(hostileTexts, async (values) => {
        const hex = await understood(asLiterals('text', values), (literal) => `to_hex(to_utf8(${literal}))`)
        expect(hex).toEqual(values.map((value) => Buffer.from(value).toString('hex').toUpperCase()))
      }),
      { numRuns: lists, endOnFailure: true },
    )
  })

  it('mean exactly the number they were given, at the ends of 64 bits too', async () => {
    const drawn = fc.sample(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), 500)
    const values = [...wholeEnds, ...drawn]
    expect(await understood(asLiterals('whole', values), (literal) => `CAST(${literal} AS varchar)`)).toEqual(
      values.map(String),
    )
  })

  it('mean exactly the millisecond they were given, from the year 1 to 9999', async () => {
    const values = [...instantEnds, ...fc.sample(anyInstant, 500)]
    expect(await understood(asLiterals('instant', values), millisOf)).toEqual(values.map(String))
  })

  it('are booleans', async () => {
    expect(await understood(asLiterals('boolean', [true, false]), (literal) => literal)).toEqual([true, false])
  })
})

describe('the range that holds a point, as Trino finds it', () => {
  /** For each instant (text, any precision) the number of its range; instants without one are not in the answer. */
  async function found(points: readonly string[], ranges: readonly { start: number; end: number }[]) {
    const rows = points.map((point, i) => `(${i}, TIMESTAMP '${point} UTC')`).join(', ')
    const select: Select = {
      columns: [
        { expression: { kind: 'column', name: 'i', of: 'points' }, as: 'i' },
        { expression: { kind: 'column', name: 'index', of: 'ranges' }, as: 'range' },
      ],
      from: {
        relation: {
          kind: 'within',
          left: { relation: { kind: 'named', name: 'drawn' }, as: 'points' },
          point: { kind: 'column', name: 'at', of: 'points' },
          ranges: ranges.map((range, index) => ({ ...range, values: [index] })),
          as: 'ranges',
          columns: ['index'],
        },
        as: 'joined',
      },
    }
    const answer = await trino.query(
      `WITH drawn AS (SELECT * FROM (VALUES ${rows}) AS t(i, at))\n${printTrino(select, String)}`,
    )
    const byPoint = new Map(answer.map(([i, range]) => [Number(i), Number(range)]))
    return points.map((_, i) => byPoint.get(i))
  }

  it('takes the start in and leaves the end out, to the millionth of a second', async () => {
    const ranges = [
      { start: Date.UTC(2026, 2, 29, 1), end: Date.UTC(2026, 2, 29, 2) },
      { start: Date.UTC(2026, 2, 29, 2), end: Date.UTC(2026, 2, 29, 3) },
      { start: Date.UTC(2026, 2, 29, 5), end: Date.UTC(2026, 2, 29, 5, 0, 0, 1) },
    ]
    const points: [string, number | undefined][] = [
      ['2026-03-29 00:59:59.999999', undefined],
      ['2026-03-29 01:00:00.000000', 0],
      ['2026-03-29 01:59:59.999999', 0],
      ['2026-03-29 02:00:00.000000', 1],
      ['2026-03-29 02:59:59.999999', 1],
      ['2026-03-29 03:00:00.000000', undefined],
      ['2026-03-29 04:59:59.999999', undefined],
      ['2026-03-29 05:00:00.000999', 2],
      ['2026-03-29 05:00:00.001000', undefined],
    ]
    expect(
      await found(
        points.map(([at]) => at),
        ranges,
      ),
    ).toEqual(points.map(([, range]) => range))
  })

  it('is found at every end of 10,000 ranges, before 1970 and in the year 9999', async () => {
    for (const first of [-5_000 * 3_600_000, Date.UTC(9_998, 0)]) {
      const ranges = Array.from({ length: 10_000 }, (_, i) => ({
        start: first + i * 1_800_007,
        end: first + i * 1_800_007 + 1_700_003,
      }))
      const asked = [0, 1, 2, 4_999, 9_998, 9_999].flatMap((index) => {
        const { start, end } = ranges[index] ?? { start: 0, end: 0 }
        return [start - 1, start, end - 1, end].map((at, i) => [at, i === 1 || i === 2 ? index : undefined] as const)
      })
      const texts = asked.map(([at]) => new Date(at).toISOString().replace('T', ' ').replace('Z', ''))
      expect(await found(texts, ranges)).toEqual(asked.map(([, range]) => range))
    }
  })
})
