import { describe, expect, it } from 'vitest'
import { findLargest, ladder, rungBelow } from './largest.ts'

describe('the largest factor', () => {
  it('is the last rung that holds', async () => {
    const { largest, trials } = await findLargest(async (factor) => factor <= 0.45)
    expect(largest).toBe(0.4)
    expect(trials).toEqual([
      { factor: 0.1, holds: true },
      { factor: 0.2, holds: true },
      { factor: 0.3, holds: true },
      { factor: 0.4, holds: true },
      { factor: 0.5, holds: false },
      { factor: 0.5, holds: false },
    ])
  })

  it('is not decided by one slow moment', async () => {
    let calls = 0
    const { largest } = await findLargest(async (factor) => ++calls !== 2 && factor <= 0.3)
    expect(largest).toBe(0.3)
  })

  it('is unknown where the first rung does not hold', async () => {
    expect((await findLargest(async () => false)).largest).toBeUndefined()
  })

  it('is the last rung where every one holds', async () => {
    expect((await findLargest(async () => true)).largest).toBe(ladder.at(-1))
  })

  it('goes down by one rung', () => {
    expect(rungBelow(1)).toBe(0.8)
    expect(rungBelow(ladder[0])).toBeUndefined()
  })
})
