/**
 * Dedupe of tests and of runs over a snapshot: every key and the time it was first received, exact, in memory. Streams keep
 * it on disk by fingerprints (pipelines/core/dedupe).
 */
import type { FirstSeen } from '../compile-plan.ts'

export interface SavedFirstSeen {
  readonly merchant: string
  readonly id: string
  readonly receivedMs: number
}

export class MemoryFirstSeen implements FirstSeen {
  readonly #seen = new Map<string, SavedFirstSeen>()

  constructor(private readonly withinMs: number) {}

  firstSeen(merchant: string, id: string, receivedMs: number): boolean {
    const key = JSON.stringify([merchant, id])
    const seen = this.#seen.get(key)
    if (seen !== undefined && receivedMs - seen.receivedMs < this.withinMs) return false
    this.#seen.set(key, { merchant, id, receivedMs })
    return true
  }

  snapshot(): readonly SavedFirstSeen[] {
    return [...this.#seen.values()]
  }

  /** Of several saved ones, those that are ours. */
  restore(saved: Iterable<SavedFirstSeen>, isOurs: (merchant: string) => boolean): void {
    for (const one of saved) {
      if (isOurs(one.merchant)) this.#seen.set(JSON.stringify([one.merchant, one.id]), one)
    }
  }
}
