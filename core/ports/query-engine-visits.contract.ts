/**
 * What every query engine answers of visits, as tests: equal to the reference of their definition, counted in plain loops,
 * whichever pieces are stored.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ErasableHit, erasedTest } from '../erased.ts'
import { RawBudgetError, TooManyGroupsError } from '../errors.ts'
import { dayMs, eventTime, hourMs, minuteMs } from '../event-time.ts'
import type { MerchantId } from '../ids.ts'
import type { LakeRow, TableName } from '../tables.ts'
import { visitsRule } from '../visits.ts'
import { type Visit, visitsOf } from '../visits-of.ts'
import { drawnErasures } from './erasures-under-test.ts'
import type { LakeWriter, StagedFile, TableView } from './lake.ts'
import { drawnHits } from './lake-derive.contract.ts'
import type { Dimension, Filter, Piece, QueryEngine, VisitsGroup, VisitsQuestion } from './query-engine.ts'
import { answeredBy } from './query-engine-under-test.ts'

export interface VisitsEngineUnderTest {
  /** An empty lake, and the engine over it. */
  open(): Promise<{
    readonly lake: Pick<LakeWriter, 'stage' | 'publish'>
    readonly engine: Pick<QueryEngine, 'visits'>
  }>
  /** Whether committed files that are not published yet are read. */
  readonly pendingFiles: 'read' | 'left out'
  /** Drawn data sets for each recount. */
  readonly recounts?: number
}

const tea = 'tea-house' as MerchantId
/** The day that drawn hits lie around. */
const midnight = eventTime('2026-03-29T00:00:00Z')
/** `_publish` of stored visits that hold; those of a lower one are superseded. */
const [superseded, inForce] = [4, 5]

let position = 0
const hit = (time: number, more: LakeRow = {}): LakeRow => ({
  merchant: tea,
  name: 'page_view',
  time,
  received: time,
  visitor: 'ada',
  session: null,
  bot: false,
  path: '/',
  _src: 'log',
  _part: 0,
  _off: position++,
  _idx: 0,
  _gen: 1,
  ...more,
})

const stored = (start: number, more: LakeRow = {}): LakeRow => ({
  merchant: tea,
  start,
  end: start,
  visitor: 'ada',
  hits: 1,
  pageviews: 1,
  orders: 0,
  revenue_micros: 0n,
  bounce: true,
  duration_ms: 0,
  page: '/',
  _src: 'log',
  _part: 0,
  _off: position++,
  _idx: 0,
  _gen: 1,
  ...more,
})

async function opened({ open, pendingFiles }: VisitsEngineUnderTest) {
  const { lake, engine } = await open()
  async function viewOf(table: TableName, lists: readonly (readonly LakeRow[])[], firstId = 1): Promise<TableView> {
    const files: StagedFile[] = []
    for (const [index, rows] of lists.entries()) files.push(await lake.stage(table, `staged/${table}-${index}`, rows))
    const published = table === 'hits' && pendingFiles === 'read' ? files.slice(0, -1) : files
    let snapshot: string | null = null
    for (const [index, file] of published.entries()) {
      snapshot = (await lake.publish(table, firstId + index, [file])).snapshot
    }
    return { table, snapshot, pending: files.slice(published.length) }
  }
  return {
    engine,
    /** Hits by files; stored visits by those that are superseded and those that hold. */
    async views(hits: readonly (readonly LakeRow[])[], sessions: readonly (readonly LakeRow[])[] = []) {
      // A lake that writes rows as they are takes `_publish` from them, others from the publication.
      const numbered = sessions.map((rows, index) => rows.map((row) => ({ ...row, _publish: superseded + index })))
      return { hits: await viewOf('hits', hits), sessions: await viewOf('sessions', numbered, superseded) }
    },
  }
}

function question(
  views: Pick<VisitsQuestion, 'hits' | 'sessions'>,
  pieces: readonly Piece[],
  more: Partial<VisitsQuestion> = {},
): VisitsQuestion {
  return {
    from: 'visits',
    erased: [],
    merchant: tea,
    generations: answeredBy(1),
    pieces,
    dimensions: [],
    filter: null,
    maxGroups: 10_000,
    rule: visitsRule,
    rawRowBudget: 1_000_000,
    ...views,
    ...more,
  }
}

const piece = (start: number, end: number, bucket = 0, publish: number | null = null): Piece => ({
  start: midnight + start,
  end: midnight + end,
  bucket,
  stored: publish,
})
const total = { bucket: 0, values: [], other: false }

