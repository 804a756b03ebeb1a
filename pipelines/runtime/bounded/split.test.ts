import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidPlanError } from '../../../core/errors.ts'
import { fixedCount, hoppingDistinct, sessions, stateless } from '../../plan/golden/plans.ts'
import { checkSplitOf, checkSplits, expectInSplit, keySplits, type Split, splitsMax } from './split.ts'

const keys = (part: number, of: number, name = `${part} of ${of}`): Split => ({ kind: 'keys', name, part, of })
const day = (name: string): Split => ({ kind: 'rows', name, what: { merchant: 'a', day: name } })

describe('splits by keys', () => {
  it('hold every key in exactly one of them', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 40 }), (key, of) => {
        const splits = keySplits(of)
        checkSplits(splits)
        const holding = splits.filter((split) => holds(split, key))
        expect(holding.length).toBe(1)
      }),
    )
  })

  it('are a whole number of parts within the limit', () => {
    expect(keySplits(splitsMax).length).toBe(splitsMax)
    for (const of of [0, -1, 1.5, splitsMax + 1]) expect(() => keySplits(of)).toThrow(InvalidPlanError)
  })
})

describe('the splits of a run', () => {
  it('may be some of all, to repeat those that failed', () => {
    expect(() => checkSplits(keySplits(8).slice(3, 5))).not.toThrow()
    expect(() => checkSplits([])).not.toThrow()
  })

  it.each<[string, readonly Split[], string]>([
    ['have one name each', [keys(0, 2, 'x'), keys(1, 2, 'x')], "two splits are named 'x'"],
    ['hold no key twice', [keys(0, 2, 'x'), keys(0, 2, 'y')], 'two splits are part 0'],
    ['are parts of one whole', [keys(0, 2), keys(1, 3)], 'parts of different numbers: 2, 3'],
    ['are parts of a whole', [keys(2, 2)], "'2 of 2' is part 2 of 2"],
    ['are by keys or by rows', [keys(0, 2), day('2026-03-01')], 'not both'],
    ['are not too many', Array.from({ length: splitsMax + 1 }, (_, n) => day(`${n}`)), 'at most 10000'],
  ])('%s', (_, splits, refusal) => {
    expect(() => checkSplits(splits)).toThrow(InvalidPlanError)
    expect(() => checkSplits(splits)).toThrow(refusal)
  })

  it('are by rows only where a plan keeps nothing from row to row', () => {
    const split = day('2026-03-01')
    expect(() => checkSplitOf(stateless.plan, split)).not.toThrow()
    for (const { plan } of [fixedCount, hoppingDistinct, sessions]) {
      expect(() => checkSplitOf(plan, split)).toThrow(InvalidPlanError)
      expect(() => checkSplitOf(plan, keys(0, 2))).not.toThrow()
    }
  })
})

function holds(split: Split, key: string): boolean {
  try {
    expectInSplit(split, key)
    return true
  } catch {
    return false
  }
}
