/** Eight processes at once on one control store, left alone and with the server killed and stopped under them. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import type { ClusterStore } from '../../../core/ports/cluster-store.ts'
import { startServers } from '../../../infra/local/cluster/servers.mjs'
import { createSchema, type Schema } from './test/schemas.ts'

const racers = 8
const partitions = 5

const inProject = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url))

interface Counts {
  readonly epochs: number
  readonly stale: number
  readonly publications: number
  readonly unavailable: number
  readonly unknown: number
}

/** Starts the racers, does `meanwhile`, ends them, and returns the sums of what they did. */
async function race(schema: Schema, meanwhile: () => Promise<void>): Promise<Counts> {
  const children = Array.from({ length: racers }, (_, i) => {
    const args = ['infra/test/run-typescript.mjs', 'lakehouse/adapters/postgres/test/racer.child.ts'].map(inProject)
    const child = spawn(process.execPath, [...args, schema.url, `racer-${i}`, String(partitions)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout.on('data', (text) => {
      said += text
    })
    const ended = new Promise<string>((resolve, reject) => {
      child.once('close', (code) => (code === 0 ? resolve(said) : reject(new Error(`a racer ended with ${code}`))))
    })
    ended.catch(() => {})
    return { child, ended }
  })
  try {
    await meanwhile()
  } finally {
    for (const { child } of children) child.stdin.end()
  }
  const counts = (await Promise.all(children.map(({ ended }) => ended))).map((text) => JSON.parse(text) as Counts)
  const sum = (of: keyof Counts) => counts.reduce((total, each) => total + each[of], 0)
  return {
    epochs: sum('epochs'),
    stale: sum('stale'),
    publications: sum('publications'),
    unavailable: sum('unavailable'),
    unknown: sum('unknown'),
  }
}

/** Waits until the partitions together have gone so much further: by what was done and not by the time, for machines differ. */
async function untilMovedBy(schema: Schema, records: number): Promise<void> {
  const moved = async () => {
    const [row] = await schema.query<{ moved: number }>('SELECT sum(next)::int AS moved FROM partitions')
    return row?.moved ?? 0
  }
  const goal = (await moved()) + records
  while ((await moved()) < goal) await sleep(100)
}

/** Writes down every file that is committed and every one that is published; a second time fails there and then. */
async function keepRecord(schema: Schema): Promise<void> {
  for (const statement of [
    'CREATE TABLE committed_files (name text PRIMARY KEY)',
    'CREATE TABLE published_files (name text PRIMARY KEY REFERENCES committed_files)',
    `CREATE FUNCTION record_file() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF TG_OP = 'INSERT' THEN INSERT INTO committed_files VALUES (NEW.name);
       ELSE INSERT INTO published_files VALUES (OLD.name); END IF;
       RETURN NULL; END $$`,
    'CREATE TRIGGER record AFTER INSERT OR DELETE ON pending_files FOR EACH ROW EXECUTE FUNCTION record_file()',
  ]) {
    await schema.query(statement)
  }
}

async function publishAll(store: ClusterStore): Promise<void> {
  let lease = await store.acquireLease('publish', 'the last', 10_000, 0)
  while (lease === undefined) {
    await sleep(10)
    lease = await store.acquireLease('publish', 'the last', 10_000, 0)
  }
  for (;;) {
    const names = (await store.unpublished('hits')).map(({ name }) => name)
    const open = await store.openPublication('hits')
    if (open === undefined && names.length === 0) return
    const { id } = open ?? (await store.beginPublication('hits', 'publish', lease.fence, names))
    await store.finishPublication('hits', 'publish', lease.fence, id, `s${id}`)
  }
}

/** Every record moved past has its file and its count, none twice, and every file was published once. */
async function checkAll(schema: Schema, store: ClusterStore): Promise<void> {
  await publishAll(store)
  const { stored, positions } = await store.books({ from: 0, to: 1 })
  const moved = positions.reduce((sum, { next }) => sum + next, 0)
  expect(stored).toBe(moved)
  const [files] = await schema.query<{ committed: number; published: number }>(
    `SELECT (SELECT count(*)::int FROM committed_files) AS committed,
       (SELECT count(*)::int FROM published_files) AS published`,
  )
  expect(files).toEqual({ committed: moved, published: moved })
  for (let racer = 0; racer < racers; racer++) {
    for (const { committed, published } of await store.logProgress(`log-racer-${racer}`))
      expect(published).toBe(committed)
  }
  // Every (merchant, day) has its version, unless they are too many to be listed.
  const { reset, changes } = await store.versionsSince(0)
  expect(reset).toBe(false)
  expect(changes).toHaveLength(3 * partitions)
  const left = await schema.query(
    'SELECT 1 FROM epochs UNION ALL SELECT 1 FROM history UNION ALL SELECT 1 FROM pending_files',
  )
  expect(left).toEqual([])
}

it('keeps positions, files and books of many processes together, each file published once', async () => {
  const schema = await createSchema()
  try {
    const store = await schema.open({ visible: 'published' })
    await keepRecord(schema)
    const counts = await race(schema, () => untilMovedBy(schema, 500))
    expect(counts).toMatchObject({ unknown: 0, unavailable: 0 })
    for (const each of [counts.epochs, counts.stale, counts.publications]) expect(each).toBeGreaterThan(20)
    await checkAll(schema, store)
  } finally {
    await schema.close()
  }
})

it('loses and doubles nothing where the server is killed and stopped under it, and works on without a restart', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hitlake-race-'))
  const servers = await startServers({ folder, only: ['postgres'] })
  try {
    const schema = await createSchema(servers.env.HITLAKE_POSTGRES_URL)
    const store = await schema.open({ visible: 'published' })
    await keepRecord(schema)
    const counts = await race(schema, async () => {
      await untilMovedBy(schema, 50)
      for (let round = 0; round < 3; round++) {
        await (round === 1 ? servers.postgres.stop() : servers.postgres.kill())
        await sleep(300)
        await servers.postgres.start()
        await untilMovedBy(schema, 50)
      }
    })
    expect(counts.unavailable).toBeGreaterThan(racers)
    expect(counts.epochs).toBeGreaterThan(20)
    // Opened before the first kill, and never again.
    await checkAll(schema, store)
    await schema.close()
  } finally {
    await servers.stop()
    await rm(folder, { recursive: true, force: true })
  }
})
