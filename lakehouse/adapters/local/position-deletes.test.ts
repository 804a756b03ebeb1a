/** Rows that another engine deleted are nobody's: neither scans, nor questions, derivations or rewrites have them. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../../core/adapters/node/node-disk.ts'
import { dayMs, eventTime, hourMs, minuteMs, utcDay } from '../../../core/event-time.ts'
import { firstGenerations } from '../../../core/generations.ts'
import type { MerchantId } from '../../../core/ids.ts'
import { hitRow, rowsOf, snapshotView } from '../../../core/ports/lake.contract.ts'
import { lakeDeriveContract } from '../../../core/ports/lake-derive.contract.ts'
import { queryEngineContract } from '../../../core/ports/query-engine.contract.ts'
import type { Question } from '../../../core/ports/query-engine.ts'
import { rawQuestion } from '../../../core/ports/query-engine-under-test.ts'
import type { LakeRow, TableName } from '../../../core/tables.ts'
import { testLength } from '../../../core/test/length.ts'
import { visitsRule } from '../../../core/visits.ts'
import { hitsTable } from '../../../schemas/tables.ts'
import { tableLayout } from '../../core/iceberg/layout.ts'
import { currentSnapshot, type SnapshotJson } from '../../core/iceberg/metadata.ts'
import { planScan, wholeTable } from '../../core/iceberg/read-scan.ts'
import { deleteFiles } from '../../core/iceberg/replace.ts'
import { TableReader } from '../../core/iceberg/table-reader.ts'
import { doubling, foreignEngine } from '../../test/foreign-deletes.ts'
import { createDuckDbQueryEngine } from '../duckdb/query-engine.ts'
import { createLocalLake, type LocalLakeOptions } from './local-lake.ts'

const root = await mkdtemp(join(tmpdir(), 'hitlake-deletes-'))
const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
const clock = new ManualClock()
afterAll(async () => {
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
})

const noon = eventTime('2026-03-01T12:00:00Z')
const shop = 'shop' as MerchantId
const partition = { generation: 1, period: utcDay(noon) }
let lakes = 0

async function open(change: Partial<LocalLakeOptions> = {}) {
  const folder = `lake-${lakes++}`
  const objects = await folderObjectStore(nodeDisk(root), folder, { leftovers: 'keep' })
  const scratch = join(root, folder, 'scratch')
  const location = `file://${root}/${folder}/lake`
  const lake = createLocalLake({
    objects,
    instance,
    scratch,
    random: seededRandom(lakes),
    clock,
    location,
    ...change,
  })
  const foreign = foreignEngine({ objects, instance, scratch, location })
  const layout = tableLayout(hitsTable, location)
  const newReader = () => new TableReader({ objects, definition: hitsTable, layout })
  let publication = 0
  return {
    lake,
    foreign,
    /** A writer of `hits`. */
    commit: () => ({ objects, definition: hitsTable, layout, reader: newReader(), random: seededRandom(55), clock }),
    engine: createDuckDbQueryEngine({ instance, files: lake, timers: clock }),
    async publish(rows: readonly LakeRow[]): Promise<string> {
      const id = ++publication
      return (await lake.publish('hits', id, [await lake.stage('hits', `staged/${id}`, rows)])).snapshot
    },
    /** The newest snapshot of `hits`, and what it names. */
    async newest() {
      const reader = newReader()
      const loaded = await reader.load()
      const snapshot = loaded && currentSnapshot(loaded.metadata)
      if (loaded === undefined || snapshot === undefined) throw new Error('no snapshot')
      const files = await planScan(reader, loaded.metadata, snapshot, { pruner: wholeTable })
      const manifests = await reader.manifestList(loaded.metadata, snapshot)
      return { id: String(snapshot['snapshot-id']), snapshot, files, manifests }
    },
  }
}

const ids = (rows: readonly LakeRow[]) => rows.map((row) => String(row.id)).sort()
const idsIn = (gone: readonly string[]) => `"id" IN (${gone.map((id) => `'${id}'`).join(', ')})`
const totals = ({ summary = {} }: SnapshotJson) =>
  Object.fromEntries(
    ['total-data-files', 'total-records', 'total-delete-files', 'total-position-deletes'].map((key) => [
      key.slice('total-'.length),
      Number(summary[key]),
    ]),
  )

