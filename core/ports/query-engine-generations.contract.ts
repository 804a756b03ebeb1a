/**
 * Several generations in the same tables, and a map that says which one answers where: every kind of question is answered as
 * over a lake that holds the answering rows and no others.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dayMs, hourMs } from '../event-time.ts'
import { type GenerationEntry, isInPlace, merchantGenerations } from '../generations.ts'
import type { LakeRow } from '../tables.ts'
import { testLength } from '../test/length.ts'
import { visitsRule } from '../visits.ts'
import type { Piece, QueryEngine, VisitsQuestion } from './query-engine.ts'
import {
  answeredBy,
  dailyRow,
  type EngineUnderTest,
  hours,
  inOrder,
  noon,
  noView,
  partialRow,
  rawQuestion,
  rawRow,
  rollupQuestion,
  stagedView,
  tea,
} from './query-engine-under-test.ts'

const placesDays = testLength('PLACES_TEST_DAYS', { short: 20, full: 150 })
const midnight = noon - 12 * hourMs
const generations = [1, 2, 3]
const base = 1

const day = fc.integer({ min: -3, max: 3 }).map((days) => midnight + days * dayMs)
const entry: fc.Arbitrary<GenerationEntry> = fc
  .record({
    sink: fc.constantFrom('hits', 'hits', 'hourly'),
    merchant: fc.constantFrom(null, null, tea, 'zz' as typeof tea),
    from: fc.option(day),
    to: fc.option(day),
    generation: fc.constantFrom(...generations),
  })
  .filter(({ from, to }) => from === null || to === null || from < to)
const entries = fc.array(entry, { minLength: 1, maxLength: 5 })

/** Hours of three days before and after, some on the edge of a day. */
const time = fc.oneof(
  fc.integer({ min: -72, max: 72 }).map((hour) => midnight + hour * hourMs),
  fc.tuple(day, fc.constantFrom(-1, 0, 1)).map(([start, by]) => start + by),
)
const place = fc.record({ merchant: fc.constantFrom(tea, tea, 'tea'), time, _gen: fc.constantFrom(...generations) })
const row = fc.record({
  place,
  hash: fc.bigInt({ min: 0n, max: 9n }),
  value: fc.constantFrom('a', 'b'),
  stored: fc.constantFrom(1, 2),
})
const rows = fc.array(row, { minLength: 20, maxLength: 60 })
type Drawn = typeof row extends fc.Arbitrary<infer R> ? R : never

/** Rising; some have gaps between them. */
const pieces = (stored: readonly (number | null)[]): fc.Arbitrary<readonly Piece[]> =>
  fc.uniqueArray(fc.integer({ min: -80, max: 80 }), { minLength: 2, maxLength: 8 }).chain((edges) =>
    fc.array(fc.constantFrom(...stored), { minLength: edges.length, maxLength: edges.length }).map((kinds) => {
      const rising = edges.sort((a, b) => a - b).map((hour) => midnight + hour * hourMs)
      return rising.slice(1).map((end, n): Piece => {
        return { start: rising[n] ?? end, end, bucket: n % 3, stored: kinds[n] ?? null }
      })
    }),
  )

/** Questions of one lake: several, because making it takes far longer than they do. */
const someOf = (stored: readonly (number | null)[]) => fc.array(pieces(stored), { minLength: 1, maxLength: 3 })
const askAll = async <T>(asked: readonly T[], ask: (one: T) => Promise<void>) =>
  void (await Promise.all(asked.map(ask)))

const sinkOf = { hits: 'hits', sessions: 'hits', hourly: 'hourly', daily: 'hourly' } as const
const timeOf = { hits: 'time', sessions: 'start', hourly: 'bucket', daily: 'bucket' } as const
type Table = keyof typeof sinkOf

/** As the map is meant: the last entry of the row's place, or the base. */
function answers(map: readonly GenerationEntry[], table: Table, each: LakeRow): boolean {
  const own = map.filter(({ sink }) => sink === sinkOf[table])
  const last = own.filter((one) => isInPlace(one, String(each.merchant), Number(each[timeOf[table]]))).at(-1)
  return each._gen === (last?.generation ?? base)
}

const session = (more: LakeRow): LakeRow => ({
  ...{ end: more.start ?? 0, visitor: 'v', hits: 1, pageviews: 1, orders: 0, revenue_micros: 0n, bounce: true },
  ...{ duration_ms: 1, _src: 'feed', _part: 0, _idx: 0, ...more },
})

