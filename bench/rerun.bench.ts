/**
 * What a rerun costs over no engine. By operators: a split of rows that lie in memory, against a hand-written loop that makes
 * the same rows of `hits` and `hourly` of them, staging left out on both sides. By SQL: hours of a day of a lake in a folder,
 * against the DuckDB query that computes them by itself, both into a Parquet file; the split's is sorted besides.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { dayMs, hourMs, utcDay } from '../core/event-time.ts'
import { firstGenerations } from '../core/generations.ts'
import type { LakeWriter } from '../core/ports/lake.ts'
import type { RerunLake } from '../core/ports/rerun-lake.ts'
import type { LakeRow, TableName } from '../core/tables.ts'
import { foldRows } from '../lakehouse/core/fold.ts'
import { printDuckDb } from '../lakehouse/core/sql/duckdb-printer.ts'
import { hourlySelect } from '../lakehouse/core/sql/hourly-select.ts'
import { acceptedHit } from '../pipelines/jobs/accepted-hit.ts'
import { enrich } from '../pipelines/jobs/enrich.ts'
import { govern } from '../pipelines/jobs/govern.ts'
import { hits as hitsSink } from '../pipelines/jobs/hit-sinks.ts'
import type { HitsContext } from '../pipelines/jobs/hits.ts'
import { flushMaxRows, panesMaxHits } from '../pipelines/runtime/rerun/limits.ts'
import { hourlyTable } from '../schemas/tables.ts'
import { HoursByHand } from './pipeline-by-hand.ts'
import type { Bench } from './runner.ts'
import {
  type BenchLake,
  benchMerchants,
  firstDay,
  loadedContext,
  openBenchLake,
  publishRows,
  rowsOfDay,
  runBenchSplit,
} from './support/rerun-world.ts'

const operatorRows = 100_000
const sqlRows = 100_000
const batchRows = 2_048

const hits = { table: 'hits', snapshot: 's', after: 0, through: null } as const
const split = { day: utcDay(firstDay), part: 0, parts: 1 }

// ---- operators

let batches: readonly (readonly LakeRow[])[] | null = null

async function rowsInMemory(): Promise<readonly (readonly LakeRow[])[]> {
  if (batches === null) {
    const rows = await rowsOfDay(operatorRows)
    batches = Array.from({ length: Math.ceil(rows.length / batchRows) }, (_, n) =>
      rows.slice(n * batchRows, (n + 1) * batchRows),
    )
  }
  return batches
}

type Take = (table: TableName, rows: readonly LakeRow[]) => void

async function byOperators(take: Take): Promise<void> {
  const all = await rowsInMemory()
  const lake: RerunLake = {
    days: async () => [],
    async *read() {
      yield* all
    },
    sql: null,
  }
  const writer: Pick<LakeWriter, 'stage' | 'discard'> = {
    async stage(table, name, rows) {
      take(table, rows)
      return { name, table, rows: rows.length, bytes: 0, firstDay: 0, lastDay: 0 }
    },
    async discard() {},
  }
  await runBenchSplit(lake, writer, { rows: hits, split, method: 'operators', attempt: 'bench' })
}

async function byHand(take: Take): Promise<void> {
  const context = (await loadedContext()) as unknown as HitsContext
  const run = { plan: 'by hand', dataSets: '{}', source: 'log-1', partition: 0, generation: 2 }
  let made: LakeRow[] = []
  let hours = new HoursByHand()
  let counted = 0
  for (const rows of await rowsInMemory()) {
    for (const row of rows) {
      const hit = acceptedHit(row)
      if (context.isErased(hit)) continue
      const governed = govern(enrich(hit, context), context)
      if (governed.to === 'quarantined') continue
      made.push(hitsSink.toRow(governed.row, run))
      if (!governed.row.bot) hours.add(governed.row)
      counted += 1
    }
    if (made.length >= flushMaxRows) {
      take('hits', made)
      made = []
    }
    if (counted >= panesMaxHits) {
      take('hourly', hours.rows())
      hours = new HoursByHand()
      counted = 0
    }
  }
  if (made.length > 0) take('hits', made)
  take('hourly', hours.rows())
}

/** Hash of all rows. Of hours without the places of records: the loop takes them as they come. */
async function madeBy(side: (take: Take) => Promise<void>): Promise<string> {
  const all = new Map<TableName, LakeRow[]>()
  await side((table, rows) => void all.set(table, [...(all.get(table) ?? []), ...rows]))
  const text = (row: LakeRow) =>
    JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value))
  const hits = (all.get('hits') ?? []).map(({ plan: _plan, data_sets: _sets, _gen, ...row }) => row)
  const hourly = foldRows(hourlyTable, all.get('hourly') ?? []).map(
    ({ _gen, _off_from, _off_to, ...row }): LakeRow => ({ ...row, hits: String(row.hits) }),
  )
  const hash = createHash('sha256')
  for (const line of [...hits, ...hourly].map(text).sort()) hash.update(line)
  return `${hits.length} hits, ${hourly.length} hours, ${hash.digest('hex')}`
}