describe('a rewrite of a partition with position deletes', () => {
  it('keeps what is not deleted, and drops delete files that speak of nothing more; counts are right', async () => {
    const { lake, foreign, publish, newest } = await open()
    await publish(['a', 'b', 'c'].map((id, _off) => hitRow({ id, _off })))
    await publish([hitRow({ id: 'd', _off: 3 }), hitRow({ id: 'e', _off: 4, time: noon + dayMs })])
    await foreign.deleteWhere('hits', idsIn(['a', 'd']), 'partition')
    await foreign.deleteWhere('hits', idsIn(['c', 'e']), 'file')
    expect(totals((await newest()).snapshot)).toEqual({
      'data-files': 3,
      records: 5,
      'delete-files': 3,
      'position-deletes': 4,
    })
    expect((await lake.partitions('hits')).map(({ files }) => files)).toEqual([4, 2])

    const done = await lake.rewrite('hits', partition)
    const after = await newest()
    expect(done?.snapshot).toBe(after.id)
    expect(ids(await rowsOf(lake, snapshotView('hits', after.id)))).toEqual(['b'])
    expect(after.files.map(({ file, deletes }) => [file.rows, deletes.length])).toEqual([
      [1, 0],
      [1, 1],
    ])
    expect(totals(after.snapshot)).toEqual({ 'data-files': 2, records: 2, 'delete-files': 1, 'position-deletes': 1 })
    expect(after.snapshot.summary).toMatchObject({
      operation: 'replace',
      'added-records': '1',
      'deleted-records': '4',
      'removed-delete-files': '2',
      'removed-position-deletes': '3',
    })
    for (const { content, existing, added, deleted } of after.manifests.filter((one) => one.content === 1)) {
      expect({ content, live: existing.files + added.files, gone: deleted.files }).toEqual(
        existing.files + added.files === 0
          ? { content: 1, live: 0, gone: deleted.files }
          : { content: 1, live: 1, gone: deleted.files },
      )
    }
    await lake.rewrite('hits', { ...partition, period: partition.period + 1 })
    expect(totals((await newest()).snapshot)).toEqual({
      'data-files': 1,
      records: 1,
      'delete-files': 0,
      'position-deletes': 0,
    })
    expect(await lake.verify('hits')).toEqual([])
  })

  it('leaves the snapshots there were as they are read', async () => {
    const { lake, foreign, publish } = await open()
    const whole = await publish(['a', 'b'].map((id, _off) => hitRow({ id, _off })))
    const cut = await foreign.deleteWhere('hits', idsIn(['a']), 'file')
    await lake.rewrite('hits', partition)
    expect(ids(await rowsOf(lake, snapshotView('hits', whole)))).toEqual(['a', 'b'])
    expect(ids(await rowsOf(lake, snapshotView('hits', cut)))).toEqual(['b'])
  })

  it('of which no row is left leaves no file', async () => {
    const { lake, foreign, publish, newest } = await open()
    await publish([hitRow()])
    await foreign.deleteWhere('hits', 'true', 'file')
    await lake.rewrite('hits', partition)
    const { files, snapshot } = await newest()
    expect(files).toEqual([])
    expect(totals(snapshot)).toEqual({ 'data-files': 0, records: 0, 'delete-files': 0, 'position-deletes': 0 })
    expect(await lake.rewrite('hits', partition)).toBeNull()
  })

  it('keeps a file whose rows are all that is left, and drops the deletes that named none of them', async () => {
    const { lake, foreign, publish, newest } = await open()
    for (const n of [0, 2]) await publish([0, 1].map((m) => hitRow({ id: `k${n + m}`, _off: n + m })))
    await lake.rewrite('hits', partition)
    const [kept] = (await newest()).files
    await publish([hitRow({ id: 'x', _off: 9 })])
    await foreign.deleteWhere('hits', idsIn(['x']), 'partition')
    // Bounds of its paths as wide as another engine may leave them: it may speak of the kept file too.
    await foreign.deleteWhere('hits', `${idsIn(['x'])} OR "id" = 'k0' AND false`, 'partition')
    await lake.rewrite('hits', partition)
    const after = await newest()
    expect(after.files.map(({ file }) => file.uri)).toEqual([kept?.file.uri])
    expect(totals(after.snapshot)).toMatchObject({ records: 4, 'delete-files': 0 })
  })

  it('of one file alone leaves the delete files that speak of another one too, until that goes as well', async () => {
    const { lake, foreign, publish, newest, commit } = await open()
    await publish(['a', 'b'].map((id, _off) => hitRow({ id, _off })))
    await publish(['c', 'd'].map((id, n) => hitRow({ id, _off: 2 + n })))
    await foreign.deleteWhere('hits', idsIn(['a', 'd']), 'partition')
    const { files } = await newest()
    const writer = commit()
    const [older, newer] = ['p00000000001', 'p00000000002'].map((name) =>
      files.filter(({ file }) => file.uri.includes(name)),
    )
    for (const [gone, left, deletes] of [
      [older, ['c'], 1],
      [newer, [], 0],
    ] as const) {
      await deleteFiles(writer, { removed: (gone ?? []).map(({ file }) => file), named: {} })
      const { id, snapshot } = await newest()
      expect(ids(await rowsOf(lake, snapshotView('hits', id)))).toEqual(left)
      expect(totals(snapshot)).toMatchObject({ 'delete-files': deletes, 'position-deletes': 2 * deletes })
    }
  })

  it('finds rows deleted while it was at work, and leaves all as it is', async () => {
    const { lake, foreign, publish, newest } = await open()
    await publish([0, 1].map((_off) => hitRow({ id: `a${_off}`, _off })))
    await publish([hitRow({ id: 'b', _off: 5 })])
    let late: Promise<string> | undefined
    // Asked for when the rewrite puts its file: after it read, before it commits.
    const slow = await openBeside(lake, () => {
      late ??= foreign.deleteWhere('hits', idsIn(['a0']), 'file')
      return late
    })
    await expect(slow.rewrite('hits', partition)).rejects.toMatchObject({ code: 'LAKE_COMMIT_CONFLICT' })
    const { id } = await newest()
    expect(ids(await rowsOf(lake, snapshotView('hits', id)))).toEqual(['a1', 'b'])
    await lake.rewrite('hits', partition)
    expect(ids(await rowsOf(lake, snapshotView('hits', (await newest()).id)))).toEqual(['a1', 'b'])
  })

  /** Another lake over the same store, whose first new data file waits for `before`. */
  async function openBeside(_lake: unknown, before: () => Promise<unknown>) {
    const folder = `lake-${lakes - 1}`
    const objects = await folderObjectStore(nodeDisk(root), folder, { leftovers: 'keep' })
    return createLocalLake({
      objects: {
        put: async (name, body) => {
          if (name.includes('/r-')) await before()
          return objects.put(name, body)
        },
        putIfAbsent: (name, body) => objects.putIfAbsent(name, body),
        get: (name) => objects.get(name),
        getRange: (name, at, length) => objects.getRange(name, at, length),
        remove: (name) => objects.remove(name),
        list: (prefix) => objects.list(prefix),
        size: (name) => objects.size(name),
        localPath: (name) => objects.localPath(name),
        forgetLocal: (name) => objects.forgetLocal(name),
      },
      instance,
      scratch: join(root, folder, 'scratch-2'),
      random: seededRandom(77),
      clock,
      location: `file://${root}/${folder}/lake`,
    })
  }
})

