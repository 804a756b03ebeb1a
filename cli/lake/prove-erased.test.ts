import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import { systemTimers } from '../../core/adapters/node/system.ts'
import { parseConfig } from '../../core/config/parse-config.ts'
import { eventTime, type ReceivedTime } from '../../core/event-time.ts'
import type { HitBatch } from '../../core/hit.ts'
import type { MerchantId } from '../../core/ids.ts'
import { openSegmentLog } from '../../core/log/segment-log.ts'
import { hitRow, hourlyRow } from '../../core/ports/lake.contract.ts'
import { createHasher } from '../../core/sketch/hasher.ts'
import type { LakeRow, TableName } from '../../core/tables.ts'
import { openDuckDbControlStore } from '../../lakehouse/adapters/duckdb/control-store.ts'
import { createLocalLake } from '../../lakehouse/adapters/local/local-lake.ts'
import type { Proof, Verdict } from '../../lakehouse/core/erasure-proof/report.ts'
import { encodeCheckpoint } from '../../schemas/avro/checkpoint.ts'
import { encodeHitBatch } from '../../schemas/avro/hit-batch.ts'
import { type ProveOptions, proveErasedHere } from './prove-erased.ts'

const root = await mkdtemp(join(tmpdir(), 'hitlake-prove-test-'))
const noon = eventTime('2026-03-01T12:00:00Z')
const through = noon + 60_000
const shop = 'shop' as MerchantId
/** What is looked for: longer than a bound is. */
const visitor = 'visitor-0123456789-abcdef'
const seed = '00ff00ff00ff00ff'

/** A data folder as a server leaves it: tables, a log, a checkpoint, a control store. Copied for each test. */
const template = join(root, 'template')
let copies = 0
const instance = await DuckDBInstance.create(':memory:', { threads: '2' })

interface Folder {
  readonly path: string
  publish(table: TableName, id: number, rows: readonly LakeRow[]): Promise<void>
  stage(table: TableName, name: string, rows: readonly LakeRow[]): Promise<void>
  /** Writes a file below the folder. */
  put(name: string, bytes: string | Uint8Array): Promise<void>
  /** Names below the folder that end so. */
  files(ending: string): Promise<readonly string[]>
  store<T>(work: (instance: DuckDBInstance) => Promise<T>): Promise<T>
  log(batch: Partial<HitBatch>): Promise<void>
}

async function openFolder(path: string): Promise<Folder> {
  await mkdir(path, { recursive: true })
  const objects = await folderObjectStore(nodeDisk(path), '')
  const lake = createLocalLake({
    ...{ objects, instance, random: seededRandom(copies++), clock: new ManualClock(noon) },
    ...{ scratch: join(path, 'scratch'), location: `file://${path}/lake` },
  })
  const files = async (ending: string) =>
    (await readdir(path, { recursive: true })).filter((name) => name.endsWith(ending)).sort()
  return {
    path,
    files,
    async publish(table, id, rows) {
      const file = await lake.stage(table, `${table}-${id}.parquet`, rows)
      await lake.publish(table, id, [file])
      await lake.discard(file.name)
    },
    async stage(table, name, rows) {
      await lake.stage(table, name, rows)
    },
    async put(name, bytes) {
      await mkdir(dirname(join(path, name)), { recursive: true })
      await writeFile(join(path, name), bytes)
    },
    async store(work) {
      const own = await DuckDBInstance.create(join(path, 'control.duckdb'))
      try {
        return await work(own)
      } finally {
        own.closeSync()
      }
    },
    async log(batch) {
      const log = await openSegmentLog({
        ...{ disk: nodeDisk(path), folder: 'log', timers: systemTimers, random: seededRandom(5) },
      })
      await log.append(encodeHitBatch(batchOf(batch)))
      await log.close()
    },
  }
}

function batchOf(change: Partial<HitBatch>): HitBatch {
  return {
    ...{ merchant: shop, zone: 'UTC', currency: 'EUR', received: noon as unknown as ReceivedTime, keyKind: 'server' },
    ...{ addressPrefix: null, requestUserAgent: null, requestLanguage: null, requestClientHints: null },
    hits: [hitOf('somebody')],
    ...change,
  }
}

