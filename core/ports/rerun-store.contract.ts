/** The contract of reruns: their records and moves, and what hangs on them; registered by `controlStoreContract`. */
import { describe, expect, it } from 'vitest'
import { StaleRerunError, TooManyRerunsError } from '../errors.ts'
import { dayMs } from '../event-time.ts'
import type { ControlStoreUnderTest } from './control-store.contract.ts'
import type { ControlStore } from './control-store.ts'
import { rerunMapContract } from './rerun-map.contract.ts'
import { rerunSplitsContract } from './rerun-splits.contract.ts'
import {
  endedRerunStates,
  openRerunsMax,
  type Rerun,
  type RerunChange,
  type RerunMove,
  type RerunRequest,
  type RerunState,
  rerunEventsMax,
  rerunNotesMaxBytes,
  rerunPlacesMax,
  rerunsPageMax,
} from './rerun-store.ts'
import { oneJob, placeOf, requestOf, rerunFacts, setUpReruns, ways } from './rerun-under-test.ts'
import { rerunWritingContract } from './rerun-writing.contract.ts'

export function rerunsContract(under: ControlStoreUnderTest): void {
  describe('reruns', () => {
    creationContract(under)
    recordContract(under)
    movesContract(under)
  })
  rerunWritingContract(under)
  rerunMapContract(under)
  rerunSplitsContract(under)
}

