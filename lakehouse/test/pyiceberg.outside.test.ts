/**
 * Our tables read by others, from their files alone: PyIceberg opens all three by their metadata, DuckDB (another version,
 * in Python) the data files. Needs `infra/local/pyiceberg/setup.sh` run once; part of `npm run test:outside`.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import { dayMs, eventTime, utcDay } from '../../core/event-time.ts'
import { hitRow, hourlyRow } from '../../core/ports/lake.contract.ts'
import type { TableName } from '../../core/tables.ts'
import { openInspector } from '../../infra/local/pyiceberg/inspector.ts'
import { tables } from '../../schemas/tables.ts'
import { createLocalLake } from '../adapters/local/local-lake.ts'
import { smallManifestsMax } from '../core/iceberg/append.ts'
import { partitionTime } from '../core/partition.ts'

interface Whole {
  readonly schema: readonly (readonly [number, string, string])[]
  readonly spec: readonly (readonly [number, string, string, number])[]
  readonly sort: readonly number[]
  readonly snapshots: Readonly<Record<string, number>>
  readonly current: string
  readonly summary: Readonly<Record<string, string>>
  readonly files: number
  readonly rowCount: number
  readonly partitions: (readonly string[])[]
  readonly duckdb: number
}

interface Filtered {
  /** Files that are not skipped. */
  readonly planned: number
  readonly rowCount: number
  readonly rows: readonly Readonly<Record<string, unknown>>[]
}

const inspector = openInspector('inspect_table.py')
const noon = eventTime('2026-03-01T12:00:00Z')
/** Enough publications that manifests are merged on the way. */
const publications = smallManifestsMax + 3

let root: string
let instance: DuckDBInstance
const published = new Map<TableName, string[]>()

/** In its newest version. */
const metadataOf = (table: TableName) =>
  join(root, 'store/lake', table, 'metadata', `v${published.get(table)?.length ?? 0}.metadata.json`)
const inspected = new Map<TableName, Promise<Whole>>()
/** Asked once: every snapshot of `hits` is read for it. */
function inspect(table: TableName): Promise<Whole> {
  const found = inspected.get(table) ?? inspector.ask<Whole>(metadataOf(table))
  inspected.set(table, found)
  return found
}
const filter = (table: TableName, by: string) => inspector.ask<Filtered>(metadataOf(table), by)

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'hitlake lake '))
  instance = await DuckDBInstance.create(':memory:')
  const lake = createLocalLake({
    objects: await folderObjectStore(nodeDisk(root), 'store'),
    instance,
    scratch: join(root, 'scratch'),
    random: seededRandom(1),
    clock: new ManualClock(),
    location: `file://${root}/store/lake`,
  })
  const publish = async (table: TableName, id: number, rows: Parameters<typeof lake.stage>[2]) => {
    const { snapshot } = await lake.publish(table, id, [await lake.stage(table, `staged/${table}-${id}`, rows)])
    published.set(table, [...(published.get(table) ?? []), snapshot])
  }
  for (let id = 0; id < publications; id++) {
    await publish('hits', id, [
      hitRow({ merchant: 'alpha', id: `a${id}`, _off: id }),
      hitRow({ merchant: 'omega', id: `o${id}`, _off: id, time: noon + dayMs, revenue_micros: null, items: [] }),
    ])
  }
  await publish('hourly', 1, [
    hourlyRow({ revenue_micros: 10n ** 30n, visitors: [1n, 2n ** 63n - 1n] }),
    hourlyRow({ merchant: 'other', revenue_micros: -5n }),
  ])
  await publish('daily', 1, [{ ...hourlyRow(), bucket_end: noon + dayMs }])
  for (const id of [1, 2, 3]) {
    await publish('sessions', id, [
      { merchant: 'shop', start: noon, hits: id, _gen: 1 },
      { merchant: `other ${id}`, start: noon, hits: 10, _gen: 1 },
    ])
  }
  const rewritten = await lake.rewrite('sessions', { generation: 1, period: utcDay(noon) })
  published.set('sessions', [...(published.get('sessions') ?? []), rewritten?.snapshot ?? ''])
  await publish('failed_hits', 1, [{ merchant: '', received: -1, reason: 'undecodable', _part: 0, _off: 9 }])
}, 120_000)