export function visitsContract(under: VisitsEngineUnderTest): void {
  describe('visits', () => {
    it('are counted where they start, with bounces, page views and the time from first to last hit', async () => {
      const { engine, views } = await opened(under)
      const view = await views([
        [hit(midnight - minuteMs), hit(midnight + minuteMs), hit(midnight + 5 * hourMs, { name: 'purchase' })],
        [hit(midnight + 5 * hourMs + minuteMs, { bot: true }), hit(midnight + 5 * hourMs + 2 * minuteMs)],
      ])
      const pieces = [piece(-hourMs, 0, 0), piece(0, hourMs, 1), piece(hourMs, dayMs, 2)]
      const groups = await engine.visits(question(view, pieces), {})
      expect(groups.toSorted((a, b) => a.bucket - b.bucket)).toEqual([
        { ...total, bucket: 0, sessions: 1n, bounces: 0n, durationMs: BigInt(2 * minuteMs), pageviews: 2n },
        { ...total, bucket: 2, sessions: 1n, bounces: 0n, durationMs: BigInt(2 * minuteMs), pageviews: 1n },
      ])
    })

    // line:   x x x x x x | x x     the break lies two days before what is asked
    it('that began long before their piece are read from their beginning', async () => {
      const { engine, views } = await opened(under)
      const named = [-30, -8, 15, 30].map((hours) => hit(midnight + hours * hourMs, { session: 's' }))
      const view = await views([named])
      // Slices of 24 hours from -30: [-30, -6), [-6, 18), [18, 42).
      const groups = await engine.visits(question(view, [piece(0, 2 * dayMs)]), {})
      expect(groups).toEqual([{ ...total, sessions: 2n, bounces: 2n, durationMs: 0n, pageviews: 2n }])
    })

    it('are grouped and filtered by their first hit', async () => {
      const { engine, views } = await opened(under)
      const view = await views([
        [
          hit(midnight + 1, { path: '/a', country: 'IN' }),
          hit(midnight + 2, { path: '/b', country: 'DE' }),
          hit(midnight + 1, { visitor: 'bob', path: '/b', country: null }),
        ],
      ])
      const asked = question(view, [piece(0, dayMs)], { dimensions: ['page', 'country'] })
      const one = { bucket: 0, other: false, sessions: 1n, durationMs: 0n, pageviews: 1n }
      expect(
        (await engine.visits(asked, {})).toSorted((a, b) => (a.values[0] ?? '').localeCompare(b.values[0] ?? '')),
      ).toEqual([
        { ...one, values: ['/a', 'IN'], bounces: 0n, durationMs: 1n, pageviews: 2n },
        { ...one, values: ['/b', ''], bounces: 1n },
      ])
      const filter: Filter = { op: 'is', dimension: 'page', values: ['/b'] }
      expect(await engine.visits({ ...asked, filter }, {})).toEqual([{ ...one, values: ['/b', ''], bounces: 1n }])
    })

    it('of bots are lines of their own, counted where they are spoken of', async () => {
      const { engine, views } = await opened(under)
      const view = await views([[hit(midnight), hit(midnight + 1, { bot: true }), hit(midnight + 2)]])
      const asked = question(view, [piece(0, dayMs)], { dimensions: ['bot'] })
      const groups = await engine.visits(asked, {})
      expect(groups.map(({ values, sessions, pageviews }) => [...values, sessions, pageviews]).toSorted()).toEqual([
        ['false', 1n, 2n],
        ['true', 1n, 1n],
      ])
    })

    it('come from stored rows where a piece says so: of its publication, its stretch and its merchant', async () => {
      const { engine, views } = await opened(under)
      const noon = midnight + 12 * hourMs
      const kept = { duration_ms: 2 ** 40, bounce: false, pageviews: 3, page: '/kept' }
      const view = await views(
        [[hit(noon), hit(noon + dayMs)]],
        [
          [stored(noon, { pageviews: 100 }), stored(noon + dayMs)],
          [
            stored(noon, kept),
            stored(noon + dayMs, { pageviews: 100 }),
            stored(noon, { merchant: 'tea', pageviews: 100 }),
            stored(noon, { _gen: 2, pageviews: 100 }),
          ],
        ],
      )
      const pieces = [piece(0, dayMs, 0, inForce), piece(dayMs, 2 * dayMs, 0)]
      expect(await engine.visits(question(view, pieces), {})).toEqual([
        { ...total, sessions: 2n, bounces: 1n, durationMs: 2n ** 40n, pageviews: 4n },
      ])
      const asked = question(view, pieces, {
        dimensions: ['page'],
        filter: { op: 'is', dimension: 'page', values: ['/kept'] },
      })
      expect(await engine.visits(asked, {})).toMatchObject([{ values: ['/kept'], sessions: 1n, pageviews: 3n }])
    })

    it('of a lake without hits or stored visits are none', async () => {
      const { engine } = await opened(under)
      const empty = (table: TableName): TableView => ({ table, snapshot: null, pending: [] })
      const nothing = { hits: empty('hits'), sessions: empty('sessions') }
      expect(await engine.visits(question(nothing, [piece(0, dayMs), piece(dayMs, 2 * dayMs, 1, 7)]), {})).toEqual([])
    })

    it('are refused beyond the budget of hits that decide them, and beyond the groups there may be', async () => {
      const { engine, views } = await opened(under)
      const rows = [-2, 0, 1].map((days) => hit(midnight + days * dayMs, { path: `/${days}` }))
      // Beyond the days that decide: not read.
      const far = [-4, 3].map((days) => hit(midnight + days * dayMs))
      const view = await views([far, rows])
      const asked = question(view, [piece(0, hourMs)], { rawRowBudget: 3 })
      expect(await engine.visits(asked, {})).toMatchObject([{ sessions: 1n }])
      await expect(engine.visits({ ...asked, rawRowBudget: 2 }, {})).rejects.toThrow(RawBudgetError)
      const wide = question(view, [piece(-2 * dayMs, 2 * dayMs)], { dimensions: ['page'], maxGroups: 3 })
      expect(await engine.visits(wide, {})).toHaveLength(3)
      await expect(engine.visits({ ...wide, maxGroups: 2 }, {})).rejects.toThrow(TooManyGroupsError)
    })

    it('equal a recount of drawn hits, whichever days are stored', async () => {
      await fc.assert(
        fc.asyncProperty(drawnHits, drawnDays, drawnAsked, async (files, days, asked) => {
          const { engine, views } = await opened(under)
          const rows = files.map((file) => file.map(withAttributes))
          const isErased = erasedTest(asked.erased)
          const mine = rows
            .flat()
            .filter((row) => row.merchant === tea && row._gen === 1 && !isErased(row as unknown as ErasableHit))
          const isRaw = dimensionsIn(asked).some((dimension) => !storedDimensions.includes(dimension))
          const pieces = piecesOf(isRaw ? days.map((day) => ({ ...day, isStored: false })) : days)
          const junk = [stored(midnight, { pageviews: 100 }), stored(midnight + dayMs, { pageviews: 100 })]
          const visits = visitsOf(mine, visitsRule)
          const people = visits.filter(([first]) => first.bot === false)
          const view = await views(rows, [junk, [...people.map(storedVisit), stored(midnight - 400 * dayMs)]])
          const groups = await engine.visits(question(view, pieces, asked), {})
          expect(groups.toSorted(byKey)).toEqual(recount(visits, pieces, asked).toSorted(byKey))
        }),
        { numRuns: under.recounts ?? 25 },
      )
    })
  })
}

