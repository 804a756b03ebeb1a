import { beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { memoryObjectStore } from '../../../core/adapters/memory/memory-object-store.ts'
import type { Offset } from '../../../core/ids.ts'
import { merchantOf } from '../../../core/ports/control-store.contract.ts'
import { epochOf, fileOf } from '../../../core/ports/control-store-epochs.contract.ts'
import { createMemoryControlStore } from '../../adapters/memory/memory-control-store.ts'
import { expireJournal } from './expire-journal.ts'
import { journaledStore } from './journaled-store.ts'
import { journalFolder } from './names.ts'

const dayMs = 86_400_000

describe('the journal', () => {
  let clock: ManualClock
  const objects = memoryObjectStore()
  const real = createMemoryControlStore()
  let from = 0

  /** A process that does one of everything. */
  async function day(): Promise<void> {
    const store = journaledStore(real, { objects, owner: `process-${from}`, clock })
    await store.createMerchant(merchantOf(`m${from}`), [])
    await store.addAccepted('log', from as Offset, (from + 1) as Offset, [])
    const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
    await store.commitEpoch(epochOf(fence, from, from + 1, { staged: [fileOf(`f${from}`)] }))
    const lease = await store.acquireLease('publish/hits', `owner-${from}`, 1, clock.now())
    const { id } = await store.beginPublication('hits', 'publish/hits', lease?.fence ?? 0, [`f${from}`])
    await store.finishPublication('hits', 'publish/hits', lease?.fence ?? 0, id, 's')
    from += 1
    clock.advance(dayMs)
  }

  const kinds = async () => {
    const counts = new Map<string, number>()
    for (const name of await objects.list(journalFolder)) {
      const kind = name.split('/')[1] ?? ''
      counts.set(kind, (counts.get(kind) ?? 0) + 1)
    }
    return Object.fromEntries(counts)
  }

  beforeEach(async () => {
    clock = new ManualClock()
    from = 0
    real.restore(createMemoryControlStore().snapshot())
    for (const name of await objects.list('')) await objects.remove(name)
    for (let days = 0; days < 4; days++) await day()
  })

  it('keeps what is younger than asked for', async () => {
    expect(await expireJournal(objects, { olderThanMs: 10 * dayMs, clock })).toBe(0)
    await expireJournal(objects, { olderThanMs: 2.5 * dayMs, clock })
    expect(await kinds()).toEqual({ accepted: 2, directory: 2, epochs: 2, fences: 4, heads: 2, publications: 4 })
  })

  it('never loses what checks compare with, however old: heads, fences, publications and counts at their highest', async () => {
    await expireJournal(objects, { olderThanMs: 0, clock })
    expect(await kinds()).toEqual({ accepted: 1, fences: 2, heads: 1, publications: 2 })
    const store = journaledStore(real, { objects, owner: 'next', clock })
    await store.acquirePartitions('hits', 'feed-1', 'me', [0])
    expect(await store.acceptedThrough('log')).toBe(4)
    real.restore(createMemoryControlStore().snapshot())
    await expect(store.acquirePartitions('hits', 'feed-1', 'me', [0])).rejects.toThrow('behind')
    await expect(store.acceptedThrough('log')).rejects.toThrow('behind')
  })

  it('goes a bounded number of objects at a time', async () => {
    const options = { olderThanMs: 0, clock, maxRemovals: 3 }
    let removed = 0
    for (let call = 0; call < 100; call++) {
      const some = await expireJournal(objects, options)
      expect(some).toBeLessThanOrEqual(3)
      removed += some
      if (some === 0) break
    }
    expect(removed).toBeGreaterThan(10)
    expect(await kinds()).toEqual({ accepted: 1, fences: 2, heads: 1, publications: 2 })
  })
})