function hitOf(of: string): HitBatch['hits'][number] {
  return {
    ...{ id: 'i', name: 'page_view', time: noon, visitor: of, session: null, user: null, url: null, referrer: null },
    ...{ title: null, revenue: { micros: 2n ** 60n, currency: 'EUR' }, items: [], props: {}, context: null },
  }
}

const checkpointOf = (saved: string) =>
  encodeCheckpoint({
    plan: 'p',
    job: 'hits',
    source: 's',
    partition: 0,
    next: 5,
    steps: { dedupe: Buffer.from(saved) },
  })

beforeAll(async () => {
  const folder = await openFolder(template)
  await folder.store(async (own) => {
    const store = await openDuckDbControlStore({ instance: own })
    const merchant = { id: shop, name: 'Shop', timeZone: 'UTC', currency: 'EUR', blockedNames: [] }
    await store.createMerchant({ ...merchant, visitorSeed: seed, retentionDays: null }, [])
    await store.close()
  })
  await folder.publish('hits', 1, [hitRow({ visitor: 'a' }), hitRow({ visitor: 'z', _off: 1 })])
  await folder.publish('hits', 2, [hitRow({ visitor: 'b', _off: 2 })])
  await folder.publish('hourly', 1, [hourlyRow()])
  await folder.put('checkpoints/hits/0/0000000000000005-1.avro', checkpointOf('nothing'))
  await folder.put('keys.json', '{}')
  await folder.log({})
})
afterAll(async () => {
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
})

async function copy(): Promise<Folder> {
  const path = join(root, `copy-${copies++}`)
  await cp(template, path, { recursive: true })
  return openFolder(path)
}

const asked: ProveOptions = { merchant: shop, visitor, through: new Date(through).toISOString() }

async function prove(folder: Folder, options: ProveOptions = asked) {
  const lines: string[] = []
  const code = await proveErasedHere(
    {
      config: parseConfig({ HITLAKE_DATA_DIR: folder.path }),
      clock: new ManualClock(through + 1_000),
      terminal: {
        out: (line) => lines.push(line),
        progress: { write: () => undefined, isTerminal: false, width: 100 },
        ...{ isTerminal: false, width: 100 },
      },
    },
    { ...options, json: true },
  )
  const [line = ''] = lines
  return { code, ...(JSON.parse(line) as Proof & { readonly verdict: Verdict; readonly through: string }) }
}

/** The only finds are of this kind of place, and in it here. */
async function expectFound(folder: Folder, kind: string, where: RegExp, options?: ProveOptions) {
  const { code, finds, unread } = await prove(folder, options)
  expect({ code, unread, kinds: [...new Set(finds.map((find) => find.kind))] }).toEqual({
    ...{ code: 1, unread: [], kinds: [kind] },
  })
  expect(finds.map((find) => find.where).join('\n')).toMatch(where)
  for (const { mend } of finds) expect(mend.length).toBeGreaterThan(20)
}

