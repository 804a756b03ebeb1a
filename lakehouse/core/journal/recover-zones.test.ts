/** Changes of a merchant's zone, told again to a store that was put back to before, or after, any of them. */
import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { memoryObjectStore } from '../../../core/adapters/memory/memory-object-store.ts'
import { merchantId, merchantOf } from '../../../core/ports/control-store.contract.ts'
import { formerZonesMax } from '../../../core/ports/control-store.ts'
import { createMemoryControlStore } from '../../adapters/memory/memory-control-store.ts'
import { journaledStore } from './journaled-store.ts'
import { changeAgain, directoryEntries } from './recover-counts.ts'

const id = merchantId('a')
const zones = ['Asia/Kolkata', 'Europe/Berlin', 'Asia/Kolkata', 'UTC', 'America/New_York']

async function changed(count: number) {
  const [clock, objects, store] = [new ManualClock(1_000), memoryObjectStore(), createMemoryControlStore()]
  const journaled = journaledStore(store, { objects, owner: 'one', clock })
  await journaled.createMerchant(merchantOf('a'), [])
  for (const timeZone of zones.slice(0, count)) {
    clock.advance(10)
    await journaled.updateMerchant(id, { zone: { timeZone, now: clock.now() } })
  }
  return { clock, objects, store, journaled }
}

describe('a store that was put back', () => {
  it.each(zones.map((_, count) => count))(
    'to after %i changes of a zone has all of them again, each once',
    async (count) => {
      const { store, objects } = await changed(zones.length)
      const { store: restored } = await changed(count)
      await changeAgain(restored, await directoryEntries(objects, 0))
      const merchant = await store.merchant(id)
      expect(merchant?.timeZone).toBe('America/New_York')
      expect(await restored.merchant(id)).toEqual(merchant)
    },
  )

  it('is told of no change that was refused', async () => {
    const { clock, objects, journaled } = await changed(0)
    const wanted = Array.from({ length: formerZonesMax }, (_, n) => `Zone/${n}`)
    for (const timeZone of wanted) {
      clock.advance(10)
      await journaled.updateMerchant(id, { zone: { timeZone, now: clock.now() } })
    }
    const before = await directoryEntries(objects, 0)
    const refused = journaled.updateMerchant(id, { zone: { timeZone: 'Zone/more', now: clock.now() + 1 } })
    await expect(refused).rejects.toThrow(RangeError)
    expect(await directoryEntries(objects, 0)).toHaveLength(before.length)
  })
})
