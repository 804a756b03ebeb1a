/**
 * Hits go through the pipeline into Iceberg tables in a folder, visitors, users and whole merchants are erased meanwhile, and
 * rounds of maintenance run: what is left is what a Hitlake has that never had the erased hits, books balance, and the proof
 * finds nothing in any file of the lake.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import { systemTimers } from '../../core/adapters/node/system.ts'
import { dayMs, type EventTime, hourMs, minuteMs, type ReceivedTime } from '../../core/event-time.ts'
import type { Hit } from '../../core/hit.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { Erasure, ErasureSubject } from '../../core/ports/erasure-store.ts'
import { rowsOf } from '../../core/ports/lake.contract.ts'
import type { DerivedTable } from '../../core/ports/maintenance-store.ts'
import { createHasher } from '../../core/sketch/hasher.ts'
import type { LakeRow, TableName } from '../../core/tables.ts'
import { testLength } from '../../core/test/length.ts'
import { batch, booksOf, createWorld, drain, hit, push } from '../../pipelines/test/support/world.ts'
import { hourlyTable } from '../../schemas/tables.ts'
import { createErasedParquet } from '../adapters/duckdb/erased-parquet.ts'
import { createLocalLake } from '../adapters/local/local-lake.ts'
import { searchedFolder } from '../adapters/local/searched-files.ts'
import { proveErased } from '../core/erasure-proof/prove.ts'
import { foldRows } from '../core/fold.ts'
import { createMaintenance } from '../core/maintenance/rounds.ts'
import { createPublisher } from '../core/publisher.ts'

const root = await mkdtemp(join(tmpdir(), 'hitlake-erased-'))
const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
const hasher = await createHasher()
afterAll(async () => {
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
})

const merchants = ['first-shop', 'second-shop'] as MerchantId[]
const visitors = ['visitor-number-one', "visitor-o'two"]
const users = ['user-ada', 'user-bob']
const tables = ['hits', 'failed_hits', 'hourly'] as const

let count = 0
async function createSystem() {
  const { lake: _none, ...memory } = await createWorld({ merchants })
  const { clock, store, random } = memory
  const folder = `system-${count++}`
  const lake = createLocalLake({
    ...{ instance, random, clock },
    objects: await folderObjectStore(nodeDisk(root), folder, { leftovers: 'keep' }),
    scratch: join(root, folder, 'scratch'),
    location: `file://${root}/${folder}/lake`,
  })
  const world = { ...memory, lake: lake as never } as Awaited<ReturnType<typeof createWorld>>
  const common = { store, lake, clock, timers: clock, owner: 'one' }
  const publisher = createPublisher({ ...common, tables, discardGraceMs: 1 })
  const failures: unknown[] = []
  const begin = () => createMaintenance({ ...common, reads: 'pending', onError: (error) => failures.push(error) })
  let rounds = begin()
  let sent = 0

  return {
    store,
    clock,
    failures,
    sent: () => sent,
    async send(merchant: MerchantId, hits: readonly Hit[]) {
      const zone = merchant === merchants[0] ? 'Asia/Kolkata' : 'UTC'
      push(world, [batch(hits, { merchant, zone, received: clock.now() as ReceivedTime })])
      sent += hits.length
      await drain(world)
    },
    async erase(merchant: MerchantId, subject: ErasureSubject, days: readonly number[]): Promise<Erasure> {
      const now = clock.now()
      const erasure = await store.eraseHits({ merchant, subject, through: now, by: 'test', now })
      if (erasure === null) throw new Error('there are too many')
      await store.touchDays(merchant, days)
      return erasure
    },
    publish: () => publisher.publishNow(),
    /** As after a crash: nothing that a process knew is known any more. */
    restart() {
      rounds = begin()
    },
    async round() {
      clock.advance(10 * minuteMs)
      await publisher.publishNow()
      await rounds.runNow()
      // Files that were published are discarded behind.
      await new Promise((resolve) => setTimeout(resolve, 1))
    },
    visible: async (table: TableName) => rowsOf(lake, await store.tableView(table)),
    /** The rows that hold of units that are right. */
    async derived(table: DerivedTable) {
      const rows = await rowsOf(lake, await store.tableView(table))
      const found: LakeRow[] = []
      for (const merchant of merchants) {
        const reach = table === 'sessions' ? { daysBefore: 2, daysAfter: 1 } : { daysBefore: 0, daysAfter: 0 }
        const to = clock.now() + dayMs
        for (const range of await store.derivedRanges({ table, merchant, from: 0, to, reach })) {
          const time = table === 'sessions' ? 'start' : 'bucket'
          const isIn = (row: LakeRow) => Number(row[time]) >= range.start && Number(row[time]) < range.end
          found.push(...rows.filter((row) => row.merchant === merchant && row._publish === range.publish && isIn(row)))
        }
      }
      return found
    },
    books: () => booksOf(world),
    async finds(erasure: Erasure) {
      const { subject } = erasure
      const visitorHash = subject.kind === 'visitor' ? hasher.visitorHash('00000000000000aa', subject.value) : null
      const proof = await proveErased({
        files: searchedFolder(nodeDisk(join(root, folder))),
        parquet: createErasedParquet({ instance, timers: systemTimers }),
        records: { search: async () => ({ name: 'none', tables: 0, bytes: 0, finds: [] }) },
        isControlStore: () => false,
        question: { ...erasure, visitorHash },
      })
      return [...proof.finds, ...proof.unread].map((find) => JSON.stringify(find))
    },
  }
}