function creationContract(under: ControlStoreUnderTest): void {
  it('are found as they were asked for, every field', async () => {
    const { store, create } = await setUpReruns(under)
    const request = requestOf({
      places: [placeOf(`o'"{},\\`, -3, 20_000), placeOf('b', null, null)],
      sinks: ['hourly'],
      via: 'sql',
      dataSets: 'today',
      zones: 'today',
      recovers: '',
      promote: 'auto',
      by: `O'Brien "ü" \\ 🛒\n`,
    })
    const notes = { deep: [{ n: 2 ** 52, 'a b': null, t: "'\u0000\n" }] }
    const created = await create(request, notes)
    expect(created).toEqual({
      id: 1,
      generation: 2,
      request,
      state: 'planned',
      rests: null,
      createdAt: created.createdAt,
      movedAt: created.createdAt,
      barriers: [],
      events: [{ at: created.createdAt, state: 'planned', by: request.by, note: null }],
      notes,
      revision: 1,
    } satisfies Rerun)
    expect(await store.rerun(1)).toEqual(created)
    expect(await store.rerun(2)).toBeUndefined()
    expect(await store.rerun(0)).toBeUndefined()
  })

  it('get numbers and generations that rise, and are never used again', async () => {
    const { create, cancel } = await setUpReruns(under)
    const first = await create()
    await cancel(first)
    const second = await create()
    expect([second.id, second.generation]).toEqual([2, 3])
  })

  it.each([
    ['the same place', {}, {}],
    ['days that share one', { places: [placeOf(null, 1, 5)] }, { places: [placeOf(null, 5, 9)] }],
    ['a merchant and all', { places: [placeOf('a', 1, 5)] }, { places: [placeOf(null, null, 1)] }],
    ['one of several places', { places: [placeOf('a', 1, 5)] }, { places: [placeOf('b', 1, 5), placeOf('a', 2, 2)] }],
    ['one of several sinks', { sinks: ['hits'] as const }, { sinks: ['hourly', 'hits'] as const }],
  ])('of a pipeline that meet in %s are not both made, and the one in the way is named', async (_, first, second) => {
    const { store, create, of } = await setUpReruns(under)
    const before = await create(first)
    const facts = await rerunFacts(store)
    expect(await store.createRerun(requestOf(second), { now: 5, notes: {} })).toEqual({ meets: before })
    expect(await rerunFacts(store)).toEqual(facts)
    await of('planned', { ...second, pipeline: 'other' })
  })

  it('that do not meet stand side by side', async () => {
    const { create } = await setUpReruns(under)
    await create({ sinks: ['hits'], places: [placeOf('a', 1, 5), placeOf('b', 1, 1)] })
    await create({ sinks: ['hourly'], places: [placeOf('a', 1, 5)] })
    await create({ sinks: ['hits'], places: [placeOf('a', 6, 6)] })
    await create({ sinks: ['hits'], places: [placeOf('b', 2, null), placeOf('c', null, null)] })
  })

  it.each(['planned', 'paused', 'failed', 'ready', 'promoted', 'rolled_back'] as const)(
    'keep their place while they are %s',
    async (state) => {
      const { store, of } = await setUpReruns(under)
      const before = await of(state)
      expect(await store.createRerun(requestOf(), { now: 5, notes: {} })).toEqual({ meets: before })
    },
  )

  it.each(endedRerunStates)('leave their place free when they are %s', async (state) => {
    const { of, create } = await setUpReruns(under)
    await of(state)
    expect((await create()).generation).toBe(3)
  })

  it('are made once, of many who ask at once', async () => {
    const { store } = await setUpReruns(under)
    const calls = Array.from({ length: 6 }, () => store.createRerun(requestOf(), { now: 5, notes: {} }))
    const outcomes = await Promise.all(calls)
    expect(outcomes.filter((outcome) => 'created' in outcome)).toHaveLength(1)
    expect(await store.reruns({ limit: 10 })).toHaveLength(1)
  })

  it('that are open are limited; those that are over do not count', async () => {
    const { store, create, cancel } = await setUpReruns(under)
    const placed = (n: number) => ({ places: [placeOf(null, n, n)] })
    const first = await create(placed(0))
    for (let n = 1; n < openRerunsMax; n++) await create(placed(n))
    await expect(store.createRerun(requestOf(placed(openRerunsMax)), { now: 5, notes: {} })).rejects.toThrow(
      TooManyRerunsError,
    )
    expect(await store.reruns({ limit: 100 })).toHaveLength(openRerunsMax)
    await cancel(first)
    await create(placed(openRerunsMax))
  })

  const half = dayMs / 2
  it.each<[string, Partial<RerunRequest>]>([
    ['no place', { places: [] }],
    ['too many places', { places: Array.from({ length: rerunPlacesMax + 1 }, (_, n) => placeOf('a', 2 * n, 2 * n)) }],
    ['places that meet', { places: [placeOf('a', 1, 3), placeOf(null, 3, 3)] }],
    ['an empty place', { places: [{ merchant: null, from: dayMs, to: dayMs }] }],
    ['a place that ends before it begins', { places: [{ merchant: null, from: dayMs, to: 0 }] }],
    ['a place that begins at noon', { places: [{ merchant: null, from: half, to: null }] }],
    ['a place that ends at noon', { places: [{ merchant: null, from: null, to: half }] }],
    ['no sink', { sinks: [] }],
    ['a sink twice', { sinks: ['hits', 'hits'] }],
    ['a sink that is derived', { sinks: ['daily' as 'hourly'] }],
    ['no plan', { plan: '' }],
    ['no pipeline', { pipeline: '' }],
    ['no snapshot', { snapshot: '' }],
  ])('with %s are refused', async (_, more) => {
    const { store } = await setUpReruns(under)
    await expect(store.createRerun(requestOf(more), { now: 5, notes: {} })).rejects.toThrow(RangeError)
    expect(await store.reruns({ limit: 10 })).toEqual([])
  })

  it('have as many places as they may, and no more notes than that', async () => {
    const { store, create } = await setUpReruns(under)
    const places = Array.from({ length: rerunPlacesMax }, (_, n) => placeOf('a', 2 * n, 2 * n))
    const most = { text: 'ü'.repeat((rerunNotesMaxBytes - '{"text":""}'.length) / 2) }
    const created = await create({ places }, most)
    expect(await store.rerun(created.id)).toEqual(created)
    const more = { text: `${most.text}..` }
    const other = requestOf({ pipeline: 'other' })
    await expect(store.createRerun(other, { now: 5, notes: more })).rejects.toThrow(RangeError)
    const move = { revision: 1, now: 5, by: 'me' }
    await expect(store.updateRerun(created.id, { notes: more }, move)).rejects.toThrow(RangeError)
    expect(await store.reruns({ limit: 10 })).toEqual([created])
  })

  it('are listed newest first, page by page, all of them or the open ones', async () => {
    const { store, create, cancel } = await setUpReruns(under)
    for (let n = 1; n <= 5; n++) {
      const made = await create({ places: [placeOf(null, n, n)] })
      if (n % 2 === 0) await cancel(made)
    }
    const ids = async (page: Parameters<ControlStore['reruns']>[0]) => (await store.reruns(page)).map(({ id }) => id)
    expect(await ids({ limit: 2 })).toEqual([5, 4])
    expect(await ids({ limit: rerunsPageMax, before: 4 })).toEqual([3, 2, 1])
    expect(await ids({ limit: 2, open: true })).toEqual([5, 3])
    expect(await ids({ limit: 2, open: true, before: 3 })).toEqual([1])
    for (const limit of [0, -1, 1.5, rerunsPageMax + 1])
      await expect(store.reruns({ limit })).rejects.toThrow(RangeError)
  })
}

