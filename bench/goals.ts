/**
 * Every goal that an issue states as a number, once: who measures it and what is wanted. Benches and records name figures;
 * what is wanted of them stands here only. Goals that are no numbers, `nothing is lost`, are held by tests (`./held.ts`).
 */
import type { Figure, FigureGoal, MeasurementRecord } from './record.ts'

export interface Goal extends FigureGoal {
  /** Whose goal it is; null: no issue's, the project set it for itself. */
  readonly issue: number | null
  /** A sentence's part, unique: `batches of 50, durable ack, against a bare route`. */
  readonly name: string
  readonly unit: string
  /**
   * `<suite>: <figure>` of whatever answers it. The first that has been measured decides whether the goal is met; the
   * others say how it was under other circumstances. None: nobody has written the measurement yet.
   */
  readonly figures: readonly string[]
}

const least = (value: number) => ({ at: 'least', value }) as const
const most = (value: number) => ({ at: 'most', value }) as const

export const goals: readonly Goal[] = [
  // The spine
  {
    ...{ issue: 3, name: 'batches of 50, durable ack, against a bare route', unit: 'ratio', ...least(0.6) },
    figures: ['collector: collector: batches of 50'],
  },
  {
    ...{ issue: 3, name: 'single hits, durable ack, against a bare route', unit: 'ratio', ...least(0.8) },
    figures: ['collector: collector: single hits'],
  },
  {
    ...{ issue: 3, name: 'cached time series, 24 buckets × 3 metrics, against a bare route', unit: 'ratio' },
    ...{ ...least(0.45), figures: ['cells: remembered time series, 24 buckets × 3 metrics'] },
  },
  {
    // A batch may fall past the last second.
    ...{
      issue: 3,
      name: '20,000 hits/s for 60 s: accepted in that time of those asked for',
      unit: '%',
      ...least(99.9),
    },
    figures: ['sustained: accepted in the time, of those asked for'],
  },
  {
    ...{ issue: 3, name: '20,000 hits/s for 60 s: lag of asOf at its longest', unit: 's', ...most(5) },
    figures: ['sustained: lag of asOf at its longest'],
  },
  {
    ...{ issue: 3, name: 'from the 202 until a query shows the hit, p99', unit: 's', ...most(5) },
    figures: ['sustained: from the 202 until a query shows the hit, p99'],
  },
  {
    ...{ issue: 3, name: '20,000 hits/s for 60 s: memory of the process at its most', unit: 'MB', ...most(600) },
    figures: ['sustained: memory at its most'],
  },
  {
    ...{ issue: 3, name: 'data folder after 1 M hits, log trimmed', unit: 'MB', ...most(150) },
    figures: ['sustained: data folder for 1 M hits'],
  },
  {
    ...{ issue: 3, name: 'an idle system writes nothing', unit: 'bytes', ...most(0) },
    figures: ['idle: written'],
  },
  {
    ...{ issue: 3, name: 'an idle system uses less than 1 % of a core', unit: '%', ...most(1) },
    figures: ['idle: share of a core'],
  },
  {
    ...{ issue: 3, name: 'ready after the start of the process', unit: 's', ...most(10) },
    figures: ['start: ready, empty folder', 'idle: ready after the start'],
  },
  {
    ...{ issue: 3, name: 'a log of 1 GB is open', unit: 's', ...most(1) },
    figures: ['log: seconds to open a log of 1 GB'],
  },

  // Real servers
  {
    ...{ issue: 4, name: 'forwarding to Kafka, hits per CPU second, against one hit a record', unit: 'ratio' },
    ...{ ...least(2.5), figures: ['produce: forwarding to Kafka, hits per processor second'] },
  },
  {
    ...{ issue: 4, name: 'worker, Kafka to staged files', unit: 'hits/CPU-s', ...least(50_000) },
    figures: ['worker: worker: Kafka to staged files, warehouse, by itself'],
  },
  {
    ...{ issue: 4, name: 'publication through Trino', unit: 'rows/s', ...least(50_000) },
    figures: ['publication: publication through Trino, 200,000 rows of hits, by itself'],
  },
  {
    ...{ issue: 4, name: 'accept to visible at 2,000 hits/s in a cluster, p99', unit: 's', ...most(120) },
    figures: ['cluster: accept to visible, p99'],
  },

  // Numbers
  {
    ...{
      issue: 5,
      name: 'the whole plan into memory sinks, against a hand-written loop',
      unit: 'ratio',
      ...least(0.5),
    },
    figures: ['pipeline: hits through the stream runner'],
  },
  {
    ...{
      issue: null,
      name: 'rows of hourly from enriched hits, against hand-written maps',
      unit: 'ratio',
      ...least(1),
    },
    figures: ['pipeline: rows of hourly from enriched hits'],
  },
  {
    ...{ issue: 5, name: 'overview of 90 days of 1 M hits, cold, against ClickHouse', unit: 'ratio', ...least(1) },
    figures: ['overview: overview of 90 days, cold'],
  },
  {
    ...{ issue: 5, name: 'cold 24 hours of one merchant among 10,000, p99', unit: 'ms', ...most(25) },
    figures: ['query: cold time series of one merchant of 10,000, 24 hours, p99'],
  },
  {
    ...{ issue: 5, name: 'buckets from cells, Zipf merchants, rolling windows', unit: 'ratio', ...least(0.95) },
    figures: ['cells-zipf: buckets from cells, 2,000 merchants by Zipf'],
  },
  {
    ...{ issue: 5, name: '50 hits a frame by WebSocket, against the same by HTTP', unit: 'ratio', ...least(1) },
    figures: ['socket: socket: 50 hits a frame'],
  },
  {
    ...{ issue: 5, name: 'one hit a frame by WebSocket, against the same by HTTP', unit: 'ratio', ...least(3) },
    figures: ['socket: socket: one hit a frame'],
  },

  // Lakehouse
  {
    ...{ issue: 6, name: 'a month of a publication a minute: commit, p99', unit: 'ms', ...most(20) },
    // The nearest to a month first: what was measured over fewer days says less.
    figures: [
      'lake-month-full-days: commit, p99 of the worst day',
      'lake-month-thirty-days: commit, p99, load 9 to 20',
      'lake-month-four-days: commit, p99',
      'lake-month: commit, p99',
    ],
  },
  {
    ...{ issue: 6, name: 'a month of a publication a minute: plan of a 24-hour query, p99', unit: 'ms', ...most(30) },
    figures: [
      'lake-month-full-days: plan of a 24-hour query, p99',
      'lake-month-thirty-days: plan of a 24-hour query, p99',
      'lake-month: plan of a 24-hour query, p99',
    ],
  },
  {
    ...{ issue: 6, name: 'a month of a publication a minute: metadata folder at its largest', unit: 'MB', ...most(50) },
    figures: [
      'lake-month-full-days: metadata folder at its largest',
      'lake-month-thirty-days: metadata folder at its largest',
      'lake-month: metadata folder at its largest',
    ],
  },
  {
    ...{ issue: 6, name: 'compaction, against COPY … ORDER BY with equal memory', unit: 'ratio', ...least(0.7) },
    figures: ['compaction: compact 100 files of a day, 801,029 hits'],
  },

  // Pipelines
  {
    ...{ issue: 7, name: 'plan without state, against a hand-written loop', unit: 'ratio', ...least(0.5) },
    figures: ['windows: a plan without state, by operators'],
  },
  {
    ...{ issue: 7, name: 'fixed windows with counts, against a hand-written loop', unit: 'ratio', ...least(0.5) },
    figures: ['windows: fixed windows, counts, by operators'],
  },
  {
    ...{ issue: 7, name: 'hopping windows with distinct, against a hand-written loop', unit: 'ratio', ...least(0.5) },
    figures: ['windows: hopping windows, distinct visitors, by operators'],
  },
  {
    ...{ issue: 7, name: 'session windows, against a hand-written loop', unit: 'ratio', ...least(0.5) },
    figures: ['windows: session windows, by operators'],
  },
  ...(['stateless', 'fixed-count', 'hopping-distinct', 'sessions'] as const).map((plan) => ({
    ...{ issue: 7, name: `memory flat over 10 M hits but for declared state: ${plan}`, unit: 'MB', ...most(1) },
    figures: [`windows-memory: ${plan}, growth from 1 M to 10 M rows`],
  })),

  // Reruns
  {
    ...{ issue: 8, name: 'bounded hourly by SQL, against the query by itself', unit: 'ratio', ...least(0.7) },
    figures: ['rerun: hours of a rerun by SQL'],
  },
  {
    ...{ issue: 8, name: 'bounded by operators, against a hand-written loop', unit: 'ratio', ...least(0.5) },
    figures: ['rerun: a rerun by operators'],
  },
  {
    ...{ issue: 8, name: 'memory of a rerun over 20 M hits', unit: 'MB', ...most(2_000) },
    figures: ['rerun-memory: memory over 20 M hits at its most'],
  },
  {
    ...{ issue: 8, name: 'p99 of live acks while a rerun backfills, against alone', unit: 'ratio', ...most(2) },
    // Paced by HITLAKE_RERUN_HITS_PER_SECOND, as the issue says; then unpaced.
    figures: [
      'rerun-live-paced: p99 of acks while a rerun backfills, against alone',
      'rerun-live: p99 of acks while a rerun backfills, against alone',
    ],
  },

  // Proof: what these count or time is told by `npm run bench:note`
  {
    ...{ issue: 9, name: 'seeds of the simulator that passed, 0 lost, 0 doubled', unit: 'seeds', ...least(10_000) },
    figures: ['simulator: seeds passed'],
  },
  {
    ...{ issue: 9, name: 'faults of a cluster in one run, books balanced', unit: 'faults', ...least(500) },
    figures: ['faults: faults survived'],
  },
  {
    ...{ issue: 9, name: 'races of publishers in one run, nothing lost', unit: 'races', ...least(1_000) },
    figures: ['races: races survived'],
  },
  {
    ...{ issue: 9, name: 'planted bugs that a test catches', unit: 'bugs', ...least(30) },
    figures: ['planted-bugs: bugs caught'],
  },
  { ...{ issue: 9, name: 'all of CI', unit: 'min', ...most(25) }, figures: ['ci: all of it'] },
  {
    ...{ issue: 9, name: 'Kafka to Iceberg, against Apache Flink 2.1 on the same input', unit: 'ratio', ...least(1) },
    figures: ['flink: Kafka to Iceberg'],
  },
  {
    ...{
      issue: 9,
      name: 'Kafka to hourly rollup, against Apache Flink 2.1 on the same input',
      unit: 'ratio',
      ...least(1),
    },
    figures: ['flink: Kafka to hourly rollup'],
  },
]

