/**
 * What a commit costs: epochs of the usual size and of 10,000 touched merchants, beside a bare durable update of one row
 * in the same kind of file, and in a new process's worth of state each time.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MerchantId, Offset } from '../core/ids.ts'
import type { EpochCommit } from '../core/ports/control-store.ts'
import { openDuckDbControlStore } from '../lakehouse/adapters/duckdb/control-store.ts'
import { openDatabase } from '../lakehouse/adapters/duckdb/database.ts'
import type { Bench } from './runner.ts'

const mebibyte = 1024 * 1024

async function inNewDatabase<T>(work: (instance: Awaited<ReturnType<typeof openDatabase>>) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'hitlake-bench-control-'))
  const instance = await openDatabase({
    file: join(folder, 'control.db'),
    memoryLimitBytes: 160 * mebibyte,
    threads: 2,
    scratch: join(folder, 'spill'),
  })
  try {
    return await work(instance)
  } finally {
    instance.closeSync()
    rmSync(folder, { recursive: true, force: true })
  }
}

const bareUpdate = (times: number) => () =>
  inNewDatabase(async (instance) => {
    const connection = await instance.connect()
    await connection.run('CREATE TABLE one (n BIGINT)')
    await connection.run('INSERT INTO one VALUES (0)')
    const began = performance.now()
    for (let i = 0; i < times; i++) await connection.run('UPDATE one SET n = n + 1')
    const perSecond = times / ((performance.now() - began) / 1000)
    connection.closeSync()
    return perSecond
  })

function epoch(fence: number, from: number, touched: number): EpochCommit {
  const merchants = Array.from({ length: touched }, (_, i) => `shop-${i}` as MerchantId)
  const position = { checkpoint: `checkpoints/${from}`, watermark: from, received: from, forwarded: {} }
  const file = { rows: 40_000, bytes: 1_000_000, firstDay: 20_000, lastDay: 20_000 }
  return {
    job: 'hits',
    source: 'feed',
    plan: 'plan',
    fence,
    partitions: [{ partition: 0, from: from as Offset, next: (from + 1) as Offset, ...position }],
    staged: (['hits', 'hourly'] as const).map((table) => ({ name: `staged/${table}-${from}`, table, ...file })),
    touched: merchants.map((merchant) => ({ merchant, day: 20_000 })),
    books: merchants.map((merchant) => ({
      merchant,
      hour: 480_000 * 3_600_000,
      accepted: 0,
      stored: 4,
      duplicates: 0,
      failed: 0,
      dropped: {},
    })),
  }
}

const commits = (times: number, touched: number) => () =>
  inNewDatabase(async (instance) => {
    const store = await openDuckDbControlStore({ instance })
    const { fence } = await store.acquirePartitions('hits', 'feed', 'bench', [0])
    const epochs = Array.from({ length: times }, (_, from) => epoch(fence, from, touched))
    const began = performance.now()
    for (const each of epochs) await store.commitEpoch(each)
    const perSecond = times / ((performance.now() - began) / 1000)
    await store.close()
    return perSecond
  })

export const benches: readonly Bench[] = [
  {
    name: 'control: commit an epoch of 20 merchants',
    unit: 'commits/s',
    control: { name: 'bare durable update of one row', run: bareUpdate(200) },
    candidate: { name: 'commitEpoch', run: commits(200, 20) },
  },
  {
    name: 'control: commit an epoch of 10,000 merchants',
    unit: 'commits/s',
    control: { name: 'bare durable update of one row', run: bareUpdate(200) },
    candidate: { name: 'commitEpoch', run: commits(40, 10_000) },
  },
]
