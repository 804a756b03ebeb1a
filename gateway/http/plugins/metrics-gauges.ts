/**
 * Gauges: read when somebody scrapes, through functions that the roles of a process give. Several roles in one process
 * give theirs one after the other; a gauge nobody reads is left out.
 */
import { Counter, Gauge, type Registry } from 'prom-client'

/** How far a job is in one partition of its feed. NaN: not known now. */
export interface PartitionGauges {
  readonly job: string
  readonly partition: number
  readonly lagRecords: number
  readonly lagSeconds: number
  /** ms since 1970 */
  readonly watermarkMs: number
  /** Not asked for records, because the job has too much in hand. */
  readonly paused?: boolean
}

export interface JobGauges {
  readonly job: string
  readonly stateBytes: number
  /** Of records that were fetched and not yet processed. */
  readonly queueBytes?: number
}

const logStates = ['open', 'full', 'failed', 'closed'] as const
const forwardStates = ['flowing', 'draining', 'away'] as const

export interface ForwarderGauges {
  readonly state: (typeof forwardStates)[number]
  /** Durable records of the log that the feed has not acknowledged. */
  readonly backlogRecords: number
  /** ms since 1970 */
  readonly visibleThroughMs: number
}

type Read<T> = () => T | Promise<T>

/** Read at scrape time. NaN is exported as NaN: not known now. A reader that fails leaves its gauge out of this scrape. */
export interface GaugeReaders {
  readonly logBytes?: Read<number>
  readonly logState?: Read<(typeof logStates)[number]>
  readonly forwarder?: Read<ForwarderGauges>
  readonly partitions?: Read<readonly PartitionGauges[]>
  readonly jobs?: Read<readonly JobGauges[]>
  readonly unpublishedFiles?: Read<number>
  readonly cellsBytes?: Read<number>
  /** What answers promise to hold, ms since 1970. */
  readonly asOfMs?: Read<number>
  readonly ready?: Read<boolean>
}

/** What a gauge shows in one scrape: its labels and its value. */
type Samples<L extends string> = readonly (readonly [labels: Readonly<Record<L, string>>, value: number])[]

/** Gives what `metrics.read` is. */
export function createGauges(registry: Registry): (readers: GaugeReaders) => void {
  const sources = new Map<string, (() => Promise<Samples<string>>)[]>()

  function gauge<T, L extends string = never>(
    { name, help, labels = [] }: { name: string; help: string; labels?: readonly L[] },
    read: Read<T> | undefined,
    samplesOf: (value: T) => Samples<L>,
  ): void {
    if (read === undefined) return
    const sourcesOf = sources.get(name) ?? []
    sourcesOf.push(async () => samplesOf(await read()))
    if (sources.has(name)) return
    sources.set(name, sourcesOf)
    new Gauge<string>({
      name,
      help,
      labelNames: [...labels],
      registers: [registry],
      async collect() {
        const samples = await Promise.all(sourcesOf.map((source) => source().catch(() => [])))
        // What was there at the last scrape and is no more (a partition that went elsewhere) is not shown on; in one
        // stretch, for scrapes may overlap.
        this.reset()
        if (labels.length === 0) this.remove()
        for (const [of, value] of samples.flat()) this.set(of, value)
      },
    })
  }

  const single = (name: string, help: string, read: Read<number> | undefined): void =>
    gauge({ name, help }, read, (value) => [[{}, value]])

  processGauges(registry)

  return ({ forwarder, partitions, jobs, ...readers }) => {
    single('log_bytes', 'Bytes of the log on disk.', readers.logBytes)
    gauge({ name: 'log_state', help: '1 for the state the log is in.', labels: ['state'] }, readers.logState, (now) =>
      logStates.map((state) => [{ state }, state === now ? 1 : 0]),
    )

    gauge(
      { name: 'forward_state', help: '1 for the state the forwarder is in.', labels: ['state'] },
      forwarder,
      (now) => forwardStates.map((state) => [{ state }, state === now.state ? 1 : 0]),
    )
    const ofForwarder = (name: string, help: string, value: (of: ForwarderGauges) => number) =>
      gauge({ name, help }, forwarder, (of) => [[{}, value(of)]])
    ofForwarder(
      'forward_backlog_records',
      'Records of the log that Kafka has not acknowledged.',
      ({ backlogRecords }) => backlogRecords,
    )
    ofForwarder(
      'forward_visible_through_seconds',
      'All hits that this collector received before are published, seconds since 1970.',
      ({ visibleThroughMs }) => visibleThroughMs / 1_000,
    )

    const ofPartitions = (name: string, help: string, value: (of: PartitionGauges) => number | undefined) =>
      gauge({ name, help, labels: ['job', 'partition'] }, partitions, (all) =>
        all.flatMap((of) => {
          const found = value(of)
          return found === undefined ? [] : [[{ job: of.job, partition: `${of.partition}` }, found] as const]
        }),
      )
    ofPartitions('pipeline_lag_records', 'Records that no epoch has committed.', ({ lagRecords }) => lagRecords)
    ofPartitions(
      'pipeline_lag_seconds',
      'How long ago the last committed record was received, where others wait; 0 where none does.',
      ({ lagSeconds }) => lagSeconds,
    )
    ofPartitions(
      'pipeline_watermark_seconds',
      'Watermark, seconds since 1970.',
      ({ watermarkMs }) => watermarkMs / 1_000,
    )
    ofPartitions('pipeline_paused', '1 where the job asks for no records, because it has too much in hand.', (of) =>
      of.paused === undefined ? undefined : Number(of.paused),
    )

    const ofJobs = (name: string, help: string, value: (of: JobGauges) => number | undefined) =>
      gauge({ name, help, labels: ['job'] }, jobs, (all) =>
        all.flatMap((of) => {
          const found = value(of)
          return found === undefined ? [] : [[{ job: of.job }, found] as const]
        }),
      )
    ofJobs('pipeline_state_bytes', 'Memory held by the state of a job.', ({ stateBytes }) => stateBytes)
    ofJobs('pipeline_queue_bytes', 'Bytes of records fetched and not yet processed.', ({ queueBytes }) => queueBytes)

    single('lake_unpublished_files', 'Committed files that no snapshot holds.', readers.unpublishedFiles)
    single('query_cells_bytes', 'Memory held by cached cells.', readers.cellsBytes)
    const { asOfMs, ready } = readers
    single(
      'query_as_of_seconds',
      'Answers hold all hits received before, seconds since 1970.',
      asOfMs && (async () => (await asOfMs()) / 1_000),
    )
    single('ready', '1 where /readyz says yes.', ready && (async () => Number(await ready())))
  }
}

function processGauges(registry: Registry): void {
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read())
      },
    })
  gauge('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss())
  gauge('process_heap_used_bytes', 'JavaScript heap in use.', () => process.memoryUsage().heapUsed)
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'CPU time of all threads.',
    registers: [registry],
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1_000_000)
    },
  })
}