export function generationsContract(under: EngineUnderTest): void {
  /** Two lakes: rows of all generations, and those that answer as the only generation there is, read by the reference. */
  async function lakes(map: readonly GenerationEntry[]) {
    const all = await under.open()
    const answering = await (under.reference ?? under.open)()
    async function views(table: Table, lists: readonly (readonly LakeRow[])[]) {
      const isDerived = table === 'daily' || table === 'sessions'
      // A lake that writes rows as they are takes `_publish` from them, others from the publication.
      const files = isDerived ? lists.map((each, n) => each.map((one) => ({ ...one, _publish: n + 1 }))) : lists
      const published = under.pendingFiles === 'read' && !isDerived ? files.length - 1 : files.length
      const own = files.map((each) =>
        each.filter((one) => answers(map, table, one)).map((one) => ({ ...one, _gen: 1 })),
      )
      const kept = own.map((each, n) => (each.length > 0 ? each : [{ ...files[n]?.[0], merchant: 'nobody', _gen: 1 }]))
      const [ofAll, ofAnswering] = await Promise.all([
        stagedView(all.lake, table, files, published),
        stagedView(answering.lake, table, kept, under.reference === undefined ? published : kept.length),
      ])
      return { all: ofAll, answering: ofAnswering }
    }
    return { all: all.engine, answering: answering.engine, views }
  }
  const of = (map: readonly GenerationEntry[]) => merchantGenerations({ base, entries: map }, tea)
  const inTwo = <T>(list: readonly T[]) => [
    list.slice(0, Math.ceil(list.length / 2)),
    list.slice(Math.ceil(list.length / 2)),
  ]
  const files = (list: readonly LakeRow[]) => inTwo(list).filter((each) => each.length > 0)
  const byStored = (list: readonly Drawn[], made: (each: Drawn, n: number) => LakeRow) =>
    [1, 2].map((id) => {
      const own = list.flatMap((each, n) => (each.stored === id ? [made(each, n)] : []))
      return own.length > 0 ? own : [{ ...made(list[0] as Drawn, 0), merchant: 'nobody' }]
    })
  const runs = { numRuns: under.recounts ?? 25 }
  const group = (parts: Awaited<ReturnType<QueryEngine['visits']>>) =>
    parts.toSorted((a, b) => a.bucket - b.bucket || (String(a.values) < String(b.values) ? -1 : 1))

  describe('generations', () => {
    it('of hours and days: no row is counted twice or missed', async () => {
      await fc.assert(
        fc.asyncProperty(entries, rows, rows, someOf([null, null, 1, 2]), async (map, hourly, daily, asked) => {
          const { all, answering, views } = await lakes(map)
          const partial = ({ place: { time: bucket, ...whose }, hash, value }: Drawn, n: number) =>
            partialRow({ ...whose, bucket, breakdown: 'page', value, visitors: [hash], _off_from: n, _off_to: n })
          const days = byStored(daily, (each, n) => dailyRow(partial(each, n)))
          const [hoursOf, daysOf] = await Promise.all([
            views('hourly', files(hourly.map(partial))),
            views('daily', days),
          ])
          const more = { breakdown: 'page', dimensions: ['page'], parts: ['visitors'] } as const
          await askAll(asked, async (one) => {
            const question = (side: 'all' | 'answering') =>
              rollupQuestion({ hourly: hoursOf[side], daily: daysOf[side] }, one, more)
            const found = await all.hits({ ...question('all'), generations: of(map) }, {})
            expect(inOrder(found)).toEqual(inOrder(await answering.hits(question('answering'), {})))
          })
        }),
        runs,
      )
    })

    it('of hits: no row is counted twice or missed', async () => {
      await fc.assert(
        fc.asyncProperty(entries, rows, someOf([null]), async (map, drawn, asked) => {
          const { all, answering, views } = await lakes(map)
          const hits = await views(
            'hits',
            files(
              drawn.map(({ place: at, hash, value }, n) => rawRow({ ...at, visitor_hash: hash, path: value, _off: n })),
            ),
          )
          const more = { dimensions: ['page'], parts: ['visitors'] } as const
          await askAll(asked, async (one) => {
            const found = await all.hits({ ...rawQuestion(hits.all, one, more), generations: of(map) }, {})
            expect(inOrder(found)).toEqual(inOrder(await answering.hits(rawQuestion(hits.answering, one, more), {})))
          })
        }),
        runs,
      )
    })

    it('of visits: hits of the days around a piece are those that answer there', async () => {
      await fc.assert(
        fc.asyncProperty(entries, rows, rows, someOf([null, null, 1, 2]), async (map, drawn, stored, asked) => {
          const { all, answering, views } = await lakes(map)
          const visits = byStored(stored, ({ place: { time: start, ...whose }, value }, n) =>
            session({ ...whose, start, page: value, _off: n }),
          )
          const [hits, sessions] = await Promise.all([
            views(
              'hits',
              files(drawn.map(({ place: at, value }, n) => rawRow({ ...at, visitor: value, path: value, _off: n }))),
            ),
            views('sessions', visits),
          ])
          await askAll(asked, async (one) => {
            const question = (side: 'all' | 'answering'): VisitsQuestion => ({
              ...{ from: 'visits', merchant: tea, generations: answeredBy(1), pieces: one, dimensions: ['page'] },
              ...{ filter: null, maxGroups: 10_000, erased: [], rule: visitsRule, rawRowBudget: 1_000_000 },
              ...{ hits: hits[side], sessions: sessions[side] },
            })
            const found = await all.visits({ ...question('all'), generations: of(map) }, {})
            expect(group(found)).toEqual(group(await answering.visits(question('answering'), {})))
          })
        }),
        runs,
      )
    })

    it('of many places of one merchant answer day by day', async () => {
      const days = placesDays
      const map = Array.from({ length: days }, (_, n): GenerationEntry => {
        const from = midnight + (n - days / 2) * dayMs
        return { sink: n % 2 === 0 ? 'hits' : 'hourly', merchant: tea, from, to: from + dayMs, generation: 2 + (n % 4) }
      })
      const { lake, engine } = await under.open()
      const times = Array.from({ length: days + 10 }, (_, n) => noon + (n - days / 2 - 5) * dayMs)
      // One row that answers, and two of another generation: what is counted says which it was.
      const every = (table: 'hits' | 'hourly', made: (at: number, n: number) => LakeRow) => [
        times.flatMap((at, n) =>
          [base, map.find(({ from }) => from === at - 12 * hourMs)?.generation ?? 2].flatMap((_gen) => {
            const one = { ...made(at, 2 * n), _gen }
            return answers(map, table, one) ? [one] : [one, { ...made(at, 2 * n + 1), _gen }]
          }),
        ),
      ]
      const [hits, hourly] = await Promise.all([
        stagedView(
          lake,
          'hits',
          every('hits', (time, _off) => rawRow({ time, _off })),
          1,
        ),
        stagedView(
          lake,
          'hourly',
          every('hourly', (bucket, n) => partialRow({ bucket, _off_from: n, _off_to: n })),
          1,
        ),
      ])
      const asked = times.map((at, bucket): Piece => ({ start: at, end: at + hourMs, bucket, stored: null }))
      const questions = [
        rawQuestion(hits, asked, { generations: of(map) }),
        rollupQuestion({ hourly }, asked, { generations: of(map) }),
      ]
      await askAll(questions, async (question) => {
        const found = inOrder(await engine.hits(question, {}))
        expect(found.map(({ hits }) => Number(hits))).toEqual(times.map(() => 1))
      })
    })

    it('count against the budget of rows only where they answer', async () => {
      const { lake, engine } = await under.open()
      const each = generations.flatMap((_gen) => [rawRow({ _gen }), rawRow({ _gen, time: noon - dayMs })])
      const hits = await stagedView(lake, 'hits', [each.map((one, n) => ({ ...one, _off: n }))], 1)
      const question = rawQuestion(hits, hours(1), { generations: answeredBy(2), rawRowBudget: 1 })
      expect(inOrder(await engine.hits(question, {}))).toMatchObject([{ hits: 1n }])
    })

    it('that have no rows answer nothing', async () => {
      const { lake, engine } = await under.open()
      const hourly = await stagedView(lake, 'hourly', [[partialRow()]], 1)
      const asked = rollupQuestion({ hourly, daily: noView('daily') }, hours(1), { generations: answeredBy(9) })
      expect(await engine.hits(asked, {})).toEqual([])
    })
  })
}
