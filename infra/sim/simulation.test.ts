/** The simulator itself: it is deterministic, and a few seeds of each variant hold all laws. */
import { describe, expect, it } from 'vitest'
import { makePlan } from './plan.ts'
import { runSeed } from './run-seed.ts'

describe('a run', () => {
  it('of one seed makes the same choices each time, bit for bit', async () => {
    for (const seed of [4, 11]) {
      const first = await runSeed({ seed })
      // Whatever ran between leaves nothing behind.
      await runSeed({ seed: 1, steps: 100 })
      const second = await runSeed({ seed })
      expect([second.trace, second.steps, second.counts]).toEqual([first.trace, first.steps, first.counts])
    }
  })

  it('of another seed is another run', async () => {
    expect((await runSeed({ seed: 1, steps: 200 })).trace).not.toBe((await runSeed({ seed: 2, steps: 200 })).trace)
  })

  it('without a fault loses nothing, and meets none', async () => {
    const { wrong, counts } = await runSeed({ seed: 3, faults: 'none', variant: 'embedded' })
    expect(wrong).toBeNull()
    expect(counts.kills).toBeUndefined()
    expect(counts.hits).toBeGreaterThan(10)
  })
})

describe('what is drawn', () => {
  it('has reruns in about a third of the runs, and every kind of fault in some', () => {
    const plans = Array.from({ length: 300 }, (_, seed) => makePlan({ seed }))
    const rerun = plans.filter(({ doings }) => doings.some(({ what }) => what.do === 'rerun'))
    expect(rerun.length).toBeGreaterThan(70)
    expect(rerun.length).toBeLessThan(130)
    const faults = new Set(plans.flatMap((plan) => plan.faults.map(({ what }) => what.fault)))
    const all = ['call', 'clock', 'cut', 'disk', 'flip', 'full', 'kill', 'objects', 'pause', 'power', 'stop']
    expect([...faults].sort()).toEqual(all)
  })
})

describe('whatever the seed', () => {
  it.each([1, 2, 3, 4, 5, 6])('all laws hold: %d', async (seed) => {
    expect(await runSeed({ seed })).toMatchObject({ wrong: null })
  })
})