const keyOf = ({ bucket, values }: VisitsGroup) => JSON.stringify([bucket, values])
const byKey = (a: VisitsGroup, b: VisitsGroup) => (keyOf(a) < keyOf(b) ? -1 : 1)

/** What drawn hits have of dimensions follows from their place alone, so that a failure can be read. */
function withAttributes(row: LakeRow): LakeRow {
  const n = Number(row._off)
  return {
    ...row,
    name: ['page_view', 'purchase'][n % 2] ?? null,
    country: ['IN', 'DE', null, ''][n % 4] ?? null,
    campaign: ["o'brien", null, 'spring'][n % 3] ?? null,
    os: ['Linux', null][n % 2] ?? null,
    user: ['u', null][n % 2] ?? null,
    props: [null, '{"plan":"pro"}', '{"plan":12.5,"x":"plan"}', '{"plan":true}', '{}'][n % 5] ?? null,
  }
}

const storedDimensions: readonly Dimension[] = ['name', 'page', 'country', 'campaign']
const anyDimension = fc.constantFrom<Dimension>(...storedDimensions, ...storedDimensions, 'os', 'bot', 'props.plan')
const anyValues = fc.uniqueArray(fc.constantFrom('', 'IN', '/1', '/', "o'brien", 'Linux', 'true', '12.5', 'pro', 'p'), {
  minLength: 1,
  maxLength: 3,
})
const leaf = fc.record({
  op: fc.constantFrom('is', 'is_not', 'contains', 'contains_not'),
  dimension: anyDimension,
  values: anyValues,
}) satisfies fc.Arbitrary<Filter>
const anyFilter: fc.Arbitrary<Filter> = fc.oneof(
  leaf,
  fc.record({ op: fc.constantFrom('and', 'or'), filters: fc.array(leaf, { minLength: 1, maxLength: 3 }) }),
  fc.record({ op: fc.constant('not'), filter: leaf }),
)

type Asked = Pick<VisitsQuestion, 'dimensions' | 'filter' | 'erased'>
const drawnAsked: fc.Arbitrary<Asked> = fc.record({
  dimensions: fc.uniqueArray(anyDimension, { maxLength: 2 }),
  filter: fc.option(anyFilter),
  erased: drawnErasures({
    merchants: [tea],
    values: ['ada', 'bob', 'u'],
    from: midnight - 3 * dayMs,
    to: midnight + 3 * dayMs,
  }),
})