describe('erased rows that another engine has deleted already', () => {
  it('are taken out of their files all the same', async () => {
    const { lake, foreign, publish, newest } = await open()
    await publish(['x', 'y'].map((visitor, _off) => hitRow({ id: visitor, visitor, _off })))
    await foreign.deleteWhere('hits', idsIn(['x']), 'file')
    const erased = [{ merchant: shop, subject: { kind: 'visitor', value: 'x' }, through: noon + dayMs }] as const
    expect(await lake.partitionsWith('hits', erased)).toEqual([partition])
    expect(await lake.removeRows('hits', partition, erased)).toMatchObject({ removed: 1 })
    expect(await lake.partitionsWith('hits', erased)).toEqual([])
    const { id, files } = await newest()
    expect(files.map(({ file, deletes }) => [file.rows, deletes.length])).toEqual([[1, 0]])
    expect(ids(await rowsOf(lake, snapshotView('hits', id)))).toEqual(['y'])
  })
})

type Step =
  | { readonly do: 'publish'; readonly rows: readonly { readonly visitor: string; readonly at: number }[] }
  | { readonly do: 'delete'; readonly every: number; readonly scope: 'file' | 'partition' }
  | { readonly do: 'rewrite'; readonly day: number }

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constant('publish' as const),
      rows: fc.array(
        fc.record({ visitor: fc.constantFrom('v', 'w', 'ü'), at: fc.integer({ min: 0, max: 2 * 24 * 60 - 1 }) }),
        { minLength: 1, maxLength: 30 },
      ),
    }),
    fc.record({
      do: fc.constant('delete' as const),
      every: fc.integer({ min: 1, max: 5 }),
      scope: fc.constantFrom('file' as const, 'partition' as const),
    }),
    fc.record({ do: fc.constant('rewrite' as const), day: fc.integer({ min: 0, max: 1 }) }),
  ),
  { minLength: 2, maxLength: 9 },
)

