import fc from 'fast-check'
import { expect, it } from 'vitest'
import { mostOverlapping } from './most-overlapping.ts'

it('counts the intervals over each value, and says the most', () => {
  expect(mostOverlapping([])).toBe(0)
  expect(
    mostOverlapping([
      [1, 2],
      [2, 3],
      [4, 4],
    ] as const),
  ).toBe(2)
  const interval = fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 20 }))
  fc.assert(
    fc.property(fc.array(interval), (drawn) => {
      const intervals = drawn.map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const)
      const over = (value: number) => intervals.filter(([from, through]) => from <= value && value <= through).length
      expect(mostOverlapping(intervals)).toBe(Math.max(...Array.from({ length: 21 }, (_, value) => over(value))))
    }),
  )
})
