import { describe, expect, it } from 'vitest'
import { memoryObjectStore } from '../../core/adapters/memory/memory-object-store.ts'
import { CorruptCheckpointError } from '../../core/errors.ts'
import type { Offset } from '../../core/ids.ts'
import { checkpointName, readCheckpoint, removeOldCheckpoints, writeCheckpoint } from './checkpoints.ts'

const next = (offset: number) => offset as Offset
const place = { job: 'hits', source: 'log-a', partition: 1, next: next(7) }
const name = checkpointName('hits', 1, { next: next(7), fence: 3 })

async function written() {
  const objects = memoryObjectStore()
  await writeCheckpoint(objects, name, { ...place, plan: 'p', steps: { dedupe: new Uint8Array([1]) } })
  return objects
}

describe('a checkpoint', () => {
  it('is read back where it was written', async () => {
    const { steps } = await readCheckpoint(await written(), name, place)
    expect(Object.keys(steps)).toEqual(['dedupe'])
  })

  it.each([{ job: 'sessions' }, { source: 'log-b' }, { partition: 2 }, { next: next(8) }])(
    'is refused for another place: %o',
    async (other) => {
      const read = readCheckpoint(await written(), name, { ...place, ...other })
      await expect(read).rejects.toThrow(CorruptCheckpointError)
    },
  )

  it('that is gone is refused', async () => {
    const read = readCheckpoint(memoryObjectStore(), name, place)
    await expect(read).rejects.toThrow('it is gone')
  })

  it('has a name of its own in every attempt of an epoch that has no record', () => {
    const names = [undefined, 1, 2].map((again) =>
      checkpointName('hits', 1, { next: next(7), fence: 3, ...(again !== undefined && { again }) }),
    )
    expect(new Set(names).size).toBe(3)
  })
})

describe('checkpoints that count for nothing', () => {
  it('go when the partition is opened; those of a higher fence, the committed one and other partitions’ stay', async () => {
    const objects = memoryObjectStore()
    const at = (partition: number, offset: number, fence: number) =>
      checkpointName('hits', partition, { next: next(offset), fence })
    const [old, committed, later, other] = [at(1, 5, 2), at(1, 7, 3), at(1, 9, 4), at(11, 5, 2)]
    for (const each of [old, committed, later, other]) await objects.put(each, new Uint8Array([1]))
    await removeOldCheckpoints(objects, 'hits', 1, { committed, fence: 3 })
    expect([...(await objects.list('checkpoints/'))].sort()).toEqual([committed, later, other].sort())
  })
})
