/**
 * Which of the journal's epochs the lost store had committed after the restored one, in order. Pure: the journal is given as
 * an index, and what lies in the object store as a question.
 *
 * An entry says that an epoch was to be committed. It was:
 * - where a later epoch of one of its partitions starts where, and from the checkpoint with which, it ended, because a
 *   process knows that only from the store;
 * - where a publication names one of its files, because only committed files are published;
 * - else, where nobody with a higher fence started from the same place (who did had the store's word that it was not
 *   moved, and took it over) and all it staged is still there (what is known to be refused is discarded). Such an epoch
 *   is the last of its partitions. If it was never committed after all, it may be now: nothing else continued from there.
 */
import { JournalGapError } from '../../../core/errors.ts'
import type { EpochCommit } from '../../../core/ports/control-store.ts'
import type { EntryStamp } from './names.ts'

export interface IndexedEpoch {
  /** Of the journal's object. */
  readonly name: string
  readonly stamp: EntryStamp
  readonly job: string
  readonly source: string
  readonly fence: number
  readonly moves: readonly EpochMove[]
  /** Left out: it knew of one generation. */
  readonly writing?: EpochCommit['writing'] | undefined
  /** Left out: it looked at no erasures. */
  readonly erasuresKnown?: EpochCommit['erasuresKnown']
  /** Names of the files it staged. */
  readonly staged: readonly string[]
}

export interface EpochMove {
  readonly partition: number
  readonly from: number
  readonly next: number
  /** What it ended with. */
  readonly checkpoint: string | null
  /** What it started from; undefined where that is not known. */
  readonly started: string | null | undefined
}

/** Where a partition stands. */
export interface Standing {
  readonly next: number
  readonly checkpoint: string | null
}

export interface EpochQuestions {
  /** By `placeKey`; a partition that is not there stands at 0 without a checkpoint. */
  readonly standing: ReadonlyMap<string, Standing>
  /** Files that publications of the journal name. */
  readonly published: ReadonlySet<string>
  readonly exists: (object: string) => Promise<boolean>
}

export const placeKey = (job: string, source: string, partition: number): string =>
  JSON.stringify([job, source, partition])

/** 2: published, which cannot be undone; 1: continued by another; 0: none. */
type Proof = 0 | 1 | 2

const beginning: Standing = { next: 0, checkpoint: null }

/**
 * The epochs to commit, in an order that the store accepts.
 * @throws JournalGapError where a partition was further than the entries lead, or two entries both were committed
 */
