/** What a compiled plan that keeps windows between epochs owes the runner beside rows: time, state, and when to ask again. */

/** One window step of a partition, or of several together. */
export interface WindowStepFacts {
  readonly step: string
  readonly stateBytes: number
  /** Of several partitions the least; null before the first. */
  readonly watermark: number | null
  /** Windows that are kept. */
  readonly windows: number
  /** Since the last commit: rows behind the watermark that counted, and those that no window took any more. */
  readonly late: number
  readonly tooLate: number
}

/** Processing times; null: never. */
export interface WindowTimes {
  /** Of the next early pane. */
  readonly early: number | null
  /** Of the next window that closes or goes, where the partition is drained by then. */
  readonly close: number | null
}

export interface PlanWindows {
  /** The partition's; null before the first. */
  readonly watermark: number | null
  readonly stateBytes: number
  readonly steps: readonly WindowStepFacts[]
  /** Whether panes came that are not committed: they need an epoch, be there records or not. */
  readonly hasPanes: boolean
  /** Processing time has come so far: early panes that are due come. */
  advanceTime(nowMs: number): void
  /** The feed holds no more of the partition at this time: its watermark is now less the delay, and windows close by it. */
  drained(nowMs: number): void
  /** When time alone will bring something about. */
  times(): WindowTimes
  /** Canonical JSON of the plan, as bytes: what `save` gives is read by it. */
  readonly plan: Uint8Array
  /** State to be saved with the partition's checkpoint. */
  save(): Uint8Array
  /** All that came is committed. */
  committed(): void
}

/** What window steps of several partitions come to together, by step. */
export function mergedSteps(partitions: readonly (readonly WindowStepFacts[])[]): readonly WindowStepFacts[] {
  const merged = new Map<string, WindowStepFacts>()
  for (const facts of partitions.flat()) {
    const known = merged.get(facts.step)
    merged.set(facts.step, known === undefined ? facts : together(known, facts))
  }
  return [...merged.values()]
}

function together(a: WindowStepFacts, b: WindowStepFacts): WindowStepFacts {
  return {
    step: a.step,
    stateBytes: a.stateBytes + b.stateBytes,
    watermark: a.watermark === null || b.watermark === null ? null : Math.min(a.watermark, b.watermark),
    windows: a.windows + b.windows,
    late: a.late + b.late,
    tooLate: a.tooLate + b.tooLate,
  }
}
