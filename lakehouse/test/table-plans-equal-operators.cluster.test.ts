/** Plans over a table: what operators make of rows is what a real Trino makes of them, as DuckDB does (the test beside). */
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { systemClock, systemTimers } from '../../core/adapters/node/system.ts'
import { dayMs } from '../../core/event-time.ts'
import type { LakeRow } from '../../core/tables.ts'
import { testLength } from '../../core/test/length.ts'
import type { Plan } from '../../pipelines/plan/node/step.ts'
import { createTrino } from '../adapters/trino/client.ts'
import type { Select } from '../core/sql/ast.ts'
import { readTablePlan } from '../core/sql/table-plan.ts'
import { tablePlanAnswer } from '../core/sql/table-plan-answer.ts'
import { tablePlanZonesSelect } from '../core/sql/table-plan-select.ts'
import { printTrino, trinoLiteral } from '../core/sql/trino-printer.ts'
import { goldenTablePlans } from './table-plans-golden.ts'
import {
  absent,
  byOperators,
  canonicalRows,
  drawnHits,
  drawnPlan,
  drawnRange,
  midnight,
  planOf,
  relationOf,
  windowNames,
} from './table-plans-under-test.ts'

const { HITLAKE_TRINO_URL: url = '', HITLAKE_TRINO_CATALOG: catalog = 'lake' } = process.env
const trino = createTrino({ url, user: 'test', source: 'test', catalog, clock: systemClock, timers: systemTimers })
afterAll(() => trino.close())

const runs = testLength('CLUSTER_TEST_TABLE_PLANS', { short: 2, full: 20 })

const types = {
  ...{ text: 'varchar', boolean: 'boolean', instant: 'timestamp(6) with time zone', long: 'bigint', int: 'integer' },
}

function ask(select: Select, rows: readonly LakeRow[]): Promise<readonly (readonly unknown[])[]> {
  return trino.query(printTrino(select, (_, columns) => relationOf(rows, columns, trinoLiteral, types)))
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
  it.each(windowNames)('gives by operators the rows that Trino gives: windows %s', async (window) => {
    const plans = drawnPlan.map((plan) => planOf({ ...plan, window }))
    const few = fc
      .tuple(plans, drawnHits, drawnRange)
      .map(([plan, rows, range]) => ({ plan, rows: rows.slice(0, 30), range }))
    await fc.assert(
      fc.asyncProperty(few, async ({ plan, rows, range }) => {
        const expected = canonicalRows(await byOperators(plan, rows, range))
        expect(canonicalRows(await bySql(plan, rows, range))).toEqual(expected)
      }),
      { numRuns: runs, endOnFailure: true },
    )
  })

  it.each(Object.keys(goldenTablePlans))('whose SQL is kept gives the rows of operators: %s', async (name) => {
    const plan = goldenTablePlans[name] as Plan
    const range = { start: midnight - 30 * dayMs, end: midnight + 30 * dayMs }
    // The same in every run: of a query that is kept, its answer is as well.
    for (const rows of fc.sample(drawnHits, { numRuns: 2, seed: 7 })) {
      const whole = rows.map((row) => ({ ...absent, ...row }))
      const expected = canonicalRows(await byOperators(plan, whole, range))
      expect(canonicalRows(await bySql(plan, whole, range))).toEqual(expected)
    }
  })
})