interface DrawnDay {
  readonly day: number
  readonly isStored: boolean
  /** Where the day is cut; empty: it is whole. */
  readonly cuts: readonly number[]
}

const cutsOfDay = fc
  .uniqueArray(fc.integer({ min: 1, max: 47 }), { maxLength: 3 })
  .map((halves) => halves.toSorted((a, b) => a - b).map((half) => half * 30 * minuteMs))
/** Some days, so that there are gaps. */
const drawnDays: fc.Arbitrary<readonly DrawnDay[]> = fc
  .uniqueArray(fc.record({ day: fc.integer({ min: -4, max: 5 }), isStored: fc.boolean(), cuts: cutsOfDay }), {
    minLength: 1,
    maxLength: 8,
    selector: ({ day }) => day,
  })
  .map((days) => days.toSorted((a, b) => a.day - b.day))

/** A stored day is a piece; the others are cut, and every second piece begins a bucket. */
function piecesOf(days: readonly DrawnDay[]): readonly Piece[] {
  const ranges = days.flatMap(({ day, isStored, cuts }) => {
    const edges = [0, ...(isStored ? [] : cuts), dayMs].map((edge) => day * dayMs + edge)
    return edges.slice(1).map((end, i) => ({ start: edges[i] ?? 0, end, publish: isStored ? inForce : null }))
  })
  return ranges.map(({ start, end, publish }, i) => piece(start, end, Math.floor(i / 2), publish))
}

/** The row of `sessions` that a derivation makes of it. */
function storedVisit(visit: Visit): LakeRow {
  const [first] = visit
  const { time: start, name, country, campaign, _src, _part, _off, _idx, visitor, session } = first
  const end = Number(visit.at(-1)?.time)
  return stored(Number(start), {
    ...{ end, visitor, session, hits: visit.length, pageviews: visit.filter(isPageview).length },
    ...{ bounce: visit.length === 1, duration_ms: end - Number(start) },
    ...{ name, page: first.path, country, campaign, _src, _part, _off, _idx },
  })
}

const isPageview = ({ name }: LakeRow) => name === 'page_view'

function dimensionsIn({ dimensions, filter }: Asked): readonly Dimension[] {
  return [...dimensions, ...(filter === null ? [] : inFilter(filter))]
}

function inFilter(filter: Filter): readonly Dimension[] {
  if ('filters' in filter) return filter.filters.flatMap(inFilter)
  return 'filter' in filter ? inFilter(filter.filter) : [filter.dimension]
}

/** The model: every visit against every piece. */
function recount(visits: readonly Visit[], pieces: readonly Piece[], asked: Asked): readonly VisitsGroup[] {
  const withBots = dimensionsIn(asked).includes('bot')
  const groups = new Map<string, VisitsGroup>()
  for (const visit of visits) {
    const [first] = visit
    const time = Number(first.time)
    const found = pieces.find(({ start, end }) => time >= start && time < end)
    if (found === undefined || (first.bot === true && !withBots)) continue
    if (asked.filter !== null && !passes(first, asked.filter)) continue
    const values = asked.dimensions.map((dimension) => textOf(first, dimension))
    const key = JSON.stringify([found.bucket, values])
    const before = groups.get(key)
    groups.set(key, {
      bucket: found.bucket,
      values,
      other: false,
      sessions: (before?.sessions ?? 0n) + 1n,
      bounces: (before?.bounces ?? 0n) + (visit.length === 1 ? 1n : 0n),
      durationMs: (before?.durationMs ?? 0n) + BigInt(Number(visit.at(-1)?.time) - time),
      pageviews: (before?.pageviews ?? 0n) + BigInt(visit.filter(isPageview).length),
    })
  }
  return [...groups.values()]
}

function textOf(row: LakeRow, dimension: Dimension): string {
  if (dimension.startsWith('props.')) {
    const props = JSON.parse(String(row.props ?? '{}')) as Readonly<Record<string, unknown>>
    return String(props[dimension.slice('props.'.length)] ?? '')
  }
  return String(row[dimension === 'page' ? 'path' : dimension] ?? '')
}

function passes(row: LakeRow, filter: Filter): boolean {
  switch (filter.op) {
    case 'and':
      return filter.filters.every((part) => passes(row, part))
    case 'or':
      return filter.filters.some((part) => passes(row, part))
    case 'not':
      return !passes(row, filter.filter)
    default: {
      const text = textOf(row, filter.dimension)
      const isFound = filter.values.some((value) =>
        filter.op.startsWith('is') ? text === value : text.includes(value),
      )
      return isFound !== filter.op.endsWith('_not')
    }
  }
}