/** What is wanted of a suite's figure: as the figure says itself, or as the list says. */
export function goalOf(suite: string, figure: Pick<Figure, 'name' | 'goal' | 'issue'>): Goal | undefined {
  const { name, goal, issue } = figure
  const listed = goals.find(({ figures }) => figures.includes(`${suite}: ${name}`))
  if (listed !== undefined || goal === undefined || issue === undefined) return listed
  return { issue, name: `${suite}: ${name}`, unit: '', ...goal, figures: [`${suite}: ${name}`] }
}

/** The figures as they are recorded: each with the goal that the list has for it. */
export function withGoals(suite: string, figures: readonly Figure[]): readonly Figure[] {
  return figures.map((figure) => {
    const found = goalOf(suite, figure)
    if (found === undefined) return figure
    const goal = { at: found.at, value: found.value }
    return { ...figure, goal, ...(found.issue !== null && { issue: found.issue }) }
  })
}

/** Where a goal was measured, the deciding one first. */
export function measurementsOf(
  goal: Goal,
  records: readonly MeasurementRecord[],
): readonly { readonly record: MeasurementRecord; readonly figure: Figure }[] {
  return goal.figures.flatMap((named) =>
    records.flatMap((record) =>
      record.figures.filter(({ name }) => `${record.suite}: ${name}` === named).map((figure) => ({ record, figure })),
    ),
  )
}

/** Whether a figure meets its goal; null where it has none. At the limit it does. */
export function meetsGoal({ value, goal }: Pick<Figure, 'value' | 'goal'>): boolean | null {
  if (goal === undefined) return null
  return goal.at === 'least' ? value >= goal.value : value <= goal.value
}
