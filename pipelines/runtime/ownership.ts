/** Which partitions a runner works on, under which fence, and how far each of them is committed. */
import type { Offset } from '../../core/ids.ts'
import type { ControlStore, JobPosition } from '../../core/ports/control-store.ts'
import type { Assignment, Feed } from '../../core/ports/feed.ts'

export interface OwnershipParts {
  readonly job: string
  readonly feed: Feed
  readonly assignment?: Assignment
  readonly store: Pick<ControlStore, 'acquirePartitions'>
  readonly owner: string
}

export class Ownership {
  readonly job: string
  /** 0 before the first `take`. */
  fence = 0
  /** Something went wrong since the group last confirmed what is given. */
  doubted = false
  #positions = new Map<number, JobPosition>()

  constructor(private readonly parts: OwnershipParts) {
    this.job = parts.job
  }

  /** Whether others work on the same feed, and partitions come and go. */
  get isShared(): boolean {
    return this.parts.assignment !== undefined
  }

  /** What is assigned to this process now, as far as it knows. */
  get given(): readonly number[] {
    return (this.parts.assignment ?? this.parts.feed).partitions
  }

  /** Committed positions of the partitions that were taken, as of the last commit. */
  get positions(): readonly JobPosition[] {
    return [...this.#positions.values()]
  }

  /** Whether what was taken is what is given. The same given anew is no change: fences say whether it was another's between. */
  get isCurrent(): boolean {
    const { given } = this
    return given.length === this.#positions.size && given.every((partition) => this.#positions.has(partition))
  }

  onChange(listener: () => void): () => void {
    return this.parts.assignment?.onChange(listener) ?? (() => {})
  }

  /** Resolves when the group has said again what is given. */
  async confirm(): Promise<void> {
    await this.parts.assignment?.confirm()
  }

  /** Takes what is given: whoever held any of it can no longer commit it, and the positions are what counts. */
  async take(): Promise<void> {
    const { store, feed, owner } = this.parts
    const given = [...this.given]
    const { fence, positions } = await store.acquirePartitions(this.job, feed.source, owner, given)
    const known = new Map(positions.map((position) => [position.partition, position]))
    this.#positions = new Map(given.map((partition) => [partition, known.get(partition) ?? emptyPosition(partition)]))
    this.fence = fence
  }

  /** These were committed. What is not held any more is left out. */
  moved(positions: readonly JobPosition[]): void {
    for (const position of positions) {
      if (this.#positions.has(position.partition)) this.#positions.set(position.partition, position)
    }
  }
}

function emptyPosition(partition: number): JobPosition {
  return { partition, next: 0 as Offset, checkpoint: null, watermark: null, received: null, forwarded: {} }
}
