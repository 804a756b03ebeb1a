/**
 * What a row costs on disk, column by column, after compaction: `npm run build && node dist/bench/bytes-per-hit.js [hits]`.
 * Ten shops of made-up traffic go through the real pipeline into a lake, a day of it is published, derived and made one file a
 * table; sizes are those of Parquet's column chunks. Reports tables and columns.
 */
import { trafficOfDay } from '../cli/seed/traffic.ts'
import type { TableName } from '../core/tables.ts'
import { quoteText } from '../lakehouse/adapters/duckdb/parquet-sql.ts'
import type { Figure } from './record.ts'
import { report } from './report.ts'
import { createLakeSystem } from './support/lake-system.ts'
import { benchMerchant, seededBatches } from './support/seeded-batches.ts'

const hits = Number(process.argv[2] ?? 200_000)
const date = '2026-06-01'
const now = Date.parse('2026-06-03T12:00:00Z')
const shops = Array.from({ length: 10 }, (_, n) => benchMerchant(`shop-${n}`, 'Etc/UTC'))
const settings = { timeZone: 'Etc/UTC', currency: 'EUR', hitsPerDay: hits / shops.length }
const names: readonly TableName[] = ['hits', 'hourly', 'daily', 'sessions', 'failed_hits']

/** Columns of fewer bytes a row are told together. */
const toldBytes = 0.5

const system = await createLakeSystem({ now, merchants: shops })
for (const [seed, shop] of shops.entries()) {
  await system.load(seededBatches(shop, trafficOfDay({ ...settings, seed }, date)), hits)
  await system.publish()
}
await system.maintain()

const connection = await system.instance.connect()
const figures: Figure[] = []
for (const table of names) {
  const files = await system.files(table, null, { firstDay: 0, lastDay: 100_000 })
  const rows = files.reduce((sum, file) => sum + file.rows, 0)
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  console.log(
    `${table}: ${files.length} files, ${rows} rows, ${rows === 0 ? 0 : (bytes / rows).toFixed(2)} bytes a row`,
  )
  if (rows === 0) continue
  const paths = files.map(({ localPath }) => quoteText(localPath)).join(', ')
  const columns = await connection.runAndReadAll(
    `SELECT split_part(path_in_schema, ', ', 1) AS name, sum(total_compressed_size)::DOUBLE / ${rows}, string_agg(DISTINCT encodings, ' ')
FROM parquet_metadata([${paths}]) GROUP BY 1 ORDER BY 2 DESC, 1`,
  )
  const byColumn = columns
    .getRows()
    .map(([name, each, encodings]) => [String(name), Number(each), String(encodings)] as const)
  const whole = { name: `${table}: bytes a row`, value: Number((bytes / rows).toFixed(2)), unit: 'bytes' }
  figures.push({ ...whole, note: `${rows.toLocaleString('en')} rows, ${files.length} files` })
  for (const [name, each, encodings] of byColumn) {
    if (each < toldBytes) continue
    figures.push({ name: `${table}.${name}`, value: Number(each.toFixed(3)), unit: 'bytes', note: encodings })
  }
  const others = byColumn.map(([, each]) => each).filter((each) => each < toldBytes)
  const rest = Number(others.reduce((sum, each) => sum + each, 0).toFixed(3))
  figures.push({ name: `${table}, the other columns`, value: rest, unit: 'bytes', note: `${others.length} columns` })
}
connection.closeSync()
await system.close()
report({ figures, remarks: [`${hits.toLocaleString('en')} hits of ten shops over one day, after compaction.`] })
process.exit(0)