function measured(side: (take: Take) => Promise<void>): () => Promise<number> {
  return async () => {
    await rowsInMemory()
    let rows = 0
    const began = performance.now()
    await side((_, made) => {
      rows += made.length
    })
    if (rows < operatorRows) throw new Error('rows are missing')
    return operatorRows / ((performance.now() - began) / 1_000)
  }
}

// ---- SQL

let lake: BenchLake | null = null
let snapshot = ''
let attempts = 0

async function opened(): Promise<BenchLake> {
  if (lake === null) {
    lake = await openBenchLake('4GB')
    snapshot = await publishRows(lake, await rowsOfDay(sqlRows), 1)
  }
  return lake
}

async function bySql(): Promise<number> {
  const { rerun, writer } = await opened()
  const attempt = `sql-${attempts++}`
  const { staged } = await runBenchSplit(rerun, writer, { rows: { ...hits, snapshot }, split, method: 'sql', attempt })
  return staged.reduce((sum, { rows }) => sum + rows, 0)
}

/** The query by itself, over the table's file, into a file. */
async function plainly(): Promise<number> {
  const { instance, folder } = await opened()
  const connection = await instance.connect()
  try {
    await connection.run(`SET TimeZone = 'UTC'`)
    const question = {
      ...{ generation: 2, hitGenerations: firstGenerations, erased: [], merchants: benchMerchants },
      range: { start: firstDay - 2 * hourMs, end: firstDay + dayMs },
    }
    const file = `read_parquet('${folder}/lake/hits/data/**/*.parquet', hive_partitioning = false)`
    const sql = printDuckDb(hourlySelect(question, ['Asia/Kolkata', 'UTC']), () => file)
    const path = join(folder, `plain-${attempts++}.parquet`)
    const result = await connection.runAndReadAll(`COPY (${sql}) TO '${path}' (FORMAT parquet, COMPRESSION zstd)`)
    return Number(result.getRows()[0]?.[0])
  } finally {
    connection.closeSync()
  }
}

function timed(side: () => Promise<number>): () => Promise<number> {
  return async () => {
    await opened()
    const began = performance.now()
    await side()
    return sqlRows / ((performance.now() - began) / 1_000)
  }
}

export const benches: readonly Bench[] = [
  {
    name: 'a rerun by operators',
    unit: 'hits/s',
    // Both sides make the same, or the figure compares two things.
    setup: async () => assert.equal(await madeBy(byOperators), await madeBy(byHand)),
    control: { name: 'a hand-written loop', run: measured(byHand) },
    candidate: { name: 'the split', run: measured(byOperators) },
  },
  {
    name: 'hours of a rerun by SQL',
    unit: 'hits/s',
    setup: async () => assert.equal(await bySql(), await plainly()),
    teardown: async () => {
      await lake?.close()
      lake = null
    },
    control: { name: 'the query by itself', run: timed(plainly) },
    candidate: { name: 'the split', run: timed(bySql) },
  },
]
