import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import type { GenerationMap } from '../../../core/generations.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { ErasedHits, Erasure } from '../../../core/ports/erasure-store.ts'
import type { GenerationChange } from '../../../core/ports/rerun-store.ts'
import { keepViews, viewErasuresMax, viewsPollMs } from './kept-views.ts'

const erasure = (id: number, through = 5): Erasure => ({
  ...{ id, asking: id, merchant: 'shop' as MerchantId, subject: { kind: 'visitor', value: `v${id}` }, through },
  ...{ state: 'asked', askedAt: 1, movedAt: 1, by: 'test' },
})

function rig(open: Erasure[]) {
  const timers = new ManualClock()
  const made: (readonly ErasedHits[])[] = []
  const maps: GenerationMap[] = []
  const changes: GenerationChange[] = []
  const errors: unknown[] = []
  const views = keepViews({
    store: {
      erasures: async ({ after = 0, limit }) => open.filter(({ id }) => id > after).slice(0, limit),
      versionsSince: async () => ({ commit: 1, changes: [], reset: false, positions: [], generations: [...changes] }),
    },
    timers,
    make: async ({ erased, generations }) => {
      made.push(erased)
      maps.push(generations)
    },
    onError: (error) => errors.push(error),
  })
  const passes = async () => {
    timers.advance(viewsPollMs)
    for (let turn = 0; turn < 50; turn++) await Promise.resolve()
  }
  return { views, made, maps, changes, errors, passes, open, timers }
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

  it('are made anew where another generation comes to answer, and where it answers no more', async () => {
    const { views, maps, changes, passes } = rig([])
    const place = { merchant: null, from: 0, to: 86_400_000 }
    const promoted = { ...place, rerun: 1, sink: 'hits', generation: 2, answers: true, order: 1, version: 7 } as const
    await views.start()
    changes.push(promoted)
    await passes()
    expect(maps.at(-1)).toEqual({ base: 1, entries: [{ ...place, sink: 'hits', generation: 2 }] })
    changes[0] = { ...promoted, answers: false, version: 9 }
    await passes()
    await passes()
    expect(maps.map(({ entries }) => entries.length)).toEqual([0, 1, 0])
    await views.stop()
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
