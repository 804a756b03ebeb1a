/** Drawn rows and questions: an engine answers as the reference does, whatever is published and stored. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dayMs, hourMs } from '../event-time.ts'
import type { LakeRow } from '../tables.ts'
import { drawnErasures } from './erasures-under-test.ts'
import { breakdowns, type Dimension, type Filter, type HitsPart, type Piece, rawDimensions } from './query-engine.ts'
import {
  dailyRow,
  type EngineUnderTest,
  inOrder,
  type LakeAndEngine,
  noon,
  partialRow,
  rawQuestion,
  rawRow,
  rollupQuestion,
  stagedView,
  tea,
} from './query-engine-under-test.ts'

const merchant = fc.constantFrom(tea, tea, tea, 'tea', 'zz')
const generation = fc.constantFrom(1, 1, 1, 2)
const time = fc.integer({ min: noon - 3 * dayMs, max: noon + 3 * dayMs })
const hash = fc.bigInt({ min: 0n, max: 40n })
const text = fc.constantFrom('', 'a', 'ab', 'b', "o'b", 'ü', 'A', '%', null)
const other = fc.constantFrom(true, false, false, null)

const measures = {
  hits: fc.nat({ max: 1_000 }),
  pageviews: fc.nat({ max: 1_000 }),
  orders: fc.nat({ max: 1_000 }),
  revenue_micros: fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }),
  visitors: fc.uniqueArray(hash, { maxLength: 12 }).map((all) => all.sort((a, b) => (a < b ? -1 : 1))),
  load: fc.option(
    fc
      .uniqueArray(fc.record({ bucket: fc.integer({ min: -3, max: 3 }), n: fc.nat({ max: 9 }) }), {
        selector: ({ bucket }) => bucket,
        maxLength: 3,
      })
      .map((all) => all.sort((a, b) => a.bucket - b.bucket)),
  ),
  other_revenue: fc.option(
    fc.uniqueArray(
      fc.record({
        currency: fc.constantFrom('EUR', 'USD', 'JPY'),
        micros: fc.bigInt({ min: -(10n ** 9n), max: 10n ** 9n }),
      }),
      { selector: ({ currency }) => currency, maxLength: 2 },
    ),
  ),
}

const partial = fc.record({
  ...measures,
  merchant,
  bucket: time,
  breakdown: fc.constantFrom('page', 'page', 'page', 'total'),
  value: text.map((value) => value ?? ''),
  other,
  _part: fc.nat({ max: 2 }),
  _gen: generation,
})

const prop = fc.constantFrom<unknown>('a', 'b', '', true, false, 0, -0, 12.5, 1e21, 1e-7, null, undefined)
const hit = fc.record({
  merchant,
  time,
  received: time,
  visitor: fc.constantFrom('v', 'w', 'ü'),
  user: fc.constantFrom('v', 'u', null),
  name: fc.constantFrom('page_view', 'purchase', 'view_item'),
  bot: fc.boolean(),
  visitor_hash: fc.option(hash),
  revenue_home_micros: fc.option(fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n })),
  revenue_micros: fc.option(fc.bigInt({ min: -(10n ** 9n), max: 10n ** 9n })),
  revenue_currency: fc.constantFrom('EUR', 'USD', null),
  load_bucket: fc.option(fc.integer({ min: -3, max: 3 })),
  path: text,
  source: text,
  country: text,
  device: text,
  browser: text,
  campaign: text,
  os: text,
  language: text,
  medium: text,
  campaign_term: text,
  campaign_content: text,
  props: fc.option(fc.record({ size: prop, 'a.b"c\\': prop }).map((each) => JSON.stringify(each))),
  _gen: generation,
})

const dimension = fc.constantFrom<Dimension>(
  ...breakdowns,
  ...rawDimensions,
  'props.size',
  'props.a.b"c\\',
  'props.none',
)
const filterOf = (dimensions: fc.Arbitrary<Dimension>): fc.Arbitrary<Filter> =>
  fc.letrec<{ tree: Filter; leaf: Filter }>((tie) => ({
    leaf: fc.record({
      op: fc.constantFrom('is', 'is_not', 'contains', 'contains_not'),
      dimension: dimensions,
      values: fc.array(fc.constantFrom('', 'a', 'b', 'ü', "o'b", 'true', '12.5', '1e+21', 'page_view', '\ud800'), {
        minLength: 1,
        maxLength: 3,
      }),
    }),
    tree: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      tie('leaf'),
      fc.record({ op: fc.constantFrom('and', 'or'), filters: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }) }),
      fc.record({ op: fc.constant('not' as const), filter: tie('tree') }),
    ),
  })).tree

/** Rising pieces, some with a gap before them, some buckets of several; a part of them stored as one of two derivations. */
const pieces = (stored: fc.Arbitrary<number | null>): fc.Arbitrary<readonly Piece[]> =>
  fc
    .uniqueArray(
      fc.record({ at: fc.integer({ min: -72, max: 72 }), bucket: fc.nat({ max: 4 }), gap: fc.boolean(), stored }),
      { selector: ({ at }) => at, minLength: 2, maxLength: 14 },
    )
    .map((edges) => {
      const rising = edges.sort((a, b) => a.at - b.at)
      return rising.slice(1).flatMap((end, i) => {
        const { at, bucket, gap, stored } = rising[i] ?? end
        return gap && i > 0 ? [] : [{ start: noon + at * hourMs, end: noon + end.at * hourMs, bucket, stored }]
      })
    })

