import { describe, expect, it } from 'vitest'
import type { Column, TableDefinition } from '../../../core/tables.ts'
import { failedHitsTable, hourlyTable } from '../../../schemas/tables.ts'
import { hitsPipeline } from '../../jobs/hits.ts'
import { planVersion } from '../../plan/canonical.ts'
import type { AnySink } from '../../plan/draft.ts'
import type { RunFacts } from '../../plan/sinks.ts'
import { fitToRelease } from './fit-to-release.ts'

const { text, plan, lambdas } = hitsPipeline
const record = {
  ...{ pipeline: 'hits', version: planVersion(text, 'c'), text, code: 'c', format: 1, sha256: '' },
  inside: { sources: '1' },
}
const facts: RunFacts = { plan: 'p', dataSets: '{"isbot":"5","sources":"2"}', source: 's', partition: 0, generation: 1 }

/** The sink of a pipeline built when its table was this one. */
function fitted(table: TableDefinition): Extract<AnySink, { kind: 'rows' }> {
  const toRow = (row: unknown, run: RunFacts) => ({ ...(row as object), data_sets: run.dataSets })
  const sink = { kind: 'rows', counts: 'stored', table, toRow } as AnySink
  const found = fitToRelease({ built: { lambdas, sinks: new Map([['write:x', sink]]) }, plan, record }).sinks.get(
    'write:x',
  )
  return found as Extract<AnySink, { kind: 'rows' }>
}

const without = (table: TableDefinition, ...names: string[]): TableDefinition => ({
  ...table,
  columns: table.columns.filter(({ name }) => !names.includes(name)),
})
const changed = (table: TableDefinition, name: string, parts: Partial<Column>): TableDefinition => ({
  ...table,
  columns: table.columns.map((column) => (column.name === name ? { ...column, ...parts } : column)),
})

describe('a sink of an earlier release', () => {
  it('writes the table as it is now; columns that came since are null', () => {
    const sink = fitted(without(failedHitsTable, 'reason', 'step'))
    expect(sink.table).toBe(failedHitsTable)
    expect(sink.toRow({ merchant: 'a' }, facts)).toEqual({
      ...{ merchant: 'a', reason: null, step: null },
      data_sets: '{"isbot":"5","sources":"1"}',
    })
  })

  it("has only its own columns where none came since, and leaves publication's alone", () => {
    const sink = fitted(without(failedHitsTable, '_publish', '_row'))
    expect(Object.keys(sink.toRow({ merchant: 'a' }, facts))).toEqual(['merchant', 'data_sets'])
  })

  it('names the data sets of whoever runs it, where they do not lie inside, for each run', () => {
    const sink = fitted(failedHitsTable)
    const told = (run: RunFacts) => sink.toRow({}, run).data_sets
    expect(told(facts)).toBe(told({ ...facts }))
    expect(told({ ...facts, dataSets: '{"isbot":"6"}' })).toBe('{"isbot":"6","sources":"1"}')
    expect(told(facts)).toBe('{"isbot":"5","sources":"1"}')
  })

  it('may have said other things of a column to people', () => {
    const load = hourlyTable.columns.find(({ name }) => name === 'load') as Column
    const type = JSON.parse(JSON.stringify(load.type), (key, value) => (key === 'doc' ? 'other words' : value))
    expect(fitted(changed(hourlyTable, 'load', { type, doc: 'other words' })).table).toBe(hourlyTable)
  })

  it.each([
    ['has a column that the table has no more', changed(failedHitsTable, 'reason', { name: 'why' })],
    ['has a column of another type', changed(failedHitsTable, 'reason', { type: 'long' })],
    ['has a column of another identity', changed(failedHitsTable, 'reason', { id: 999 })],
    ['writes a table that there is no more', { ...failedHitsTable, name: 'refused' } as unknown as TableDefinition],
  ])('is refused where it %s', (_, table) => {
    expect(() => fitted(table)).toThrow(expect.objectContaining({ code: 'PLAN_FORMAT_UNKNOWN' }))
  })
})
