import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { StaleLeaseError, TrinoOutcomeUnknownError } from '../../core/errors.ts'
import { dayMs, eventTime } from '../../core/event-time.ts'
import { hitRow, hourlyRow } from '../../core/ports/lake.contract.ts'
import { testLength } from '../../core/test/length.ts'
import { tableNames, totalSketchSize } from '../../schemas/tables.ts'
import { mergeMaxPartitions } from '../adapters/trino/lake-publication.ts'
import { publicationSource } from '../adapters/trino/lake-turn.ts'
import { publicationsSchemaOf, trinoTable } from '../adapters/trino/tables.ts'
import type { PublicationTurn } from '../core/publication-turn.ts'
import { leftovers, openTrinoLake, type TrinoLakeUnderTest, watchedTrino } from './trino-lake-under-test.ts'

const noon = eventTime('2026-03-01T12:00:00Z')
const races = testLength('CLUSTER_TEST_RACES', { short: 5, full: 1_000 })
// A thousand take more than an hour.
vi.setConfig({ testTimeout: 300_000 + races * 30_000 })

let under: TrinoLakeUnderTest
beforeEach(async () => {
  under = await openTrinoLake()
})
afterEach(() => under.close())

const turnOf = (fence: number, signal = new AbortController().signal): PublicationTurn => ({
  fence,
  signal,
  throwIfOver: () => signal.throwIfAborted(),
})

