/** Random lives of reruns in the DuckDB store and in the memory store: every answer and every refusal is the same. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { generationSinks } from '../../../core/generations.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import { touch, unit } from '../../../core/ports/control-store-derivations.contract.ts'
import { epochOf, fileOf } from '../../../core/ports/control-store-epochs.contract.ts'
import type { RerunMove } from '../../../core/ports/rerun-store.ts'
import { oneJob, placeOf, requestOf, rerunFacts } from '../../../core/ports/rerun-under-test.ts'
import { testLength } from '../../../core/test/length.ts'
import { createMemoryControlStore } from '../memory/memory-control-store.ts'
import { openDuckDbControlStore } from './control-store.ts'
import { minDatabaseMemoryBytes, openDatabase } from './database.ts'

const merchants = fc.constantFrom('a', 'b')
const day = fc.nat({ max: 4 })
const places = fc.constantFrom(
  placeOf(null, null, null),
  placeOf('a', 1, 2),
  placeOf('a', null, 3),
  placeOf('b', 2, null),
  placeOf(null, 3, 3),
)
const move = fc.oneof(
  { weight: 12, arbitrary: fc.constant('next' as const) },
  { weight: 5, arbitrary: fc.constantFrom('promote', 'rollBack', 'release', 'cancel', 'pause') },
)

const steps = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('create' as const),
      place: places,
      sinks: fc.subarray([...generationSinks], { minLength: 1 }),
      pipeline: fc.constantFrom('hits', 'hits', 'other'),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('move' as const),
      which: fc.nat({ max: 3 }),
      move,
      late: fc.nat({ max: 9 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('split' as const),
      which: fc.nat({ max: 3 }),
      name: fc.constantFrom('s', 't'),
      days: fc.array(fc.tuple(merchants, day), { maxLength: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('epoch' as const),
      touched: fc.array(fc.tuple(merchants, day), { maxLength: 2 }),
      stale: fc.nat({ max: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('derive' as const), merchant: merchants, day }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('base' as const), plan: fc.constantFrom(null, 'plan-7') }) },
)
type Step = typeof steps extends fc.Arbitrary<infer Each> ? Each : never

/** Does a step; what it does hangs on the store alone, which is the same in both. */
async function take(store: ControlStore, step: Step, at: number, fence: number): Promise<unknown> {
  if (step.do === 'create') {
    const request = requestOf({ places: [step.place], sinks: step.sinks, pipeline: step.pipeline })
    return store.createRerun(request, { now: at, notes: { at } })
  }
  if (step.do === 'base') return store.setBasePlan('hits', step.plan)
  if (step.do === 'epoch') {
    const next = (await store.versionsSince(0)).positions[0]?.next ?? 0
    const writing = { pipeline: 'hits', revision: (await store.writing('hits')).revision - (step.stale === 0 ? 1 : 0) }
    const touched = step.touched.map(([merchant, of]) => touch(merchant, of))
    return store.commitEpoch(epochOf(fence, next, next + 1, { touched, writing, staged: [fileOf(`f${at}`)] }))
  }
  if (step.do === 'derive') {
    const units = [unit(step.merchant, step.day)]
    const work = { units, reads: 'pending', idAbove: 0 } as const
    const { id, generations } = await store.beginDerivation('daily', 'maintain', 1, work)
    await store.finishDerivation('daily', 'maintain', 1, id, `s${at}`)
    return { id, map: generations.entries }
  }
  const all = await store.reruns({ open: true, limit: 4 })
  const rerun = all[step.which % Math.max(1, all.length)]
  if (rerun === undefined) return 'none'
  const { id, state, rests } = rerun
  if (step.do === 'split') {
    const days = step.days.map(([merchant, of]) => touch(merchant, of))
    return store.commitSplit({ rerun: id, split: step.name, staged: [fileOf(`split${at}`)], days })
  }
  const moved: RerunMove = { revision: rerun.revision - (step.late === 0 ? 1 : 0), now: at, by: 'me', note: step.move }
  if (step.move === 'promote') return store.promoteRerun(id, moved)
  if (step.move === 'rollBack') return store.rollBackRerun(id, moved)
  if (step.move === 'release') return store.releaseRerun(id, moved)
  if (step.move === 'cancel') return store.cancelRerun(id, moved)
  if (step.move === 'pause') return store.updateRerun(id, { state: 'paused' }, moved)
  if (rests !== null) return store.updateRerun(id, { state: rests }, moved)
  if (state === 'backfilling') return store.beginDualWriting(id, oneJob, moved)
  if (state === 'catching_up') return store.updateRerun(id, { state: 'ready', notes: { compared: at } }, moved)
  if (state === 'planned') return store.updateRerun(id, { state: 'backfilling' }, moved)
  if (state !== 'promoted') return store.promoteRerun(id, moved)
  return step.late % 2 === 0 ? store.releaseRerun(id, moved) : store.rollBackRerun(id, moved)
}

async function outcome(store: ControlStore, step: Step, at: number, fence: number): Promise<unknown> {
  try {
    return await take(store, step, at, fence)
  } catch (error) {
    return { error: (error as Error).name, message: (error as Error).message }
  }
}

async function facts(store: ControlStore): Promise<unknown> {
  const ranges = (['a', 'b'] as const).map((merchant) =>
    store.derivedRanges({
      table: 'daily',
      merchant: touch(merchant, 0).merchant,
      from: 0,
      to: 1e9,
      reach: { daysBefore: 0, daysAfter: 1 },
    }),
  )
  const { generations, commit } = await store.versionsSince(0)
  const found = (await rerunFacts(store)) as { readonly all?: unknown }
  // The order in which changes are listed says nothing.
  const map = generations.map((change) => JSON.stringify(change)).sort()
  return {
    ...found,
    all: undefined,
    map,
    commit,
    ranges: await Promise.all(ranges),
    base: await store.writing('other'),
  }
}

it('are the same in both, whatever is done', async () => {
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 40, maxLength: 60 }), async (sequence) => {
      const memoryLimitBytes = 2 * minDatabaseMemoryBytes
      const instance = await openDatabase({ file: ':memory:', memoryLimitBytes, threads: 1, scratch: '' })
      const model = createMemoryControlStore({ maxVersions: 6 })
      const store = await openDuckDbControlStore({ instance, maxVersionRows: 6, foldDaysAt: 5 })
      let fence = 0
      for (const each of [model, store]) {
        await each.acquireLease('maintain', 'me', 1e12, 0)
        fence = (await each.acquirePartitions('hits', 'feed-1', 'me', [0])).fence
      }
      for (const [at, step] of sequence.entries()) {
        const expected = await outcome(model, step, at, fence)
        expect([step, await outcome(store, step, at, fence)]).toEqual([step, expected])
        if (at % 10 === 0) expect(await facts(store)).toEqual(await facts(model))
      }
      for (const { events } of await model.reruns({ limit: 100 })) for (const { state } of events) seen.add(state)
      expect(await facts(store)).toEqual(await facts(model))
      await store.close()
      instance.closeSync()
    }),
    { numRuns: testLength('RERUNS_TEST_RUNS', { short: 12, full: 100 }), endOnFailure: true },
  )
  // Lives in which nothing ever answers would prove little.
  expect([...seen]).toEqual(expect.arrayContaining(['promoted', 'rolled_back', 'released', 'cancelled']))
}, 120_000)
