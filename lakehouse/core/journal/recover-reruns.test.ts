import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { memoryObjectStore } from '../../../core/adapters/memory/memory-object-store.ts'
import { ControlStoreBehindError, ObjectStoreUnavailableError, StaleWritingError } from '../../../core/errors.ts'
import type { ClusterStore } from '../../../core/ports/cluster-store.ts'
import { touch } from '../../../core/ports/control-store-derivations.contract.ts'
import { epochOf, fileOf } from '../../../core/ports/control-store-epochs.contract.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { SplitCommit } from '../../../core/ports/rerun-store.ts'
import { oneJob, placeOf, setUpReruns } from '../../../core/ports/rerun-under-test.ts'
import { createMemoryControlStore } from '../../adapters/memory/memory-control-store.ts'
import { commitSplitAndDie } from '../../test/dying-process.ts'
import { journaledStore } from './journaled-store.ts'
import { kindFolder } from './names.ts'
import { recover } from './recover.ts'

/** A store behind its journal, which loses what came after `copy`. */
async function world() {
  const clock = new ManualClock(1_700_000_000_000)
  const real = createMemoryControlStore({ visible: 'published' })
  const objects = memoryObjectStore()
  /** Folders of the journal that cannot be written. */
  const failing = new Set<string>()
  const shaky: ObjectStore = {
    ...objects,
    async put(name, body) {
      clock.advance(10)
      for (const folder of failing) {
        if (name.startsWith(folder)) throw new ObjectStoreUnavailableError('put', name, 1)
      }
      await objects.put(name, body)
    },
  }
  let processes = 0
  const open = () => journaledStore(real, { objects: shaky, owner: `process-${processes++}`, clock })
  const store = open()
  const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
  await store.commitEpoch(epochOf(fence, 0, 3))
  const moment = real.snapshot()
  clock.advance(10)
  return {
    ...(await setUpReruns({ open: async () => store })),
    ...{ real, objects, failing, open, fence, clock },
    epoch: (from: number, next: number, revision: number, more = {}) =>
      epochOf(fence, from, next, { writing: { pipeline: 'hits', revision }, ...more }),
    lose: () => real.restore(moment),
    async recover() {
      return recover(real, objects, { dryRun: false, say: () => undefined, clock, timers: clock })
    },
  }
}

const facts = async (store: ClusterStore) => ({
  reruns: await store.reruns({ limit: 10 }),
  writing: await store.writing('hits'),
  map: (await store.versionsSince(0)).generations.map((change) => ({ ...change, version: 0 })),
  inUse: await store.generationsInUse(),
  splits: await store.splitsDone(1),
  files: (await store.unpublished('hits')).map(({ name }) => name).sort(),
})

const splitOf = (split: string, name: string): SplitCommit => ({
  rerun: 1,
  split,
  staged: [fileOf(name)],
  days: [touch('a', 3)],
})

describe('reruns that were made and moved after the copy', () => {
  it('are as they were after a recovery, with what is written, what answers, and their splits', async () => {
    const { store, real, objects, of, must, at, update, promote, recover: bringBack, lose, epoch } = await world()
    for (const name of ['s', 't', 'live']) await objects.put(name, Buffer.from('x'))
    const rerun = await of('backfilling', { places: [placeOf('a', 1, 5)] })
    await store.commitSplit(splitOf('s', 's'))
    const driven = must(await store.beginDualWriting(rerun.id, oneJob, at(rerun)))
    await store.commitSplit(splitOf('t', 't'))
    const { revision } = await store.writing('hits')
    await store.commitEpoch(epoch(3, 5, revision, { staged: [fileOf('live')] }))
    await promote(await update(driven, { state: 'ready', notes: { compared: true } }, 'compared'))
    await of('cancelled', { places: [placeOf('b', 1, 5)] })
    await store.setBasePlan('hits', 'plan-7')
    const wanted = await facts(real)
    expect(wanted.writing.generations[1]?.barriers).toMatchObject([{ job: 'hits', next: 3 }])
    lose()
    for (const outcome of [
      { epochs: 1, reruns: 4 },
      { epochs: 0, reruns: 0 },
    ]) {
      expect(await bringBack()).toMatchObject(outcome)
      expect(await facts(real)).toEqual(wanted)
    }
    const days = { afterVersion: 0, firstDay: 0, lastDay: 9, limit: 9 }
    expect(await real.changedDays(days)).toMatchObject([touch('a', 3)])
  })

  it('are noticed to be lost where nothing else was', async () => {
    const { of, open, lose } = await world()
    await of('promoted')
    lose()
    await expect(open().commitSplit(splitOf('s', 's'))).rejects.toThrow(ControlStoreBehindError)
    await expect(open().generationsInUse()).rejects.toThrow(ControlStoreBehindError)
    await expect(open().acquirePartitions('hits', 'feed-1', 'x', [0])).rejects.toThrow(ControlStoreBehindError)
  })

  it('are known by whoever goes by them, though the process that moved them ended before it said so', async () => {
    const { of, real, at, open, lose, epoch, recover: bringBack } = await world()
    const rerun = await of('backfilling')
    // What a process does that ends at once.
    await real.beginDualWriting(rerun.id, oneJob, at(rerun))
    const { revision } = await open().writing('hits')
    await open().commitEpoch(epoch(3, 4, revision))
    const wanted = await facts(real)
    lose()
    await bringBack()
    expect(await facts(real)).toEqual(wanted)
    expect(wanted.reruns).toMatchObject([{ state: 'catching_up', barriers: [{ next: 3 }] }])
  })

  it('that let rows go are in the journal before anybody hears which', async () => {
    const { of, real, at, open, lose, recover: bringBack } = await world()
    const rerun = await of('promoted')
    await real.releaseRerun(rerun.id, at(rerun))
    expect((await open().generationsInUse()).inUse).toEqual([2])
    lose()
    await bringBack()
    expect(await real.generationsInUse()).toMatchObject({ inUse: [2] })
    expect((await real.rerun(1))?.state).toBe('released')
  })
})

