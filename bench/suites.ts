/** All that `npm run bench` measures, in the order of the page, and how long each takes, about, on a quiet machine of two cores. */
import { existsSync } from 'node:fs'
import { peersFolder } from './peers/clickhouse.ts'
import { flinkFolder } from './peers/flink/peer.ts'

export interface Suite {
  /** Of its record too. */
  readonly name: string
  readonly title: string
  /** The file that is run, beside this one, and its arguments. */
  readonly program: string
  readonly full: Run
  /** Fewer pairs, shorter runs. */
  readonly quick: Run
  readonly needs?: Need
  /** What Node itself is started with. */
  readonly nodeOptions?: readonly string[]
  /** Lies outside of `dist`: TypeScript is run as it is. */
  readonly source?: true
  /** Too long to be part of all: runs where it is named by `--only`. */
  readonly onlyNamed?: true
}

export interface Run {
  readonly args: readonly string[]
  /** About so long it takes, with what it sets up, seconds; the command says how long it took. */
  readonly seconds: number
  readonly env?: Readonly<Record<string, string>>
}

export type Need = 'servers' | 'ClickHouse' | 'Apache Flink'

/** What has to be there, and whether it is. */
export const needs: Readonly<Record<Need, { readonly words: string; isMet(): boolean }>> = {
  servers: {
    words: 'real servers: npm run cluster:up, then eval "$(node infra/local/cluster/up.mjs --print-env)"',
    isMet: () => process.env.HITLAKE_KAFKA_BROKERS !== undefined && process.env.HITLAKE_TRINO_URL !== undefined,
  },
  ClickHouse: { words: 'ClickHouse in process: bench/peers/install.sh', isMet: () => existsSync(peersFolder) },
  'Apache Flink': {
    words: 'Apache Flink, which Maven fetches: bench/peers/install.sh',
    isMet: () => existsSync(`${flinkFolder}/classes`),
  },
}

export const fullPairs = 5
export const quickPairs = 3

/** Pairs of a `<name>.bench.ts`; some need more of them, because they are noisy and short. */
function pairsOf(
  name: string,
  title: string,
  seconds: readonly [full: number, quick: number],
  { needs, pairs = fullPairs }: { readonly needs?: Need; readonly pairs?: number } = {},
): Suite {
  const run = (count: number, of: number): Run => ({ args: [name, '--pairs', String(count)], seconds: of })
  return {
    ...{ name, title, program: 'run-suite', full: run(pairs, seconds[0]), quick: run(quickPairs, seconds[1]) },
    ...(needs !== undefined && { needs }),
  }
}

const run = (seconds: number, ...args: readonly string[]): Run => ({ args, seconds })

