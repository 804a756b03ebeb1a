import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { ErasedHits, Erasure } from '../../../core/ports/erasure-store.ts'
import { keepViews, viewErasuresMax, viewsPollMs } from './kept-views.ts'

const erasure = (id: number, through = 5): Erasure => ({
  ...{ id, merchant: 'shop' as MerchantId, subject: { kind: 'visitor', value: `v${id}` }, through },
  ...{ state: 'asked', askedAt: 1, movedAt: 1, by: 'test' },
})

function rig(open: Erasure[]) {
  const timers = new ManualClock()
  const made: (readonly ErasedHits[])[] = []
  const errors: unknown[] = []
  const views = keepViews({
    store: {
      erasures: async ({ after = 0, limit }) => open.filter(({ id }) => id > after).slice(0, limit),
    },
    timers,
    make: async (erased) => {
      made.push(erased)
    },
    onError: (error) => errors.push(error),
  })
  const passes = async () => {
    timers.advance(viewsPollMs)
    for (let turn = 0; turn < 50; turn++) await Promise.resolve()
  }
  return { views, made, errors, passes, open, timers }
}

describe('views that are kept', () => {
  it('are made at the start, and anew where erasures came, went on in time, or went', async () => {
    const { views, made, errors, passes, open } = rig([])
    await views.start()
    expect(made).toEqual([[]])
    await passes()
    expect(made).toHaveLength(1)
    open.push(erasure(1))
    await passes()
    expect(made.at(-1)).toEqual([{ merchant: 'shop', subject: { kind: 'visitor', value: 'v1' }, through: 5 }])
    open[0] = erasure(1, 9)
    await passes()
    expect(made.at(-1)).toMatchObject([{ through: 9 }])
    open.pop()
    await passes()
    expect(made).toHaveLength(4)
    expect(made.at(-1)).toEqual([])
    expect(errors).toEqual([])
    await views.stop()
    open.push(erasure(2))
    await passes()
    expect(made).toHaveLength(4)
  })

  it('name as many erasures as there may be, and stay as they are beyond', async () => {
    const { views, made, errors, passes, open } = rig(Array.from({ length: viewErasuresMax }, (_, n) => erasure(n + 1)))
    await views.start()
    expect(made.at(-1)).toHaveLength(viewErasuresMax)
    open.push(erasure(viewErasuresMax + 1))
    await passes()
    expect(made).toHaveLength(1)
    expect(errors).toHaveLength(1)
    open.pop()
    open.pop()
    await passes()
    expect(made.at(-1)).toHaveLength(viewErasuresMax - 1)
  })
})
