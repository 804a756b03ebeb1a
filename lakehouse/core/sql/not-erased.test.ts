import { describe, expect, it } from 'vitest'
import type { MerchantId } from '../../../core/ids.ts'
import { columnsFor, erasedColumns, notErased } from './not-erased.ts'

const merchant = 'ada' as MerchantId
const visitor = (value: string, through: number) =>
  ({ merchant, subject: { kind: 'visitor', value }, through }) as const

/** What is looked up, wherever it stands in the conditions. */
function entriesOf(conditions: unknown): unknown[] {
  if (typeof conditions !== 'object' || conditions === null) return []
  const own = 'kind' in conditions && conditions.kind === 'lookUp' && 'entries' in conditions
  return own ? (conditions.entries as unknown[]) : Object.values(conditions).flatMap(entriesOf)
}

describe('what erasures leave', () => {
  it('goes by the latest of several of one visitor, in whatever order they come', () => {
    const [early, late] = [visitor('v1', 5), visitor('v1', 9)]
    const latest = [{ path: ['ada', 'v1'], value: 9 }]
    expect(entriesOf(notErased([early, late], 'hits'))).toEqual(latest)
    expect(entriesOf(notErased([late, early], 'hits'))).toEqual(latest)
  })

  it('is all, without a condition or a column more, where there are none', () => {
    expect(notErased([], 'hits')).toEqual([])
    expect(columnsFor([])).toEqual([])
    expect(columnsFor([visitor('v1', 5)])).toEqual(erasedColumns)
  })

  it('says nothing of a value that no stored text can be', () => {
    expect(notErased([visitor('\ud800', 5)], 'hits')).toEqual([])
  })
})
