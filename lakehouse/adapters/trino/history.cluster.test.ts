import { afterAll, describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { systemClock, systemTimers } from '../../../core/adapters/node/system.ts'
import { RollbackRefusedError } from '../../../core/errors.ts'
import { eventTime, utcDay } from '../../../core/event-time.ts'
import type { MerchantId } from '../../../core/ids.ts'
import { epochOf } from '../../../core/ports/control-store-epochs.contract.ts'
import { hitRow } from '../../../core/ports/lake.contract.ts'
import { lakeHistoryContract } from '../../core/lake-history.contract.ts'
import { rollbackRound, settleRollback } from '../../core/maintenance/rollback-round.ts'
import { leaseName } from '../../core/maintenance/turns.ts'
import { openTrinoLake, type TrinoLakeUnderTest } from '../../test/trino-lake-under-test.ts'
import { createMemoryControlStore } from '../memory/memory-control-store.ts'
import { trinoTable } from './tables.ts'

const opened: TrinoLakeUnderTest[] = []
afterAll(async () => {
  for (const under of opened) await under.close()
})
async function open(): Promise<TrinoLakeUnderTest> {
  const under = await openTrinoLake(['hits'])
  opened.push(under)
  return under
}

lakeHistoryContract('in Trino', {
  async open() {
    const under = await open()
    return { lake: under.lake(), rows: (snapshot) => under.rows('hits', snapshot) }
  },
})

const noon = eventTime('2026-03-01T12:00:00Z')
const lease = leaseName('hits')

/** A control store and a publisher's work over Trino, hit by hit. */
async function rig() {
  const under = await open()
  const store = createMemoryControlStore()
  const lake = under.lake()
  const clock = new ManualClock(noon)
  const options = {
    ...{ store, lake, clock: systemClock, timers: systemTimers },
    owner: 'one',
    leaseTtlMs: 60_000,
    stop: new AbortController().signal,
  }
  const job = await store.acquirePartitions('hits', 'feed-1', 'one', [0])
  let next = 0
  async function publish(merchant: string): Promise<string> {
    const row = hitRow({ _off: next, id: String(next), time: noon, merchant })
    const staged = await lake.stage('hits', `staged/${next}`, [row])
    const day = { merchant: merchant as MerchantId, day: utcDay(noon) }
    await store.commitEpoch({ ...epochOf(job.fence, next, ++next, { staged: [staged] }), touched: [day] })
    const held = await store.acquireLease(lease, 'one', 60_000, clock.now())
    const { id, files } = await store.beginPublication('hits', lease, held?.fence ?? 0, [staged.name])
    const { snapshot } = await lake.publish('hits', id, files)
    await store.finishPublication('hits', lease, held?.fence ?? 0, id, snapshot)
    await store.releaseLease(lease, held?.fence ?? 0)
    return snapshot
  }
  const table = trinoTable(under, 'hits')
  const merchants = async () =>
    (await under.trino.query(`SELECT merchant FROM ${table} ORDER BY 1`)).map(([merchant]) => merchant)
  const user = (sql: string) => under.trino.query(sql, { effect: 'writes' })
  return { under, store, lake, options, publish, table, merchants, user }
}

describe('rollback in Trino', () => {
  it("undoes a user's DELETE and INSERT, and readers of them ask those days anew", async () => {
    const { store, lake, options, publish, table, merchants, user } = await rig()
    await publish('lamps')
    const good = await publish('shop')
    await user(`DELETE FROM ${table} WHERE merchant = 'shop'`)
    await user(`INSERT INTO ${table} SELECT * FROM ${table}`)
    expect(await merchants()).toEqual(['lamps', 'lamps'])
    // A round makes readers read it.
    const held = await store.acquireLease(lease, 'one', 60_000, noon)
    const [bad] = await lake.snapshots('hits')
    const rewrite = { snapshot: bad?.id ?? '', replaces: good, touched: [] }
    await store.finishRewrite('hits', lease, held?.fence ?? 0, rewrite)
    await store.releaseLease(lease, held?.fence ?? 0)
    const before = (await store.versionsSince(0)).commit

    const would = await rollbackRound(options, 'hits', good, 'dry run')
    expect(would).toMatchObject({ to: good, days: 2 })
    expect(await merchants()).toEqual(['lamps', 'lamps'])
    expect(await rollbackRound(options, 'hits', good, 'roll back')).toEqual(would)
    expect(await merchants()).toEqual(['lamps', 'shop'])
    expect((await store.tableView('hits')).snapshot).toBe(good)
    const raised = (await store.versionsSince(before)).changes.map(({ merchant }) => merchant)
    expect([...new Set(raised)].sort()).toEqual(['lamps', 'shop'])
    // The next publication follows what is there now.
    await publish('more')
    expect(await merchants()).toEqual(['lamps', 'more', 'shop'])
  })

  it('is refused where a publication came after, also one whose rows a user has deleted since', async () => {
    const { lake, options, publish, table, merchants, user } = await rig()
    const first = await publish('lamps')
    const second = await publish('shop')
    await user(`DELETE FROM ${table} WHERE merchant = 'shop'`)
    const refused = rollbackRound(options, 'hits', first, 'roll back')
    await expect(refused).rejects.toThrow(RollbackRefusedError)
    await expect(refused).rejects.toThrow('the hits of publication 2')
    expect(await merchants()).toEqual(['lamps'])
    expect(await rollbackRound(options, 'hits', second, 'roll back')).toMatchObject({ days: 0 })
    expect(await merchants()).toEqual(['lamps', 'shop'])
    expect((await lake.snapshots('hits'))[0]?.id).toBe(second)
  })

  it('made by others is told to readers, unless it took a publication out of the table', async () => {
    const { store, options, publish, table, user, merchants } = await rig()
    const first = await publish('lamps')
    const second = await publish('shop')
    await user(`ALTER TABLE ${table} EXECUTE rollback_to_snapshot(${first})`)
    expect(await merchants()).toEqual(['lamps'])
    await expect(settleRollback(options, 'hits')).rejects.toThrow('publication 2')
    expect((await store.tableView('hits')).snapshot).toBe(second)
  })
})
