import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, describe, expect, it } from 'vitest'
import { systemRandom, systemTimers } from '../../core/adapters/node/system.ts'
import { s3ObjectStore } from '../../core/adapters/s3/s3-object-store.ts'
import type { ClusterStore } from '../../core/ports/cluster-store.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import { openPostgresControlStore } from '../adapters/postgres/control-store.ts'
import { type CopiedStore, loseAndRecover } from './recover-run.ts'

const { env } = process
const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** A database of its own, copied as a template. */
async function postgresStore(): Promise<CopiedStore> {
  const url = new URL(env.HITLAKE_POSTGRES_URL ?? '')
  const name = `test_recover_${randomUUID().replaceAll('-', '')}`
  const admin = new pg.Client({ connectionString: url.href })
  await admin.connect()
  await admin.query(`CREATE DATABASE ${name}`)
  url.pathname = `/${name}`
  const open = () => openPostgresControlStore({ url: url.href, visible: 'published' })
  let current = await open()
  ends.push(async () => {
    await current.close()
    for (const each of [name, `${name}_copy`]) await admin.query(`DROP DATABASE IF EXISTS ${each} WITH (FORCE)`)
    await admin.end()
  })
  const replace = async (statements: readonly string[]) => {
    await current.close()
    for (const statement of statements) await admin.query(statement)
    current = await open()
  }
  const store = new Proxy({} as ClusterStore, {
    get: (_target, method: keyof ClusterStore) => current[method].bind(current),
  })
  return {
    store,
    copy: () => replace([`CREATE DATABASE ${name}_copy TEMPLATE ${name}`]),
    restore: () => replace([`DROP DATABASE ${name} WITH (FORCE)`, `CREATE DATABASE ${name} TEMPLATE ${name}_copy`]),
  }
}

async function bucket(): Promise<ObjectStore> {
  const [, name = '', below = ''] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(env.HITLAKE_OBJECTS_URI ?? '') ?? []
  const scratch = await mkdtemp(join(tmpdir(), 'hitlake-recover-'))
  const store = await s3ObjectStore({
    endpoint: env.HITLAKE_S3_ENDPOINT ?? '',
    region: env.HITLAKE_S3_REGION ?? '',
    accessKey: env.HITLAKE_S3_ACCESS_KEY ?? '',
    secretKey: env.HITLAKE_S3_SECRET_KEY ?? '',
    bucket: name,
    prefix: `${below}/test-recover-${randomUUID()}`.replace(/^\//, ''),
    scratch,
    timers: systemTimers,
    random: systemRandom,
  })
  ends.push(async () => {
    await Promise.all((await store.list('')).map((each) => store.remove(each)))
    await store.close()
    await rm(scratch, { recursive: true, force: true })
  })
  return store
}

describe('a PostgreSQL control store restored from a copy, with its journal in S3', () => {
  it.each([1, 2, 3, 4])('is what was lost after recovery, seed %d', async (seed) => {
    const found = await loseAndRecover(await postgresStore(), await bucket(), seed)
    expect(found.epochs + found.publications + found.accepted).toBeGreaterThan(0)
  })
})