afterAll(async () => {
  inspector.close()
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
})

describe('PyIceberg', () => {
  it.each(['hits', 'hourly', 'failed_hits', 'daily'] as const)(
    'sees the columns, ids, partitions and order of %s',
    async (table) => {
      const definition = tables[table]
      const found = await inspect(table)
      expect(found.schema.map(([id, name]) => [id, name])).toEqual(definition.columns.map(({ id, name }) => [id, name]))
      const idOf = (name: string) => definition.columns.find((column) => column.name === name)?.id
      const { column, transform } = partitionTime(definition)
      const time = [`${column}_${transform}`, transform, idOf(column)]
      expect(found.spec).toEqual(
        definition.partition.generation
          ? [
              [1000, '_gen', 'identity', idOf('_gen')],
              [1001, ...time],
            ]
          : [[1000, ...time]],
      )
      expect(found.sort).toEqual(definition.sort.map(idOf))
    },
  )

  it('sees nested types and exact ones as they are declared', async () => {
    const types = new Map((await inspect('hits')).schema.map(([, name, type]) => [name, type]))
    expect(types.get('items')).toBe(
      'list<struct<16: id: optional string (as given), 17: name: optional string (as given), 18: quantity: optional double (as given), 19: price_micros: optional long (millionths of revenue_currency)>>',
    )
    expect(types.get('time')).toBe('timestamptz')
    const hourly = new Map((await inspect('hourly')).schema.map(([, name, type]) => [name, type]))
    expect([hourly.get('visitors'), hourly.get('revenue_micros')]).toEqual(['list<long>', 'decimal(38, 0)'])
  })

  it('reads every snapshot by its id, merged manifests and all', async () => {
    const found = await inspect('hits')
    expect(found.snapshots).toEqual(Object.fromEntries((published.get('hits') ?? []).map((id, n) => [id, 2 * (n + 1)])))
    expect(found.current).toBe(published.get('hits')?.at(-1))
    expect(found.summary).toMatchObject({
      'hitlake.publish': String(publications - 1),
      'added-records': '2',
      'total-records': String(2 * publications),
      'total-data-files': String(found.files),
    })
    expect(found.files).toBe(2 * publications)
    expect(found.duckdb).toBe(2 * publications)
    expect(found.partitions.sort()).toEqual([
      ['1', '2026-03-01'],
      ['1', '2026-03-02'],
    ])
  })

  it('skips files by the bounds of a merchant and by the day, and reads the rows right', async () => {
    const found = await filter('hits', "merchant = 'alpha' and time < '2026-03-02T00:00:00+00:00'")
    expect(found.planned).toBe(publications)
    expect(found.rowCount).toBe(publications)
    const row = found.rows.find((one) => one.id === 'a0')
    expect(row).toMatchObject({
      merchant: 'alpha',
      title: 'Tea “über” 茶 😀',
      time: '2026-03-01 12:00:00+00:00',
      revenue_micros: Number(2n ** 53n + 1n),
      bot: false,
      _publish: 0,
      _row: 0,
      _gen: 1,
    })
    const none = await filter('hits', "merchant = 'beta'")
    expect([none.planned, none.rowCount]).toEqual([0, 0])
  })

  it('reads decimals beyond 2^63 exactly', async () => {
    const found = await filter('hourly', "merchant = 'shop'")
    expect(found.rows[0]?.revenue_micros).toBe(String(10n ** 30n))
    expect((await filter('hourly', `revenue_micros >= ${10n ** 30n}`)).rowCount).toBe(1)
    expect((await filter('hourly', 'revenue_micros < 0')).planned).toBe(1)
  })

  it('reads a rewritten partition as it is now, and older snapshots as they were', async () => {
    const found = await inspect('sessions')
    expect(found.current).toBe(published.get('sessions')?.at(-1))
    expect([found.files, found.rowCount, found.duckdb]).toEqual([1, 4, 4])
    const { rows } = await filter('sessions', "merchant = 'shop'")
    expect(rows[0]?.hits).toBe(3)
    expect(Object.values(found.snapshots)).toEqual([2, 4, 6, 4])
    expect(found.summary).toMatchObject({ 'deleted-data-files': '3', 'total-records': '4', 'total-data-files': '1' })
  })
})
