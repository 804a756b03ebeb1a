import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { InvalidPlanError, StateLimitError } from '../../../core/errors.ts'
import type { BoundedProgram } from '../../runtime/bounded/program.ts'
import { type BoundedResult, resultBatchRows } from '../../runtime/bounded/result.ts'
import { runBounded } from '../../runtime/bounded/run-bounded.ts'
import { keySplits, type Split } from '../../runtime/bounded/split.ts'
import { runBoundedSplits, type SplitsRunOptions, threadsMax } from './run-bounded-splits.ts'
import { untakenBatchesMax } from './split-calls.ts'
import { SplitFailedError } from './split-failed-error.ts'
import { type BuiltThreads, buildThreads } from './test/built-threads.ts'
import { counting, distinct, everyClick, passing, visits } from './test/programs.ts'

type Part = Pick<SplitsRunOptions, 'export' | 'splits'> & Partial<SplitsRunOptions>
let built: BuiltThreads
beforeAll(() => {
  built = buildThreads()
})
afterAll(() => built.remove())

const run = (options: Part) => {
  const { module, threadEntry } = built
  return runBoundedSplits({ module, threadEntry, threads: 2, output: () => {}, ...options })
}

/** What each split gave, in its order. */
async function resultsOf(options: Part) {
  const bySplit = new Map<string, readonly BoundedResult[]>()
  const summaries = await run({
    ...options,
    output: (split, results) => void bySplit.set(split, [...(bySplit.get(split) ?? []), ...results]),
  })
  return { bySplit, summaries, all: [...bySplit.values()].flat() }
}

const text = (result: unknown) =>
  JSON.stringify(result, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
const inOneThread = async ({ pipeline }: BoundedProgram) => {
  const results: BoundedResult[] = []
  await runBounded({ pipeline, rows: [everyClick], output: (batch) => void results.push(...batch) })
  return results
}

describe('splits in threads', () => {
  it('give the same in 1, 2 and 7 threads, split by split, and what one run over everything gives', async () => {
    const all = { counting, distinct, visits, passing }
    for (const [name, program] of Object.entries(all)) {
      const splits = keySplits(8)
      const [one, two, seven] = await Promise.all(
        [1, 2, 7].map((threads) => resultsOf({ export: name, splits, threads })),
      )
      expect(two?.bySplit).toEqual(one?.bySplit)
      expect(seven?.bySplit).toEqual(one?.bySplit)
      expect(seven?.summaries).toEqual(one?.summaries)
      expect(one?.summaries.reduce((rows, summary) => rows + summary.rows, 0)).toBe(everyClick.length)
      expect(one?.all.map(text).sort()).toEqual((await inOneThread(program)).map(text).sort())
      expect(one?.all.length).toBeGreaterThan(100)
    }
  })

  it('fail by the name of the split whose thread died', async () => {
    const failure = run({ export: 'dying', splits: keySplits(3).slice(0, 2) })
    await expect(failure).rejects.toBeInstanceOf(SplitFailedError)
    await expect(failure).rejects.toThrow("split 'keys 1 of 3' failed: its thread ended with 3")
  })

  it('fail by the name of the split whose thread needs more memory than a thread has', async () => {
    await expect(run({ export: 'greedy', splits: keySplits(1), threadHeapMaxMb: 64 })).rejects.toThrow(
      /'keys 0 of 1' failed: .*memory/,
    )
  })

  it('fail by the name of the split that cannot be read, with its error for the cause', async () => {
    const error = await run({ export: 'dying', splits: keySplits(3).slice(2) }).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ name: 'SplitFailedError', split: { name: 'keys 2 of 3' } })
    expect((error as Error).cause).toBeInstanceOf(TypeError)
    expect((error as Error).message).toContain('the file is torn')
  })

  it('fail at the limit of state, by the class of the error', async () => {
    const error = await run({ export: 'counting', splits: keySplits(2), stateMaxBytes: 1_000 }).catch((e: unknown) => e)
    expect((error as Error).cause).toBeInstanceOf(StateLimitError)
  })

  it('fail where a source gives rows of another split, a module has no such program, or state would be torn apart', async () => {
    await expect(run({ export: 'careless', splits: keySplits(2) })).rejects.toThrow('gave a row of the key')
    await expect(run({ export: 'clicksOf', splits: keySplits(2) })).rejects.toThrow("exports no program 'clicksOf'")
    const day: Split = { kind: 'rows', name: 'a day', what: '2026-03-01' }
    await expect(run({ export: 'counting', splits: [day] })).rejects.toThrow("'by-minute' keeps state by key")
    expect((await resultsOf({ export: 'passing', splits: [day] })).summaries).toMatchObject([{ rows: 3_000 }])
  })

  it('fail with what the taker of results throws, and give it nothing more', async () => {
    let taken = 0
    const refusing = run({
      ...{ export: 'passing', splits: keySplits(4) },
      output() {
        taken += 1
        throw new SyntaxError('no such table')
      },
    })
    await expect(refusing).rejects.toBeInstanceOf(SyntaxError)
    expect(taken).toBe(1)
  })

  // A click gives one result at least; beside the untaken batches one more is being made.
  const mostRead = (untakenBatchesMax + 1) * resultBatchRows

  it.each<[string, string, number]>([
    ['', 'endless', 1],
    [', from split to split too', 'brief', 400],
  ])('wait where results are not taken%s', async (_, program, count) => {
    const read = new Int32Array(new SharedArrayBuffer(4))
    const cancel = new AbortController()
    const held = run({
      ...{ export: program, threads: 1, signal: cancel.signal },
      splits: Array.from({ length: count }, (_each, n): Split => ({ kind: 'rows', name: `${n}`, what: read.buffer })),
      output: () => new Promise((resolve) => cancel.signal.addEventListener('abort', () => resolve())),
    }).catch((reason: unknown) => reason)
    while (Atomics.load(read, 0) === 0) await sleep(20)
    for (let looks = 0; looks < 20; looks++) {
      await sleep(20)
      expect(Atomics.load(read, 0)).toBeLessThanOrEqual(mostRead)
    }
    cancel.abort('enough')
    expect(await held).toBe('enough')
  })

  it('end at once when they are cancelled, with the reason, and give nothing more', async () => {
    const read = new Int32Array(new SharedArrayBuffer(4))
    const cancel = new AbortController()
    let takenAfter = 0
    const endless = run({
      ...{ export: 'endless', splits: [{ kind: 'rows', name: 'endless', what: read.buffer }] },
      ...{ signal: cancel.signal },
      output() {
        if (cancel.signal.aborted) takenAfter += 1
        cancel.abort(new RangeError('no longer wanted'))
      },
    })
    await expect(endless).rejects.toThrow('no longer wanted')
    const before = Atomics.load(read, 0)
    await sleep(100)
    expect(Atomics.load(read, 0)).toBe(before)
    expect(takenAfter).toBe(0)
    await expect(run({ export: 'counting', splits: keySplits(1), signal: cancel.signal })).rejects.toThrow('no longer')
  })

  it('need a number of threads within the limit; without splits there is nothing to do', async () => {
    for (const threads of [0, 1.5, threadsMax + 1]) {
      await expect(run({ export: 'counting', splits: [], threads })).rejects.toBeInstanceOf(InvalidPlanError)
    }
    expect(await run({ export: 'counting', splits: [], threads: threadsMax })).toEqual([])
  })
})