describe('a proof of erasure', () => {
  it('is given where nothing is left, and says in what it looked', async () => {
    const { code, verdict, places, finds, unread } = await prove(await copy())
    expect({ code, verdict, finds, unread }).toEqual({ code: 0, verdict: 'proven', finds: [], unread: [] })
    expect(Object.fromEntries(places.map(({ kind, objects }) => [kind, objects]))).toMatchObject({
      ...{ 'data file': 3, 'table metadata': 3, 'manifest list': 3, 'log segment': 1, checkpoint: 1, 'other file': 1 },
      'control store': expect.any(Number),
    })
    for (const { bytes } of places) expect(bytes).toBeGreaterThan(0)
  })

  it('changes nothing', async () => {
    const folder = await copy()
    const before = await folder.files('')
    await prove(folder)
    expect(await folder.files('')).toEqual(before)
  })

  it('is of those received up to its moment: later ones are no finds, in files, bounds, footers, sketches, log', async () => {
    const folder = await copy()
    const visitorHash = (await createHasher()).visitorHash(seed, visitor)
    await folder.publish('hits', 3, [hitRow({ visitor, visitor_hash: visitorHash, received: through + 1, _off: 3 })])
    await folder.publish('hourly', 2, [hourlyRow({ visitors: [visitorHash], _off_from: 3, _off_to: 3 })])
    await folder.log({ received: (through + 1) as ReceivedTime, hits: [hitOf(visitor)] })
    expect(await prove(folder)).toMatchObject({ code: 0, finds: [] })
    const later = { ...asked, through: new Date(through + 1).toISOString() }
    const { code, finds } = await prove(folder, later)
    expect(code).toBe(1)
    expect(new Set(finds.map(({ kind }) => kind))).toEqual(new Set(['data file', 'manifest', 'log segment']))
  })

  it('is of one merchant: the same visitor of another is no find', async () => {
    const folder = await copy()
    await folder.publish('hits', 3, [hitRow({ merchant: 'other', visitor, _off: 3 })])
    await folder.log({ merchant: 'other' as MerchantId, hits: [hitOf(visitor)] })
    expect(await prove(folder)).toMatchObject({ code: 0, finds: [] })
  })

  it('is not given where a file cannot be read, and the file is named', async () => {
    const folder = await copy()
    const [data = ''] = await folder.files('.parquet')
    await folder.put(data, (await readFile(join(folder.path, data))).subarray(0, 100))
    const { code, verdict, unread } = await prove(folder)
    expect({ code, verdict, objects: unread.map(({ object }) => object) }).toEqual({
      ...{ code: 2, verdict: 'not all read', objects: [data] },
    })
  })

  it.each([
    ['a manifest', 'lake/hits/metadata/m-broken.avro', 'not Avro'],
    ['metadata', 'lake/hits/metadata/v9.metadata.json', '{'],
    ['a segment of the log', `log/${'0'.repeat(18)}99.log`, 'x'.repeat(100)],
    ['a checkpoint', 'checkpoints/hits/0/broken.avro', 'x'],
    ['an entry of the journal', 'journal/epochs/hits/x.json.gz', 'x'],
  ])('is not given where %s is broken', async (_what, name, bytes) => {
    const folder = await copy()
    await folder.put(name, bytes)
    expect(await prove(folder)).toMatchObject({ code: 2, unread: [{ object: name }] })
  })
})

