/**
 * `node dist/bench/flink.js [--hits 1000000] [--rounds 3] [--format json] [--only rows,hours] [--servers <folder>]`: our
 * cluster's way from Kafka to Iceberg, and to an hourly rollup, beside Apache Flink's (`bench/peers/install.sh`), on the same hits, in turn. Rows for
 * each second of processor time of all that works for a side but Kafka: for ours the worker's process with its publisher,
 * Trino, PostgreSQL and the object store; for Flink its JVM. Both commit equally often. Before anything is said, every
 * table is compared with a recount of the hits.
 *
 * Starts Kafka, PostgreSQL, S3 and Trino of its own (infra/local/cluster), and stops them; those that run over the folder
 * of `--servers` it takes as they are, and leaves.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { createDatabase } from '../cli/test/support/database.ts'
import { createKafka } from '../core/adapters/kafka/client.ts'
import { hitsPerBatch, hitsPerPack, merchants, partitions } from './peers/flink/hits.ts'
import { openOurs } from './peers/flink/our-process.ts'
import type { OurJob } from './peers/flink/ours.ts'
import { defineSources, type FlinkJobName, flinkJobs, flinkSettings, startFlink } from './peers/flink/peer.ts'
import { cpuSecondsOf, peakMbOf } from './peers/flink/processes.ts'
import { type FlatFormat, fillTopics } from './peers/flink/topics.ts'
import type { Figure } from './record.ts'
import { report } from './report.ts'
import { percentile } from './support/percentiles.ts'

const { values } = parseArgs({
  options: {
    hits: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
    format: { type: 'string', default: 'json' },
    only: { type: 'string', default: '' },
    servers: { type: 'string' },
  },
})
const grain = hitsPerPack * partitions
const hits = Math.ceil(Number(values.hits) / grain) * grain
const rounds = Number(values.rounds)
const format = values.format as FlatFormat
const commitEveryMs = 10_000

/** What both sides must come to, in a run of theirs. */
type Numbers = 'hours' | 'merchantHours'
const ourSides: Readonly<Record<OurJob, Numbers>> = {
  'hits-warehouse': 'hours',
  'plain-rows': 'hours',
  'hours-rollups': 'merchantHours',
  'hits-rollups': 'merchantHours',
}
const flinkSides: Readonly<Record<FlinkJobName, Numbers>> = { rows: 'hours', rowsOnce: 'hours', hours: 'merchantHours' }

const ratios: readonly {
  readonly name: string
  readonly ours: OurJob
  readonly flink: FlinkJobName
  readonly note: string
}[] = [
  {
    ...{ name: 'Kafka to Iceberg', ours: 'hits-warehouse', flink: 'rows' },
    note: 'ours drops repeats, enriches, and writes 56 columns in order; Flink writes 20 as they come',
  },
  {
    ...{ name: 'Kafka to Iceberg, repeats dropped by both', ours: 'hits-warehouse', flink: 'rowsOnce' },
    note: 'Flink keeps the ids of 24 hours too (ROW_NUMBER); ours enriches besides',
  },
  {
    ...{ name: 'Kafka to Iceberg, like for like', ours: 'plain-rows', flink: 'rows' },
    note: 'a plan of ours without a step, which fills the 20 columns that Flink writes',
  },
  {
    ...{ name: 'Kafka to hourly rollup', ours: 'hours-rollups', flink: 'hours' },
    note: 'like for like: hits, revenue and distinct visitors by merchant and hour',
  },
  {
    ...{ name: 'Kafka to hourly rollup, all that `hourly` holds', ours: 'hits-rollups', flink: 'hours' },
    note: 'ours drops repeats, enriches, and counts seven numbers in eight breakdowns; Flink three numbers in one',
  },
]

/** For Trino, over tables in `schema`: as `Recount` has them. */
const hourOf = (column: string) => `substr(CAST(${column} AT TIME ZONE 'UTC' AS varchar), 1, 13)`
const ourNumbers: Readonly<Record<Numbers, (schema: string) => string>> = {
  hours: (
    schema,
  ) => `SELECT ${hourOf('time')}, CAST(count(*) AS varchar), CAST(sum(coalesce(revenue_micros, 0)) AS varchar),
    CAST(count(DISTINCT visitor) AS varchar) FROM ${schema}.hits GROUP BY 1`,
  merchantHours: (schema) => `SELECT merchant || ' ' || ${hourOf('bucket')}, CAST(sum(hits) AS varchar),
    CAST(sum(revenue_micros) AS varchar), CAST(cardinality(array_distinct(flatten(array_agg(visitors)))) AS varchar)
    FROM ${schema}.hourly WHERE breakdown = 'total' GROUP BY merchant, bucket`,
}

/** Processor seconds by process, and seconds of wall time. */
interface Spent {
  readonly cpu: Readonly<Record<string, number>>
  readonly wall: number
}
const spent = new Map<OurJob | FlinkJobName, Spent[]>()
const isChosen = (side: string) => values.only === '' || values.only.split(',').includes(side)

