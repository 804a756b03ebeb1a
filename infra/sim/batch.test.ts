import { describe, expect, it } from 'vitest'
import { runBatch, tellFailures } from './batch.ts'
import { type Lane, laneBeside, laneHere, openProcess } from './lanes.ts'
import type { RunResult } from './run-seed.ts'

const result = (seed: number, wrong: string | null): RunResult => ({
  ...{ seed, variant: seed % 2 === 0 ? 'embedded' : 'cluster', steps: 10, trace: '', last: [], wrong },
  counts: { kills: 1 },
})
/** Breaks laws without running anything. */
const scripted = (wrong: (seed: number) => string | null): Lane => ({
  run: async ({ seed }) => result(seed, wrong(seed)),
  close: () => undefined,
})

describe('a batch', () => {
  it('goes on after a failure, and sums up all that was met', async () => {
    const lane = scripted((seed) => (seed % 3 === 0 ? 'lost: a hit' : null))
    const summary = await runBatch({ lanes: [lane, lane], seeds: [1, 2, 3, 4, 5, 6], choices: {} })
    expect(summary).toMatchObject({ runs: { embedded: 3, cluster: 3 }, steps: 60, counts: { kills: 6 } })
    expect(summary.failures.map(({ seed }) => seed)).toEqual([3, 6])
    expect(summary.next).toBeUndefined()
  })

  it('that is ended says the seed to go on with', async () => {
    let begun = 0
    const isOver = () => ++begun > 3
    const summary = await runBatch({ lanes: [scripted(() => null)], seeds: [7, 8, 9, 10, 11], choices: {}, isOver })
    expect(summary.runs).toEqual({ embedded: 1, cluster: 2 })
    expect(summary.next).toBe(10)
  })

  it("makes the same runs in processes beside as here, also where the next ones are another process's", async () => {
    let processes = 0
    const open = () => {
      processes += 1
      return openProcess()
    }
    const of = async (lane: Lane) => {
      const traces: string[] = []
      const onResult = ({ trace }: RunResult) => void traces.push(trace)
      await runBatch({ lanes: [lane], seeds: [21, 22, 23], choices: { steps: 150 }, onResult })
      lane.close()
      return traces
    }
    expect(await of(laneBeside(2, open))).toEqual(await of(laneHere))
    expect(processes).toBe(2)
    // A process is started, and compiles all it needs.
  }, 300_000)
})

describe('failures', () => {
  it('are told by law, each with the command that repeats its first', () => {
    const told = tellFailures([
      { seed: 3, variant: 'cluster', wrong: 'lost: hits lacks 1: 0/3/0' },
      { seed: 4, variant: 'embedded', wrong: 'books: accepted is 34, expected 48' },
      { seed: 9, variant: 'cluster', wrong: 'lost: hits lacks 2: 0/1/0, 0/2/0' },
    ])
    expect(told).toEqual([
      'lost: 2, first npm run sim -- --seed 3 --variant cluster; also 9 cluster',
      'books: 1, first npm run sim -- --seed 4 --variant embedded',
    ])
  })
})