describe('an epoch that was refused because another generation was to be written', () => {
  // written before   0..3 |            barrier at 3
  // refused                3..6  by the old writing; its process ended before it discarded anything
  it('is not committed by a recovery, as one from before is', async () => {
    const { store, real, of, open, epoch, lose, objects, recover: bringBack } = await world()
    for (const name of ['a', 'b']) await objects.put(name, Buffer.from('x'))
    await store.commitEpoch(epoch(3, 4, 0, { staged: [fileOf('a')] }))
    await of('catching_up')
    await expect(open().commitEpoch(epoch(4, 6, 0, { staged: [fileOf('b')] }))).rejects.toThrow(StaleWritingError)
    lose()
    for (const epochs of [1, 0]) {
      expect(await bringBack()).toMatchObject({ epochs })
      expect((await real.versionsSince(0)).positions[0]?.next).toBe(4)
    }
  })
})

describe('a split', () => {
  it('is in the journal before the store has it, and not any more where the store refused it', async () => {
    const { store, real, of, failing, objects } = await world()
    await of('backfilling')
    failing.add(kindFolder('splits'))
    await expect(store.commitSplit(splitOf('s', 's'))).rejects.toThrow(ObjectStoreUnavailableError)
    expect(await real.splitsDone(1)).toEqual(new Set())
    failing.clear()
    expect(await store.commitSplit(splitOf('s', 's'))).toBe('committed')
    expect(await store.commitSplit(splitOf('s', 'again'))).toBe('already')
    await expect(store.commitSplit({ ...splitOf('t', 't'), rerun: 9 })).rejects.toThrow('is not there')
    await expect(store.commitSplit(splitOf('t', 's'))).rejects.toThrow(RangeError)
    expect(await objects.list(kindFolder('splits'))).toHaveLength(1)
  })

  it('counts though the head cannot be written: nothing was committed would be a lie', async () => {
    const { store, of, failing } = await world()
    await of('backfilling')
    failing.add('journal/heads/')
    expect(await store.commitSplit(splitOf('s', 's'))).toBe('committed')
  })

  it('of which several attempts are in the journal counts once: that which was published, or which is there', async () => {
    const { store, real, objects, of, open, lose, recover: bringBack } = await world()
    await of('backfilling')
    for (const name of ['s1', 's2', 't2']) await objects.put(name, Buffer.from('x'))
    await store.commitSplit(splitOf('s', 's1'))
    await store.commitSplit(splitOf('t', 't2'))
    await real.acquireLease('publish', 'me', 100_000, 0)
    const lease = (await open().acquireLease('publish', 'me', 100_000, 0))?.fence ?? 0
    const { id } = await open().beginPublication('hits', 'publish', lease, ['s1'])
    await open().finishPublication('hits', 'publish', lease, id, 'snapshot')
    await objects.remove('s1')
    await commitSplitAndDie(real, objects, splitOf('s', 's2'))
    await commitSplitAndDie(real, objects, splitOf('t', 'gone'))
    expect(await objects.list(kindFolder('splits'))).toHaveLength(4)
    lose()
    await bringBack()
    expect(await real.splitsDone(1)).toEqual(new Set(['s', 't']))
    expect(await real.unpublished('hits')).toEqual([fileOf('t2')])
    expect((await real.tableView('hits')).snapshot).toBe('snapshot')
  })
})
