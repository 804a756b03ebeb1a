import { describe, expect, it } from 'vitest'
import type { Offset } from '../../../core/ids.ts'
import { Barriers } from './barriers.ts'

const next = 5 as Offset
const barriers = new Barriers({ hits: [{ job: 'hits', source: 'log', partition: 0, next }] })

describe('the barriers of a rerun', () => {
  it('leave to splits what lies before them, and to the job the record at them and all behind', () => {
    expect([3, 4, 5, 6].map((offset) => barriers.isBefore('hits', 'log', 0, offset))).toEqual([
      true,
      true,
      false,
      false,
    ])
  })

  it('leave to the job all of a partition or feed that has none, for it came later', () => {
    expect(barriers.isBefore('hits', 'log', 1, 0)).toBe(false)
    expect(barriers.isBefore('hits', 'log-2', 0, 0)).toBe(false)
    expect(new Barriers({ hits: [] }).isBefore('hits', 'log', 0, 0)).toBe(false)
  })

  it('leave to splits all of a sink that no job writes yet', () => {
    expect(barriers.isBefore('hourly', 'log', 0, 9)).toBe(true)
  })
})
