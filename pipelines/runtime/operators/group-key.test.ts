import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { GroupByStep, GroupStep } from '../../plan/node/step.ts'
import { groupingsOf } from './group-key.ts'

const base = { name: 'by', after: 'above', columns: null }
const groupBy = (by: readonly string[]): GroupByStep => ({ kind: 'groupBy', ...base, by })
const sets: GroupStep = { kind: 'group', ...base, sets: { total: [], page: ['path'] } }

const value = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.integer(),
  fc.bigInt(),
  fc.boolean(),
  fc.constant(null),
) as fc.Arbitrary<unknown>

describe('the key of a group', () => {
  it('is the same text for the same values only, and comes back as they were', () => {
    const [grouping] = groupingsOf(groupBy(['a', 'b']), 'a')
    fc.assert(
      fc.property(value, value, value, value, (a, b, c, d) => {
        const [left, right] = [grouping?.keyOf({ a, b }), grouping?.keyOf({ a: c, b: d })]
        expect(left === right).toBe(Object.is(a, c) && Object.is(b, d))
        expect(grouping?.decode(left ?? '')).toEqual({ a, b })
      }),
    )
  })

  it('is JSON, whatever is in its texts', () => {
    const [grouping] = groupingsOf(groupBy(['a', 'b']), 'a')
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        expect(grouping?.keyOf({ a, b })).toBe(JSON.stringify([a, b]))
      }),
    )
    for (const a of ['"', '\\', '\u0000', '\u001f', '\ud800', '\udfff', '\u2028', '😀', '']) {
      expect(grouping?.keyOf({ a, b: 1n })).toBe(JSON.stringify([a, ['1']]))
    }
  })

  it('is of the row that is asked for, whichever was checked before', () => {
    const [grouping] = groupingsOf(groupBy(['a']), 'a')
    const [one, two] = [{ a: 'x' }, { a: 'y' }]
    grouping?.check(one)
    grouping?.check(two)
    expect([grouping?.keyOf(one), grouping?.keyOf(two)]).toEqual(['["x"]', '["y"]'])
  })

  it('takes no value that is equal to nothing, or to more than itself', () => {
    const [grouping] = groupingsOf(groupBy(['a']), 'a')
    for (const a of [Number.NaN, Number.POSITIVE_INFINITY, {}, [], () => 1]) {
      expect(() => grouping?.check({ a })).toThrow(TypeError)
    }
    expect(() => grouping?.check({ a: undefined })).not.toThrow()
  })

  it('of a set is the partition key with the value, the empty text where there is none', () => {
    const [total, page] = groupingsOf(sets, 'merchant')
    expect(total?.decode(total.keyOf({ merchant: 'm', path: '/x' }))).toEqual({ key: 'm', set: 'total', value: '' })
    expect(page?.decode(page.keyOf({ merchant: 'm', path: null }))).toEqual({ key: 'm', set: 'page', value: '' })
    expect(page?.decode(page.keyOf({ merchant: 'm"]', path: '["' }))).toEqual({ key: 'm"]', set: 'page', value: '["' })
  })
})
