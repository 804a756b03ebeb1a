/**
 * One row on its way through a graph. Steps only note what it will do (effects); all of it happens when the last step has
 * passed, or none of it.
 */
import type { EventTime } from '../../../core/event-time.ts'
import type { Offset, Position } from '../../../core/ids.ts'

/** Takes an effect once its row has passed every step. What may fail is done before. */
export interface RowEffect {
  take(value: unknown): void
}

/** Where a row and its time stand among others. */
export interface RowPlace {
  readonly time: EventTime
  readonly position: Position
}

/** A row that no window of a step takes any more, on its way to the step's branch. */
export interface LateRow extends RowPlace {
  readonly step: string
  readonly row: unknown
  readonly next: (row: unknown) => void
}

export class RowRun implements RowPlace {
  time = 0 as EventTime
  /** What the watermark follows. */
  receivedMs = 0
  /** The step that runs now: it names a failure. */
  step = ''
  /** Where set, the step reads state, and an error is the run's, not the row's. */
  inState = false
  /** Where the row ended: what is said first holds, but for refusals. */
  end: 'none' | 'kept' | 'duplicate' | 'refused' = 'none'
  /** The step that stopped it last. */
  droppedBy: string | null = null

  readonly #late: LateRow[] = []
  readonly #effects: RowEffect[] = []
  readonly #values: unknown[] = []
  /** Where it stands, as numbers: a new object held by an old one costs the garbage collector's attention, each row's. */
  #partition = 0
  #offset = 0 as Offset
  #index = 0
  #noted = 0
  /** Of what was noted: so much keeps the row. */
  #keeping = 0
  #missed = 0

  get position(): Position {
    return { partition: this.#partition, offset: this.#offset, index: this.#index }
  }

  /** A row that was read. */
  start(step: string, position: Position): void {
    if (this.#late.length > 0) this.#late.length = 0
    this.#begin(step, position)
  }

  /** One that is too late begins anew behind the window that did not take it. */
  startLate({ step, time, position }: LateRow): void {
    this.#begin(step, position)
    this.time = time
  }

  #begin(step: string, position: Position): void {
    this.step = step
    this.#partition = position.partition
    this.#offset = position.offset
    this.#index = position.index
    this.inState = false
    this.end = 'none'
    this.droppedBy = null
    this.#noted = 0
    this.#keeping = 0
    this.#missed = 0
  }

  note(effect: RowEffect, value: unknown, end: 'kept' | 'refused'): void {
    const place = this.#noted
    this.#effects[place] = effect
    this.#values[place] = value
    this.#noted = place + 1
    if (end === 'kept') this.#keeping += 1
    if (this.end !== 'refused') this.end = end
  }

  takeEffect(): void {
    const [effects, values, noted] = [this.#effects, this.#values, this.#noted]
    for (let i = 0; i < noted; i++) (effects[i] as RowEffect).take(values[i])
    if (this.#missed === 0 || this.#missed < this.#keeping || this.end !== 'kept') return
    this.end = 'none'
    this.droppedBy = 'too_late'
  }

  /** While effects are taken: one of them kept nothing, for its windows are gone. The row goes on by the branch, if any. */
  miss(late: LateRow | null): void {
    this.#missed += 1
    if (late !== null) this.#late.push(late)
  }

  get hasLate(): boolean {
    return this.#late.length > 0
  }

  nextLate(): LateRow | undefined {
    return this.#late.length === 0 ? undefined : this.#late.shift()
  }
}
