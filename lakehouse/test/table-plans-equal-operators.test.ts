/** Plans over a table: what operators make of rows is what DuckDB makes of them. On Trino: the cluster test beside. */
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { dayMs, hourMs, minuteMs } from '../../core/event-time.ts'
import type { LakeRow } from '../../core/tables.ts'
import { testLength } from '../../core/test/length.ts'
import { visitsRule } from '../../core/visits.ts'
import { visitsOf } from '../../core/visits-of.ts'
import type { Plan } from '../../pipelines/plan/node/step.ts'
import type { Select } from '../core/sql/ast.ts'
import { duckDbLiteral, printDuckDb } from '../core/sql/duckdb-printer.ts'
import { readTablePlan } from '../core/sql/table-plan.ts'
import { tablePlanAnswer } from '../core/sql/table-plan-answer.ts'
import { tablePlanSelect, tablePlanZonesSelect } from '../core/sql/table-plan-select.ts'
import { goldenTablePlans } from './table-plans-golden.ts'
import {
  absent,
  byOperators,
  canonicalRows,
  type DrawnPlan,
  drawnHits,
  drawnPlan,
  drawnRange,
  midnight,
  planOf,
  relationOf,
  windowNames,
} from './table-plans-under-test.ts'

const instance = await DuckDBInstance.create(':memory:')
const connection = await instance.connect()
await connection.run("SET TimeZone = 'UTC'")
afterAll(() => {
  connection.closeSync()
  instance.closeSync()
})

const types = { text: 'VARCHAR', boolean: 'BOOLEAN', instant: 'TIMESTAMPTZ', long: 'BIGINT', int: 'INTEGER' }

async function ask(select: Select, rows: readonly LakeRow[]): Promise<readonly (readonly unknown[])[]> {
  const sql = printDuckDb(select, (_, columns) => relationOf(rows, columns, duckDbLiteral, types))
  return (await connection.runAndReadAll(sql)).getRows()
}

async function bySql(json: Plan, rows: readonly LakeRow[], range: { start: number; end: number }) {
  const plan = readTablePlan(JSON.parse(JSON.stringify(json)))
  const question = { range, generation: 1, erased: [] }
  const zonesSelect = tablePlanZonesSelect(plan, question)
  const zones = zonesSelect === null ? [] : (await ask(zonesSelect, rows)).map(([zone]) => String(zone))
  const { select, read } = tablePlanAnswer(plan, question, zones)
  return (await ask(select, rows)).map(read)
}