const root = projectRoot()
const { startServers } = (await import(
  pathToFileURL(join(root, 'infra/local/cluster/servers.mjs')).href
)) as typeof import('../infra/local/cluster/servers.mjs')
const { findJava } = (await import(pathToFileURL(join(root, 'infra/local/cluster/java.mjs')).href)) as {
  findJava(minimum: number, whose: string): string
}
/** Of this run's topics, databases, schemas and objects. */
const unique = randomBytes(3).toString('hex')
const folder = mkdtempSync(join(tmpdir(), 'hitlake-flink-'))
// As they would run for long: those of a test's short life are compiled otherwise.
const servers = await startServers({ folder: values.servers ?? folder, lifetime: 'machine' })
const stopServers = async () => {
  if (values.servers === undefined) await servers.stop()
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void stopServers().finally(() => process.exit(130)))
}
const brokers = servers.env.HITLAKE_KAFKA_BROKERS ?? ''
const peaks = { ours: 0, trino: 0, flink: 0 }
let bytesAHit = { ours: 0, flinks: 0 }
try {
  const kafka = createKafka({ brokers: [brokers], clientId: 'hitlake-bench', say: () => {} })
  const topics = await fillTopics(kafka, { count: hits, format, unique })
  bytesAHit = topics.bytes
  console.log(`${hits} hits are in both topics`)
  const { recount } = topics
  const ours = openOurs(process.env.BENCH_OURS_NODE_OPTIONS?.split(' '))
  const warehouse = join(folder, 'flink')
  const flink = await startFlink({
    java: findJava(17, 'Apache Flink'),
    logFile: join(root, 'bench/peers/flink/log4j2.properties'),
    settings: flinkSettings({ commitEveryMs, checkpoints: join(folder, 'checkpoints') }),
  })
  for (const line of defineSources({ warehouse, brokers, topic: topics.flinks, format })) await flink.tell(line)
  const watched = {
    worker: ours.pid,
    trino: servers.trino.pid,
    postgres: servers.postgres.pid,
    objects: servers.s3.pid,
  }

  async function runOurs(job: OurJob, round: number): Promise<Spent> {
    const tag = `${job.replace('-', '_')}_${round}_${unique}`
    const env = {
      ...servers.env,
      ...{
        HITLAKE_KAFKA_TOPIC: topics.ours,
        HITLAKE_KAFKA_PARTITIONS: `${partitions}`,
        HITLAKE_KAFKA_REPLICATION: '1',
      },
      HITLAKE_POSTGRES_URL: await createDatabase(servers.env.HITLAKE_POSTGRES_URL ?? '', tag),
      HITLAKE_OBJECTS_URI: `${servers.env.HITLAKE_OBJECTS_URI}/${tag}`,
      ...{ HITLAKE_TRINO_SCHEMA: tag, HITLAKE_DATA_DIR: join(folder, tag), HITLAKE_LOG_LEVEL: 'warn' },
      ...{ HITLAKE_WAREHOUSE_EPOCH: `${commitEveryMs}ms`, HITLAKE_ROLLUPS_EPOCH: `${commitEveryMs}ms` },
    }
    await ours.tell({ open: job, env, merchants })
    const took = await measured(watched, () => ours.tell({ drain: topics.packs }))
    const { rows = [] } = await ours.tell({ rows: ourNumbers[ourSides[job]](`lake.${tag}_tables`) })
    assert.deepEqual(rows.map((row) => row.join(' ')).sort(), recount[ourSides[job]], `${job} counts otherwise`)
    await ours.tell({ close: true })
    peaks.ours = peakMbOf(ours.pid)
    peaks.trino = peakMbOf(servers.trino.pid ?? 0)
    return took
  }

  async function runFlink(name: FlinkJobName, round: number): Promise<Spent> {
    const table = `${name}_${round}`
    const job = flinkJobs[name]
    for (const line of job.make(table, warehouse)) await flink.tell(line)
    const took = await measured({ flink: flink.pid }, () => flink.tell(job.run(table)))
    const rows = await flink.tell(job.numbers(table))
    assert.deepEqual(
      rows.map((row) => row.join(' ')).sort(),
      recount[flinkSides[name]],
      `Flink's ${name} counts otherwise`,
    )
    peaks.flink = peakMbOf(flink.pid)
    return took
  }

  // The first round warms both up and is thrown away.
  for (let round = 0; round <= rounds; round++) {
    const runs = [
      ...(Object.keys(ourSides) as OurJob[]).map((job) => [job, () => runOurs(job, round)] as const),
      ...(Object.keys(flinkSides) as FlinkJobName[]).map((name) => [name, () => runFlink(name, round)] as const),
    ].filter(([side]) => isChosen(side))
    // Neither side always comes first.
    for (const [side, run] of round % 2 === 0 ? runs : runs.reverse()) {
      const took = await run()
      console.log(`  round ${round}, ${side}: ${told(took)}`)
      if (round > 0) spent.set(side, [...(spent.get(side) ?? []), took])
    }
  }
  ours.stop()
  flink.stop()
} finally {
  await stopServers()
  rmSync(folder, { recursive: true, force: true })
}
report({ figures: figuresOf(), remarks: remarks() })
process.exit(0)

