/** What a run leaves behind: its lines on the screen and its record in bench/results (`bench/record.ts`). */
import type { Figure, Measured } from '../../bench/record.ts'
import { limits } from '../lib/limits.ts'
import { baseHitsPerSecond, type Load } from '../lib/scale.ts'
import { defaultSeconds, type Scenario } from './arguments.ts'
import { countsOf, maxDroppedShare } from './check.ts'
import { type Summary, statistic } from './summary.ts'

const issue = 9
export const titles: Readonly<Record<Scenario, string>> = {
  base: 'Load: mean rate',
  peak: 'Load: ramp to the peak',
  burst: 'Load: three bursts',
  'slow-clients': 'Load: clients behind slow lines',
  socket: 'Load: mean rate by WebSocket',
  readers: 'Load: readers of time series',
  soak: 'Load: 70 % of the mean rate',
}

/** One run, as far as its figures need it. */
export interface Run {
  readonly scenario: Scenario
  readonly load: Load
  readonly summary: Summary
  readonly logBytesAHit: number | undefined
  readonly k6CpuSeconds: number
  /** From k6's start to its end, books at rest included. */
  readonly elapsedSeconds: number
  readonly serverCpuSeconds: number
  readonly httpThreadCpuSeconds: number | undefined
  readonly peakRssBytes: number
  readonly stopSeconds: number | undefined
  readonly dataFolderBytes: number | undefined
  readonly problems: readonly string[]
}

export function figuresOf(run: Run): readonly Figure[] {
  const { summary, load } = run
  const counts = countsOf(summary)
  const exact = { goal: { at: 'most', value: 0 }, issue } as const
  const figures: (Figure | undefined)[] = [
    { name: 'factor', value: load.factor, unit: 'ratio', note: `1 is ${baseHitsPerSecond} hits/s` },
    { name: 'hits accepted', value: counts.accepted, unit: 'hits' },
    { name: 'hits accepted a second', value: Math.round(counts.accepted / load.seconds), unit: 'hits/s' },
    {
      name: 'accepted, but not in the books',
      value: Math.max(0, counts.accepted - counts.books.accepted),
      unit: 'hits',
      ...exact,
    },
    {
      name: 'counted beyond what was accepted or in doubt',
      value: Math.max(0, counts.books.accepted - counts.accepted - counts.inDoubt),
      unit: 'hits',
      ...exact,
    },
    { name: 'in doubt: no answer, or 5xx', value: counts.inDoubt, unit: 'hits' },
    {
      name: 'stored hits that no time series counts',
      value: counts.books.stored - counts.series,
      unit: 'hits',
      ...exact,
    },
    { name: 'sent twice and counted once', value: counts.books.duplicates, unit: 'hits' },
    {
      name: 'failed requests',
      value: statistic(summary, 'errors', 'rate') ?? 0,
      unit: 'ratio',
      goal: { at: 'most', value: limits.errorShare },
      issue,
    },
    {
      name: 'load not sent in time',
      value: round(counts.droppedShare, 4),
      unit: 'ratio',
      goal: { at: 'most', value: maxDroppedShare },
      issue,
    },
    ...times(summary, 'ack_ms', 'from a request to its durable answer', load.slack === 1 ? limits.ackP99Ms : undefined),
    ...times(summary, 'slow_ack_ms', 'the same behind a slow line', undefined),
    ...times(summary, 'read_ms', 'time series', load.slack === 1 ? limits.readP99Ms : undefined),
    ...times(summary, 'as_of_lag_ms', 'asOf behind the clock', load.slack === 1 ? limits.asOfLagP99Ms : undefined),
    rateOfReads(run),
    {
      name: 'CPU of the server a million hits',
      value: round((run.serverCpuSeconds / counts.accepted) * 1e6, 1),
      unit: 's',
      note: 'from before the first hit until the books were at rest',
    },
    run.httpThreadCpuSeconds === undefined
      ? undefined
      : {
          name: 'CPU of the thread that takes hits, a million hits',
          value: round((run.httpThreadCpuSeconds / counts.accepted) * 1e6, 1),
          unit: 's',
          note: 'in it also what answers questions; a part of its garbage is collected by other threads',
        },
    { name: 'CPU of the server', value: round(run.serverCpuSeconds / run.elapsedSeconds, 2), unit: 'cores' },
    { name: 'CPU of k6', value: round(run.k6CpuSeconds / run.elapsedSeconds, 2), unit: 'cores' },
    { name: 'memory of the server at its most', value: Math.round(run.peakRssBytes / 1e6), unit: 'MB' },
    run.logBytesAHit === undefined
      ? undefined
      : {
          name: 'log, a hit',
          value: Math.round(run.logBytesAHit),
          unit: 'bytes',
          note: 'as in Kafka, before its compression',
        },
    run.stopSeconds === undefined ? undefined : { name: 'clean stop', value: round(run.stopSeconds, 1), unit: 's' },
    run.dataFolderBytes === undefined
      ? undefined
      : { name: 'data folder after it', value: round(run.dataFolderBytes / 1e6, 1), unit: 'MB' },
  ]
  return figures.filter((figure) => figure !== undefined && Number.isFinite(figure.value)) as readonly Figure[]
}

function rateOfReads({ summary, load }: Run): Figure | undefined {
  const reads = statistic(summary, 'read_ms', 'count')
  return reads === undefined
    ? undefined
    : { name: 'time series a second', value: round(reads / load.seconds, 1), unit: '1/s' }
}

function times(summary: Summary, metric: string, name: string, p99Goal: number | undefined): readonly Figure[] {
  const of = (statisticName: string, goal?: number): Figure[] => {
    const value = statistic(summary, metric, statisticName)
    if (value === undefined) return []
    const label = { med: 'p50', 'p(99)': 'p99', max: 'longest' }[statisticName] ?? statisticName
    return [
      {
        name: `${name}, ${label}`,
        value: round(value, 1),
        unit: 'ms',
        ...(goal !== undefined && { goal: { at: 'most', value: goal }, issue }),
      },
    ]
  }
  return [...of('med'), ...of('p(99)', p99Goal), ...of('max')]
}

export function measuredOf(run: Run, command: string, remarks: readonly string[]): Measured {
  const { scenario, load, problems } = run
  return {
    suite: `load-${scenario}`,
    title: titles[scenario],
    command,
    figures: figuresOf(run),
    remarks: [
      `${load.seconds} s, ${load.hitsPerRequest} hits a request, ${load.merchants} merchants by Zipf's law, one request in 50 sent twice (none by socket). k6 shares the cores with the server.`,
      ...(load.slack === 1
        ? []
        : [`Limits of time were ${load.slack} times as long as stated, because the machine was not quiet.`]),
      ...problems.map((problem) => `Did not hold: ${problem}.`),
      ...remarks,
    ],
    ...(load.seconds < defaultSeconds[scenario] && { quick: true as const }),
  }
}

export function describe({ suite, figures }: Measured, problems: readonly string[]): string {
  const lines = figures.map(({ name, value, unit }) => `  ${name.padEnd(56)} ${String(value).padStart(12)} ${unit}`)
  const verdict =
    problems.length === 0 ? ['  everything held'] : problems.map((problem) => `  DID NOT HOLD: ${problem}`)
  return [`${suite}`, ...lines, ...verdict].join('\n')
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
