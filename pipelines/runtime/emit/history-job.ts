/**
 * A job over a history topic: runs a plan over one emission, and writes what it makes as a generation of its own, beside
 * what live jobs and reruns write. Hits keep their original positions; what the live job's dedupe knows is neither asked nor
 * changed, for an emission has each accepted hit once. Epochs are committed as those of other jobs (`commitEpoch`), so it may
 * be stopped anywhere and run again: every hit of the emission is in the generation exactly once.
 */
import type { Offset } from '../../../core/ids.ts'
import type { Clock } from '../../../core/ports/clock.ts'
import type { ControlStore, JobPosition } from '../../../core/ports/control-store.ts'
import type { Feed } from '../../../core/ports/feed.ts'
import type { LakeWriter, StagedFile } from '../../../core/ports/lake.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableName } from '../../../core/tables.ts'
import type { Pipeline } from '../../plan/draft.ts'
import { checkpointName, readCheckpoint, writeCheckpoint } from '../checkpoints.ts'
import { stagedFileMaxRows } from '../commit-epoch.ts'
import { Lane } from '../rerun/lane.ts'
import { dataOfRows } from '../rerun/recorded-data.ts'
import type { MerchantInputs, SideInputs } from '../side-inputs.ts'
import { type HistoryPlace, type HistoryRecord, historyFeed } from './history-feed.ts'
import { historyEpochMaxHits, historyGenerationMin } from './limits.ts'

export interface HistoryJobOptions {
  /** Its name among all jobs: positions are kept under it. Letters, digits and `-`. */
  readonly job: string
  /** `historyGenerationMin` or more. */
  readonly generation: number
  readonly emission: string
  /** A plan over the feed of hits. */
  readonly plan: Pipeline
  readonly inputs: SideInputs
  readonly feed: Feed
  readonly store: Pick<ControlStore, 'acquirePartitions' | 'commitEpoch' | 'erasuresAsked'>
  readonly lake: Pick<LakeWriter, 'stage' | 'discard'>
  readonly objects: ObjectStore
  readonly owner: string
  readonly clock: Pick<Clock, 'monotonic'>
  /** Of the plan's sinks, those that are written. */
  readonly tables: readonly TableName[]
  /** `historyEpochMaxHits` where absent. */
  readonly epochMaxHits?: number
}

export interface HistoryJobResult {
  /** Hits taken in this run, and those that were there before. */
  readonly hits: number
  readonly repeats: number
  /** Left out: erased. */
  readonly erased: number
  /** Records that are of another emission, and that are no history. */
  readonly others: number
  readonly poison: number
}

/** The step of a checkpoint that holds the last hit taken. */
const lastHitStep = '#last'

/**
 * To the end of what the topic holds when each partition is begun.
 * @throws RangeError for a generation that is a rerun's; StaleEpochError where another runs the job; StaleErasuresError
 * where an erasure came between, which a new run knows; the signal's reason
 */
export async function runHistoryJob(options: HistoryJobOptions, signal: AbortSignal): Promise<HistoryJobResult> {
  const { generation, job, feed, store, owner } = options
  if (!Number.isSafeInteger(generation) || generation < historyGenerationMin) {
    throw new RangeError(`a job over history writes a generation from ${historyGenerationMin} on, not ${generation}`)
  }
  const { fence, positions } = await store.acquirePartitions(job, feed.source, owner, feed.partitions)
  const run = new HistoryRun(options, fence)
  for (const partition of feed.partitions) {
    await run.partition(
      partition,
      positions.find((each) => each.partition === partition),
      signal,
    )
  }
  return run.counts
}

class HistoryRun {
  readonly counts = { hits: 0, repeats: 0, erased: 0, others: 0, poison: 0 }
  readonly #lane: Lane
  readonly #made: { readonly plan: string; readonly dataSets: string }
  readonly #isErased: MerchantInputs['isErased']
  /** Taken since the last commit. */
  #hits = 0
  #epochs = 0
  #erasuresKnown = 0

  constructor(
    private readonly options: HistoryJobOptions,
    private readonly fence: number,
  ) {
    const { plan: pipeline, inputs, generation, tables } = options
    const data = dataOfRows('today', { pipeline, inputs })
    this.#made = data.begin(null)
    this.#lane = new Lane({ pipeline, context: data.context, generation, tables })
    this.#isErased = (inputs.context as unknown as MerchantInputs).isErased
  }

