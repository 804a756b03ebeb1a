/** The contract of the generation map, and of what hangs on it; registered by `rerunsContract`. */
import { describe, expect, it } from 'vitest'
import { StaleRerunError } from '../errors.ts'
import { generationMap } from '../generations.ts'
import type { ControlStoreUnderTest } from './control-store.contract.ts'
import type { ControlStore } from './control-store.ts'
import { setUpDerivations, touch, unit } from './control-store-derivations.contract.ts'
import { epochOf } from './control-store-epochs.contract.ts'
import { everything, oneJob, placeOf, rerunFacts, setUpReruns } from './rerun-under-test.ts'

const allDays = { afterVersion: 0, firstDay: -1_000, lastDay: 1_000, limit: 10_000 }

export function rerunMapContract(under: ControlStoreUnderTest): void {
  describe('the generation map', () => mapContract(under))
  describe('what is derived, when the generation map changes,', () => derivedContract(under))
}

function mapContract(under: ControlStoreUnderTest): void {
  const map = async (store: ControlStore, since = 0) =>
    [...(await store.versionsSince(since)).generations]
      .sort((a, b) => a.order - b.order || (a.sink < b.sink ? -1 : 1) || (a.from ?? 0) - (b.from ?? 0))
      .map(({ rerun, sink, generation, merchant, from, to, answers }) => ({
        ...{ rerun, sink, generation, answers },
        place: { merchant, from, to },
      }))

  it('is empty until something is promoted, then says each sink and place', async () => {
    const { store, of, promote } = await setUpReruns(under)
    const places = [placeOf('a', 1, 5), placeOf(null, 9, null)]
    const rerun = await of('ready', { places })
    expect(await map(store)).toEqual([])
    await promote(rerun)
    const entry = { rerun: rerun.id, generation: rerun.generation, answers: true }
    expect(await map(store)).toEqual([
      { ...entry, sink: 'hits', place: places[0] },
      { ...entry, sink: 'hits', place: places[1] },
      { ...entry, sink: 'hourly', place: places[0] },
      { ...entry, sink: 'hourly', place: places[1] },
    ])
  })

  it('says of generations in present zones which hits had been processed before', async () => {
    const { store, of, promote } = await setUpReruns(under)
    await promote(await of('ready', { places: [placeOf('a', 1, 5)] }))
    await promote(await of('ready', { places: [placeOf('b', 1, 5)], zones: 'today', zonesAsOf: 1_234 }))
    const { generations } = await store.versionsSince(0)
    const known = generations.map(({ merchant, zonesAsOf }) => [merchant, zonesAsOf])
    expect(new Set(known.map((each) => JSON.stringify(each)))).toEqual(new Set(['["a",null]', '["b",1234]']))
    await expect(of('planned', { zones: 'recorded', zonesAsOf: 1 })).rejects.toThrow(RangeError)
  })

  it('changes with a commit of its own, that no day of a merchant is listed by', async () => {
    const { store, of, promote, rollBack } = await setUpReruns(under)
    const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
    await store.commitEpoch(epochOf(fence, 0, 1, { touched: [touch('a', 1)] }))
    let rerun = await of('ready')
    let order = 0
    for (const step of [promote, rollBack, promote]) {
      const before = (await store.versionsSince(0)).commit
      rerun = await step(rerun)
      const { commit, changes, generations, reset } = await store.versionsSince(before)
      expect(commit).toBeGreaterThan(before)
      expect({ changes, reset }).toEqual({ changes: [], reset: false })
      for (const change of generations) {
        expect(change.version).toBeGreaterThan(before)
        expect(change.version).toBeLessThanOrEqual(commit)
        if (step === promote) expect(change.order).toBeGreaterThan(order)
      }
      order = generations[0]?.order ?? 0
    }
  })

  it('is whole in every answer, also in one that tells to forget everything', async () => {
    const { store, of } = await setUpReruns(under)
    await of('promoted')
    const { commit, generations } = await store.versionsSince(0)
    expect(generations).toHaveLength(2)
    expect((await store.versionsSince(commit)).generations).toEqual(generations)
    expect(await store.versionsSince(commit + 1)).toMatchObject({ reset: true, generations })
  })

  it('names the one promoted last for a place that two share, and the first again after its rollback', async () => {
    const { store, of, rollBack, promote } = await setUpReruns(under)
    const sinks = ['hits'] as const
    await of('released', { sinks })
    const second = await of('promoted', { sinks, places: [placeOf('a', 1, 5)] })
    const answering = async () => generationMap((await store.versionsSince(0)).generations).entries
    const first = { sink: 'hits', generation: 2, ...everything }
    const over = { sink: 'hits', generation: 3, ...placeOf('a', 1, 5) }
    expect(await answering()).toEqual([first, over])
    const back = await rollBack(second)
    expect(await answering()).toEqual([first])
    expect((await map(store)).map(({ answers }) => answers)).toEqual([true, false])
    await promote(back)
    expect(await answering()).toEqual([first, over])
  })

  it('lets nobody roll back what a later one was promoted over, until that is rolled back', async () => {
    const { store, of, rollBack, at } = await setUpReruns(under)
    const first = await of('promoted', { places: [placeOf('a', 1, 5)] })
    const beside = await of('promoted', { pipeline: 'beside', places: [placeOf('a', 6, 6)] })
    const later = await of('promoted', { pipeline: 'later', places: [placeOf(null, 5, 5)], sinks: ['hourly'] })
    const before = await rerunFacts(store)
    await expect(store.rollBackRerun(first.id, at(first))).rejects.toThrow(StaleRerunError)
    expect(await rerunFacts(store)).toEqual(before)
    await rollBack(beside)
    await rollBack(later)
    await rollBack(first)
  })

  it('keeps what a released rerun does not cover whole, and forgets what it does', async () => {
    const { store, of } = await setUpReruns(under)
    await of('released', { places: [placeOf('a', 2, 3)], sinks: ['hits'] })
    await of('released', { places: [placeOf('a', 2, 9)], sinks: ['hits', 'hourly'] })
    const tombstone = await of('rolled_back', { places: [placeOf('a', 3, 3)], sinks: ['hits'], pipeline: 'other' })
    const reruns = async () => [...new Set((await map(store)).map(({ rerun }) => rerun))]
    expect(await reruns()).toEqual([2, tombstone.id])
    await of('released', { places: [placeOf('a', 1, 8)], sinks: ['hits'] })
    expect(await reruns()).toEqual([2, 4])
    await of('promoted')
    expect(await reruns()).toEqual([2, 4, 5])
  })

  it('remembers that a rerun was rolled back when it is cancelled', async () => {
    const { store, of, cancel } = await setUpReruns(under)
    await cancel(await of('rolled_back'))
    expect((await map(store)).map(({ answers }) => answers)).toEqual([false, false])
  })

  it('does not change when a rerun is cancelled that never answered, or released', async () => {
    const { store, of, cancel, release } = await setUpReruns(under)
    const promoted = await of('promoted')
    const { generations } = await store.versionsSince(0)
    await release(promoted)
    await cancel(await of('ready'))
    expect((await store.versionsSince(0)).generations).toEqual(generations)
  })
}