export const suites: readonly Suite[] = [
  // A whole system
  {
    ...{ name: 'start', title: 'Start-up and memory at rest', program: 'start' },
    ...{ full: run(60, '--starts', '9'), quick: run(20, '--starts', '3') },
  },
  {
    ...{ name: 'sustained', title: 'The whole system at 20,000 hits/s', program: 'sustained' },
    ...{ full: run(80, '--seconds', '60'), quick: run(30, '--seconds', '15') },
  },
  {
    ...{ name: 'idle', title: 'A system with nothing to do', program: 'idle' },
    ...{ full: run(105, '--seconds', '30'), quick: run(85, '--seconds', '10') },
  },
  // Accepting
  pairsOf('collector', 'Accepting by HTTP', [80, 40], { pairs: 9 }),
  pairsOf('socket', 'Accepting by WebSocket', [55, 40]),
  pairsOf('log', 'Segment log', [60, 45]),
  // Asking
  pairsOf('cells', 'Cached time series', [30, 22]),
  pairsOf('cells-zipf', 'Buckets from cells', [60, 60], { pairs: 1 }),
  pairsOf('query', 'One merchant of 10,000, cold', [110, 90]),
  pairsOf('overview', 'Overview of 90 days', [190, 150], { needs: 'ClickHouse' }),
  // Processing
  pairsOf('pipeline', 'The whole plan', [60, 40]),
  pairsOf('steps', 'Steps by themselves', [60, 40]),
  pairsOf('windows', 'Plans of one’s own', [90, 60]),
  {
    ...{ name: 'windows-memory', title: 'Memory of plans of one’s own', program: 'windows-memory' },
    ...{ full: run(240, '10'), quick: run(40, '1') },
    nodeOptions: ['--expose-gc'],
  },
  // Keeping
  pairsOf('lake', 'Staging and publishing', [60, 45]),
  pairsOf('control', 'Committing', [40, 30]),
  pairsOf('compaction', 'Compaction', [240, 180]),
  {
    ...{ name: 'lake-month', title: 'Days of a publication a minute', program: 'lake-month' },
    ...{ full: run(90, '2', '1'), quick: run(50, '1', '1') },
  },
  {
    ...{ name: 'lake-month-full-days', title: 'A month of a publication a minute', program: 'lake-month' },
    ...{ full: run(3_600, '30', '30'), quick: run(150, '3', '2'), onlyNamed: true },
  },
  {
    ...{ name: 'bytes-per-hit', title: 'Bytes a row', program: 'bytes-per-hit' },
    ...{ full: run(120, '1000000'), quick: run(20, '20000') },
  },
  // Reruns
  pairsOf('rerun', 'Reruns', [70, 50]),
  {
    ...{ name: 'rerun-memory', title: 'Memory of a rerun', program: 'rerun-memory' },
    ...{ full: run(1_800, '20', '1000000', '60'), quick: run(60, '2', '100000', '2') },
  },
  {
    ...{ name: 'rerun-live', title: 'Live work beside a rerun', program: 'rerun-live' },
    ...{ full: run(150, '--hits', '300000'), quick: run(90, '--hits', '100000', '--seconds', '10') },
  },
  {
    ...{ name: 'rerun-live-paced', title: 'Live work beside a paced rerun', program: 'rerun-live' },
    full: { ...run(170, '--hits', '100000'), env: { HITLAKE_RERUN_HITS_PER_SECOND: '5000' } },
    quick: {
      ...run(100, '--hits', '50000', '--seconds', '10'),
      env: { HITLAKE_RERUN_HITS_PER_SECOND: '5000' },
    },
  },
  // A cluster
  pairsOf('produce', 'Forwarding to Kafka', [60, 40], { needs: 'servers' }),
  pairsOf('worker', 'Worker of a cluster', [150, 110], { needs: 'servers' }),
  pairsOf('publication', 'Publication through Trino', [120, 90], { needs: 'servers' }),
  {
    ...{
      name: 'cluster',
      title: 'A whole cluster at 2,000 hits/s',
      program: 'cluster',
      needs: 'servers',
      source: true,
    },
    full: { ...run(420), env: { BENCH_SECONDS: '240' } },
    quick: { ...run(200), env: { BENCH_SECONDS: '60' } },
  },
  {
    // Starts servers of its own, for their processor time counts.
    ...{ name: 'flink', title: 'Beside Apache Flink', program: 'flink', needs: 'Apache Flink', onlyNamed: true },
    full: run(1_500, '--hits', '1000000', '--rounds', '3'),
    quick: run(400, '--hits', '100000', '--rounds', '1'),
  },
]

/** Suites by their whole names, and where a part is nobody's, those whose name holds it; without parts all. */
export function suitesNamed(parts: readonly string[]): readonly Suite[] {
  if (parts.length === 0) return suites
  const isMeant = ({ name, onlyNamed }: Suite, part: string) =>
    suites.some((suite) => suite.name === part) ? name === part : name.includes(part) && !onlyNamed
  return suites.filter((suite) => parts.some((part) => isMeant(suite, part)))
}

/** `80 s`, `4 min`. */
export function duration(seconds: number): string {
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`
}