async function measured(
  pids: Readonly<Record<string, number | undefined>>,
  work: () => Promise<unknown>,
): Promise<Spent> {
  const cpuNow = () => Object.entries(pids).map(([name, pid]) => [name, cpuSecondsOf(pid ?? 0)] as const)
  const before = new Map(cpuNow())
  const began = performance.now()
  await work()
  const wall = (performance.now() - began) / 1_000
  return { wall, cpu: Object.fromEntries(cpuNow().map(([name, seconds]) => [name, seconds - (before.get(name) ?? 0)])) }
}

function totalOf({ cpu }: Spent): number {
  return Object.values(cpu).reduce((sum, each) => sum + each, 0)
}

function told(took: Spent): string {
  const parts = Object.entries(took.cpu).map(([name, seconds]) => `${name} ${seconds.toFixed(1)}`)
  return `${totalOf(took).toFixed(1)} s of CPU (${parts.join(', ')}), ${took.wall.toFixed(1)} s of wall time`
}

function figuresOf(): readonly Figure[] {
  const figures: Figure[] = []
  for (const { name, ours, flink, note } of ratios) {
    const [all, controls] = [spent.get(ours), spent.get(flink)]
    if (all === undefined || controls === undefined) continue
    const compared = (of: (took: Spent) => number) =>
      all.map((took, round) => totalOf(controls[round] as Spent) / of(took)).sort((a, b) => a - b)
    const whole = compared(totalOf)
    const rate = (some: readonly Spent[]) =>
      Math.round(
        percentile(
          some.map((took) => hits / totalOf(took)),
          0.5,
        ),
      )
    figures.push(
      {
        ...{ name, ...spreadOf(whole), unit: 'ratio', control: 'Apache Flink 2.1.1' },
        ...{ rates: { ours: rate(all), control: rate(controls), unit: 'rows/CPU-s' }, note },
      },
      {
        ...{
          name: `${name}: the worker’s process alone`,
          ...spreadOf(compared(({ cpu }) => cpu.worker ?? Number.NaN)),
        },
        ...{ unit: 'ratio', control: 'Apache Flink 2.1.1', note: 'without Trino, PostgreSQL and the object store' },
      },
    )
  }
  for (const [side, all] of spent) {
    const whose = side in ourSides ? 'ours' : 'Flink'
    const parts = Object.keys(all[0]?.cpu ?? {}).map((part) => {
      const seconds = percentile(
        all.map(({ cpu }) => cpu[part] ?? 0),
        0.5,
      )
      return `${part} ${seconds.toFixed(1)} s`
    })
    figures.push({
      ...{ name: `${whose}, ${side}: wall time`, ...spreadOf(all.map(({ wall }) => wall)), unit: 's' },
      note: `of ${hits} hits; CPU: ${parts.join(', ')}`,
    })
  }
  const memory = { ours: 'ours: worker and publisher', trino: 'ours: Trino, -Xmx2G', flink: 'Flink, -Xmx4g' }
  for (const [whose, name] of Object.entries(memory)) {
    figures.push({
      ...{ name: `${name}: memory at its most`, value: Math.round(peaks[whose as keyof typeof peaks]), unit: 'MB' },
      note: 'resident, over all runs',
    })
  }
  return figures
}

function spreadOf(all: readonly number[]): { readonly value: number; readonly spread: readonly [number, number] } {
  const rounded = (value: number) => Number(value.toPrecision(3))
  return { value: rounded(percentile(all, 0.5)), spread: [rounded(Math.min(...all)), rounded(Math.max(...all))] }
}

function remarks(): readonly string[] {
  return [
    `${hits} hits, ${partitions} partitions; ours as packs of ${hitsPerPack} hits in requests of ${hitsPerBatch}, gzip, ` +
      `${Math.round(bytesAHit.ours)} bytes a hit before gzip; Flink's one ${format} record a hit, not compressed, ` +
      `${Math.round(bytesAHit.flinks)} bytes a hit. Both commit every ${commitEveryMs / 1_000} s; ${rounds} rounds after one to warm up.`,
  ]
}

/** Above `dist/bench/`, where this file is when it runs. */
function projectRoot(): string {
  const found = fileURLToPath(new URL('../..', import.meta.url))
  if (!existsSync(join(found, 'infra/local/cluster'))) throw new Error('run it as npm run bench -- --only flink')
  return found
}
