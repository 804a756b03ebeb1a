import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import { parseConfig } from '../../core/config/parse-config.ts'
import { eventTime, utcDay } from '../../core/event-time.ts'
import { hitRow, hourlyRow, rowsOf } from '../../core/ports/lake.contract.ts'
import { createLocalLake } from '../../lakehouse/adapters/local/local-lake.ts'
import { relocateLake } from './relocate-command.ts'

const root = await mkdtemp(join(tmpdir(), 'hitlake-relocate-'))
const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
afterAll(async () => {
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
})

const noon = eventTime('2026-03-01T12:00:00Z')
let count = 0
let folder: string
beforeEach(async () => {
  folder = join(root, `data ${count++}`)
  await mkdir(folder)
})
const uriOf = (path: string) => pathToFileURL(join(path, 'lake')).href

async function openLake(path: string) {
  const objects = await folderObjectStore(nodeDisk(path), '')
  const lake = createLocalLake({
    objects,
    instance,
    scratch: join(root, 'scratch'),
    random: seededRandom(count++),
    clock: new ManualClock(noon),
    location: uriOf(path),
  })
  const ids = async (snapshot: string) =>
    (await rowsOf(lake, { table: 'hits', snapshot, pending: [] })).map(({ id }) => id).sort()
  const locations = async () => {
    const found: string[] = []
    for (const name of await objects.list('lake/')) {
      if (!name.endsWith('version-hint.text')) continue
      const version = (await objects.get(name))?.toString() ?? ''
      const metadata = await objects.get(name.replace('version-hint.text', `v${version}.metadata.json`))
      found.push(JSON.parse(metadata?.toString() ?? '').location)
    }
    return found
  }
  return { lake, objects, ids, locations }
}

/** Two publications of `hits`, one of them rewritten, and one of `hourly`. Its snapshots of `hits`. */
async function filled() {
  const { lake } = await openLake(folder)
  for (const id of [1, 2]) {
    const rows = [hitRow({ id: String(id), _off: id, time: noon })]
    await lake.publish('hits', id, [await lake.stage('hits', `staged/${id}`, rows)])
  }
  await lake.rewrite('hits', { generation: 1, period: utcDay(noon) })
  await lake.publish('hourly', 1, [await lake.stage('hourly', 'staged/h', [hourlyRow({ bucket: noon })])])
  return (await lake.snapshots('hits')).map(({ id }) => id)
}

function run(
  path: string,
  to: string | undefined,
  mode: 'relocate' | 'dry run' = 'relocate',
  form: 'text' | 'json' = 'text',
) {
  const lines: string[] = []
  const terminal = {
    out: (line: string) => void lines.push(line),
    progress: { write: () => undefined, isTerminal: false, width: 100 },
    isTerminal: false,
    width: 100,
  }
  const io = { terminal, clock: new ManualClock(noon), random: seededRandom(count++) }
  return relocateLake(parseConfig({ HITLAKE_DATA_DIR: path }), { to, mode, form }, io).then(() => lines)
}

describe('hitlake lake relocate', () => {
  it('before a move names the new place everywhere; the old one serves until then, the new one afterwards', async () => {
    const snapshots = await filled()
    const moved = `${folder} moved`
    const would = await run(folder, uriOf(moved), 'dry run')
    expect(would).toHaveLength(2)
    expect(would[0]).toBe(`hits would be at ${uriOf(moved)}/hits, before at ${uriOf(folder)}/hits; 3 snapshots`)
    expect(await (await openLake(folder)).locations()).toEqual([`${uriOf(folder)}/hits`, `${uriOf(folder)}/hourly`])

    const said = await run(folder, `${uriOf(moved)}/`)
    expect(said.at(-1)).toBe(
      `now move ${folder} so that its tables are in ${moved}/lake, and set HITLAKE_DATA_DIR=${moved}`,
    )
    const old = await openLake(folder)
    expect(await old.ids(snapshots[0] ?? '')).toEqual(['1', '2'])

    await rename(folder, moved)
    const { lake, ids, locations } = await openLake(moved)
    expect(await locations()).toEqual([`${uriOf(moved)}/hits`, `${uriOf(moved)}/hourly`])
    expect((await lake.snapshots('hits')).map(({ id }) => id)).toEqual(snapshots)
    expect(await Promise.all(snapshots.map(ids))).toEqual([['1', '2'], ['1', '2'], ['1']])
    expect(await lake.verify('hits')).toEqual([])
    await lake.publish('hits', 3, [await lake.stage('hits', 'staged/3', [hitRow({ id: '3', _off: 3, time: noon })])])
    expect(await lake.verify('hits')).toEqual([])
  })

  it('after a move needs no address, and again does nothing', async () => {
    await filled()
    const moved = `${folder} moved`
    await rename(folder, moved)
    expect((await run(moved, undefined)).at(-1)).toBe('the files are there already; start the server')
    expect(await (await openLake(moved)).locations()).toEqual([`${uriOf(moved)}/hits`, `${uriOf(moved)}/hourly`])
    expect(await run(moved, undefined)).toEqual([`all tables are at ${uriOf(moved)} already`])
    expect(await run(moved, undefined, 'relocate', 'json')).toEqual(['{"relocated":[]}'])
  })

  it('goes on where it was cut off: tables that are moved stay', async () => {
    await filled()
    const { objects } = await openLake(folder)
    const manifests = (await objects.list('lake/hourly/metadata/m-')).concat(
      await objects.list('lake/hourly/metadata/snap-'),
    )
    const [name = ''] = manifests
    const bytes = (await objects.get(name)) ?? Buffer.alloc(0)
    await objects.put(name, Buffer.from('damaged'))
    await expect(run(folder, 's3://bucket/lake')).rejects.toMatchObject({ code: 'LAKE_TABLE_CORRUPT' })
    const { locations } = await openLake(folder)
    expect(await locations()).toEqual(['s3://bucket/lake/hits', `${uriOf(folder)}/hourly`])
    await objects.put(name, bytes)
    const said = await run(folder, 's3://bucket/lake', 'relocate', 'json')
    expect(JSON.parse(said[0] ?? '').relocated.map(({ table }: { table: string }) => table)).toEqual(['hourly'])
    expect(await (await openLake(folder)).locations()).toEqual(['s3://bucket/lake/hits', 's3://bucket/lake/hourly'])
  })

  it('is refused in a cluster, and for what is no URI', async () => {
    await filled()
    await expect(run(folder, '/var/lake')).rejects.toThrow('is no URI')
    const cluster = parseConfig({
      HITLAKE_MODE: 'cluster',
      HITLAKE_KAFKA_BROKERS: 'k:1',
      HITLAKE_POSTGRES_URL: 'postgres://a/b',
      HITLAKE_OBJECTS_URI: 's3://bucket/x',
      HITLAKE_TRINO_URL: 'http://t:1',
    })
    const io = { terminal: undefined as never, clock: new ManualClock(), random: seededRandom(1) }
    await expect(relocateLake(cluster, { to: undefined, mode: 'dry run', form: 'text' }, io)).rejects.toThrow('catalog')
  })
})
