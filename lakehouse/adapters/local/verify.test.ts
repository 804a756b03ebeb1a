import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../../core/adapters/node/node-disk.ts'
import { eventTime, utcDay } from '../../../core/event-time.ts'
import { hitRow } from '../../../core/ports/lake.contract.ts'
import { hitsTable } from '../../../schemas/tables.ts'
import { encodeManifest, encodeManifestList } from '../../core/iceberg/encode-manifest.ts'
import { tableLayout } from '../../core/iceberg/layout.ts'
import type { ManifestEntry, ManifestFile } from '../../core/iceberg/manifest.ts'
import { currentSchema, currentSnapshot, type SnapshotJson, type TableMetadata } from '../../core/iceberg/metadata.ts'
import { int64 } from '../../core/iceberg/single-value.ts'
import { TableReader } from '../../core/iceberg/table-reader.ts'
import { withConnection } from '../duckdb/parquet.ts'
import { fieldIds, quoteText, readParquet } from '../duckdb/parquet-sql.ts'
import { createLocalLake } from './local-lake.ts'
import { createVerify, faultsMax } from './verify.ts'

const noon = eventTime('2026-03-01T12:00:00Z')
const root = await mkdtemp(join(tmpdir(), 'hitlake-verify-'))
const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
afterAll(async () => {
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
})

type ListChange = (manifest: ManifestFile) => ManifestFile
type FileChange = (file: ManifestEntry['file']) => ManifestEntry['file']