describe('whatever is published, deleted and rewritten, in any order', () => {
  it('scan, question and derivation have the rows less the deleted ones', async () => {
    const midnight = noon - 12 * hourMs
    await fc.assert(
      // In slices of few rows a rewrite sorts range by range.
      fc.asyncProperty(steps, fc.constantFrom(7, 100_000), async (drawn, sliceMaxRows) => {
        const { lake, foreign, engine, publish, newest } = await open({ sliceMaxRows })
        const rows = new Map<string, LakeRow>()
        let count = 0
        let derivation = 0
        for (const step of [...drawn, { do: 'rewrite', day: 0 } as const]) {
          if (step.do === 'publish') {
            const more = step.rows.map(({ visitor, at }) => {
              const _off = count++
              const time = midnight + at * minuteMs + (_off % 7)
              return hitRow({ id: `h${_off}`, _off, visitor, time, received: time })
            })
            await publish(more)
            for (const row of more) rows.set(String(row.id), row)
          } else if (count > 0 && step.do === 'delete') {
            const gone = [...rows.keys()].filter((_id, at) => at % step.every === 0)
            if (gone.length > 0) await foreign.deleteWhere('hits', idsIn(gone), step.scope)
            for (const id of gone) rows.delete(id)
          } else if (count > 0 && step.do === 'rewrite') {
            await lake.rewrite('hits', { ...partition, period: partition.period + step.day })
          }
          if (count === 0) continue
          const { id } = await newest()
          const view = snapshotView('hits', id)
          expect(ids(await rowsOf(lake, view))).toEqual([...rows.keys()].sort())

          const days = [0, 1].map((bucket) => ({
            start: midnight + bucket * dayMs,
            end: midnight + (bucket + 1) * dayMs,
            bucket,
            stored: null,
          }))
          const groups = await engine.hits(rawQuestion(view, days, { merchant: shop }), {})
          const perDay = days.map(
            ({ start, end }) =>
              [...rows.values()].filter(({ time }) => Number(time) >= start && Number(time) < end).length,
          )
          const asked = days.map(({ bucket }) => Number(groups.find((group) => group.bucket === bucket)?.hits ?? 0n))
          expect(asked).toEqual(perDay)

          const units = days.map(({ start, end }) => ({ merchant: shop, start, end }))
          const derived = await lake.derive({
            table: 'sessions',
            id: ++derivation,
            generations: firstGenerations,
            view,
            units,
            rule: visitsRule,
            erased: [],
          })
          const found = derived.snapshot === null ? [] : await rowsOf(lake, snapshotView('sessions', derived.snapshot))
          const hits = found.filter(({ _publish }) => _publish === derivation).map((row) => Number(row.hits))
          expect(hits.reduce((sum, n) => sum + n, 0)).toBe(rows.size)
        }
        expect(await lake.verify('hits')).toEqual([])
      }),
      { numRuns: testLength('DELETES_TEST_RUNS', { short: 8, full: 50 }) },
    )
  })
})

// Every row twice in its file, the second one deleted: to a reader the same table.
queryEngineContract('DuckDB, over files of which half is deleted,', {
  pendingFiles: 'read',
  recounts: 3,
  open: async () => {
    const { lake, engine, foreign } = await open()
    // What is read counts, deleted rows too; the suite publishes two files of three, which are twice as long then.
    const twice = <T extends Question>(question: T): T =>
      question.from === 'rollup' ? question : { ...question, rawRowBudget: Math.ceil((question.rawRowBudget * 5) / 3) }
    return {
      lake: doubling(lake, foreign),
      engine: {
        ...engine,
        hits: (question, options) => engine.hits(twice(question), options),
        visits: (question, options) => engine.visits(twice(question), options),
      },
    }
  },
})

lakeDeriveContract('in a folder, of files of which half is deleted', {
  pendingFiles: 'read',
  runs: 3,
  async open({ maxValues }) {
    const { lake, foreign } = await open({ foldMaxValues: maxValues })
    return {
      lake: doubling(lake, foreign),
      rows: (table: TableName, snapshot: string) => rowsOf(lake, snapshotView(table, snapshot)),
    }
  },
})
