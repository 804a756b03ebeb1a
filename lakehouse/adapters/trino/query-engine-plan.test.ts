import { describe, expect, it } from 'vitest'
import { plannedRows } from './query-engine-plan.ts'

/** As Trino 476 answers, shortened. */
const plan = (...counts: readonly unknown[]) => [
  [
    JSON.stringify({
      inputTableColumnInfos: counts.map((outputRowCount) => ({
        table: { catalog: 'lake', schemaTable: { schema: 'hitlake_tables', table: 'hits' } },
        estimate: { outputRowCount, outputSizeInBytes: 9446.0, cpuCost: 9446.0, maxMemory: 0.0, networkCost: 0.0 },
      })),
      estimate: { outputRowCount: 1.0, cpuCost: 'NaN' },
    }),
  ],
]

describe('the rows a plan reads', () => {
  it('are those of the largest scan of the table', () => {
    expect(plannedRows(plan(429), 'hits')).toBe(429)
    expect(plannedRows(plan(71, 429, 71), 'hits')).toBe(429)
  })

  it('are not those of other tables', () => {
    expect(plannedRows(plan(429), 'sessions')).toBe(0)
  })

  it('are none where no file may hold what is asked', () => {
    expect(plannedRows(plan(0), 'hits')).toBe(0)
    expect(plannedRows(plan(), 'hits')).toBe(0)
  })

  it('are not guessed where Trino does not know, or answers something else', () => {
    for (const answer of [plan('NaN'), plan(1, 'NaN'), plan(null), [['{"inputTables": []}']], [[7]], [[]], []]) {
      expect(() => plannedRows(answer, 'hits')).toThrow(TypeError)
    }
  })
})
