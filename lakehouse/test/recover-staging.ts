/** What a worker stages for an epoch, and takes away again. */
import type { SeededRandom } from '../../core/adapters/memory/seeded-random.ts'
import type { Offset } from '../../core/ids.ts'
import type { Clock } from '../../core/ports/clock.ts'
import { merchantId } from '../../core/ports/control-store.contract.ts'
import type { EpochCommit, JobPosition } from '../../core/ports/control-store.ts'
import type { StagedFile } from '../../core/ports/lake.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import type { Writing } from '../../core/ports/rerun-store.ts'
import type { TableName } from '../../core/tables.ts'

export const source = 'feed'
export const pipeline = 'hits'
/** By sink. */
export const sinkJobs = { hits: 'warehouse', hourly: 'rollups' } as const
export const jobs: Readonly<Record<string, readonly TableName[]>> = {
  warehouse: ['hits', 'failed_hits'],
  rollups: ['hourly'],
}
export const merchants: readonly string[] = ['m0', 'm1', 'm2', 'm3', 'm4']

/** What a staged file holds. */
export interface Content {
  readonly job: string
  readonly partition: number
  readonly from: number
  readonly next: number
  /** That it was written by. */
  readonly generations: readonly number[]
}

export class Staging {
  /** By name, of every file there ever was. */
  readonly contents = new Map<string, readonly Content[]>()
  #attempts = 0

  constructor(
    private readonly objects: ObjectStore,
    private readonly random: SeededRandom,
    private readonly clock: Clock,
  ) {}

  async stage(
    job: string,
    held: {
      readonly fence: number
      readonly positions: ReadonlyMap<number, JobPosition>
      readonly writing: Writing
      readonly erasuresKnown: number
    },
    moved: readonly number[],
  ): Promise<EpochCommit> {
    const attempt = this.#attempts++
    const { fence } = held
    const moves = moved.map((partition) => {
      const { next: from } = held.positions.get(partition) as JobPosition
      const next = from + 1 + this.random.below(5)
      const checkpoint = `checkpoints/${job}/${partition}/${next}-${fence}`
      return { ...positionAt(partition, next), from, checkpoint, received: this.clock.now() }
    })
    const content = moves.map(({ partition, from, next }) => ({
      ...{ job, partition, from, next },
      generations: writtenAt(held.writing, { job, partition, from }),
    }))
    const writing = { pipeline, revision: held.writing.revision }
    const staged: StagedFile[] = []
    for (const table of jobs[job] ?? []) {
      if (table === 'failed_hits' && this.random.below(2) === 0) continue
      const name = `staged/${table}/${job}-${fence}-${attempt}.parquet`
      staged.push({ name, table, rows: 1, bytes: 1, firstDay: 1, lastDay: 1 })
      this.contents.set(name, content)
    }
    for (const object of [...staged.map(({ name }) => name), ...moves.map(({ checkpoint }) => checkpoint)]) {
      await this.objects.put(object, Buffer.from('x'))
    }
    const touched = [
      { merchant: merchantId(merchants[this.random.below(merchants.length)] as string), day: this.random.below(5) },
    ]
    const books = content.map(({ from, next }) => ({
      merchant: merchantId('m0'),
      hour: 0,
      accepted: 0,
      stored: next - from,
      duplicates: 1,
      failed: 0,
      dropped: { bot: 2 },
    }))
    const { erasuresKnown } = held
    const droppedDays = this.random.below(3) === 0 ? touched : []
    return {
      ...{ job, source, plan: 'plan', fence, partitions: moves, staged, touched, books, writing },
      ...{ erasuresKnown, droppedDays },
    }
  }

  async discard({ staged, partitions: moves }: EpochCommit): Promise<void> {
    for (const { name } of staged) await this.objects.remove(name)
    for (const { checkpoint } of moves) if (checkpoint !== null) await this.objects.remove(checkpoint)
  }

  async removeObsolete(job: string, { partitions: moves, fence }: EpochCommit): Promise<void> {
    for (const { partition, checkpoint } of moves) {
      for (const name of await this.objects.list(`checkpoints/${job}/${partition}/`)) {
        if (name !== checkpoint && Number(/-(\d+)$/.exec(name)?.[1]) <= fence) await this.objects.remove(name)
      }
    }
  }
}

/** Generations that a job writes of the records of a partition from `from` on. */
export function writtenAt(
  { generations }: Writing,
  { job, partition, from }: Pick<Content, 'job' | 'partition' | 'from'>,
): readonly number[] {
  const written = generations.filter(({ sinks, barriers }) => {
    const barrier = barriers.find((each) => each.job === job && each.partition === partition && each.source === source)
    return sinks.some((sink) => sinkJobs[sink] === job) && from >= (barrier?.next ?? 0)
  })
  return written.map(({ generation }) => generation)
}

export function positionAt(partition: number, next: number): JobPosition {
  return { partition, next: next as Offset, checkpoint: null, watermark: null, received: null, forwarded: {} }
}
