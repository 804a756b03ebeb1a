/**
 * What jobs write of a rerun's generation themselves: hits from its barriers on, and all of a source or partition that had
 * none when dual writing began, for it came later. Splits leave those out, or they would be there twice.
 */
import type { GenerationSink } from '../../../core/generations.ts'
import type { RerunBarrier } from '../../../core/ports/rerun-store.ts'
import type { SplitWork } from '../../../core/ports/rerun-work.ts'

export class Barriers {
  /** A sink that is missing has none: all its hits are the splits'. */
  readonly #next = new Map<GenerationSink, ReadonlyMap<string, number>>()

  constructor(barriers: SplitWork['barriers']) {
    for (const [sink, list] of Object.entries(barriers) as [GenerationSink, readonly RerunBarrier[]][]) {
      this.#next.set(sink, new Map(list.map(({ source, partition, next }) => [keyOf(source, partition), next])))
    }
  }

  /** Whether the hit is the splits' to write. */
  isBefore(sink: GenerationSink, source: string, partition: number, offset: number): boolean {
    const of = this.#next.get(sink)
    if (of === undefined) return true
    const next = of.get(keyOf(source, partition))
    return next !== undefined && offset < next
  }
}

const keyOf = (source: string, partition: number) => `${partition} ${source}`
