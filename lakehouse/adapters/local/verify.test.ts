import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
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
import { createLocalLake } from './local-lake.ts'

const noon = eventTime('2026-03-01T12:00:00Z')
const root = await mkdtemp(join(tmpdir(), 'hitlake-verify-'))
const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
afterAll(async () => {
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
})

let count = 0
async function table() {
  const folder = `lake-${count++}`
  const open = async () =>
    createLocalLake({
      objects: await folderObjectStore(nodeDisk(root), folder, { leftovers: 'keep' }),
      instance,
      scratch: join(root, folder, 'scratch'),
      random: seededRandom(count++),
      clock: new ManualClock(),
      location: `file://${root}/${folder}/lake`,
    })
  const lake = await open()
  for (let id = 1; id <= 3; id++) {
    await lake.publish('hits', id, [await lake.stage('hits', `staged/${id}`, [hitRow({ id: `${id}`, _off: id })])])
  }
  const data = join(root, folder, 'lake/hits/data/_gen=1/time_day=2026-03-01')
  const metadata = join(root, folder, 'lake/hits/metadata')
  const faults = async () => (await (await open()).verify('hits')).map(({ at, says }) => `${at}: ${says}`)
  /** Changes the newest metadata file. */
  async function edit(change: (text: string) => string): Promise<void> {
    const file = join(metadata, 'v3.metadata.json')
    await writeFile(file, change(await readFile(file, 'utf8')))
  }
  return { lake, data, metadata, faults, edit }
}

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

  it('lacks a manifest, or a manifest list', async () => {
    const { metadata, faults } = await table()
    const names = await readdir(metadata)
    await rm(join(metadata, names.find((name) => name.startsWith('m-')) ?? ''))
    expect((await faults()).join()).toMatch(/m-\w+\.avro: it has no bytes/)
    await rm(join(metadata, names.find((name) => name.startsWith('snap-')) ?? ''))
    expect((await faults()).join()).toMatch(/snapshot \d+: .*does not exist/)
  })

  it('says another sum of rows than its files hold, or names a snapshot that is not there', async () => {
    const { faults, edit } = await table()
    await edit((text) => text.replace('"total-records":"3"', '"total-records":"4"'))
    expect((await faults()).join()).toMatch(/its files hold 3 rows, and its summary says 4/)
    await edit((text) => text.replace('"refs":{', '"refs":{"old":{"snapshot-id":7,"type":"tag"},'))
    expect((await faults()).join()).toContain('ref old: there is no snapshot 7')
  })
})
