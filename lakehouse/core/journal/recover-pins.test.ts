import { expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { memoryObjectStore } from '../../../core/adapters/memory/memory-object-store.ts'
import { createMemoryControlStore } from '../../adapters/memory/memory-control-store.ts'
import { journaledStore } from './journaled-store.ts'
import { recover } from './recover.ts'

it('pins made after the copy are there again after a recovery, those taken off are not', async () => {
  const clock = new ManualClock(1_700_000_000_000)
  const real = createMemoryControlStore({ visible: 'published' })
  const objects = memoryObjectStore()
  const store = journaledStore(real, { objects, owner: 'me', clock })
  const pin = (name: string, snapshot: string) =>
    store.pinSnapshot({ table: 'hits', snapshot, name, until: clock.now() + 1_000, by: 'me' })
  await pin('before', '1')
  await pin('taken off', '2')
  const copy = real.snapshot()
  clock.advance(10)
  await pin('after', '3')
  await store.unpinSnapshot('hits', 'taken off')
  await pin('moved', '4')
  await store.unpinSnapshot('hits', 'moved')
  await pin('moved', '5')
  const wanted = await real.pins('hits')
  expect(wanted.map(({ name, snapshot }) => `${name} ${snapshot}`)).toEqual(['after 3', 'before 1', 'moved 5'])
  real.restore(copy)
  const options = { dryRun: false, say: () => undefined, clock, timers: clock }
  await recover(real, objects, options)
  expect(await real.pins('hits')).toEqual(wanted)
  await recover(real, objects, options)
  expect(await real.pins('hits')).toEqual(wanted)
})
