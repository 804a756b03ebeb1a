import { describe, expect, it } from 'vitest'
import { clusterStoreContract } from '../../../core/ports/cluster-store.contract.ts'
import { controlStoreContract } from '../../../core/ports/control-store.contract.ts'
import { epochOf, fileOf } from '../../../core/ports/control-store-epochs.contract.ts'
import { createMemoryControlStore } from './memory-control-store.ts'

controlStoreContract('the memory store', {
  open: async (options) => createMemoryControlStore(options),
})

controlStoreContract('the memory store, visible as published,', {
  open: async (options) => createMemoryControlStore({ ...options, visible: 'published' }),
})
clusterStoreContract('the memory store', {
  open: async (options) => createMemoryControlStore({ ...options, visible: 'published' }),
})

describe('a moment of the memory store', () => {
  it('is put back whole, and is not changed by what came after it', async () => {
    const store = createMemoryControlStore()
    const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
    await store.commitEpoch(epochOf(fence, 0, 1, { staged: [fileOf('a')] }))
    const moment = store.snapshot()
    for (let round = 0; round < 2; round++) {
      await store.commitEpoch(epochOf(fence, 1, 2, { staged: [fileOf('b')] }))
      expect(await store.unpublished('hits')).toHaveLength(2)
      store.restore(moment)
      expect(await store.unpublished('hits')).toEqual([fileOf('a')])
      expect((await store.versionsSince(0)).positions[0]?.next).toBe(1)
    }
  })
})
