import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MerchantId } from '../../core/ids.ts'
import type { Dimension, Filter } from '../../core/ports/query-engine.ts'
import { cellsKey } from './cells-key.ts'

const hostile = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.constantFrom('","rollup",["', "'; drop table hits; --", '/', '#', 'b/[1,"rollup",[],null]', '\u2028', '\\', '"]'),
)
const question = fc.record({
  merchant: fc.constantFrom('a', 'a-b', 'b') as fc.Arbitrary<MerchantId>,
  dimensions: fc.array(
    hostile.map((key) => `props.${key}` as Dimension),
    { maxLength: 2 },
  ),
  filter: fc.option(
    fc.record({ op: fc.constantFrom('is', 'contains'), dimension: fc.constant('page'), values: fc.array(hostile) }),
  ) as fc.Arbitrary<Filter | null>,
})

describe('the keys of cells', () => {
  it('are equal for equal questions and for no others, and begin with the merchant', () => {
    fc.assert(
      fc.property(question, question, fc.constantFrom('rollup', 'raw', 'visits'), (a, b, from) => {
        const equal = JSON.stringify(a) === JSON.stringify(b)
        expect(cellsKey(a, from) === cellsKey(b, from)).toBe(equal)
        expect(cellsKey(a, from).split('/', 1)[0]).toBe(a.merchant)
        expect(cellsKey(a, 'rollup')).not.toBe(cellsKey(a, 'raw'))
        expect(cellsKey(structuredClone(a), from)).toBe(cellsKey(a, from))
      }),
      { numRuns: 2_000 },
    )
  })

  it('stay short however long the filter is', () => {
    const values = Array.from({ length: 100 }, (_, i) => `${i}`.repeat(1_000))
    const asked = (more: string) =>
      cellsKey(
        {
          merchant: 'a' as MerchantId,
          dimensions: [],
          filter: { op: 'is', dimension: 'page', values: [...values, more] },
        },
        'raw',
      )
    expect(asked('x').length).toBeLessThan(60)
    expect(asked('x')).not.toBe(asked('y'))
  })
})
