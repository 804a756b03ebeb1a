import { describe, expect, it } from 'vitest'
import { StaleRerunError } from '../../../core/errors.ts'
import type { GenerationPlace } from '../../../core/generations.ts'
import type { KeptRerun } from '../../../core/ports/cluster-store.ts'
import type { Rerun, RerunState } from '../../../core/ports/rerun-store.ts'
import { everything, placeOf, requestOf } from '../../../core/ports/rerun-under-test.ts'
import { firstWriting, promoted, rolledBack } from './rerun-moves.ts'

const move = { revision: 1, now: 5, by: 'me' }

/** Promoted as the `order`-th, if that is not null. */
function kept(id: number, state: RerunState, order: number | null, place: GenerationPlace = everything): KeptRerun {
  const rerun: Rerun = {
    ...{ id, generation: id + 1, request: requestOf({ places: [place] }), state, rests: null },
    ...{ createdAt: 0, movedAt: 0, barriers: [], events: [], notes: {}, revision: 1 },
  }
  return { rerun, answer: order === null ? null : { answers: state === 'promoted', order, version: order, at: 0 } }
}
const situation = (own: KeptRerun, answered: readonly KeptRerun[]) => ({
  ...{ ...own, writing: firstWriting, answered, commit: 9 },
})

describe('a rerun that answers', () => {
  it('is not rolled back below the very next one that was promoted over it', () => {
    const own = kept(1, 'promoted', 3)
    expect(() => rolledBack(situation(own, [kept(2, 'promoted', 4)]), move)).toThrow(StaleRerunError)
    expect(rolledBack(situation(own, [kept(2, 'promoted', 2)]), move).rerun.state).toBe('rolled_back')
  })

  it('is rolled back beside a later one of other places, and below one that answers no more', () => {
    const own = kept(1, 'promoted', 3, placeOf('a', 1, 2))
    const others = [kept(2, 'promoted', 4, placeOf('a', 3, 4)), kept(3, 'rolled_back', 5, placeOf('a', 1, 2))]
    expect(rolledBack(situation(own, others), move).answer).toMatchObject({ answers: false, order: 3, version: 9 })
  })
})

describe('a promotion', () => {
  it('comes after all others, those that were rolled back and its own one before with them', () => {
    const others = [kept(2, 'promoted', 4), kept(3, 'rolled_back', 6)]
    expect(promoted(situation(kept(1, 'ready', null), others), move).answer?.order).toBe(7)
    expect(promoted(situation(kept(1, 'rolled_back', 8), others), move).answer?.order).toBe(9)
  })
})
