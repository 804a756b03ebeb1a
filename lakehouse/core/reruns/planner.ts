/**
 * What a rerun would be, before it is recorded: which places and sinks, by which plan, and what it will cost. Asks the lake
 * and the executor, and changes nothing; what it finds fit may no longer be when the driver begins, which looks again.
 */
import { RerunRefusedError, SnapshotNotFoundError } from '../../../core/errors.ts'
import { utcDay, utcDayText } from '../../../core/event-time.ts'
import { type GenerationPlace, type GenerationSink, generationSinks } from '../../../core/generations.ts'
import type { Clock } from '../../../core/ports/clock.ts'
import type { ControlStore, Merchant } from '../../../core/ports/control-store.ts'
import type {
  PlannedRerun,
  ReleasePlans,
  RerunEstimate,
  RerunPlanner,
  RerunQuestion,
} from '../../../core/ports/rerun-service.ts'
import { type RerunRequest, rerunPlacesMax } from '../../../core/ports/rerun-store.ts'
import { type RerunExecutor, type RerunSplit, rerunSplitsMax, type SplitWork } from '../../../core/ports/rerun-work.ts'
import { amountOf, type RerunAmount } from '../../../core/rerun-notes.ts'
import { firstKeptDay } from '../../../core/retention.ts'
import { firstGeneration, tableNames } from '../../../schemas/tables.ts'
import type { DriverLake } from './driver-options.ts'
import { publishOf } from './inputs.ts'
import { publishAt } from './snapshots.ts'

/** Merchants that are counted for an estimate; more count as so many. */
export const estimateMerchantsMax = 10_000
const merchantsPerPage = 1_000

export interface RerunPlannerOptions {
  readonly store: Pick<ControlStore, 'merchant' | 'merchants' | 'reruns' | 'tableView'>
  readonly lake: Pick<DriverLake, 'snapshots' | 'publishedThrough'>
  readonly executor: Pick<RerunExecutor, 'failedPlaces' | 'methods' | 'refusal' | 'splits'>
  readonly plans: ReleasePlans
  readonly clock: Pick<Clock, 'now'>
}

export function createRerunPlanner(options: RerunPlannerOptions): RerunPlanner {
  const { store, lake, executor, plans, clock } = options

  return {
    async plan(question): Promise<PlannedRerun> {
      const versions = await plans.of(question.pipeline)
      if (versions === undefined) throw new RerunRefusedError(`there is no pipeline '${question.pipeline}' with reruns`)
      const publish = await publishHere(lake, question.snapshot)
      const request = await requestOf(question, versions)
      await requireHits(request)
      const refusal = await executor.refusal(request)
      if (refusal !== null) throw new RerunRefusedError(refusal)
      const methods = await executor.methods(request)
      const splits = await splitsOf(request, publish)
      const amount = amountOf(splits)
      const [last] = await store.reruns({ limit: 1 })
      const estimate: RerunEstimate = {
        generation: (last?.generation ?? firstGeneration) + 1,
        snapshot: request.snapshot,
        publish,
        places: request.places.length,
        ...amount,
        days: daysOf(splits),
        buckets: await bucketsIn(request.places, splits, amount),
        methods,
        methodReasons: reasonsOf(request, methods),
        plan: { live: versions.live, rerun: request.plan },
        dataSets: request.dataSets,
        zones: request.zones,
        goesOnCosting: goesOnCosting(request),
      }
      return { request, estimate }
    },
  }

  async function requestOf(
    question: RerunQuestion,
    versions: { readonly release: string; readonly rebuild: readonly GenerationSink[] },
  ): Promise<RerunRequest> {
    const { from, to, merchant, recovers, sinks, plan, ...rest } = question
    const place: GenerationPlace = { merchant, from, to }
    const chosen = sinks ?? sinksFor(recovers, versions.rebuild)
    if (recovers !== null && !chosen.includes('hits')) {
      throw new RerunRefusedError('hits that were refused are recovered into hits: name that sink too, or none')
    }
    if (question.zones === 'today' && !chosen.includes('hits')) {
      // Hours made again after an erasure go by the zones of the hits.
      throw new RerunRefusedError('hours of the present zone need hits of that zone: name the sink hits too, or none')
    }
    const places = recovers === null ? [place] : await placesOf(recovers, place)
    return { ...rest, places, sinks: chosen, plan: plan ?? versions.release, recovers }
  }

  async function placesOf(reason: string, place: GenerationPlace): Promise<readonly GenerationPlace[]> {
    const found = await executor.failedPlaces({ reason, places: [place], limit: rerunPlacesMax })
    const which = reason === '' ? '' : ` as ${reason}`
    if (found.length === 0) throw new RerunRefusedError(`no hits were refused${which} there`)
    if (found.length > rerunPlacesMax) {
      throw new RerunRefusedError(
        `hits were refused${which} of more than ${rerunPlacesMax} merchants and days; name a merchant or fewer days`,
      )
    }
    return found
  }

  async function splitsOf({ snapshot, places }: RerunRequest, through: number): Promise<readonly RerunSplit[]> {
    const { snapshot: failed } = await store.tableView('failed_hits')
    const all = failed === null ? 0 : (publishAt(await lake.snapshots('failed_hits'), failed) ?? null)
    const splits = await executor.splits(
      'backfill',
      [
        { table: 'hits', snapshot, after: 0, through },
        { table: 'failed_hits', snapshot: failed, after: 0, through: all },
      ],
      places,
    )
    if (splits.length <= rerunSplitsMax) return splits
    throw new RerunRefusedError(
      `it would be made in ${splits.length} parts, and ${rerunSplitsMax} are the most; ask for fewer days at once`,
    )
  }

  async function bucketsIn(
    places: readonly GenerationPlace[],
    splits: readonly RerunSplit[],
    { rows }: RerunAmount,
  ): Promise<number> {
    const days = new Set(splits.map(({ day }) => day))
    const named = new Set(places.map(({ merchant }) => merchant))
    const merchants = named.has(null) ? await countMerchants() : named.size
    return Math.min(rows, days.size * 24 * merchants)
  }

  async function countMerchants(): Promise<number> {
    let count = 0
    for await (const page of merchantPages()) {
      count += page.length
      if (count >= estimateMerchantsMax) break
    }
    return count
  }

  /** Hours outlive hits: what has no hits any more would be replaced by nothing. @throws RerunRefusedError */
  async function requireHits({ places }: RerunRequest): Promise<void> {
    const now = clock.now()
    for (const { merchant, from } of places) {
      let [latest, who] = [Number.NEGATIVE_INFINITY, '']
      const look = (kept: Merchant) => {
        const first = firstKeptDay(kept, now)
        if (first !== null && first > latest) [latest, who] = [first, kept.id]
      }
      if (merchant === null) for await (const page of merchantPages()) page.forEach(look)
      else {
        const own = await store.merchant(merchant)
        if (own !== undefined) look(own)
      }
      if (latest <= (from === null ? Number.NEGATIVE_INFINITY : utcDay(from))) continue
      const day = utcDayText(latest)
      throw new RerunRefusedError(
        `hits of ${who} are kept from ${day} on, and hours of earlier days, which stay, would be lost: ` +
          `ask with --from ${day}${merchant === null ? ', or merchant by merchant' : ''}`,
      )
    }
  }

  async function* merchantPages(): AsyncGenerator<readonly Merchant[]> {
    for (let after: string | undefined; ; ) {
      const page = await store.merchants({ ...(after !== undefined && { after }), limit: merchantsPerPage })
      yield page
      after = page.at(-1)?.id
      if (page.length < merchantsPerPage) return
    }
  }
}

