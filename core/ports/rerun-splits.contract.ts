/** The contract of a rerun's splits, and of which generations are in use; registered by `rerunsContract`. */
import { describe, expect, it } from 'vitest'
import { StaleRerunError } from '../errors.ts'
import type { ControlStoreUnderTest } from './control-store.contract.ts'
import { setUpDerivations, touch, unit } from './control-store-derivations.contract.ts'
import { epochOf, fileOf } from './control-store-epochs.contract.ts'
import type { Rerun, RerunState, SplitCommit } from './rerun-store.ts'
import { oneJob, placeOf, requestOf, rerunFacts, setUpReruns } from './rerun-under-test.ts'

const allDays = { afterVersion: 0, firstDay: -1_000, lastDay: 1_000, limit: 10_000 }

export function rerunSplitsContract(under: ControlStoreUnderTest): void {
  describe('splits of a rerun', () => splitsContract(under))
  describe('generations in use', () => inUseContract(under))
}

function splitsContract(under: ControlStoreUnderTest): void {
  const splitOf = ({ id }: Rerun, split: string, more: Partial<SplitCommit> = {}): SplitCommit => ({
    rerun: id,
    split,
    staged: [fileOf(`${split}-hits`), fileOf(`${split}-hourly`, { table: 'hourly' })],
    days: [touch('a', 1)],
    ...more,
  })

  it('count once: the files of the first are committed, in their order, and those of the others are nobody’s', async () => {
    const { store, of } = await setUpReruns(under)
    const rerun = await of('backfilling')
    const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
    expect(await store.commitSplit(splitOf(rerun, 'b'))).toBe('committed')
    await store.commitEpoch(epochOf(fence, 0, 1, { staged: [fileOf('live')] }))
    expect(await store.commitSplit(splitOf(rerun, 'a'))).toBe('committed')
    const again = splitOf(rerun, 'b', { staged: [fileOf('again')], days: [touch('z', 9)] })
    expect(await store.commitSplit(again)).toBe('already')
    expect(await store.unpublished('hits')).toEqual([fileOf('b-hits'), fileOf('live'), fileOf('a-hits')])
    expect((await store.tableView('hourly')).pending.map(({ name }) => name)).toEqual(['b-hourly', 'a-hourly'])
    expect(await store.splitsDone(rerun.id)).toEqual(new Set(['a', 'b']))
    expect(await store.splitsDone(99)).toEqual(new Set())
  })

  it('count once, of many who come at once with the same', async () => {
    const { store, of } = await setUpReruns(under)
    const rerun = await of('backfilling')
    const calls = [1, 2, 3, 4].map((n) => store.commitSplit(splitOf(rerun, 's', { staged: [fileOf(`f${n}`)] })))
    expect((await Promise.all(calls)).filter((outcome) => outcome === 'committed')).toHaveLength(1)
    expect(await store.unpublished('hits')).toHaveLength(1)
  })

  it('are of one rerun', async () => {
    const { store, of } = await setUpReruns(under)
    const [first, second] = [await of('backfilling'), await of('catching_up', { pipeline: 'other' })]
    expect(await store.commitSplit(splitOf(first, 's', { staged: [] }))).toBe('committed')
    expect(await store.commitSplit(splitOf(second, 's', { staged: [] }))).toBe('committed')
    expect(await store.splitsDone(second.id)).toEqual(new Set(['s']))
  })

  it('raise no version, and are published as what epochs commit', async () => {
    const { store, lease, commit } = await setUpDerivations(under)
    const { of } = await setUpReruns({ ...under, open: async () => store })
    const rerun = await of('backfilling')
    const before = await store.versionsSince(0)
    await store.commitSplit(splitOf(rerun, 's'))
    await commit({ staged: [fileOf('live')] })
    const names = (await store.unpublished('hits')).map(({ name }) => name)
    expect(names).toEqual(['s-hits', 'live'])
    const { id, files } = await store.beginPublication('hits', 'maintain', lease, names)
    expect(files.map(({ name }) => name)).toEqual(names)
    await store.finishPublication('hits', 'maintain', lease, id, '7')
    expect(await store.tableView('hits')).toEqual({ table: 'hits', snapshot: '7', pending: [] })
    expect(await store.versionsSince(before.commit)).toMatchObject({ changes: [], reset: false })
    expect(await store.changedDays(allDays)).toEqual([])
  })

  it('that are committed and not published count as such for what is derived of published rows', async () => {
    const { store, begin } = await setUpDerivations(under)
    const { of } = await setUpReruns({ ...under, open: async () => store })
    const rerun = await of('backfilling')
    const { commit } = await store.versionsSince(0)
    await store.commitSplit(splitOf(rerun, 's'))
    const { through } = await begin([unit('a', 1)], { reads: 'published' })
    expect(through).toBe(commit)
  })

  it.each(['planned', 'ready', 'promoted', 'rolled_back', 'released', 'paused', 'failed', 'cancelled'] as const)(
    'are refused while the rerun is %s, but one that counted before is said to have',
    async (state: RerunState) => {
      const { store, of } = await setUpReruns(under)
      const rerun = await of(state)
      const before = await rerunFacts(store)
      await expect(store.commitSplit(splitOf(rerun, 's'))).rejects.toThrow(StaleRerunError)
      await expect(store.commitSplit({ ...splitOf(rerun, 's'), rerun: 99 })).rejects.toThrow(StaleRerunError)
      expect(await rerunFacts(store)).toEqual(before)
      expect(await store.splitsDone(rerun.id)).toEqual(new Set())
    },
  )

  it('that counted are said to have counted, whatever became of the rerun', async () => {
    const { store, of, cancel } = await setUpReruns(under)
    const rerun = await of('backfilling')
    await store.commitSplit(splitOf(rerun, 's'))
    await cancel(rerun)
    expect(await store.commitSplit(splitOf(rerun, 's'))).toBe('already')
  })

  it('are refused whole where a file is committed already, or named twice', async () => {
    const { store, of } = await setUpReruns(under)
    const rerun = await of('backfilling')
    await store.commitSplit(splitOf(rerun, 's'))
    const before = await rerunFacts(store)
    for (const staged of [
      [fileOf('x'), fileOf('s-hits')],
      [fileOf('x'), fileOf('x')],
    ]) {
      await expect(store.commitSplit(splitOf(rerun, 't', { staged }))).rejects.toThrow(RangeError)
    }
    await expect(store.commitSplit(splitOf(rerun, 't', { days: [touch('a', 0.5)] }))).rejects.toThrow(RangeError)
    await expect(store.commitSplit(splitOf(rerun, ''))).rejects.toThrow(RangeError)
    expect(await rerunFacts(store)).toEqual(before)
    expect(await store.splitsDone(rerun.id)).toEqual(new Set(['s']))
  })

  it('of many days and names are kept', async () => {
    const { store, of, must, at } = await setUpReruns(under)
    const rerun = await of('backfilling')
    const days = Array.from({ length: 5_000 }, (_, n) => touch(`m${n % 7}`, 20_000 + n))
    await store.commitSplit(splitOf(rerun, `o'"{},\\`, { days: [...days, ...days] }))
    expect(await store.splitsDone(rerun.id)).toEqual(new Set([`o'"{},\\`]))
    let driven = must(await store.beginDualWriting(rerun.id, oneJob, at(rerun)))
    driven = must(await store.updateRerun(driven.id, { state: 'ready' }, at(driven)))
    await store.promoteRerun(driven.id, at(driven))
    const page = { ...allDays, lastDay: 100_000 }
    expect(await store.changedDays(page)).toHaveLength(5_000)
  })
}