describe('a publication through Trino', () => {
  it('keeps every type as it was staged: the ends of 64 bits, 38 digits, nested nulls, any text', async () => {
    const lake = under.lake()
    const hits = [
      hitRow({ id: 'full' }),
      hitRow({ id: 'empty', items: [], title: '', props: null, _idx: 1 }),
      hitRow({ id: 'nested', items: [{ id: null, name: null, quantity: null, price_micros: null }], _idx: 2 }),
      hitRow({
        id: 'ends',
        time: -1,
        revenue_micros: -(2n ** 63n),
        visitor_hash: 0,
        title: 'nul\u0000 \u{1F600} ～ \'"',
        _idx: 3,
      }),
      { merchant: 'shop', id: 'absent', time: noon, _gen: 1, _src: 'log', _part: 0, _off: 0, _idx: 4 },
    ]
    const hourly = [
      hourlyRow({ revenue_micros: 10n ** 30n, visitors: [-(2n ** 63n), 0n, 2n ** 63n - 1n] }),
      hourlyRow({ revenue_micros: -(10n ** 37n), visitors: [], _part: 1 }),
      hourlyRow({ revenue_micros: null, visitors: null, _part: 2 }),
    ]
    await lake.publish('hits', 1, [await lake.stage('hits', 'a', hits)])
    await lake.publish('hourly', 1, [await lake.stage('hourly', 'b', hourly)])
    const read = new Map((await under.rows('hits')).map((row) => [row.id, row]))
    expect(read.size).toBe(hits.length)
    for (const row of hits) {
      for (const column of [
        'time',
        'received',
        'title',
        'props',
        'revenue_micros',
        'visitor_hash',
        'bot',
        'user',
      ] as const) {
        const sent = (row as Record<string, unknown>)[column] ?? null
        const safe = typeof sent === 'bigint' && Number.isSafeInteger(Number(sent)) ? Number(sent) : sent
        expect([row.id, column, read.get(row.id)?.[column]]).toEqual([row.id, column, safe])
      }
    }
    expect(read.get('full')?.items).toBe(`[{"id":"x","name":null,"quantity":1.5,"price_micros":${-(2n ** 53n) - 1n}}]`)
    expect(read.get('nested')?.items).toBe('[{"id":null,"name":null,"quantity":null,"price_micros":null}]')
    expect(read.get('empty')?.items).toBe('[]')
    const sums = await under.rows('hourly')
    expect(sums.map((row) => [row.revenue_micros, row.visitors])).toEqual([
      [10n ** 30n, `[${-(2n ** 63n)},0,${2n ** 63n - 1n}]`],
      [-(10n ** 37n), '[]'],
      [null, null],
    ])
  })

  it('lands once, however often it is repeated, by whom, and behind other publications', async () => {
    const lake = under.lake()
    const one = await lake.stage('hits', '1', [hitRow({ id: 'one' })])
    const two = await lake.stage('hits', '2', [hitRow({ id: 'two', _off: 1 })])
    await lake.publish('hits', 7, [one])
    await lake.publish('hits', 7, [one])
    await lake.publish('hits', 8, [two])
    await under.lake().publish('hits', 7, [one])
    expect((await under.rows('hits')).map((row) => [row.id, row._publish, row._row])).toEqual([
      ['one', 7, 0],
      ['two', 8, 0],
    ])
  })

  it('returns the snapshot that readers read: exactly these rows, for ever', async () => {
    const lake = under.lake()
    const a = await lake.publish('hits', 1, [await lake.stage('hits', '1', [hitRow({ id: 'one' })])])
    const b = await lake.publish('hits', 2, [await lake.stage('hits', '2', [hitRow({ id: 'two', _off: 1 })])])
    expect((await under.rows('hits', a.snapshot)).map((row) => row.id)).toEqual(['one'])
    expect((await under.rows('hits', b.snapshot)).map((row) => row.id)).toEqual(['one', 'two'])
    const [newest, before] = await lake.snapshots('hits')
    expect(newest).toMatchObject({
      id: b.snapshot,
      parent: a.snapshot,
      operation: 'overwrite',
      addedRows: 1,
      totalRows: 2,
    })
    expect(before).toMatchObject({ id: a.snapshot, addedRows: 1, totalRows: 1 })
  })

  it('of nothing is the snapshot that is there', async () => {
    const lake = under.lake()
    const { snapshot } = await lake.publish('failed_hits', 1, [])
    expect(await under.rows('failed_hits', snapshot)).toEqual([])
  })

  it('numbers its rows from 0 in the table’s order, over all partitions and files', async () => {
    const lake = under.lake()
    const rows = ['a', 'b', 'B', '～', '😀', ''].flatMap((merchant, n) => [
      hitRow({ merchant, time: noon + dayMs, _off: 10 + n, id: `next ${merchant}` }),
      hitRow({ merchant, _off: n, _idx: 1, id: `tie 1 ${merchant}` }),
      hitRow({ merchant, _off: n, id: `tie 0 ${merchant}` }),
    ])
    const files = [await lake.stage('hits', '1', rows.slice(0, 9)), await lake.stage('hits', '2', rows.slice(9))]
    await lake.publish('hits', 5, files)
    const found = await under.rows('hits')
    expect(found.map((row) => row._row)).toEqual(rows.map((_row, n) => n))
    const sorted = ['', 'B', 'a', 'b', '～', '😀']
    expect(found.map((row) => row.id)).toEqual([
      ...sorted.flatMap((merchant) => [`tie 0 ${merchant}`, `tie 1 ${merchant}`]),
      ...sorted.map((merchant) => `next ${merchant}`),
    ])
  })

  it('folds partial rows of one key: sums exact, sketches united and cut, the range covered', async () => {
    const lake = under.lake()
    const huge = 10n ** 30n + 1n
    const sketch = (from: number) => Array.from({ length: totalSketchSize }, (_, n) => BigInt((n + from) * 2))
    const files = [
      await lake.stage('hourly', '1', [
        hourlyRow({ visitors: sketch(2_000), revenue_micros: huge, _off_from: 4, _off_to: 9 }),
      ]),
      await lake.stage('hourly', '2', [
        hourlyRow({ visitors: sketch(0), revenue_micros: huge, hits: 2n ** 53n, _off_from: 2, _off_to: 3 }),
        hourlyRow({ _part: 1 }),
      ]),
    ]
    await lake.publish('hourly', 1, files)
    const found = await under.rows('hourly')
    expect(found).toMatchObject([
      { hits: 2n ** 53n + 1n, revenue_micros: 2n * huge, _off_from: 2, _off_to: 9, _part: 0, _row: 0 },
      { hits: 1, _part: 1, _row: 1 },
    ])
    expect(found[0]?.visitors).toBe(`[${sketch(0).join(',')}]`)
  })

  it('takes 1,000 hits over 100 days and two generations in one batch', async () => {
    const lake = under.lake()
    const rows = Array.from({ length: 1_000 }, (_, n) =>
      hitRow({ id: String(n), time: noon - (n % 100) * dayMs, _gen: n % 10 === 0 ? 2 : 1, _off: n }),
    )
    const before = (await lake.snapshots('hits')).length
    const { snapshot } = await lake.publish('hits', 1, [await lake.stage('hits', '1', rows)])
    const found = await under.rows('hits', snapshot)
    expect(found.map((row) => row._row)).toEqual(rows.map((_row, n) => n))
    expect(new Set(found.map((row) => row.id)).size).toBe(1_000)
    // 90 days of generation 1 are two statements, 10 of generation 2 a third.
    expect(mergeMaxPartitions).toBe(64)
    expect((await lake.snapshots('hits')).length - before).toBe(3)
  })

  it('goes on after the groups that landed when it is repeated', async () => {
    const rows = Array.from({ length: 130 }, (_, n) => hitRow({ id: String(n), time: noon - n * dayMs, _off: n }))
    let merges = 0
    const dying = under.lake({
      trino: watchedTrino(under.trino, async (sql) => {
        if (sql.startsWith('MERGE') && ++merges === 3) throw new Error('the process died here')
      }),
    })
    const file = await dying.stage('hits', '1', rows)
    await expect(dying.publish('hits', 1, [file])).rejects.toThrow('died here')
    expect(await under.rows('hits')).toHaveLength(2 * mergeMaxPartitions)
    await under.lake().publish('hits', 1, [file], turnOf(2))
    expect((await under.rows('hits')).map((row) => row._row)).toEqual(rows.map((_row, n) => n))
    expect(await leftovers(under)).toEqual([])
  })

  it('leaves nothing of its way behind: no table, no object, no file here', async () => {
    const lake = under.lake()
    const file = await lake.stage('hits', '1', [hitRow(), hitRow({ time: noon + dayMs, _idx: 1 })])
    await lake.publish('hits', 1, [file])
    expect(await leftovers(under)).toEqual([])
    expect(await under.objects.list('')).toEqual(['staged/1'])
    expect(await readdir(join(under.scratch, 'copies'))).toEqual([])
  })

  it('is repeated by its own lake where the answer to a MERGE was lost', async () => {
    let lost = 0
    const lossy = {
      async query(...given: Parameters<typeof under.trino.query>) {
        const rows = await under.trino.query(...given)
        if (given[0].startsWith('MERGE') && lost++ < 2) throw new TrinoOutcomeUnknownError('connection')
        return rows
      },
    }
    const lake = under.lake({ trino: lossy })
    await lake.publish('hits', 1, [await lake.stage('hits', '1', [hitRow()])])
    expect(lost).toBe(3)
    expect(await under.rows('hits')).toHaveLength(1)
  })
})