/** Says of which table a snapshot is that `hits` lacks, where it is one of ours. @throws SnapshotNotFoundError, RerunRefusedError */
async function publishHere(
  lake: Pick<DriverLake, 'snapshots' | 'publishedThrough'>,
  snapshot: string,
): Promise<number> {
  try {
    return await publishOf(lake, snapshot)
  } catch (error) {
    if (!(error instanceof SnapshotNotFoundError)) throw error
    for (const table of tableNames.filter((name) => name !== 'hits')) {
      const known = await lake.snapshots(table)
      if (known.some(({ id }) => id === snapshot)) {
        throw new RerunRefusedError(`${snapshot} is a snapshot of ${table}; a rerun begins from one of hits`)
      }
    }
    throw error
  }
}

function sinksFor(recovers: string | null, rebuild: readonly GenerationSink[]): readonly GenerationSink[] {
  return recovers !== null || rebuild.length === 0 ? generationSinks : rebuild
}

function daysOf(splits: readonly RerunSplit[]): RerunEstimate['days'] {
  const days = splits.map(({ day }) => day)
  return days.length === 0 ? null : { first: Math.min(...days), last: Math.max(...days) }
}

function reasonsOf({ via, sinks }: RerunRequest, methods: SplitWork['methods']): RerunEstimate['methodReasons'] {
  const asked = via === null ? '' : 'as asked; '
  const hourly =
    methods.hourly === 'sql'
      ? `${asked}hours follow from rows of hits by SQL`
      : sinks.includes('hits')
        ? `${asked}hours are made in the same pass as hits`
        : `${asked}SQL cannot say what the plan does above the hours`
  const reasons = { hits: 'the steps of the plan are code', hourly }
  return Object.fromEntries(sinks.map((sink) => [sink, reasons[sink]]))
}

function goesOnCosting({ sinks, places }: RerunRequest): string {
  const whole = places.some(({ merchant, from, to }) => merchant === null && from === null && to === null)
  const which = sinks.join(' and ')
  const late = places.every(({ to }) => to !== null)
  const hits = whole ? 'every hit' : late ? 'each hit of these days, however late it comes,' : 'each hit of its places'
  return `from the catch-up until it is released ${hits} is processed by both plans, and rows of ${which} are stored twice`
}
