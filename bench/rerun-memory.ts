/**
 * Memory of a rerun over many hits: `npm run build && node dist/bench/rerun-memory.js [days] [hits a day] [minutes] [sql]`. Days
 * of one table are the same made-up hits, copied; their splits are run one after the other, by operators unless `sql` is said,
 * until they or the minutes are over. Prints a line a split, and one JSON line with the largest memory of the process.
 */

import { join } from 'node:path'
import { utcDay } from '../core/event-time.ts'
import { fieldIds, readParquet, stagedColumns } from '../lakehouse/adapters/duckdb/parquet-sql.ts'
import { hitsTable } from '../schemas/tables.ts'
import { report } from './report.ts'
import { type BenchLake, firstDay, openBenchLake, rowsOfDay, runBenchSplit } from './support/rerun-world.ts'

const days = Number(process.argv[2] ?? 20)
const hitsPerDay = Number(process.argv[3] ?? 1_000_000)
const minutes = Number(process.argv[4] ?? 30)
const method = process.argv[5] === 'sql' ? 'sql' : 'operators'
/** Made in JavaScript; the rest are copies under other ids and visitors. */
const madeRows = Math.min(hitsPerDay, 50_000)
const day = utcDay(firstDay)

const lake = await openBenchLake('512MB')
const snapshot = await filled(lake)
;(globalThis as { gc?: () => void }).gc?.()
const began = performance.now()
const atStart = process.memoryUsage().rss
let peak = 0
const watch = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage().rss)
}, 200)
let hits = 0
const afterSplits: number[] = []
for (let n = 0; n < days && performance.now() - began < minutes * 60_000; n++) {
  const rows = { table: 'hits', snapshot, after: 0, through: null } as const
  const split = { day: day + n, part: 0, parts: 1 }
  const { rowsRead, staged } = await runBenchSplit(lake.rerun, lake.writer, { rows, split, method, attempt: `m-${n}` })
  hits += rowsRead
  for (const { name } of staged) await lake.writer.discard(name)
  const rss = Math.round(process.memoryUsage().rss / 2 ** 20)
  afterSplits.push(rss)
  console.log(`${hits} hits, ${Math.round(hits / ((performance.now() - began) / 1_000))} a second, ${rss} MB now`)
}
clearInterval(watch)
const megabytes = (bytes: number) => Math.round(bytes / 2 ** 20)
const seconds = Math.round((performance.now() - began) / 1_000)
await lake.close()
report({
  figures: [
    {
      ...{ name: `memory over ${hits / 1_000_000} M hits at its most`, value: megabytes(peak), unit: 'MB' },
      note: `RSS; ${megabytes(atStart)} MB before the first split, by ${method}, DuckDB's limit 512 MB`,
    },
    { name: 'hits', value: hits, unit: 'hits', note: `asked for ${(days * hitsPerDay).toLocaleString('en')}` },
    { name: 'speed', value: Math.round(hits / seconds), unit: 'hits/s' },
    ...afterSplits.slice(-1).map((value) => ({ name: 'memory after the last split', value, unit: 'MB' })),
  ],
  remarks: [`Memory after each split: ${afterSplits.join(', ')} MB.`],
})
process.exit(0)

async function filled({ writer, instance, folder }: BenchLake): Promise<string> {
  const columns = stagedColumns(hitsTable)
  const first = await writer.stage('hits', 'staged/hits/made.parquet', await rowsOfDay(madeRows))
  const copies = Math.ceil(hitsPerDay / madeRows)
  let snapshot = ''
  for (let n = 0; n < days; n++) {
    const name = `staged/hits/day-${n}.parquet`
    const connection = await instance.connect()
    await connection.run(`SET TimeZone = 'UTC'`)
    await connection.run(
      `COPY (SELECT * REPLACE (time + INTERVAL ${n} DAY AS time, id || '-${n}-' || copy AS id, CAST(_off + copy * 1000000 AS BIGINT) AS _off,
        CAST(xor(visitor_hash, copy * 7919) AS BIGINT) AS visitor_hash) FROM (SELECT made.*, copy FROM ${readParquet(columns, [join(folder, first.name)])} AS made, range(${copies}) AS c(copy)) )
       TO '${join(folder, name)}' (FORMAT parquet, COMPRESSION zstd, FIELD_IDS ${fieldIds(columns)})`,
    )
    connection.closeSync()
    const file = { ...first, name, rows: madeRows * copies, firstDay: day + n, lastDay: day + n }
    snapshot = (await writer.publish('hits', n + 1, [file])).snapshot
    await writer.discard(name)
  }
  return snapshot
}