function recordContract(under: ControlStoreUnderTest): void {
  it('keep what a change leaves out, and tell of each change of state', async () => {
    const { store, create, update } = await setUpReruns(under)
    const created = await create({}, { splits: 3 })
    const begun = await update(created, { state: 'backfilling' }, 'off we go')
    expect(begun).toMatchObject({ state: 'backfilling', notes: { splits: 3 }, revision: 2, rests: null })
    expect(begun.events.slice(1)).toEqual([{ at: begun.movedAt, state: 'backfilling', by: 'me', note: 'off we go' }])
    const noted = await update(begun, { notes: { done: 1 } })
    expect(noted).toEqual({ ...begun, notes: { done: 1 }, revision: 3 })
    const said = await update(noted, {}, 'the disk is full; tried again')
    expect(said).toMatchObject({ movedAt: begun.movedAt, state: 'backfilling', revision: 4 })
    expect(said.events.at(-1)).toMatchObject({ state: 'backfilling', note: 'the disk is full; tried again' })
    expect(await store.rerun(created.id)).toEqual(said)
  })

  it.each(['paused', 'failed'] as const)('that are %s know where they go on, and go on there', async (state) => {
    const { of, update } = await setUpReruns(under)
    for (const from of ['planned', 'backfilling', 'catching_up', 'ready'] as const) {
      const driven = await of(from, { pipeline: from })
      const resting = await update(driven, { state })
      expect(resting).toMatchObject({ state, rests: from })
      const noted = await update(resting, { notes: { a: 1 } })
      expect(noted).toMatchObject({ state, rests: from, movedAt: resting.movedAt })
      const other = await update(noted, { state: state === 'paused' ? 'failed' : 'paused' })
      expect(other.rests).toBe(from)
      expect(await update(other, { state: from })).toMatchObject({ state: from, rests: null })
    }
  })

  it.each<[RerunState, RerunChange]>([
    ['planned', { state: 'catching_up' }],
    ['backfilling', { state: 'ready' }],
    ['backfilling', { state: 'promoted' }],
    ['backfilling', { state: 'cancelled' }],
    ['catching_up', { state: 'backfilling' }],
    ['ready', { state: 'promoted' }],
    ['ready', { state: 'rolled_back' }],
    ['promoted', { state: 'paused' }],
    ['promoted', { state: 'released' }],
    ['promoted', { state: 'ready' }],
    ['rolled_back', { state: 'failed' }],
    ['released', { state: 'promoted' }],
    ['cancelled', { state: 'planned' }],
    ['paused', { state: 'catching_up' }],
    ['paused', { state: 'paused', rests: 'ready' }],
    ['failed', { state: 'planned' }],
    ['planned', { rests: 'planned' }],
  ])('that are %s are not set to %j', async (state, change) => {
    const { store, of, at } = await setUpReruns(under)
    const rerun = await of(state)
    const before = await rerunFacts(store)
    await expect(store.updateRerun(rerun.id, change, at(rerun))).rejects.toThrow(RangeError)
    expect(await rerunFacts(store)).toEqual(before)
  })

  it('keep their first event and the newest, up to the limit', async () => {
    const { create, update } = await setUpReruns(under)
    let rerun = await create()
    for (let n = 1; n <= rerunEventsMax; n++) rerun = await update(rerun, {}, `${n}`)
    expect(rerun.events).toHaveLength(rerunEventsMax)
    expect(rerun.events.slice(0, 2).map(({ note }) => note)).toEqual([null, '2'])
    expect(rerun.events.at(-1)?.note).toBe(`${rerunEventsMax}`)
  })
}

const moves = [
  'updateRerun',
  'beginDualWriting',
  'promoteRerun',
  'rollBackRerun',
  'releaseRerun',
  'cancelRerun',
] as const
type Move = (typeof moves)[number]

function movesContract(under: ControlStoreUnderTest): void {
  const make = (store: ControlStore, move: Move, id: number, at: RerunMove) =>
    move === 'updateRerun'
      ? store.updateRerun(id, { notes: { changed: true } }, at)
      : move === 'beginDualWriting'
        ? store.beginDualWriting(id, oneJob, at)
        : store[move](id, at)

  const from: Readonly<Record<Move, readonly RerunState[]>> = {
    updateRerun: Object.keys(ways) as RerunState[],
    beginDualWriting: ['backfilling'],
    promoteRerun: ['ready', 'rolled_back'],
    rollBackRerun: ['promoted'],
    releaseRerun: ['promoted'],
    cancelRerun: ['planned', 'backfilling', 'catching_up', 'ready', 'rolled_back', 'paused', 'failed'],
  }

  it.each(moves)('change by %s only from the states that allow it; else nothing changes', async (move) => {
    const { store, of, at } = await setUpReruns(under)
    for (const state of Object.keys(ways) as RerunState[]) {
      const rerun = await of(state, { pipeline: state })
      const before = await rerunFacts(store)
      const call = make(store, move, rerun.id, at(rerun))
      if (from[move].includes(state)) {
        expect((await call)?.revision).toBe(rerun.revision + 1)
        continue
      }
      await expect(call, state).rejects.toThrow(StaleRerunError)
      expect(await rerunFacts(store)).toEqual(before)
    }
  })

  it.each(moves)('change by %s for one of two who go by the same revision', async (move) => {
    const { store, of, at } = await setUpReruns(under)
    const rerun = await of(from[move][0] as RerunState)
    const outcomes = await Promise.all([1, 2, 3].map(() => make(store, move, rerun.id, at(rerun))))
    expect(outcomes.filter((outcome) => outcome !== undefined)).toHaveLength(1)
    const before = await rerunFacts(store)
    expect(await make(store, move, rerun.id, at(rerun))).toBeUndefined()
    expect(await make(store, move, 99, { ...at(rerun), revision: 1 })).toBeUndefined()
    expect(await rerunFacts(store)).toEqual(before)
  })
}
