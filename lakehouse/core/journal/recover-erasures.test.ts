import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { memoryObjectStore } from '../../../core/adapters/memory/memory-object-store.ts'
import { StaleErasuresError } from '../../../core/errors.ts'
import { merchantId, merchantOf } from '../../../core/ports/control-store.contract.ts'
import { epochOf, fileOf } from '../../../core/ports/control-store-epochs.contract.ts'
import { placeOf, setUpReruns } from '../../../core/ports/rerun-under-test.ts'
import { createMemoryControlStore } from '../../adapters/memory/memory-control-store.ts'
import { commitSplitAndDie } from '../../test/dying-process.ts'
import { journaledStore } from './journaled-store.ts'
import { kindFolder } from './names.ts'
import { recover } from './recover.ts'

const a = merchantId('a')
const subject = { kind: 'visitor', value: 'v' } as const
const through = 1_000

/** A store behind its journal, at place 3, with an erasure. */
async function world() {
  const clock = new ManualClock(1_700_000_000_000)
  const real = createMemoryControlStore({ visible: 'published' })
  const objects = memoryObjectStore()
  let processes = 0
  const open = () => {
    clock.advance(10)
    return journaledStore(real, { objects, owner: `process-${processes++}`, clock })
  }
  const store = open()
  await store.createMerchant(merchantOf('a'), [])
  const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
  await store.commitEpoch(epochOf(fence, 0, 3, { erasuresKnown: 0 }))
  await store.eraseHits({ merchant: a, subject, through, by: 'me', now: 5 })
  return {
    ...{ real, objects, open, store, fence },
    reruns: await setUpReruns({ open: async () => store }),
    recover: () => recover(real, objects, { dryRun: false, say: () => undefined, clock, timers: clock }),
    next: async () => (await real.versionsSince(0)).positions[0]?.next,
  }
}

describe('a recovery, where the copy has fenced an erasure', () => {
  // copy: fenced |  refused 3..6 by one who slept, and ended before it discarded anything
  it('does not commit an epoch that was refused, for it had not known of the erasure', async () => {
    const { real, objects, open, store, fence, recover: bringBack, next } = await world()
    await store.fenceErasures([{ id: 1, through }])
    const copy = real.snapshot()
    await objects.put('slept', Buffer.from('x'))
    const slept = epochOf(fence, 3, 6, { staged: [fileOf('slept')], erasuresKnown: 0 })
    await expect(open().commitEpoch(slept)).rejects.toThrow(StaleErasuresError)
    real.restore(copy)
    expect(await bringBack()).toMatchObject({ epochs: 0 })
    expect(await next()).toBe(3)
  })

  it('commits those that knew it, with the days of hits they dropped', async () => {
    const { real, objects, open, store, fence, recover: bringBack, next } = await world()
    await store.fenceErasures([{ id: 1, through }])
    const copy = real.snapshot()
    await objects.put('f', Buffer.from('x'))
    const droppedDays = [{ merchant: a, day: 7 }]
    await open().commitEpoch(epochOf(fence, 3, 6, { staged: [fileOf('f')], erasuresKnown: 1, droppedDays }))
    real.restore(copy)
    expect(await bringBack()).toMatchObject({ epochs: 1 })
    expect(await next()).toBe(6)
    expect(await real.droppedDays({ limit: 10 })).toMatchObject([{ merchant: 'a', day: 7, erasuresKnown: 1 }])
  })

  it('commits epochs that knew it as far as it reached then, though it reaches further since', async () => {
    const { real, objects, open, store, fence, recover: bringBack, next } = await world()
    await store.fenceErasures([{ id: 1, through }])
    const copy = real.snapshot()
    await store.eraseHits({ merchant: a, subject, through: through + 1, by: 'me', now: 6 })
    await objects.put('f', Buffer.from('x'))
    await open().commitEpoch(epochOf(fence, 3, 6, { staged: [fileOf('f')], erasuresKnown: 1 }))
    real.restore(copy)
    expect(await bringBack()).toMatchObject({ epochs: 1 })
    expect(await next()).toBe(6)
    expect(await real.erasure(1)).toMatchObject({ state: 'asked', through: through + 1 })
  })

  it('leaves a split that had not known of it where it is, and one that was refused is not even in the journal', async () => {
    const { real, objects, open, store, reruns, recover: bringBack } = await world()
    const { id: rerun } = await reruns.of('backfilling', { places: [placeOf('a', 1, 5)] })
    await store.fenceErasures([{ id: 1, through }])
    const copy = real.snapshot()
    for (const name of ['slept', 'f']) await objects.put(name, Buffer.from('x'))
    const split = (name: string, erasuresKnown: number) =>
      open().commitSplit({ rerun, split: name, staged: [fileOf(name)], days: [], erasuresKnown })
    const entries = async () => (await objects.list(kindFolder('splits'))).length
    await expect(split('slept', 0)).rejects.toThrow(StaleErasuresError)
    expect(await entries()).toBe(0)
    await split('f', 1)
    const slept = { rerun, split: 'slept', staged: [fileOf('slept')], days: [], erasuresKnown: 0 }
    await commitSplitAndDie(real, objects, slept)
    expect(await entries()).toBe(2)
    real.restore(copy)
    await bringBack()
    expect(await real.splitsDone(rerun)).toEqual(new Set(['f']))
  })
})

describe('a recovery, where an erasure was fenced after the copy', () => {
  it('has it asked for anew, so that it is carried out once more, whatever is committed again', async () => {
    const { real, store, recover: bringBack } = await world()
    const copy = real.snapshot()
    await store.fenceErasures([{ id: 1, through }])
    await store.moveErasure(1, { from: 'asked', to: 'removed', through, now: 9 })
    real.restore(copy)
    await bringBack()
    expect(await real.erasure(1)).toMatchObject({ state: 'asked', through })
    expect(await real.newestFenced()).toBe(0)
  })
})
