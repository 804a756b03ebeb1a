/**
 * One hit on its way through a compiled plan. Steps only note what the hit will do (effects); all of it happens when the
 * last step has passed, or none of it: a hit that fails halfway is in `failed_hits` and nowhere else.
 */
import type { FeedHit } from '../../core/hit.ts'

/** Takes an effect once its hit has passed every step. Must not throw: what may fail is done before. */
export interface Effect {
  take(value: unknown, detail: unknown): void
}

export class HitRun {
  hit!: FeedHit
  /** What the watermark follows, ms. */
  receivedMs = 0
  /** The step that runs now: it names a failure. */
  step = ''
  /** Where set, the step reads state, and an error is the job's, not the hit's. */
  inState = false
  duplicate = false
  /** The filter that stopped a row of this hit last. */
  droppedBy: string | null = null
  stored = false
  failed = false

  readonly #effects: Effect[] = []
  readonly #values: unknown[] = []
  readonly #details: unknown[] = []
  #count = 0

  begin(hit: FeedHit, step: string): void {
    this.hit = hit
    this.step = step
    this.duplicate = false
    this.droppedBy = null
    this.stored = false
    this.failed = false
    this.inState = false
    this.#count = 0
  }

  note(effect: Effect, value: unknown, detail: unknown): void {
    this.#effects[this.#count] = effect
    this.#values[this.#count] = value
    this.#details[this.#count] = detail
    this.#count += 1
  }

  takeEffect(): void {
    for (let i = 0; i < this.#count; i++) (this.#effects[i] as Effect).take(this.#values[i], this.#details[i])
  }
}