let count = 0
/** Three publications of two hits each, one file of one day each. */
async function table() {
  const folder = `lake-${count++}`
  const store = () => folderObjectStore(nodeDisk(root), folder, { leftovers: 'keep' })
  const location = `file://${root}/${folder}/lake`
  const open = async () =>
    createLocalLake({
      objects: await store(),
      instance,
      scratch: join(root, folder, 'scratch'),
      random: seededRandom(count++),
      clock: new ManualClock(),
      location,
    })
  const lake = await open()
  for (let id = 1; id <= 3; id++) {
    const rows = [0, 1].map((n) =>
      hitRow({ id: `${id}-${n}`, _off: 2 * id + n, time: noon + n, user: 'u', bot: n === 1 }),
    )
    await lake.publish('hits', id, [await lake.stage('hits', `staged/${id}`, rows)])
  }
  const layout = tableLayout(hitsTable, location)
  const data = join(root, folder, 'lake/hits/data/_gen=1/time_day=2026-03-01')
  const metadata = join(root, folder, 'lake/hits/metadata')
  const faults = async () => (await (await open()).verify('hits')).map(({ at, says }) => `${at}: ${says}`)
  /** Changes the newest metadata file. */
  async function edit(change: (text: string) => string): Promise<void> {
    const file = join(metadata, 'v3.metadata.json')
    const [before, after] = [await readFile(file, 'utf8')].flatMap((text) => [text, change(text)])
    expect(after).not.toBe(before)
    await writeFile(file, after ?? '')
  }
  async function opened(): Promise<{ reader: TableReader; metadata: TableMetadata; snapshot: SnapshotJson }> {
    const reader = new TableReader({ objects: await store(), definition: hitsTable, layout })
    const loaded = await reader.load()
    const snapshot = loaded && currentSnapshot(loaded.metadata)
    if (loaded === undefined || snapshot === undefined) throw new Error('no table')
    return { reader, metadata: loaded.metadata, snapshot }
  }
  /** Changes what the newest manifest says of its file, and what the list says of the manifest. */
  async function lie(change: FileChange, inList: ListChange = (one) => one): Promise<string> {
    const { reader, metadata, snapshot } = await opened()
    const objects = await store()
    const [newest, ...others] = await reader.manifestList(metadata, snapshot)
    const [spec] = metadata['partition-specs']
    if (newest === undefined || spec === undefined) throw new Error('no manifest')
    const entries = (await reader.manifest(metadata, newest)).map((entry) => ({ ...entry, file: change(entry.file) }))
    const sync = Buffer.alloc(16)
    const bytes = encodeManifest(entries, { schema: currentSchema(metadata), spec, sortOrderId: 1, sync })
    await objects.put(reader.nameOf(metadata, newest.uri), bytes)
    const list = [inList({ ...newest, bytes: bytes.length }), ...others]
    const sequence = BigInt(metadata['last-sequence-number'])
    await objects.put(
      reader.nameOf(metadata, snapshot['manifest-list']),
      encodeManifestList(list, { id: newest.snapshot, parent: null, sequence }, sync),
    )
    return entries[0]?.file.uri.replace(/^.*\//, '') ?? ''
  }
  return { lake, open, store, layout, data, metadata, faults, edit, lie, opened, path: join(root, folder) }
}

const id = (name: string) => hitsTable.columns.find((column) => column.name === name)?.id ?? 0
const having = <T>(map: ReadonlyMap<number, T>, name: string, value: T) => new Map([...map, [id(name), value]])

describe('a table held against its metadata', () => {
  it('has no faults as it was written, rewritten and expired, nor where there is none', async () => {
    const { lake, faults } = await table()
    expect(await faults()).toEqual([])
    await lake.rewrite('hits', { generation: 1, period: utcDay(noon) })
    expect(await faults()).toEqual([])
    const [, ...older] = await lake.snapshots('hits')
    await lake.expire(
      'hits',
      older.map(({ id }) => id),
      'remove',
    )
    expect(await faults()).toEqual([])
    expect(await lake.verify('sessions')).toEqual([])
  })

  it('lacks a data file, or has one of other bytes', async () => {
    const { data, faults } = await table()
    const [one = '', two = ''] = await readdir(data)
    await rm(join(data, one))
    await writeFile(join(data, two), 'short')
    const found = await faults()
    expect(found).toHaveLength(2)
    expect(found.join()).toContain(`${one}: it does not exist`)
    expect(found.join()).toMatch(new RegExp(`${two}: it has 5 bytes, not \\d+`))
  })

  it('lacks a manifest, or a manifest list, also of an older snapshot: each is said once', async () => {
    const { metadata, faults, opened } = await table()
    const { reader, metadata: json, snapshot } = await opened()
    const [newest, , oldest] = await reader.manifestList(json, snapshot)
    const nameOf = (uri = '') => uri.replace(/^.*\//, '')
    for (const uri of [newest?.uri, oldest?.uri]) await rm(join(metadata, nameOf(uri)))
    const lost = [newest?.uri, oldest?.uri].map((uri) => `lake/hits/metadata/${nameOf(uri)}: it does not exist`)
    expect((await faults()).sort()).toEqual(lost.sort())
    const [older] = json.snapshots ?? []
    await rm(join(metadata, nameOf(older?.['manifest-list'])))
    expect(await faults()).toContain(`lake/hits/metadata/${nameOf(older?.['manifest-list'])}: it does not exist`)
  })

  it.each([
    ['total-records', 6],
    ['total-data-files', 3],
    ['total-delete-files', 0],
    ['total-position-deletes', 0],
  ])('says another sum of %s in a summary than its manifests hold', async (key, right) => {
    const { faults, edit, opened } = await table()
    const { snapshot } = await opened()
    await edit((text) => text.replace(new RegExp(`"${key}":"${right}"(?!.*"${key}":"${right}")`), `"${key}":"77"`))
    const at = `summary of snapshot ${snapshot['snapshot-id']}`
    expect(await faults()).toEqual([`${at}: it says ${key} 77, the manifests hold ${right}`])
  })

  it('says another sum of bytes in a summary', async () => {
    const { faults, edit } = await table()
    await edit((text) => text.replace(/"total-files-size":"\d+"/, '"total-files-size":"1"'))
    const [found, ...more] = await faults()
    expect(found).toMatch(/^summary of snapshot \d+: it says total-files-size 1, the manifests hold \d+$/)
    expect(more).toEqual([])
  })

  it('names a snapshot that is not there', async () => {
    const { faults, edit } = await table()
    await edit((text) => text.replace('"refs":{', '"refs":{"old":{"snapshot-id":7,"type":"tag"},'))
    expect(await faults()).toEqual(['ref old: there is no snapshot 7'])
  })

  it('names an older metadata file that is gone', async () => {
    const { faults, metadata } = await table()
    await rm(join(metadata, 'v1.metadata.json'))
    expect(await faults()).toEqual(['lake/hits/metadata/v1.metadata.json: it does not exist'])
  })

  it('names statistics that are not there, of other bytes, or outside', async () => {
    const { faults, edit, metadata, opened } = await table()
    const { snapshot, metadata: json } = await opened()
    await writeFile(join(metadata, 'b.stats'), '12345')
    const files = ['metadata/a.stats', 'metadata/b.stats', '../hourly/c.stats'].map((name) => ({
      'snapshot-id': snapshot['snapshot-id'],
      'statistics-path': `${json.location}/${name}`,
      'file-size-in-bytes': 4,
    }))
    await edit((text) => text.replace('"refs":', `"statistics":${JSON.stringify(files)},"refs":`))
    expect(await faults()).toEqual([
      'lake/hits/metadata/a.stats: it does not exist',
      'lake/hits/metadata/b.stats: it has 5 bytes, not 4',
      expect.stringContaining("it is no name of a file below the table's location"),
    ])
  })

  it('has a hint that names another version than the newest, or none', async () => {
    const { faults, metadata } = await table()
    const hint = join(metadata, 'version-hint.text')
    const at = 'lake/hits/metadata/version-hint.text'
    await writeFile(hint, '2')
    expect(await faults()).toEqual([`${at}: it names version 2, the newest is 3`])
    await writeFile(hint, 'two')
    expect(await faults()).toEqual([`${at}: it names no version`])
    await rm(hint)
    expect(await faults()).toEqual([`${at}: it names no version`])
    await writeFile(hint, '9')
    expect(await faults()).toEqual([`${at}: it names version 9, the newest is 3`])
  })

  it.each<[string, ListChange, RegExp]>([
    ['another length', (one) => ({ ...one, bytes: 9 }), /m-\w+\.avro: it has \d+ bytes, not 9$/],
    [
      'other counts of files',
      (one) => ({ ...one, deleted: { files: 1, rows: 2 } }),
      /m-\w+\.avro: it holds 0 deleted files of 0 rows, and its list says 1 of 2$/,
    ],
    [
      'other bounds of its partitions',
      (one) => ({ ...one, partitions: one.partitions.map((part) => ({ ...part, lower: int(9e6), upper: int(9e6) })) }),
      /\.parquet: partition value 1 lies outside its manifest's bounds$/,
    ],
  ])('has a manifest list that says %s of a manifest', async (_what, inList, expected) => {
    const { faults, lie } = await table()
    await lie((file) => file, inList)
    expect((await faults())[0]).toMatch(expected)
  })

  it.each<[string, FileChange, string]>([
    [
      'fewer values',
      (file) => ({ ...file, valueCounts: having(file.valueCounts, 'time', 1) }),
      'column time has 2 values, its manifest says 1',
    ],
    [
      'other nulls',
      (file) => ({ ...file, nullCounts: having(file.nullCounts, 'user', 2) }),
      'column user has 0 nulls, its manifest says 2',
    ],
    [
      'a lower bound above a text',
      (file) => ({ ...file, lowerBounds: having(file.lowerBounds, 'merchant', Buffer.from('shoq')) }),
      'column merchant has values below the lower bound of its manifest',
    ],
    [
      'an upper bound below a text',
      (file) => ({ ...file, upperBounds: having(file.upperBounds, 'merchant', Buffer.from('sho')) }),
      'column merchant has values above the upper bound of its manifest',
    ],
    [
      'a lower bound above a time, by one millisecond',
      (file) => ({ ...file, lowerBounds: having(file.lowerBounds, 'time', int64(BigInt(noon + 1) * 1_000n)) }),
      'column time has values below the lower bound of its manifest',
    ],
    [
      'a lower bound above a flag',
      (file) => ({ ...file, lowerBounds: having(file.lowerBounds, 'bot', Buffer.from([1])) }),
      'column bot has values below the lower bound of its manifest',
    ],
    [
      'an upper bound below a decimal',
      (file) => ({ ...file, upperBounds: having(file.upperBounds, 'revenue_micros', Buffer.from([0xff])) }),
      'column revenue_micros has values above the upper bound of its manifest',
    ],
    [
      'a bound that is no value of its column',
      (file) => ({ ...file, upperBounds: having(file.upperBounds, 'received', Buffer.from([1, 2, 3])) }),
      'column received has values above the upper bound of its manifest',
    ],
  ])('has a manifest that states %s of a file', async (_what, change, says) => {
    const { faults, lie } = await table()
    const file = await lie(change)
    expect(await faults()).toEqual([`lake/hits/data/_gen=1/time_day=2026-03-01/${file}: ${says}`])
  })

  it('has a manifest that states more rows of a file than it has', async () => {
    const { faults, lie, edit } = await table()
    await lie(
      (file) => ({ ...file, rows: 3 }),
      (one) => ({ ...one, added: { files: 1, rows: 3 } }),
    )
    await edit((text) => text.replace('"total-records":"6"', '"total-records":"7"'))
    const [found, ...more] = await faults()
    expect(found).toContain('it has 2 rows, its manifest says 3')
    expect(more).toEqual([])
  })

  it('has a file whose rows are not in the order that it claims', async () => {
    const { faults, lie, edit, data } = await table()
    const names = await readdir(data)
    const path = join(data, names.sort().at(-1) ?? '')
    const before = (await readFile(path)).length
    await withConnection(instance, (connection) =>
      connection.run(
        `COPY (SELECT * FROM ${readParquet(hitsTable.columns, [path])} ORDER BY "time" DESC) TO ${quoteText(`${path}.new`)} ` +
          `(FORMAT parquet, FIELD_IDS ${fieldIds(hitsTable.columns)})`,
      ),
    )
    await rename(`${path}.new`, path)
    const bytes = (await readFile(path)).length
    await lie((file) => ({ ...file, bytes }))
    await edit((text) =>
      text.replace(
        /("total-files-size":")(\d+)"(?!.*total-files-size)/,
        (_all, key, size) => `${key}${Number(size) - before + bytes}"`,
      ),
    )
    const [found, ...more] = await faults()
    expect(found).toMatch(/\.parquet: 1 rows are not in the order it is said to have$/)
    expect(more).toEqual([])
  })

  it('is read as far as the limit of rows, file by file; of the rest the footers', async () => {
    const { lie, opened, store, layout } = await table()
    await lie((file) => ({ ...file, valueCounts: having(file.valueCounts, 'time', 1) }))
    const { reader } = await opened()
    const verify = async (verifiedRowsMax: number) =>
      createVerify({
        objects: await store(),
        instance,
        table: () => ({ definition: hitsTable, layout, reader }),
        verifiedRowsMax,
      })('hits')
    // The newest file comes first.
    const said = async (rows: number) =>
      (await verify(rows)).map(({ says }) => says).filter((says) => says.includes('values'))
    expect(await said(2)).toHaveLength(1)
    expect(await said(1)).toHaveLength(0)
  })

  it('has links that lead out of it: each is a fault, and what it leads to is not read', async () => {
    const { faults, path, metadata } = await table()
    await mkdir(join(path, 'outside'))
    const file = join(metadata, 'v3.metadata.json')
    await rename(file, join(path, 'outside/v3.metadata.json'))
    await symlink(join(path, 'outside/v3.metadata.json'), file)
    expect(await faults()).toEqual(["lake/hits/metadata/v3.metadata.json: a link leads out of the table's folder"])
  })

  it(`lists ${faultsMax} faults at most, each with what to do about it`, async () => {
    const { edit, open } = await table()
    const refs = Array.from({ length: faultsMax + 5 }, (_, n) => `"r${n}":{"snapshot-id":7,"type":"tag"}`)
    await edit((text) => text.replace('"refs":{', `"refs":{${refs.join(',')},`))
    const found = await (await open()).verify('hits')
    expect(found).toHaveLength(faultsMax)
    for (const { mend } of found) expect(mend.length).toBeGreaterThan(10)
  })
})

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}
