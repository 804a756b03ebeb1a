import { afterAll, afterEach } from 'vitest'
import { clusterStoreContract } from '../../../core/ports/cluster-store.contract.ts'
import type { ClusterStore } from '../../../core/ports/cluster-store.ts'
import { type ControlStoreUnderTest, controlStoreContract } from '../../../core/ports/control-store.contract.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import { emptiedSchemas } from './test/emptied-schemas.ts'
import type { Schema } from './test/schemas.ts'

const emptied = emptiedSchemas()
const schemas = new Map<ControlStore, Schema>()

afterEach(async () => {
  for (const schema of schemas.values()) await schema.close()
  schemas.clear()
})
afterAll(() => emptied.drop())

async function open(visible: 'committed' | 'published', maxVersions?: number): Promise<ClusterStore> {
  const schema = await emptied.take()
  // Chores after every few rows, so that sums are of folded and unfolded books.
  const options = { visible, chores: { rows: 5 } }
  const store = await schema.open(maxVersions === undefined ? options : { ...options, maxVersionRows: maxVersions })
  schemas.set(store, schema)
  return store
}

function under(visible: 'committed' | 'published'): ControlStoreUnderTest {
  return {
    open: (options) => open(visible, options?.maxVersions),
    async passTime(store, ms) {
      await schemas.get(store)?.query(`UPDATE leases SET expires = expires - $1 * interval '1 millisecond'`, [ms])
    },
  }
}

controlStoreContract('PostgreSQL, visible as committed,', under('committed'))
controlStoreContract('PostgreSQL, visible as published,', under('published'))
clusterStoreContract('PostgreSQL', { open: (options) => open('published', options?.maxVersions) })
