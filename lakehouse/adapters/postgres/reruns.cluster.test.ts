/** Reruns on a PostgreSQL that many use at once, over time, and as an older version left it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { StaleRerunError, StaleWritingError } from '../../../core/errors.ts'
import { firstGenerations } from '../../../core/generations.ts'
import type { ClusterStore } from '../../../core/ports/cluster-store.ts'
import { touch, unit } from '../../../core/ports/control-store-derivations.contract.ts'
import { epochOf, fileOf, offset, positionOf } from '../../../core/ports/control-store-epochs.contract.ts'
import type { RerunBarrier } from '../../../core/ports/rerun-store.ts'
import { oneJob, placeOf, setUpReruns } from '../../../core/ports/rerun-under-test.ts'
import { openDatabase } from './database.ts'
import { migrate, migrations } from './migrations.ts'
import { createSchema, type Schema } from './test/schemas.ts'

let schema: Schema

beforeEach(async () => {
  schema = await createSchema()
})
afterEach(() => schema.close())

const workers = 4
const rounds = 12

// Each worker has a partition of its own, and looks at what is to be written only when it is refused.
it('begin to be written by all jobs at one place, and soon, however much is committed, moved and counted at that moment', async () => {
  const stores = await Promise.all(Array.from({ length: workers + 2 }, () => schema.open({ poolSize: 2 })))
  const [driver, splitter, ...others] = stores as [ClusterStore, ClusterStore, ...ClusterStore[]]
  const { create } = await setUpReruns({ open: async () => driver })
  const { fence } = await driver.acquirePartitions('hits', 'feed-1', 'me', [0, 1, 2, 3])
  const made: { readonly partition: number; readonly from: number; readonly revision: number }[] = []
  let refused = 0
  let stopping = false

  async function work(store: ClusterStore, partition: number): Promise<void> {
    let { revision } = await store.writing('hits')
    for (let from = 0; !stopping; ) {
      const moved = { ...positionOf(partition, from + 1), from: offset(from) }
      const writing = { pipeline: 'hits', revision }
      try {
        const staged = [fileOf(`live-${partition}-${from}`)]
        await store.commitEpoch(epochOf(fence, 0, 0, { partitions: [moved], writing, staged }))
        made.push({ partition, from, revision })
        from += 1
      } catch (error) {
        expect(error).toBeInstanceOf(StaleWritingError)
        refused += 1
        revision = (await store.writing('hits')).revision
      }
    }
  }

  async function split(): Promise<void> {
    for (let n = 0; !stopping; n++) {
      for (const { id, state, revision } of await splitter.reruns({ open: true, limit: 5 })) {
        if (state !== 'backfilling' && state !== 'catching_up') continue
        const commit = { rerun: id, split: `${n}`, staged: [fileOf(`split-${id}-${n}`)], days: [touch('a', n % 5)] }
        await splitter.commitSplit(commit).catch((error) => expect(error).toBeInstanceOf(StaleRerunError))
        // Of two that go by one revision one is told so; nobody is in the other's way.
        await splitter.updateRerun(id, { notes: { n } }, { revision, now: n, by: 'splitter' })
      }
    }
  }

  const working = [...others.map((store, partition) => work(store, partition)), split()]
  const begun: { readonly revision: number; readonly barriers: readonly RerunBarrier[] }[] = []
  try {
    for (let round = 0; round < rounds; round++) {
      const { id } = await create({ places: [placeOf('a', round, round)] })
      const again = async (move: (revision: number) => Promise<unknown>) => {
        for (;;) {
          const rerun = await driver.rerun(id)
          if ((await move(rerun?.revision ?? 0)) !== undefined) return
        }
      }
      const at = (revision: number) => ({ revision, now: round, by: 'driver' })
      await again((revision) => driver.updateRerun(id, { state: 'backfilling' }, at(revision)))
      await sleep(30)
      await again((revision) => driver.beginDualWriting(id, oneJob, at(revision)))
      const { revision } = await driver.writing('hits')
      begun.push({ revision, barriers: (await driver.rerun(id))?.barriers ?? [] })
      await again((revision) => driver.updateRerun(id, { state: 'ready' }, at(revision)))
      await again((revision) => driver.promoteRerun(id, at(revision)))
      if (round % 2 === 0) await again((revision) => driver.releaseRerun(id, at(revision)))
      else {
        await again((revision) => driver.rollBackRerun(id, at(revision)))
        await again((revision) => driver.cancelRerun(id, at(revision)))
      }
      await driver.setBasePlan('hits', `plan-${round}`)
      await sleep(30)
    }
  } finally {
    stopping = true
    await Promise.all(working)
  }
  expect(refused).toBeGreaterThan(rounds)
  for (const { revision, barriers } of begun) {
    for (const each of made) {
      const next = barriers.find(({ partition }) => partition === each.partition)?.next ?? 0
      expect(each.from >= next).toBe(each.revision >= revision)
    }
  }
  expect(begun.flatMap(({ barriers }) => barriers).length).toBeGreaterThan(rounds)
}, 60_000)

it('leave what they made among the known days once they have answered, and nothing where they never did', async () => {
  const store = await schema.open({ chores: { rows: 10 } })
  const { of, begin, update, promote, cancel } = await setUpReruns({ open: async () => store })
  const days = (merchant: string) => Array.from({ length: 25 }, (_, day) => touch(merchant, day))
  const answers = await of('backfilling', { places: [placeOf('a', 0, 30)] })
  const never = await of('backfilling', { places: [placeOf('b', 0, 30)] })
  await store.commitSplit({ rerun: answers.id, split: 's', staged: [], days: days('a') })
  await store.commitSplit({ rerun: never.id, split: 's', staged: [], days: days('b') })
  await cancel(never)
  await promote(await update(await begin(answers), { state: 'ready' }))
  const page = { afterVersion: 0, firstDay: 0, lastDay: 100, limit: 100 }
  const known = await store.changedDays(page)
  expect(known).toHaveLength(25)
  const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
  for (let tries = 0; ; tries++) {
    await store.commitEpoch(epochOf(fence, tries, tries + 1, { touched: days('c').slice(0, 12) }))
    const [left] = await schema.query<{ rows: number }>('SELECT count(*)::int AS rows FROM rerun_days')
    if (left?.rows === 0) break
    expect(tries).toBeLessThan(100)
    await sleep(20)
  }
  const after = (await store.changedDays(page)).filter(({ merchant }) => merchant !== 'c')
  expect(after).toEqual(known)
})

it('are unknown to a store that an older version left, and what it had begun to derive is of the first generation', async () => {
  const database = openDatabase({ url: schema.url, poolSize: 1 })
  await migrate(
    database,
    migrations.slice(
      0,
      migrations.findIndex(({ name }) => name === 'reruns'),
    ),
  )
  await database.close()
  const work = { table: 'daily', id: 1, units: [unit('a', 1)], view: { table: 'hourly', snapshot: null, pending: [] } }
  const text = JSON.stringify({ ...work, erased: [], through: 0, rightUntil: 0 })
  await schema.query(`INSERT INTO derivations VALUES ('daily', $1)`, [text])
  const store = await schema.open()
  expect((await store.openDerivation('daily'))?.generations).toEqual(firstGenerations)
  expect(await store.reruns({ limit: 10 })).toEqual([])
  expect(await store.generationsInUse()).toEqual({ inUse: [1], changedAt: null })
  const { of } = await setUpReruns({ open: async () => store })
  expect((await of('promoted')).generation).toBe(2)
})
