/**
 * How far a collector's log has come in the jobs, told from what each partition has done of it: up to which place every
 * job has committed (that may be trimmed), and up to which time of receipt everything is published (that is visible).
 *
 * It remembers *moments*: of a place, and a time before which all hits were received that lie before the place, the last
 * place that went to each partition. A moment has passed when every job is beyond those places. Any moment may be
 * forgotten, for each is true by itself; fewer of them only mean that a number rises in larger steps.
 */
import type { LogProgress } from '../../core/ports/cluster-store.ts'

/** Moments remembered; at more, every second one is forgotten. */
export const defaultMaxMoments = 1_024

export interface ForwardHistory {
  /** All hits received before `atMs` lie before `place`, some of them not yet assigned. Places never fall. */
  sample(atMs: number, place: number): void
  /** The record at `place` goes to this partition; in order of places, each once. */
  assign(place: number, partition: number, received: number | null): void
  /** Remembers the place after the last one assigned as a moment. */
  mark(): void
  /** What the store says now. */
  apply(progress: readonly LogProgress[]): void
  /** Every job has committed all records before it. */
  readonly trimmable: number
  /** All records before it are published. */
  readonly publishedThrough: number
  /** Ms since 1970: all hits received before are published. */
  readonly visibleThrough: number
  /** The last place that went to each partition, -1 where none did. */
  readonly last: readonly number[]
  /** Moments held. */
  readonly moments: number
  /** Records from `place` on are sent again, into a feed that has none of them. */
  restart(place: number): void
}

export interface ForwardHistoryOptions {
  readonly jobs: readonly string[]
  readonly partitions: number
  /** Where assigning begins. */
  readonly from: number
  /** The last places before `from`; undefined where they are not known. */
  readonly last?: readonly number[]
  readonly maxMoments?: number
}

interface Moment {
  readonly atMs: number
  readonly place: number
  /** Undefined until all records before `place` are assigned. */
  last?: readonly number[]
}

export function createForwardHistory(options: ForwardHistoryOptions): ForwardHistory {
  const { jobs, partitions } = options
  const maxMoments = options.maxMoments ?? defaultMaxMoments
  const nowhere = (): number[] => new Array<number>(partitions).fill(-1)
  let last = options.last === undefined ? nowhere() : [...options.last]
  let next = options.from
  let newestReceived = 0
  /** In order of places. Those before `assigned` have their last places. */
  let moments: Moment[] = []
  let assigned = 0
  let trimmable = 0
  let publishedThrough = 0
  let visibleThrough = 0
  /**
   * What lies before `from` and is not known is committed, for else it would not be gone; whether it is published can be
   * told once everything is that was committed when we first looked. `wanted`: not looked yet.
   */
  let gone: 'none' | 'wanted' | readonly LogProgress[] =
    options.last === undefined && options.from > 0 ? 'wanted' : 'none'

  function settle(): void {
    for (let moment = moments[assigned]; moment !== undefined && moment.place <= next; moment = moments[assigned]) {
      moment.last = [...last]
      assigned++
    }
  }

  function thin(): void {
    if (moments.length <= maxMoments) return
    // Counted from the end: the newest is the one that will say most.
    moments = moments.filter((_, index) => (moments.length - 1 - index) % 2 === 0)
    assigned = moments.filter((moment) => moment.last !== undefined).length
  }

  /** By partition: the least that any of the jobs has of it. */
  function least(progress: readonly LogProgress[], of: 'committed' | 'published'): number[] {
    const found = new Map(progress.map((each) => [`${each.partition} ${each.job}`, each[of]]))
    return nowhere().map((_, partition) => Math.min(...jobs.map((job) => found.get(`${partition} ${job}`) ?? 0)))
  }

  const isBehind = (moment: Moment, reached: readonly number[]) =>
    moment.last?.every((place, partition) => place < (reached[partition] as number)) ?? false

  function goneIsPublished(progress: readonly LogProgress[]): boolean {
    if (gone === 'wanted') gone = progress.filter(({ job }) => jobs.includes(job))
    if (gone === 'none') return true
    const open = gone.some(
      (before) =>
        !progress.some(
          ({ job, partition, published }) =>
            job === before.job && partition === before.partition && published >= before.committed,
        ),
    )
    if (!open) gone = 'none'
    return !open
  }

  return {
    sample(atMs, place) {
      // A failed append gives its offset back: a place sampled before may be one that never was.
      while ((moments.at(-1)?.place ?? -1) > place) moments.pop()
      moments.push({ atMs, place })
      settle()
      thin()
    },
    assign(place, partition, received) {
      next = place
      settle()
      last[partition] = place
      next = place + 1
      if (received !== null) newestReceived = Math.max(newestReceived, received)
    },
    mark() {
      settle()
      if ((moments[assigned - 1]?.place ?? -1) >= next) return
      moments.splice(assigned, 0, { atMs: newestReceived, place: next, last: [...last] })
      assigned++
      thin()
    },
    apply(progress) {
      settle()
      const committed = least(progress, 'committed')
      const published = goneIsPublished(progress) ? least(progress, 'published') : nowhere()
      let passed = 0
      for (const moment of moments) {
        if (!isBehind(moment, committed)) break
        trimmable = Math.max(trimmable, moment.place)
        if (!isBehind(moment, published)) continue
        publishedThrough = Math.max(publishedThrough, moment.place)
        visibleThrough = Math.max(visibleThrough, moment.atMs)
        passed++
      }
      moments.splice(0, passed)
      assigned -= passed
    },
    restart(place) {
      last = nowhere()
      next = place
      moments = []
      assigned = 0
      if (place > 0) gone = 'wanted'
    },
    get trimmable() {
      return trimmable
    },
    get publishedThrough() {
      return publishedThrough
    },
    get visibleThrough() {
      return visibleThrough
    },
    get last() {
      return last
    },
    get moments() {
      return moments.length
    },
  }
}
