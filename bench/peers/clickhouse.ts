/**
 * ClickHouse in this process (npm `chdb`, installed by `bench/peers/install.sh`, never a dependency), with the hits of a
 * lake in a MergeTree.
 */
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

interface Session {
  queryAsync(sql: string, options: { readonly format: string }): Promise<{ text(): string }>
  cleanup(): void
}

export const peersFolder =
  process.env.HITLAKE_BENCH_PEERS ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'hitlake-peers')

export interface ClickHouse {
  readonly version: string
  /** The answer as JSON text. */
  ask(sql: string): Promise<string>
  rows(sql: string): Promise<readonly (readonly unknown[])[]>
  run(sql: string): Promise<void>
  close(): void
}

/** @throws Error where it is not installed, saying how to */
export async function openClickHouse(folder: string): Promise<ClickHouse> {
  let chdb: { readonly Session: new (path: string) => Session }
  try {
    chdb = createRequire(join(peersFolder, 'package.json'))('chdb')
  } catch (cause) {
    throw new Error(`ClickHouse is not in ${peersFolder}; run bench/peers/install.sh`, { cause })
  }
  const session = new chdb.Session(folder)
  const ask = async (sql: string) => (await session.queryAsync(sql, { format: 'JSONCompact' })).text()
  const rows = async (sql: string) => (JSON.parse(await ask(sql)) as { data: unknown[][] }).data
  const [[version] = []] = await rows('SELECT version()')
  return {
    version: String(version),
    ask,
    rows,
    run: async (sql) => void (await session.queryAsync(sql, { format: 'Null' })),
    close: () => session.cleanup(),
  }
}

/**
 * The hits of a lake as the table `hits`, ordered by merchant and time, in one part: the columns that an overview reads,
 * each in the type that suits ClickHouse best.
 */
export async function loadHits(clickHouse: ClickHouse, lakeFolder: string): Promise<number> {
  await clickHouse.run('CREATE DATABASE IF NOT EXISTS bench ENGINE = Atomic')
  await clickHouse.run(`CREATE TABLE bench.hits (
    merchant LowCardinality(String), time DateTime64(3, 'UTC'), name LowCardinality(String), visitor_hash Nullable(Int64),
    bot Bool, path LowCardinality(String), source LowCardinality(String), country LowCardinality(String),
    revenue_micros Nullable(Int64)
  ) ENGINE = MergeTree ORDER BY (merchant, time)`)
  await clickHouse.run(`INSERT INTO bench.hits
    SELECT merchant, time, name, visitor_hash, bot, ifNull(path, ''), ifNull(source, ''), ifNull(country, ''), revenue_home_micros
    FROM file('${lakeFolder}/hits/data/**/*.parquet', Parquet)`)
  await clickHouse.run('OPTIMIZE TABLE bench.hits FINAL')
  const [[rows] = []] = await clickHouse.rows('SELECT count() FROM bench.hits')
  return Number(rows)
}