describe('two publishers of one publication', () => {
  it(`leave each row once, in ${races} races`, async () => {
    let merges = 0
    const trino = watchedTrino(under.trino, async (sql) => {
      if (sql.startsWith('MERGE')) merges++
    })
    const one = under.lake({ trino })
    const two = under.lake({ trino })
    for (let id = 1; id <= races; id++) {
      const rows = Array.from({ length: 50 }, (_, n) =>
        hitRow({ id: `${id}-${n}`, time: noon - (n % 3) * dayMs, _off: id, _idx: n }),
      )
      const file = await one.stage('hits', String(id), rows)
      const outcomes = await Promise.allSettled([one.publish('hits', id, [file]), two.publish('hits', id, [file])])
      // One may give up where the other is always faster; it would be repeated.
      if (outcomes.some(({ status }) => status === 'rejected')) await one.publish('hits', id, [file])
      expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true)
    }
    // They did meet: some statements lost against the other's and were repeated.
    expect(merges).toBeGreaterThan(2 * races)
    const found = await under.rows('hits')
    expect(found).toHaveLength(races * 50)
    expect(new Set(found.map((row) => `${row._publish}/${row._row}`)).size).toBe(races * 50)
    expect(new Set(found.map((row) => row.id)).size).toBe(races * 50)
  })
})