interface Sent {
  readonly merchant: MerchantId
  readonly hit: Hit
}

const aHit = fc
  .record({
    merchant: fc.constantFrom(...merchants),
    visitor: fc.constantFrom(...visitors),
    user: fc.constantFrom(null, ...users),
    halvesAgo: fc.integer({ min: 0, max: 5 * 48 }),
    name: fc.constantFrom('page_view', 'purchase', 'secret'),
    repeated: fc.boolean(),
  })
  .map((each) => ({ do: 'send', ...each }) as const)
const aStep = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.array(aHit, { minLength: 1, maxLength: 5 }).map((hits) => ({ do: 'send', hits }) as const),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'round' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'publish' } as const) },
  {
    weight: 2,
    arbitrary: fc
      .record({
        merchant: fc.constantFrom(...merchants),
        subject: fc.constantFrom<ErasureSubject>(
          ...visitors.map((value) => ({ kind: 'visitor', value }) as const),
          { kind: 'user', value: users[0] as string },
          { kind: 'merchant' },
        ),
      })
      .map((each) => ({ do: 'erase', ...each }) as const),
  },
)

/** What a row of hours or days says, wherever its hits stood in the feed. */
function numbers(rows: readonly LakeRow[]) {
  const placeless = rows.map((row) => ({
    ...row,
    _src: 'log',
    _part: 0,
    _off_from: 0,
    _off_to: 0,
    _publish: 0,
    _row: 0,
  }))
  return foldRows(hourlyTable, placeless).map(printed).sort()
}

const visits = (rows: readonly LakeRow[]) =>
  rows.map((row) => printed({ ...row, _src: 'log', _off: 0, _idx: 0, _publish: 0, _row: 0 })).sort()

function printed(row: LakeRow): string {
  const entries = Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify(entries, (_, value) => (typeof value === 'bigint' ? Number(value) : value))
}

describe('erased hits', () => {
  it('are gone, and all else is as if they had never been sent', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(aStep, { minLength: 4, maxLength: 16 }), async (steps) => {
        const system = await createSystem()
        const first = system.clock.now()
        const sent: (Sent & { readonly at: number })[] = []
        let ids = 0
        for (const step of steps) {
          system.clock.advance(minuteMs)
          const at = system.clock.now()
          if (step.do === 'send') {
            for (const { merchant, visitor, user, halvesAgo, name, repeated } of step.hits) {
              const time = (at - (halvesAgo * hourMs) / 2) as EventTime
              const one = hit({ id: `id-${ids++}`, time, visitor, user, name, url: 'https://shop.example/a' })
              await system.send(merchant, repeated ? [one, one] : [one])
              sent.push({ merchant, hit: one, at })
            }
          } else if (step.do === 'round') await system.round()
          else if (step.do === 'restart') system.restart()
          else if (step.do === 'publish') await system.publish()
          else {
            const days = sent.map(({ hit }) => Math.floor(hit.time / dayMs))
            await system.erase(step.merchant, step.subject, [...new Set(days)])
          }
        }
        // Hits of today go when it is over, and those of before an hour later at most.
        system.clock.advance(2 * dayMs)
        for (let round = 0; round < 20; round++) {
          await system.round()
          if ((await system.store.erasures({ state: 'open', limit: 1 })).length === 0) break
        }
        const erasures = await system.store.erasures({ limit: 100 })
        expect(erasures.filter(({ state }) => state !== 'removed')).toEqual([])
        for (let round = 0; round < 3; round++) await system.round()
        for (const erasure of erasures) expect(await system.finds(erasure)).toEqual([])

        const isErased = ({ merchant, hit, at }: Sent & { readonly at: number }) =>
          erasures.some(
            ({ merchant: of, subject, through }) =>
              of === merchant && at <= through && (subject.kind === 'merchant' || hit[subject.kind] === subject.value),
          )
        const left = await createSystem()
        for (const each of sent.filter((one) => !isErased(one))) {
          left.clock.advance(Math.max(0, each.at - left.clock.now()))
          await left.send(each.merchant, [each.hit])
        }
        left.clock.advance(system.clock.now() - left.clock.now() - 30 * minuteMs)
        for (let round = 0; round < 3; round++) await left.round()
        expect(first).toBeLessThan(left.clock.now())
        const idsOf = async (of: typeof left, table: TableName) => (await of.visible(table)).map(({ id }) => id).sort()
        for (const table of ['hits', 'failed_hits'] as const) {
          expect(await idsOf(system, table)).toEqual(await idsOf(left, table))
        }
        expect(numbers(await system.visible('hourly'))).toEqual(numbers(await left.visible('hourly')))
        expect(visits(await system.derived('sessions'))).toEqual(visits(await left.derived('sessions')))
        expect(numbers(await system.derived('daily'))).toEqual(numbers(await left.derived('daily')))
        const { stored, duplicates, failed, dropped } = await system.books()
        const all = Object.values(dropped).reduce((sum, each) => sum + each, 0)
        expect(stored + duplicates + failed + all).toBe(system.sent())
        expect([...system.failures, ...left.failures]).toEqual([])
      }),
      { numRuns: testLength('ERASURE_TEST_RUNS', { short: 2, full: 20 }) },
    )
  }, 300_000)
})