export async function planEpochs(
  entries: readonly IndexedEpoch[],
  { standing, published, exists }: EpochQuestions,
): Promise<readonly IndexedEpoch[]> {
  const at = new Map(standing)
  const inOrder = [...entries].sort(byTime)
  const starts = startsOf(inOrder)
  const planned: IndexedEpoch[] = []

  const where = (epoch: IndexedEpoch, move: EpochMove): Standing =>
    at.get(placeKey(epoch.job, epoch.source, move.partition)) ?? beginning

  const startsHere = (epoch: IndexedEpoch, move: EpochMove): boolean => {
    const { next, checkpoint } = where(epoch, move)
    return move.from === next && (move.started === undefined || move.started === checkpoint)
  }

  /** Whether the store would take it now, and it continues this very history. */
  const continues = (epoch: IndexedEpoch): boolean => epoch.moves.every((move) => startsHere(epoch, move))

  const startingAt = (epoch: IndexedEpoch, partition: number, next: number) =>
    starts.get(startKey(epoch, partition, next)) ?? []

  const isPublished = (epoch: IndexedEpoch): boolean => epoch.staged.some((file) => published.has(file))

  const isContinued = (epoch: IndexedEpoch): boolean =>
    epoch.moves.some(({ partition, from, next, checkpoint }) =>
      startingAt(epoch, partition, next).some((later) => {
        if (later === epoch) return false
        const started = later.moves.find((move) => move.partition === partition)?.started
        // Who starts where an epoch that moved nothing ended, starts where that one started too: the checkpoint tells.
        return started === checkpoint || (started === undefined && next > from)
      }),
    )

  const proof = (epoch: IndexedEpoch): Proof => (isPublished(epoch) ? 2 : isContinued(epoch) ? 1 : 0)

  /** Others that start from one of its places: of all of them at most one was committed, now or once the rest is reached. */
  const rivals = (epoch: IndexedEpoch): readonly IndexedEpoch[] =>
    epoch.moves
      .flatMap((own) =>
        startingAt(epoch, own.partition, own.from).filter((other) =>
          other.moves.some(
            (move) => move.partition === own.partition && startFromOne(own, move) && startsHere(other, move),
          ),
        ),
      )
      .filter((other) => other !== epoch)

  async function isWhole({ staged, moves }: IndexedEpoch): Promise<boolean> {
    const objects = [...staged, ...moves.flatMap(({ checkpoint }) => checkpoint ?? [])]
    for (const object of objects) if (!(await exists(object))) return false
    return true
  }

  async function wasCommitted(epoch: IndexedEpoch): Promise<boolean> {
    const own = proof(epoch)
    for (const other of rivals(epoch)) {
      const its = proof(other)
      if (own === 2 && its === 2) {
        throw new JournalGapError(
          `files of ${epoch.name} and of ${other.name} are published, and both start from one place`,
        )
      }
      if (its > own || (its === own && isAbove(other, epoch))) return false
    }
    return own > 0 || isWhole(epoch)
  }

  let left = inOrder
  for (;;) {
    const rest: IndexedEpoch[] = []
    for (const epoch of left) {
      if (!continues(epoch) || !(await wasCommitted(epoch))) {
        rest.push(epoch)
        continue
      }
      planned.push(epoch)
      for (const { partition, next, checkpoint } of epoch.moves) {
        at.set(placeKey(epoch.job, epoch.source, partition), { next, checkpoint })
      }
    }
    if (rest.length === left.length) break
    left = rest
  }
  for (const epoch of left) refuseGap(epoch, where)
  return planned
}

/** Of epochs that have panes and no record several may start at one offset, one after the other: the checkpoint tells. */
function startFromOne(a: EpochMove, b: EpochMove): boolean {
  return (a.next > a.from && b.next > b.from) || (a.started !== undefined && a.started === b.started)
}

function refuseGap(epoch: IndexedEpoch, where: (epoch: IndexedEpoch, move: EpochMove) => Standing): void {
  for (const move of epoch.moves) {
    const { next } = where(epoch, move)
    if (move.from <= next) continue
    throw new JournalGapError(
      `partition ${move.partition} of ${epoch.job} in ${epoch.source} is at ${next}, was at ${move.from} by ${epoch.name}, and no entry leads there`,
    )
  }
}

/** By partition and place, the epochs that start there. */
function startsOf(entries: readonly IndexedEpoch[]): ReadonlyMap<string, readonly IndexedEpoch[]> {
  const starts = new Map<string, IndexedEpoch[]>()
  for (const epoch of entries) {
    for (const { partition, from } of epoch.moves) {
      const key = startKey(epoch, partition, from)
      const known = starts.get(key)
      if (known === undefined) starts.set(key, [epoch])
      else known.push(epoch)
    }
  }
  return starts
}

function startKey({ job, source }: IndexedEpoch, partition: number, from: number): string {
  return `${from} ${placeKey(job, source, partition)}`
}

/** Of one fence is one process, which tries again only where it knows that the attempt before came to nothing. */
function isAbove(a: IndexedEpoch, b: IndexedEpoch): boolean {
  return a.fence > b.fence || (a.fence === b.fence && a.stamp.number > b.stamp.number)
}

function byTime(a: IndexedEpoch, b: IndexedEpoch): number {
  return a.stamp.at - b.stamp.at || a.stamp.number - b.stamp.number
}