describe('a publisher that takes over', () => {
  const endless =
    'SELECT count(*) FROM UNNEST(sequence(1, 10000)) a(x), UNNEST(sequence(1, 10000)) b(y), UNNEST(sequence(1, 10000)) c(z)'

  it('ends the statements of whoever held the lease before, and of nobody else', async () => {
    const place = { catalog: under.catalog, schema: under.schema }
    const own = new AbortController()
    const running = [
      under.trino.query(endless, { source: publicationSource(place, 'hits', 3) }),
      under.trino.query(endless, { source: publicationSource(place, 'hourly', 3), signal: own.signal }),
      under.trino.query(endless, {
        source: publicationSource({ ...place, schema: 'other' }, 'hits', 3),
        signal: own.signal,
      }),
    ].map((query) =>
      query.then(
        () => 'done',
        (error) => (own.signal.aborted ? 'left' : String(error.errorName)),
      ),
    )
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    const lake = under.lake()
    await lake.publish('hits', 1, [await lake.stage('hits', '1', [hitRow()])], turnOf(4))
    expect(await running[0]).toBe('ADMINISTRATIVELY_KILLED')
    const left = await under.trino.query(
      `SELECT source FROM system.runtime.queries WHERE state = 'RUNNING' AND source LIKE 'hitlake-publish/%/3'`,
    )
    expect(
      left
        .map(([source]) => source)
        .filter((source) => String(source).includes(under.schema) || String(source).includes('.other/')),
    ).toHaveLength(2)
    own.abort()
    expect(await Promise.all(running.slice(1))).toEqual(['left', 'left'])
  })

  it('does nothing where statements of a later lease run', async () => {
    const own = new AbortController()
    const source = publicationSource({ catalog: under.catalog, schema: under.schema }, 'hits', 9)
    const later = under.trino.query(endless, { source, signal: own.signal }).catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    const lake = under.lake()
    const file = await lake.stage('hits', '1', [hitRow()])
    await expect(lake.publish('hits', 1, [file], turnOf(4))).rejects.toThrow(StaleLeaseError)
    own.abort()
    await later
    expect(await under.rows('hits')).toEqual([])
  })

  it('removes what a dead one left: its table, its files', async () => {
    const dead = under.lake({
      trino: watchedTrino(under.trino, async (sql) => {
        if (sql.startsWith('MERGE')) throw new Error('the process died here')
      }),
    })
    const file = await dead.stage('hits', '1', [hitRow()])
    await expect(dead.publish('hits', 1, [file], turnOf(1))).rejects.toThrow('died here')
    expect((await leftovers(under)).length).toBeGreaterThan(3)
    await under.lake().publish('hits', 1, [file], turnOf(2))
    expect(await leftovers(under)).toEqual([])
    expect(await under.rows('hits')).toHaveLength(1)
  })

  it('begins nothing more once its turn is over', async () => {
    const lost = new AbortController()
    let merges = 0
    const lake = under.lake({
      trino: watchedTrino(under.trino, async (sql) => {
        if (!sql.startsWith('MERGE')) return
        merges++
        lost.abort(new StaleLeaseError('publish/hits', 1))
      }),
    })
    const rows = Array.from({ length: 100 }, (_, n) => hitRow({ time: noon - n * dayMs, _off: n }))
    const file = await lake.stage('hits', '1', rows)
    await expect(lake.publish('hits', 1, [file], turnOf(1, lost.signal))).rejects.toThrow(StaleLeaseError)
    expect(merges).toBe(1)
  })
})

describe('the base tables', () => {
  it('are all that people see while a publication is under way', async () => {
    const names = await under.trino.query(`SHOW TABLES FROM ${under.catalog}.${under.schema}`)
    expect(names.flat().sort()).toEqual([...tableNames].sort())
    expect(trinoTable({ catalog: 'lake', schema: publicationsSchemaOf('a') }, 'b')).toBe('"lake"."a_publications"."b"')
  })
})