describe('what was to be erased is found', () => {
  it('in a row of a table', async () => {
    const folder = await copy()
    await folder.publish('hits', 3, [hitRow({ visitor, _off: 3 })])
    const { code, finds } = await prove(folder)
    expect(code).toBe(1)
    expect(finds.find(({ kind }) => kind === 'data file')).toMatchObject({
      ...{ where: 'column visitor, 1 rows', mend: expect.stringContaining('the newest snapshot of hits') },
    })
  })

  it('in a file that only an older snapshot names, and in one that nothing names', async () => {
    const folder = await copy()
    await folder.publish('hits', 3, [hitRow({ visitor, _off: 3 })])
    // Metadata goes back to the version before: the file is an orphan of it.
    for (const newest of await folder.files('v3.metadata.json')) await rm(join(folder.path, newest))
    const mends = (await prove(folder)).finds.map(({ mend }) => mend)
    expect(mends).toContainEqual(expect.stringContaining('nothing names it'))
  })

  it.each([
    ['the properties', { props: JSON.stringify({ deep: [{ uid: visitor }] }) }, /column props/],
    ['a nested column', { items: [{ id: visitor, name: null, quantity: 1, price_micros: 1n }] }, /column items/],
    ['an address', { url: `https://shop.example/?uid=${visitor}` }, /column url/],
  ])('in %s of another hit', async (_what, change, where) => {
    const folder = await copy()
    await folder.stage('hits', 'x.parquet', [hitRow(change)])
    await expectFound(folder, 'staged file', where)
  })

  it('by the hash: in its column, and in a sketch', async () => {
    const visitorHash = (await createHasher()).visitorHash(seed, visitor)
    const column = await copy()
    await column.stage('hits', 'x.parquet', [hitRow({ visitor_hash: visitorHash })])
    await expectFound(column, 'staged file', /column visitor_hash/)
    const sketch = await copy()
    await sketch.stage('hourly', 'x.parquet', [hourlyRow({ visitors: [1n, visitorHash] })])
    await expectFound(sketch, 'staged file', /column visitors/)
  })

  it('in the original of a hit that failed', async () => {
    const folder = await copy()
    const row = { merchant: shop, received: noon, original: JSON.stringify({ visitor }), step: 's', reason: 'r' }
    await folder.stage('failed_hits', 'x.parquet', [{ ...row, time: noon, _src: 's', _part: 0, _off: 0, _idx: 0 }])
    await expectFound(folder, 'staged file', /column original/)
  })

  it.each([
    ['exact', 'short-visitor'],
    ['cut', visitor],
  ])('in a bound alone, %s, of a file that is gone', async (_how, value) => {
    const folder = await copy()
    const before = await folder.files('.parquet')
    await folder.publish('hits', 3, [hitRow({ visitor: value, _off: 3 })])
    for (const file of await folder.files('.parquet')) if (!before.includes(file)) await rm(join(folder.path, file))
    await expectFound(folder, 'manifest', /bounds of column 6/, { ...asked, visitor: value })
  })

  it('not in a cut bound that others share who begin alike', async () => {
    const folder = await copy()
    await folder.publish('hits', 3, [hitRow({ visitor: 'visitor-0123456789-another', _off: 3 })])
    expect(await prove(folder)).toMatchObject({ code: 0, finds: [] })
  })

  it('in bytes of a Parquet file that no row accounts for', async () => {
    const folder = await copy()
    const connection = await instance.connect()
    await mkdir(join(folder.path, 'staged'), { recursive: true })
    const path = join(folder.path, 'staged', 'x.parquet')
    await connection.run(`COPY (SELECT 1 AS a) TO '${path}' (FORMAT parquet, KV_METADATA {note: '${visitor}'})`)
    connection.closeSync()
    await expectFound(folder, 'staged file', /byte \d+, in no row/)
  })

  it('in old metadata', async () => {
    const folder = await copy()
    const name = 'lake/hits/metadata/v1.metadata.json'
    const metadata = JSON.parse(await readFile(join(folder.path, name), 'utf8'))
    await folder.put(name, JSON.stringify({ ...metadata, properties: { note: visitor } }))
    await expectFound(folder, 'table metadata', /text/)
  })

  it('in a checkpoint, in state, in a record of the log', async () => {
    const checkpoint = await copy()
    await checkpoint.put('checkpoints/hits/0/0000000000000007-1.avro', checkpointOf(`.${visitor}.`))
    await expectFound(checkpoint, 'checkpoint', /byte/)
    const state = await copy()
    await state.put('state/hits/0/dedupe/000000000000-aa', `\0\0${visitor}`)
    await expectFound(state, 'dedupe state', /byte 2/)
    const log = await copy()
    await log.log({ hits: [hitOf('another'), hitOf(visitor)] })
    await expectFound(log, 'log segment', /record 1/)
  })

  it('in the journal and in the control store, where only the erasure itself may name it', async () => {
    const folder = await copy()
    const entry = (call: string) => gzipSync(JSON.stringify({ version: 1, kind: 'directory', call, args: [visitor] }))
    await folder.put('journal/directory/-/2026-03-01/a.json.gz', entry('eraseHits'))
    await folder.store(async (own) => {
      const store = await openDuckDbControlStore({ instance: own })
      const subject = { kind: 'visitor', value: visitor } as const
      await store.eraseHits({ merchant: shop, subject, through: noon, by: 'test', now: noon })
      await store.close()
    })
    const proven = await prove(folder)
    expect(proven).toMatchObject({ code: 0, finds: [] })
    expect(proven.allowed.map(({ kind }) => kind)).toEqual(['journal entry', 'control store'])
    await folder.put('journal/directory/-/2026-03-01/b.json.gz', entry('addKey'))
    await expectFound(folder, 'journal entry', /addKey/)
    const other = await copy()
    await other.store(async (own) => {
      const connection = await own.connect()
      await connection.run(`UPDATE merchants SET name = 'x ${visitor} y'`)
      connection.closeSync()
    })
    await expectFound(other, 'control store', /merchants\.name/)
  })

  it.each(['scratch/leftover.csv', '.put/7', 'lake/hits/notes.txt', 'somebody-put-this-here'])(
    'in %s',
    async (name) => {
      const folder = await copy()
      await folder.put(name, `${'x'.repeat(5 * 1_048_576)}${visitor}`)
      await expectFound(folder, name.startsWith('lake/') ? 'other file of the lake' : 'other file', /byte 5242880/)
    },
  )

  it('of a value too short to be looked for in bytes: as a whole value, and as a string in JSON', async () => {
    const folder = await copy()
    await folder.stage('hits', 'x.parquet', [hitRow({ visitor: 'v7', _off: 3 })])
    await expectFound(folder, 'staged file', /column visitor/, { ...asked, visitor: 'v7' })
    const json = await copy()
    await json.stage('hits', 'x.parquet', [hitRow({ props: '{"uid":"v7"}' }), hitRow({ title: 'level7', _off: 1 })])
    await expectFound(json, 'staged file', /column props, 1 rows/, { ...asked, visitor: 'v7' })
  })
})

