/** Apache Flink in a JVM of its own (`Peer.java`, installed by `bench/peers/install.sh`), and the jobs that it runs. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { minuteMs } from '../../../core/event-time.ts'
import { peersFolder } from '../clickhouse.ts'
import { longestDelayMs } from './hits.ts'
import type { FlatFormat } from './topics.ts'

export const flinkFolder = join(peersFolder, 'flink')

/** Cores of the machines that this is run on; a source task of each reads as many partitions. */
export const parallelism = 2

/** What Flink's own start script opens to it. */
const openedPackages = ['lang', 'lang.reflect', 'net', 'io', 'nio', 'text', 'time', 'util', 'util.concurrent']
const opened = [...openedPackages, 'util.concurrent.atomic', 'util.concurrent.locks'].map(
  (name) => `--add-opens=java.base/java.${name}=ALL-UNNAMED`,
)

export interface Flink {
  readonly pid: number
  /** @throws Error with what Flink says */
  tell(line: string): Promise<readonly (readonly string[])[]>
  stop(): void
}

export async function startFlink({
  java,
  logFile,
  settings,
}: {
  /** Of version 17. */
  readonly java: string
  /** Of log4j. */
  readonly logFile: string
  readonly settings: Readonly<Record<string, string>>
}): Promise<Flink> {
  const libraries = [join(flinkFolder, 'classes'), join(flinkFolder, 'lib', '*')].join(':')
  const options = ['-Xmx4g', `-Dlog4j2.configurationFile=${logFile}`, ...opened]
  const child = spawn(java, [...options, '-cp', libraries, 'Peer'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const stop = () => void child.kill('SIGKILL')
  process.once('exit', stop)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  async function answer(): Promise<readonly (readonly string[])[]> {
    const rows: string[][] = []
    for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
      if (line.value === 'done') return rows
      if (line.value.startsWith('failed')) throw new Error(`Flink: ${line.value}`)
      if (line.value.startsWith('row ')) rows.push(line.value.slice(4).split('\t'))
    }
    throw new Error('Flink ended')
  }
  await answer()
  const tell = (line: string) => {
    child.stdin.write(`${line.replace(/\s*\n\s*/g, ' ')}\n`)
    return answer()
  }
  for (const [key, value] of Object.entries(settings)) await tell(`set ${key} ${value}`)
  return { pid: child.pid as number, tell, stop }
}

/** What a job of Flink's is told beside its statement. */
export const flinkSettings = ({
  commitEveryMs,
  checkpoints,
}: {
  readonly commitEveryMs: number
  /** A local folder; without one Flink keeps them in memory, where a task's state of 5 MB fails its checkpoint. */
  readonly checkpoints: string
}): Readonly<Record<string, string>> => ({
  'parallelism.default': `${parallelism}`,
  'execution.checkpointing.interval': `${commitEveryMs} ms`,
  'execution.checkpointing.mode': 'EXACTLY_ONCE',
  'execution.checkpointing.storage': 'filesystem',
  'execution.checkpointing.dir': `file://${checkpoints}`,
  'pipeline.object-reuse': 'true',
  // A failure is one at once, and not a measurement that takes longer.
  'restart-strategy.type': 'none',
  'table.local-time-zone': 'UTC',
  // The older sink (FlinkSink) committed 4,000 of 8,000 rows of a bounded job, with all of them in its files.
  'table.exec.iceberg.use-v2-sink': 'true',
})

const texts = ['merchant', 'id', 'name'] as const
const columns = [
  ...texts.map((name) => [name, 'STRING'] as const),
  ...(['time', 'received'] as const).map((name) => [name, 'BIGINT'] as const),
  ...(['visitor', 'session', 'url', 'referrer', 'title'] as const).map((name) => [name, 'STRING'] as const),
  ['revenueMicros', 'BIGINT'] as const,
  ...(['revenueCurrency', 'props', 'language', 'screen', 'addressPrefix', 'requestUserAgent', 'keyKind'] as const).map(
    (name) => [name, 'STRING'] as const,
  ),
  ...(['zone', 'currency'] as const).map((name) => [name, 'STRING'] as const),
]
const instants = ['time', 'received']
const declared = (pairs: readonly (readonly [string, string])[]) =>
  pairs.map(([name, type]) => `\`${name}\` ${type}`).join(', ')

export interface Place {
  /** A local folder, without spaces. */
  readonly warehouse: string
  readonly brokers: string
  readonly topic: string
  readonly format: FlatFormat
}

/** A catalog in a folder, and the topic as two tables: as it is, and with the watermark that windows need. */
export function defineSources({ warehouse, brokers, topic, format }: Place): readonly string[] {
  const from = `WITH ('connector' = 'kafka', 'topic' = '${topic}', 'properties.bootstrap.servers' = '${brokers}',
    'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', 'format' = '${format}')`
  const watermark = `WATERMARK FOR event_time AS event_time - INTERVAL '${longestDelayMs / minuteMs}' MINUTE`
  return [
    `CREATE CATALOG lake WITH ('type' = 'iceberg', 'catalog-type' = 'hadoop', 'warehouse' = 'file://${warehouse}',
      'cache-enabled' = 'false')`,
    'CREATE DATABASE lake.bench',
    `CREATE TEMPORARY TABLE flat (${declared(columns)}) ${from}`,
    `CREATE TEMPORARY TABLE flat_in_time (${declared(columns)}, event_time AS TO_TIMESTAMP_LTZ(\`time\`, 3), ${watermark}) ${from}`,
  ].map((sql) => `run ${sql}`)
}

const written = `WITH ('format-version' = '2', 'write.format.default' = 'parquet',
  'write.parquet.compression-codec' = 'zstd', 'write.distribution-mode' = 'none')`

/** A job: what makes its table, what is measured, and what reads its numbers as `Recount` has them. */
export interface FlinkJob {
  readonly make: (table: string, warehouse: string) => readonly string[]
  readonly run: (table: string) => string
  readonly numbers: (table: string) => string
}

const rowsTable = (table: string, warehouse: string) => [
  `run CREATE TABLE lake.bench.${table} (${declared(
    columns.map(([name, type]) => [name, instants.includes(name) ? 'TIMESTAMP_LTZ(6)' : type] as const),
  )}) ${written}`,
  `partition file://${warehouse} bench.${table} time`,
]
const asRow = columns.map(([name]) => (instants.includes(name) ? `TO_TIMESTAMP_LTZ(\`${name}\`, 3)` : `\`${name}\``))
const hourOf = (column: string) => `SUBSTRING(CAST(\`${column}\` AS STRING), 1, 13)`
const rowsNumbers = (table: string) =>
  `rows SELECT h, COUNT(*), SUM(COALESCE(m, 0)), COUNT(DISTINCT v) FROM
    (SELECT ${hourOf('time')} AS h, revenueMicros AS m, visitor AS v FROM lake.bench.${table}) GROUP BY h`

export const flinkJobs = {
  /** Every hit as a row. */
  rows: {
    make: rowsTable,
    run: (table) => `run INSERT INTO lake.bench.${table} SELECT ${asRow.join(', ')} FROM flat`,
    numbers: rowsNumbers,
  },
  /** The same, each id of a merchant once, remembered for 24 hours. */
  rowsOnce: {
    make: rowsTable,
    run: (table) => `run INSERT INTO lake.bench.${table} SELECT ${asRow.join(', ')} FROM (
      SELECT *, ROW_NUMBER() OVER (PARTITION BY merchant, id ORDER BY seen) AS nth FROM (SELECT *, PROCTIME() AS seen FROM flat)
    ) WHERE nth = 1`,
    numbers: rowsNumbers,
  },
  /** Hits, revenue and distinct visitors by merchant and hour, exact; a window is written once, when it closes. */
  hours: {
    make: (table, warehouse) => [
      `run CREATE TABLE lake.bench.${table} (merchant STRING, bucket TIMESTAMP_LTZ(6), hits BIGINT, visitors BIGINT,
        revenue_micros BIGINT) ${written}`,
      `partition file://${warehouse} bench.${table} bucket`,
    ],
    run: (table) => `run INSERT INTO lake.bench.${table}
      SELECT merchant, window_start_ltz, hits, visitors, revenue FROM (
        SELECT merchant, CAST(window_start AS TIMESTAMP_LTZ(6)) AS window_start_ltz, COUNT(*) AS hits,
          COUNT(DISTINCT visitor) AS visitors, SUM(COALESCE(revenueMicros, 0)) AS revenue
        FROM TABLE(TUMBLE(TABLE flat_in_time, DESCRIPTOR(event_time), INTERVAL '1' HOUR))
        GROUP BY merchant, window_start, window_end)`,
    numbers: (table) =>
      `rows SELECT CONCAT(merchant, ' ', ${hourOf('bucket')}), hits,
        revenue_micros, visitors FROM lake.bench.${table}`,
  },
} as const satisfies Readonly<Record<string, FlinkJob>>
export type FlinkJobName = keyof typeof flinkJobs