describe('a plan over a table', () => {
  it.each(windowNames)(
    'gives by operators the rows that DuckDB gives: windows %s',
    async (window) => {
      const plans = drawnPlan.map((plan): DrawnPlan => ({ ...plan, window }))
      await fc.assert(
        fc.asyncProperty(plans, drawnHits, drawnRange, async (plan, rows, range) => {
          const expected = canonicalRows(await byOperators(planOf(plan), rows, range))
          expect(canonicalRows(await bySql(planOf(plan), rows, range))).toEqual(expected)
        }),
        { numRuns: testLength('TABLE_PLANS_TEST_RUNS', { short: 20, full: 200 }) },
      )
    },
    60_000,
  )

  const always = { start: midnight - 30 * dayMs, end: midnight + 30 * dayMs }
  const wholeHits = drawnHits.map((rows) => rows.map((row): LakeRow => ({ ...absent, ...row })))

  it.each(Object.keys(goldenTablePlans))('whose SQL is kept gives the rows of operators: %s', async (name) => {
    const plan = goldenTablePlans[name] as Plan
    for (const rows of fc.sample(wholeHits, { numRuns: 5, seed: 7 })) {
      const expected = canonicalRows(await byOperators(plan, rows, always))
      expect(canonicalRows(await bySql(plan, rows, always))).toEqual(expected)
    }
  })

  it('that cuts visits gives those of the definition', async () => {
    const plan = goldenTablePlans.visits as Plan
    // Of the definition, no session and an empty one are one line; the lake has no empty ones.
    const stored = wholeHits.map((rows) =>
      rows.map((row): LakeRow => ({ ...row, session: row.session === '' ? null : (row.session ?? null) })),
    )
    await fc.assert(
      fc.asyncProperty(stored, async (rows) => {
        const people = rows.filter(({ bot }) => bot === false)
        const merchants = [...new Set(people.map(({ merchant }) => merchant))]
        const visits = merchants.flatMap((one) =>
          visitsOf(
            people.filter(({ merchant }) => merchant === one),
            visitsRule,
          ),
        )
        const expected = visits.map((hits) =>
          [hits[0].merchant, hits[0].time, hits.at(-1)?.time, hits.length].join(' '),
        )
        const made = (await byOperators(plan, rows)).map((row) =>
          [row.merchant, row.start, row.end, row.hits].join(' '),
        )
        expect(made.toSorted()).toEqual(expected.toSorted())
      }),
    )
  })

  it('has no value first and the largest last where places tie', async () => {
    const plan = goldenTablePlans['filters-first-last'] as Plan
    const views = ['/b', null, '/c', '/a'].map(
      (path): LakeRow => ({ ...absent, ...aPurchase, name: 'page_view', path }),
    )
    for (const rows of [views, views.toReversed()]) {
      const made = await bySql(plan, rows, always)
      expect(made).toMatchObject([{ entry: null, exit: '/c' }])
      expect(canonicalRows(made)).toEqual(canonicalRows(await byOperators(plan, rows, always)))
    }
  })

  it('of a line that never pauses is decided by two stretches before its range and one behind', async () => {
    const plan = goldenTablePlans.sessions as Plan
    const rows = Array.from({ length: 90 }, (_, n): LakeRow => {
      const time = midnight + 25 * minuteMs + n * 13 * minuteMs
      return { ...absent, ...aPurchase, time, received: time, _off: n }
    })
    for (const [from, to] of [
      [0, 1],
      [4, 7],
      [5, 8],
      [6.5, 9.5],
    ] as const) {
      const range = { start: midnight + from * hourMs, end: midnight + to * hourMs }
      const expected = canonicalRows(await byOperators(plan, rows, range))
      expect(expected.length).toBeGreaterThan(0)
      expect(canonicalRows(await bySql(plan, rows, range))).toEqual(expected)
    }
  })

  it('has as values what its answer reads of texts', async () => {
    const plan = readTablePlan(JSON.parse(JSON.stringify(goldenTablePlans['day-revenue'])))
    const question = { range: always, generation: 1, erased: [] }
    const rows = ['/a', '/b'].map(
      (path, i): LakeRow => ({ ...absent, ...aPurchase, path, revenue_home_micros: 10 ** i }),
    )
    const zones = ['Europe/Berlin']
    const { select, read } = tablePlanAnswer(plan, question, zones)
    expect((await ask(select, rows)).map(read)).toEqual([
      {
        ...{ merchant: 'tea', revenue: 11n, mean: { sum: 11n, n: 2n }, largest: 10 },
        pages: [
          { value: '/a', weight: 1n },
          { value: '/b', weight: 10n },
        ],
        ...{ loads: [{ bucket: 40_000, n: 2n }], from: midnight - hourMs, to: midnight + 22 * hourMs },
      },
    ])
    const sql = printDuckDb(tablePlanSelect(plan, question, zones), (_, columns) =>
      relationOf(rows, columns, duckDbLiteral, types),
    )
    const result = await connection.runAndReadAll(sql)
    expect(result.columnNames().map((name, i) => `${name} ${result.columnTypes()[i]}`.replaceAll('"', ''))).toEqual([
      'merchant VARCHAR',
      'revenue HUGEINT',
      'mean STRUCT(sum DECIMAL(38,0), n BIGINT)',
      'largest BIGINT',
      'pages STRUCT(value VARCHAR, weight DECIMAL(38,0))[]',
      'loads STRUCT(bucket INTEGER, n BIGINT)[]',
      'from TIMESTAMP WITH TIME ZONE',
      'to TIMESTAMP WITH TIME ZONE',
    ])
  })
})

const aPurchase: LakeRow = {
  ...{ merchant: 'tea', visitor: 'ada', session: null, name: 'purchase', zone: 'Europe/Berlin', bot: false },
  ...{ time: midnight, received: midnight, visitor_hash: 1, load_bucket: 40_000, _part: 0, _off: 0, _gen: 1 },
}
