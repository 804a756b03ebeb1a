import { describe, expect, it } from 'vitest'
import type { MerchantId } from '../../core/ids.ts'
import { TouchedDays } from './touched-days.ts'

const [ada, bob] = ['ada', 'bob'] as MerchantId[] as [MerchantId, MerchantId]

describe('touched days', () => {
  it('are those of every merchant, each once, in whatever order its hits came', () => {
    const touched = new TouchedDays()
    for (const [merchant, day] of [
      [ada, 1],
      [bob, 1],
      [bob, 1],
      [bob, 2],
      [ada, 2],
      [ada, 1],
    ] as const) {
      touched.add(merchant, day)
    }
    expect(touched.list()).toEqual([
      { merchant: ada, day: 1 },
      { merchant: ada, day: 2 },
      { merchant: bob, day: 1 },
      { merchant: bob, day: 2 },
    ])
  })

  it('are named again in the next epoch', () => {
    const touched = new TouchedDays()
    touched.add(ada, 1)
    touched.clear()
    expect(touched.list()).toEqual([])
    touched.add(ada, 1)
    expect(touched.list()).toEqual([{ merchant: ada, day: 1 }])
  })
})