function inUseContract(under: ControlStoreUnderTest): void {
  it('are the first one at first, and nothing ever changed', async () => {
    const { store } = await setUpReruns(under)
    expect(await store.generationsInUse()).toEqual({ inUse: [1], changedAt: null })
  })

  it.each<[RerunState, readonly number[]]>([
    ['planned', [1, 2]],
    ['backfilling', [1, 2]],
    ['paused', [1, 2]],
    ['failed', [1, 2]],
    ['ready', [1, 2]],
    ['promoted', [1, 2]],
    ['rolled_back', [1, 2]],
    ['released', [2]],
    ['cancelled', [1]],
  ])('beside a rerun of everything that is %s are %j', async (state, inUse) => {
    const { store, of } = await setUpReruns(under)
    await of(state)
    expect((await store.generationsInUse()).inUse).toEqual(inUse)
  })

  it('are those that answer, though something else is promoted over them', async () => {
    const { store, of, cancel, rollBack } = await setUpReruns(under)
    await of('released', { places: [placeOf('a', 1, 5)] })
    await of('released', { sinks: ['hits'] })
    const over = await of('promoted')
    expect((await store.generationsInUse()).inUse).toEqual([1, 2, 3, 4])
    await cancel(await rollBack(over))
    expect((await store.generationsInUse()).inUse).toEqual([1, 2, 3])
    await of('released')
    expect((await store.generationsInUse()).inUse).toEqual([5])
  })

  it('are those that another pipeline writes', async () => {
    const { store, of } = await setUpReruns(under)
    await of('released')
    await of('released', { pipeline: 'other', places: [placeOf('a', 1, 1)] })
    expect((await store.generationsInUse()).inUse).toEqual([1, 2, 3])
  })

  it('say when last something began or ceased to answer', async () => {
    const { store, of, promote, rollBack, release, cancel } = await setUpReruns(under)
    const ready = await of('ready')
    expect((await store.generationsInUse()).changedAt).toBeNull()
    const back = await rollBack(await promote(ready))
    expect((await store.generationsInUse()).changedAt).toBe(back.movedAt)
    const promoted = await promote(back)
    await release(promoted)
    await cancel(await of('ready'))
    expect((await store.generationsInUse()).changedAt).toBe(promoted.movedAt)
  })

  it('and all else are as they were after a move that was refused', async () => {
    const { store, of } = await setUpReruns(under)
    await of('promoted', { places: [placeOf('a', 1, 5)] })
    const before = await rerunFacts(store)
    expect(await store.createRerun(requestOf(), { now: 5, notes: {} })).toHaveProperty('meets')
    expect(await rerunFacts(store)).toEqual(before)
  })
}
