import { describe, expect, it } from 'vitest'
import type { MerchantId, Offset } from '../../../core/ids.ts'
import { createMemoryControlStore } from '../../adapters/memory/memory-control-store.ts'
import { createEraseNotes, type EraseRoundOptions } from './erase-round.ts'
import { settle } from './erase-settle.ts'

const shop = 'shop' as MerchantId
const jobs = { hits: 'warehouse', hourly: 'rollups' }

async function rig() {
  const store = createMemoryControlStore()
  const facts = { name: 'shop', timeZone: 'UTC', currency: 'EUR', blockedNames: [], retentionDays: null }
  await store.createMerchant({ id: shop, ...facts, visitorSeed: '0'.repeat(16) }, [])
  /** The job has committed the feed's records from `from` up to `next`. */
  async function move(job: string, from: number, next: number, source = 'log'): Promise<void> {
    const { fence } = await store.acquirePartitions(job, source, 'one', [0])
    const position = { partition: 0, checkpoint: null, watermark: null, received: null, forwarded: {} }
    await store.commitEpoch({
      ...{ job, source, plan: 'p', fence, staged: [], books: [], touched: [] },
      partitions: [{ ...position, from: from as Offset, next: next as Offset }],
    })
  }
  const asked = { merchant: shop, subject: { kind: 'visitor', value: 'v1' }, through: 5, by: 'test', now: 5 } as const
  // What else a round has, settling has no use for.
  const options = { store, jobs, notes: createEraseNotes() } as unknown as EraseRoundOptions
  const settled = async () => {
    const open = await store.erasures({ state: 'open', limit: 10 })
    return (await settle(options, open)).settled.length
  }
  return { store, move, settled, erase: () => store.eraseHits(asked) }
}

describe('an erasure with jobs that stand apart', () => {
  it('waits until each of them has come as far as the furthest had when it was fenced', async () => {
    const { move, settled, erase } = await rig()
    await move('warehouse', 0, 3)
    await move('rollups', 0, 5)
    await erase()
    expect(await settled()).toBe(0)
    await move('rollups', 5, 9)
    await move('warehouse', 3, 4)
    expect(await settled()).toBe(0)
    await move('warehouse', 4, 5)
    expect(await settled()).toBe(1)
  })

  it('waits for places of a feed that began anew, not for those of the one before', async () => {
    const { move, settled, erase } = await rig()
    await move('warehouse', 0, 3)
    await move('rollups', 0, 5)
    await erase()
    expect(await settled()).toBe(0)
    await move('warehouse', 0, 1, 'log-2')
    await move('rollups', 0, 1, 'log-2')
    expect(await settled()).toBe(1)
  })
})