describe('whose erasure it is', () => {
  it('can be a user', async () => {
    const folder = await copy()
    await folder.stage('hits', 'x.parquet', [hitRow({ user: 'ada-lovelace' })])
    const { visitor: _, ...rest } = asked
    await expectFound(folder, 'staged file', /column user/, { ...rest, user: 'ada-lovelace' })
    expect(await prove(folder, { ...rest, user: 'alan-turing' })).toMatchObject({ code: 0 })
  })

  it('can be a whole merchant: all its rows, whoever they are of', async () => {
    const folder = await copy()
    const whole = { merchant: shop, all: true, through: new Date(through).toISOString() } as const
    const { code, finds } = await prove(folder, whole)
    expect(code).toBe(1)
    expect(new Set(finds.map(({ kind }) => kind))).toEqual(new Set(['data file', 'log segment']))
    expect(await prove(folder, { ...whole, merchant: 'nobody' })).toMatchObject({ code: 0 })
    const before = await folder.files('.parquet')
    await folder.publish('hits', 3, [hitRow({ merchant: 'gone', _off: 3 })])
    for (const file of await folder.files('.parquet')) if (!before.includes(file)) await rm(join(folder.path, file))
    await expectFound(folder, 'manifest', /bounds of column 1/, { ...whole, merchant: 'gone' })
  })

  it('is told by the number of an erasure, with its moment; by its subject too; else it is now', async () => {
    const folder = await copy()
    await folder.store(async (own) => {
      const store = await openDuckDbControlStore({ instance: own })
      const subject = { kind: 'visitor', value: visitor } as const
      await store.eraseHits({ merchant: shop, subject, through: noon + 7, by: 'test', now: noon + 7 })
      await store.close()
    })
    const of = new Date(noon + 7).toISOString()
    expect(await prove(folder, { erasure: 1 })).toMatchObject({ code: 0, through: of })
    expect(await prove(folder, { merchant: shop, visitor })).toMatchObject({ through: of })
    expect(await prove(folder, { merchant: shop, user: visitor })).toMatchObject({
      through: new Date(through + 1_000).toISOString(),
    })
    await expect(prove(folder, { erasure: 2 })).rejects.toThrow('there is no erasure 2')
    await expect(prove(folder, { visitor })).rejects.toThrow('--merchant')
    await expect(prove(folder, { merchant: shop })).rejects.toThrow('name one of')
    await expect(prove(folder, { ...asked, through: 'yesterday' })).rejects.toThrow('--through')
  })
})
