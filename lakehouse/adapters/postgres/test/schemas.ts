/** Test support: a schema of its own for each store, in the database that HITLAKE_POSTGRES_URL names. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { ClusterStore } from '../../../../core/ports/cluster-store.ts'
import { openPostgresControlStore, type PostgresControlStoreOptions } from '../control-store.ts'

export type StoreOptions = Omit<PostgresControlStoreOptions, 'url'>

export interface Schema {
  /** Of the database, with the schema in it. */
  readonly url: string
  open(options?: Partial<StoreOptions>): Promise<ClusterStore>
  /** Beside the store. */
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>
  /** Closes the stores and drops the schema. */
  close(): Promise<void>
}

export async function createSchema(server = process.env.HITLAKE_POSTGRES_URL ?? ''): Promise<Schema> {
  const name = `test_${randomBytes(6).toString('hex')}`
  const url = new URL(server)
  url.searchParams.set('options', `-c search_path=${name}`)
  // By which a test finds its own connections among those of others.
  url.searchParams.set('application_name', name)
  const pool = new pg.Pool({ connectionString: url.href, max: 1 })
  pool.on('error', () => {})
  await pool.query(`CREATE SCHEMA ${name}`)
  const stores: ClusterStore[] = []
  return {
    url: url.href,
    async open(options = {}) {
      const store = await openPostgresControlStore({ visible: 'committed', poolSize: 3, ...options, url: url.href })
      stores.push(store)
      return store
    },
    query: async (text, values) => (await pool.query(text, values as unknown[])).rows,
    async close() {
      for (const store of stores) await store.close()
      await pool.query(`SET client_min_messages = warning; DROP SCHEMA ${name} CASCADE`)
      await pool.end()
    },
  }
}