function derivedContract(under: ControlStoreUnderTest): void {
  async function setUp() {
    const derivations = await setUpDerivations(under)
    const reruns = await setUpReruns({ ...under, open: async () => derivations.store })
    return { ...derivations, ...reruns, beginDerivation: derivations.begin }
  }

  it('is right no more in its places, and right again once it is derived anew', async () => {
    const { commit, derive, right, of, promote, rollBack } = await setUp()
    await commit({ touched: [touch('a', 1), touch('a', 2), touch('b', 1)] })
    const units = [unit('a', 1), unit('a', 2), unit('b', 1)]
    await derive(units)
    let rerun = await of('ready', { places: [placeOf('a', 2, 2), placeOf('b', null, 0)] })
    expect(await right('a')).toHaveLength(2)
    for (const step of [promote, rollBack, promote]) {
      rerun = await step(rerun)
      expect((await right('a')).map(([day]) => day)).toEqual([1])
      expect((await right('b')).map(([day]) => day)).toEqual([1])
      await derive(units)
      expect((await right('a')).map(([day]) => day)).toEqual([1, 2])
    }
  })

  it('is right still where another sink changes than it is made of', async () => {
    const { commit, derive, right, of } = await setUp()
    await commit({ touched: [touch('a', 1)] })
    await derive([unit('a', 1)])
    await derive([unit('a', 1)], 'sessions')
    await of('promoted', { sinks: ['hits'] })
    expect(await right('a')).toHaveLength(1)
    expect(await right('a', { table: 'sessions' })).toEqual([])
  })

  it('hangs on the days around it as well', async () => {
    const { commit, derive, right, of } = await setUp()
    await commit({ touched: [touch('a', 5)] })
    await derive([unit('a', 5)])
    await of('promoted', { places: [placeOf('a', 6, 6)] })
    expect(await right('a')).toHaveLength(1)
    expect(await right('a', { reach: { daysBefore: 2, daysAfter: 0 } })).toHaveLength(1)
    expect(await right('a', { reach: { daysBefore: 0, daysAfter: 1 } })).toEqual([])
  })

  it('reads the map as it was when the derivation began', async () => {
    const { store, beginDerivation, of, rollBack } = await setUp()
    const rerun = await of('promoted', { places: [placeOf('a', 1, 5)] })
    const { generations } = await beginDerivation([unit('a', 1)])
    expect(generations).toEqual(generationMap((await store.versionsSince(0)).generations))
    expect(generations.entries).toHaveLength(2)
    await rollBack(rerun)
    expect((await store.openDerivation('daily'))?.generations).toEqual(generations)
  })

  it('has the known days of its places among the changed ones, with the version of the change', async () => {
    const { store, commit, of, promote, rollBack } = await setUp()
    await commit({ touched: [touch('a', 1), touch('a', 2), touch('b', 2), touch('b', 7)] })
    const listed = async (afterVersion: number) =>
      (await store.changedDays({ ...allDays, afterVersion })).map(({ merchant, day }) => `${merchant} ${day}`)
    let rerun = await of('ready', { places: [placeOf('a', 2, 5), placeOf('b', 7, null)] })
    for (const step of [promote, rollBack]) {
      const { commit: before } = await store.versionsSince(0)
      expect(await listed(before)).toEqual([])
      rerun = await step(rerun)
      const { generations } = await store.versionsSince(0)
      const changed = await store.changedDays({ ...allDays, afterVersion: before })
      const version = generations[0]?.version
      expect(changed).toEqual([
        { ...touch('a', 2), version },
        { ...touch('b', 7), version },
      ])
    }
    expect(await listed(0)).toEqual(['a 1', 'a 2', 'b 2', 'b 7'])
    expect(await store.changedDays({ ...allDays, lastDay: 6, after: touch('a', 1), limit: 1 })).toMatchObject([
      touch('a', 2),
    ])
  })

  it('has the days that only the new generation has among the changed ones, from when it answers', async () => {
    const { store, of, must, at, update } = await setUp()
    const rerun = await of('backfilling')
    const days = [touch('a', 3), touch('a', -1)]
    await store.commitSplit({ rerun: rerun.id, split: 's', staged: [], days })
    let driven = must(await store.beginDualWriting(rerun.id, oneJob, at(rerun)))
    await store.commitSplit({ rerun: rerun.id, split: 't', staged: [], days: [touch('b', 3), touch('a', 3)] })
    driven = await update(driven, { state: 'ready' })
    const { commit: before } = await store.versionsSince(0)
    expect(await store.changedDays(allDays)).toEqual([])
    const promoted = must(await store.promoteRerun(driven.id, at(driven)))
    const changed = await store.changedDays({ ...allDays, afterVersion: before })
    expect(changed).toMatchObject([touch('a', -1), touch('a', 3), touch('b', 3)])
    const after = (await store.versionsSince(before)).commit
    expect(changed.every(({ version }) => version > before && version <= after)).toBe(true)
    must(await store.rollBackRerun(promoted.id, at(promoted)))
    expect(await store.changedDays({ ...allDays, afterVersion: after })).toHaveLength(3)
  })
}