const erased = drawnErasures({
  merchants: [tea],
  values: ['v', 'w', 'ü', 'u'],
  from: noon - 3 * dayMs,
  to: noon + 3 * dayMs,
})

const parts = fc.subarray<HitsPart>(['visitors', 'load', 'otherRevenue'])
const sketchSize = fc.constantFrom(2, 3, 8, 100)
const files = <T>(row: fc.Arbitrary<T>) =>
  fc.array(fc.array(row, { minLength: 1, maxLength: 25 }), { minLength: 1, maxLength: 4 })

/** Every row at a place of its own. */
function numbered(drawn: readonly (readonly LakeRow[])[], made: (row: LakeRow) => LakeRow): LakeRow[][] {
  let number = 0
  return drawn.map((file) =>
    file.map((row) => {
      number += 1
      return made({ ...row, _off: number, _off_from: number, _off_to: number })
    }),
  )
}

export function drawnContract(under: EngineUnderTest & { readonly reference: () => Promise<LakeAndEngine> }): void {
  const sides = async () => [
    {
      ...(await under.open()),
      published: (files: number, drawn: number) => (under.pendingFiles === 'read' ? drawn : files),
    },
    { ...(await under.reference()), published: (files: number) => files },
  ]

  describe('drawn questions', () => {
    it('of the rollup are answered as the reference answers them', async () => {
      const question = fc.record({
        pieces: pieces(fc.constantFrom(null, null, 1, 2)),
        filter: fc.option(filterOf(fc.constant<Dimension>('page'))),
        dimensions: fc.constantFrom<readonly Dimension[]>([], ['page']),
        parts,
        sketchSize,
      })
      await fc.assert(
        fc.asyncProperty(
          files(partial),
          files(partial),
          fc.array(question, { minLength: 1, maxLength: 3 }),
          fc.nat({ max: 4 }),
          async (hours, days, questions, some) => {
            const hourlyRows = numbered(hours, partialRow)
            const dailyRows = numbered(days.slice(0, 2), dailyRow)
            const answers = []
            for (const { lake, engine, published } of await sides()) {
              const [hourly, daily] = await Promise.all([
                stagedView(lake, 'hourly', hourlyRows, published(hourlyRows.length, some)),
                stagedView(lake, 'daily', dailyRows, dailyRows.length),
              ])
              const each = questions.map(async (asked) => {
                const question = rollupQuestion({ hourly, daily }, asked.pieces, { ...asked, breakdown: 'page' })
                return inOrder(await engine.hits(question, {}))
              })
              answers.push(await Promise.all(each))
            }
            expect(answers[0]).toEqual(answers[1])
          },
        ),
        { numRuns: under.recounts ?? 25 },
      )
    })

    it('of hits are answered as the reference answers them', async () => {
      const question = fc.record({
        pieces: pieces(fc.constant(null)),
        filter: fc.option(filterOf(dimension)),
        dimensions: fc.uniqueArray(dimension, { maxLength: 3 }),
        erased,
        parts,
        sketchSize,
      })
      await fc.assert(
        fc.asyncProperty(
          files(hit),
          fc.array(question, { minLength: 3, maxLength: 6 }),
          fc.nat({ max: 4 }),
          async (drawn, questions, some) => {
            const rows = numbered(drawn, rawRow)
            const answers = []
            for (const { lake, engine, published } of await sides()) {
              const view = await stagedView(lake, 'hits', rows, published(rows.length, some))
              const each = questions.map(async (asked) =>
                inOrder(await engine.hits(rawQuestion(view, asked.pieces, asked), {})),
              )
              answers.push(await Promise.all(each))
            }
            expect(answers[0]).toEqual(answers[1])
          },
        ),
        { numRuns: under.recounts ?? 25 },
      )
    })
  })
}