  async partition(partition: number, committed: JobPosition | undefined, signal: AbortSignal): Promise<void> {
    const { feed, emission, clock, epochMaxHits = historyEpochMaxHits } = this.options
    let from = await this.#placeOf(partition, committed)
    let place = from
    await this.#beginEpoch()
    for await (const record of historyFeed({ feed, emission, clock }).read(partition, from, signal)) {
      await this.#take(record)
      place = record.place
      if (this.#hits < epochMaxHits) continue
      await this.#commit(partition, from.next, place)
      from = place
      await this.#beginEpoch()
    }
    if (place.next > from.next) await this.#commit(partition, from.next, place)
  }

  async #beginEpoch(): Promise<void> {
    this.options.inputs.beginEpoch()
    this.#erasuresKnown = await this.options.store.erasuresAsked()
  }

  async #take({ kind, entries, repeats }: HistoryRecord): Promise<void> {
    const { counts } = this
    if (kind === 'other') counts.others += 1
    if (kind === 'poison') counts.poison += 1
    counts.repeats += repeats
    await this.options.inputs.prepare(new Set(entries.map(({ hit }) => hit.merchant)))
    for (const { hit } of entries) {
      if (this.#isErased(hit)) counts.erased += 1
      else {
        this.#lane.process(hit, this.#made)
        counts.hits += 1
      }
    }
    this.#hits += entries.length
  }

  /** One transaction: what was made of the partition's records, and how far it was read. */
  async #commit(partition: number, from: Offset, place: HistoryPlace): Promise<void> {
    const { job, feed, store, lake, objects } = this.options
    const { fence } = this
    const { next, last } = place
    const { plan } = this.#made
    this.#lane.emitPanes()
    const { output } = this.#lane
    const names: string[] = []
    let commit: Parameters<ControlStore['commitEpoch']>[0]
    try {
      const staged = await this.#stage(partition, names)
      const checkpoint = checkpointName(job, partition, { next, fence })
      const steps = { [lastHitStep]: Buffer.from(JSON.stringify(last)) }
      await writeCheckpoint(objects, checkpoint, { plan, job, source: feed.source, partition, next, steps })
      const position = { partition, from, next, checkpoint, watermark: null, received: null, forwarded: {} }
      const touched = output.touched.list()
      // Hits are in the books since they were accepted.
      commit = {
        ...{ job, source: feed.source, plan, fence, partitions: [position], staged, touched, books: [] },
        erasuresKnown: this.#erasuresKnown,
      }
    } catch (error) {
      await Promise.allSettled(names.map((name) => lake.discard(name)))
      throw error
    }
    // Where it is not known whether it happened, the next run asks the store; files that do not count are garbage.
    await store.commitEpoch(commit)
    output.clear()
    this.#hits = 0
  }

  async #stage(partition: number, names: string[]): Promise<readonly StagedFile[]> {
    const { job, lake } = this.options
    const staged: StagedFile[] = []
    const epoch = this.#epochs++
    for (const sink of this.#lane.output.filled()) {
      sink.check()
      const { name: table } = sink.table
      for (let from = 0; from < sink.rows.length; from += stagedFileMaxRows) {
        const name = `staged/${table}/${job}-${this.fence}-${partition}-${epoch}-${from / stagedFileMaxRows}.parquet`
        names.push(name)
        staged.push(await lake.stage(table, name, sink.rows.slice(from, from + stagedFileMaxRows)))
      }
    }
    return staged
  }

  async #placeOf(partition: number, committed: JobPosition | undefined): Promise<HistoryPlace> {
    if (committed === undefined) return { next: 0 as Offset, last: null }
    const { next, checkpoint } = committed
    if (checkpoint === null) return { next, last: null }
    const { job, feed, objects } = this.options
    const { steps } = await readCheckpoint(objects, checkpoint, { job, source: feed.source, partition, next })
    const bytes = steps[lastHitStep]
    const last = bytes === undefined ? null : JSON.parse(Buffer.from(bytes).toString('utf8'))
    return { next, last: last as HistoryPlace['last'] }
  }
}
